"""The circuit breaker: closed, open, half open."""

from __future__ import annotations

from undercroft.base.clock import ManualClock
from undercroft.outgoing.parts.breaker import MOST_ORIGINS, Breakers

A, B = "https://a.test", "https://b.test"


def breakers() -> tuple[Breakers, ManualClock]:
    clock = ManualClock()
    clock.advance(1000)
    return Breakers(clock.monotonic, failures=3, pause=30), clock


def test_it_opens_after_so_many_failures_in_a_row_and_only_for_its_origin() -> None:
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
    for number in range(MOST_ORIGINS):
        rule.failed(f"https://{number}.test")
    assert rule.wait(A) == 0
