"""The circuit breaker: closed, open, half open."""

from __future__ import annotations

import pytest

from undercroft.base.clock import ManualClock
from undercroft.outgoing.parts.breaker import MOST_KEYS, Breakers

A, B = "https://a.test", "https://b.test"


def breakers(*, failures: int = 3, longest: float | None = None) -> tuple[Breakers, ManualClock]:
    clock = ManualClock()
    clock.advance(1000)
    return Breakers(clock.monotonic, failures=failures, pause=30, longest=longest), clock


def test_it_opens_after_so_many_failures_in_a_row_and_only_for_its_key() -> None:
    rule, clock = breakers()
    for _ in range(2):
        rule.failed(A)
    assert rule.wait(A) == 0
    rule.succeeded(A)
    for _ in range(2):
        rule.failed(A)
    assert rule.wait(A) == 0
    rule.failed(A)
    assert rule.wait(A) == 30
    assert rule.wait(B) == 0
    clock.advance(10)
    assert rule.wait(A) == 20


def test_half_open_lets_one_through_and_its_end_decides() -> None:
    rule, clock = breakers()
    for _ in range(3):
        rule.failed(A)
    clock.advance(30)
    assert rule.wait(A) == 0
    assert rule.wait(A) == 30
    clock.advance(5)
    rule.failed(A)
    assert rule.wait(A) == 30
    clock.advance(30)
    assert rule.wait(A) == 0
    rule.succeeded(A)
    assert rule.wait(A) == 0
    assert rule.wait(A) == 0


def test_it_forgets_the_oldest_of_very_many() -> None:
    rule, _ = breakers()
    for _ in range(3):
        rule.failed(A)
    for number in range(MOST_KEYS):
        rule.failed(f"https://{number}.test")
    assert rule.wait(A) == 0


def test_who_only_looks_does_not_ask_for_all() -> None:
    rule, clock = breakers(failures=1)
    rule.failed(A)
    clock.advance(10)
    assert rule.left(A) == 20
    clock.advance(20)
    assert [rule.left(A), rule.left(A), rule.wait(A), rule.left(A), rule.left(B)] == [0, 0, 0, 30, 0]


def test_a_probe_that_never_came_back_does_not_close_it_for_good() -> None:
    rule, clock = breakers(failures=1, longest=500)
    for _ in range(5):
        rule.failed(A)
        clock.advance(rule.left(A))
        assert rule.wait(A) == 0
    assert rule.left(A) == 30, "by the first pause, however long the last one was"
    clock.advance(30)
    assert rule.wait(A) == 0


def test_what_fails_together_with_others_counts_once() -> None:
    rule, clock = breakers(failures=1, longest=500)
    assert rule.failed(A) == 30
    clock.advance(10)
    assert [rule.failed(A) for _ in range(5)] == [20] * 5
    clock.advance(20)
    assert rule.wait(A) == 0
    assert rule.failed(A) == 60


@pytest.mark.parametrize(("longest", "rests"), [(500, [30, 60, 120, 240, 480, 500]), (None, [30] * 6), (10, [30] * 6)])
def test_the_pause_grows_to_a_bound_where_there_is_one(longest: float | None, rests: list[float]) -> None:
    rule, clock = breakers(failures=1, longest=longest)
    found = []
    for _ in range(1200):
        assert rule.wait(A) == 0
        found.append(rule.failed(A))
        clock.advance(found[-1])
    assert found[:6] == rests
    assert set(found[6:]) == {rests[-1]}
