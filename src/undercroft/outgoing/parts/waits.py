"""When a call may be tried again, and after how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that do no more twice than once (RFC 9110, 9.2.2)."""
PASSING = frozenset({429, 502, 503, 504})
"""Statuses that may be gone a moment later."""
FIRST = 0.2
MOST = 10.0


def may_repeat(method: str, names: set[str]) -> bool:
    """Whether a request may be sent again; `names` are its headers' in lower case."""
    return method in REPEATABLE or "idempotency-key" in names


def backoff(attempt: int, uniform: Callable[[float, float], float]) -> float:
    """Seconds to wait behind the `attempt`-th (from 1): anything up to a bound that doubles ("full jitter"), so that
    those who failed together do not come back together."""
    return uniform(0, min(MOST, FIRST * 2 ** (attempt - 1)))


def read_retry_after(value: str | None, now: float) -> float | None:
    """Seconds of `Retry-After` (RFC 9110, 10.2.3), a number or a date; None where there is none."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.fromtimestamp(now, UTC)).total_seconds())
