"""The moments at which a schedule fires.

Cron expressions are read by cronsim, which follows Debian's cron: a moment that the clocks skip in spring fires once,
right after, and one that they pass twice in autumn fires once, at the first pass; expressions with `*` in hour or
minute follow real time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cronsim import CronSim

from undercroft.jobs.types import MICROSECONDS, Schedule


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
    start = datetime.fromtimestamp(moment / MICROSECONDS, UTC).astimezone(schedule.zone)
    for found in CronSim(schedule.cron, start):
        slot = round(found.timestamp()) * MICROSECONDS
        if slot > moment:
            yield slot
