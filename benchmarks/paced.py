"""A reader who comes at a fixed pace, whatever the answers do: each is late from the moment at which it was due.

A closed loop, such as wrk's, asks less often while it waits, and so tells of the worst moments only once.
"""

from __future__ import annotations

import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

PACE = 200
"""Reads a second."""


def paced(url: str, path: str, seconds: float, pace: int = PACE) -> list[float]:
    """Milliseconds from when each answer was asked for by the clock until it was there, over one connection."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    late: list[float] = []
    begun = time.perf_counter()
    for number in range(int(seconds * pace)):
        due = begun + number / pace
        time.sleep(max(0.0, due - time.perf_counter()))
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        late.append((time.perf_counter() - due) * 1000)
    connection.close()
    return late
