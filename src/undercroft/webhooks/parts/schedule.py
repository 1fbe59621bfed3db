"""When a delivery is tried again: by the schedule of the Standard Webhooks specification ("Deliverability"), over three
days, each wait a little longer or shorter by chance."""

from __future__ import annotations

from collections.abc import Callable

MINUTE, HOUR = 60.0, 3600.0
WAITS = (5.0, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Seconds between an attempt and the next one."""
ATTEMPTS = len(WAITS) + 1
SPREAD = 0.1
LONGEST = 24 * HOUR
"""Of what an endpoint may ask for by `Retry-After`."""


def wait_after(attempts: int, asked: float | None, uniform: Callable[[float, float], float]) -> float | None:
    """Seconds to wait after so many attempts, longer where the endpoint asked for it; None where it was the last."""
    if attempts >= ATTEMPTS:
        return None
    wait = WAITS[attempts - 1] * uniform(1 - SPREAD, 1 + SPREAD)
    return wait if asked is None else max(wait, min(asked, LONGEST))
