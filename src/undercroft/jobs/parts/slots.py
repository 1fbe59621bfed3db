"""The moments at which a schedule fires, and which of those that have passed are made up for.

Cron expressions are read by cronsim, which follows Debian's cron: a moment that the clocks skip in spring fires once,
right after, and one that they pass twice in autumn fires once, at the first pass; expressions with `*` in hour or
minute follow real time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from itertools import takewhile

from cronsim import CronSim

from undercroft.jobs.types import MICROSECONDS, Schedule

MOST_MISSED = 1000
"""Slots that `missed="all"` makes up for at most: the newest ones."""
GRACE = 30 * MICROSECONDS
"""How late a slot may be, for `missed="skip"`, without counting as missed."""


def slots_after(schedule: Schedule, moment: int) -> Iterator[int]:
    """The moments later than this one, in order; microseconds since 1970, UTC.

    Raises ValueError (cronsim's) for an expression that is none.
    """
    if schedule.cron is None:
        step = round((schedule.every or 0) * MICROSECONDS)
        if step <= 0:
            raise ValueError("a schedule needs a time of more than nothing")
        slot = moment - moment % step
        while True:
            slot += step
            yield slot
    start = datetime.fromtimestamp(moment // MICROSECONDS, UTC).astimezone(schedule.zone)
    last = moment
    for found in CronSim(schedule.cron, start):
        slot = round(found.timestamp()) * MICROSECONDS
        if slot > last:  # the second pass of an hour gives moments of the first one again
            last = slot
            yield slot


def next_slot(schedule: Schedule, moment: int) -> int | None:
    """The first slot after a moment; None where there is none within decades, as for February 30th."""
    return next(slots_after(schedule, moment), None)


def newest_slots(schedule: Schedule, after: int, until: int, most: int) -> list[int]:
    """The last `most` slots later than `after` and not later than `until`, in order.

    However long ago `after` is, this looks back no further than it must.
    """
    window = 60 * MICROSECONDS
    while True:
        start = max(after, until - window)
        found = deque(takewhile(lambda slot: slot <= until, slots_after(schedule, start)), maxlen=most)
        if len(found) == most or start == after:
            return list(found)
        window *= 8


def slots_to_fire(schedule: Schedule, after: int, now: int) -> list[int]:
    """Of the slots that have passed since `after`, those that the schedule's policy wants fired."""
    found = newest_slots(schedule, after, now, MOST_MISSED if schedule.missed == "all" else 1)
    if schedule.missed == "skip":
        return [slot for slot in found if slot >= now - GRACE]
    return found


def mark_of(schedule: Schedule) -> int:
    """A negative number for when a schedule fires: where it is changed, it has another one."""
    told = f"{schedule.cron}|{schedule.every}|{schedule.zone}"
    return -1 - int.from_bytes(sha256(told.encode()).digest()[:7])
