"""When a delivery is tried again."""

from __future__ import annotations

from undercroft.webhooks.parts.schedule import ATTEMPTS, LONGEST, wait_after


def middle(low: float, high: float) -> float:
    return (low + high) / 2


def test_the_specification_s_example() -> None:
    waits = [wait_after(done, None, middle) for done in range(1, ATTEMPTS)]
    assert waits == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    total = sum(wait for wait in waits if wait is not None)
    assert total == 75 * 3600 + 35 * 60 + 5
    assert wait_after(ATTEMPTS, None, middle) is None
    assert wait_after(ATTEMPTS, 5.0, middle) is None


def test_a_tenth_longer_or_shorter() -> None:
    assert wait_after(2, None, lambda low, high: low) == 270
    assert round(wait_after(2, None, lambda low, high: high) or 0, 6) == 330


def test_an_endpoint_may_ask_for_more_time_and_not_for_less() -> None:
    assert wait_after(1, 60.0, middle) == 60
    assert wait_after(2, 60.0, middle) == 300
    assert wait_after(1, 1e9, middle) == LONGEST
