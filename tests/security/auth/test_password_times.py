"""D13: a password that is tried on an account, and one that is tried on nobody, are refused alike and take as long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from statistics import median

import pytest

from tests.api.auth.people import People

GAP = 0.002
"""Seconds between the medians, at full length."""
WRONG = {"password": "wrong horse"}


def by_rank(one: list[float], other: list[float]) -> float:
    """How probable a difference like this is where there is none: Mann and Whitney's test, by the normal curve."""
    ranked = sorted([(each, 0) for each in one] + [(each, 1) for each in other])
    ranks = sum(place for place, (_, of) in enumerate(ranked, 1) if of == 0)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_ranks_tell_a_difference() -> None:
    """The control."""
    assert by_rank([float(each) for each in range(0, 200, 2)], [float(each) for each in range(1, 200, 2)]) > 0.9
    assert by_rank([float(each) for each in range(100)], [each + 30.0 for each in range(100)]) < 0.001


def test_a_password_takes_as_long_with_an_account_and_without(
    house: People, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    known, nobody = house.fresh_email(), house.fresh_email()
    house.signed_up(known)

    async def timed(email: str) -> float:
        begun = time.perf_counter()
        answer = await house.asking("POST", "/token?grant_type=password", {"email": email, **WRONG})
        seconds = time.perf_counter() - begun
        assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_credentials")
        return seconds

    async def measured(times: int) -> tuple[list[float], list[float]]:
        there, not_there = [], []
        for _ in range(times):
            there.append(await timed(known))
            not_there.append(await timed(nobody))
        return there, not_there

    house.run(measured(3))  # what is done once
    times = rounds(20, 300)
    there, not_there = house.run(measured(times))
    gap, probable = median(there) - median(not_there), by_rank(there, not_there)
    if times == 300:
        assert abs(gap) < GAP, gap
        assert probable > 0.01, probable
    # A hash that is left out is half of all the time, on any machine.
    assert 0.7 < median(there) / median(not_there) < 1.4
    with capsys.disabled():
        print(f"\n  passwords: {2 * times} tries, medians {gap * 1000:+.2f} ms apart, p = {probable:.2f}")
