"""When a call is tried again."""

from __future__ import annotations

import pytest

from undercroft.outgoing.parts.waits import MOST, backoff, may_repeat, read_retry_after

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def test_the_bound_doubles_and_the_wait_is_anything_below() -> None:
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return high

    assert [backoff(attempt, uniform) for attempt in range(1, 9)] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, MOST, MOST]
    assert all(low == 0 for low, _ in bounds)


def test_what_may_be_repeated() -> None:
    assert all(may_repeat(method, set()) for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
    assert not any(may_repeat(method, {"content-type"}) for method in ("POST", "PATCH"))
    assert may_repeat("POST", {"idempotency-key"})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("0", 0), (" 120 ", 120), ("-1", None), ("1.5", None), ("٣", None),
        ("99999999999999", 999999999), ("Thu, 01 Jan 2026 00:02:00 GMT", 120), ("Thu, 01 Jan 2026 00:02:00", 120),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0), ("Thu, 99 Foo 2026 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds
