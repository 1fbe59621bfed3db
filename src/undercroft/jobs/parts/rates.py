"""Rate limits by the generic cell rate algorithm: one number for each limit, whatever the rate."""

from __future__ import annotations

from undercroft.models.jobs import Rate

_MICROSECONDS = 1_000_000


def next_free(rate: Rate, free_at: int, now: int) -> int:
    """When the start after this one is allowed: at once within a burst of `rate.count`, then evenly spread.

    Moments in microseconds. `free_at` is what the start before gave, 0 for none. Source: ITU-T I.371, GCRA, as a
    virtual schedule whose tolerance is that of one burst.
    """
    interval = round(rate.seconds * _MICROSECONDS / rate.count)
    tolerance = interval * (rate.count - 1)
    arrival = max(free_at + tolerance, now) + interval
    return arrival - tolerance
