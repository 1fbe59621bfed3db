"""Passwords compared without pause on two threads, with nothing around them: no sign-in can be faster.

`python -m benchmarks.hashing SECONDS` prints how many a second.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from undercroft.auth.parts.passwords import hashed, matches

THREADS = 2
PASSWORD = "a horse of some length"


def rate(seconds: float) -> float:
    """Comparisons a second, on all threads together."""
    stored = hashed(PASSWORD)
    begun = time.perf_counter()

    def compare(_: int) -> int:
        times = 0
        while time.perf_counter() < begun + seconds:
            matches(stored, PASSWORD)
            times += 1
        return times

    with ThreadPoolExecutor(THREADS) as pool:
        times = sum(pool.map(compare, range(THREADS)))
    return times / (time.perf_counter() - begun)


if __name__ == "__main__":
    print(f"{rate(float(sys.argv[1])):.2f}")
