"""`undercroft jobs …`: the outbox of an app, looked at and decided about from outside, beside a server or without one.

It opens the app's own database. On SQLite that is refused where the library is not sound enough for two processes;
the engine says so, and what to do.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from undercroft.base.faults import SetupFault
from undercroft.base.harmless import harmless
from undercroft.cli.opening import opened_house
from undercroft.cli.options import Common
from undercroft.cli.telling import columns, paint, say, say_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from datetime import datetime

    from undercroft.jobs.backends import Announcer
    from undercroft.jobs.service.office import Office
    from undercroft.jobs.types import JobRecord

T = TypeVar("T")
STATES = ("waiting", "later", "held", "running", "done", "dead", "cancelled")
_STYLES = {"running": "cyan", "done": "green", "dead": "red", "cancelled": "dim"}
_WIDTH = 60


# --- looking ---


def tell_jobs(
    options: Common, *, name: str | None, queue: str | None, state: str | None, most: int, as_json: bool
) -> None:
    """Counts, and the latest jobs. Raises `SetupFault`."""
    from undercroft.jobs.service.office import Filter

    wanted = Filter(name, queue, state)

    async def look(office: Office) -> tuple[dict[str, dict[str, int]], list[JobRecord]]:
        return await office.counts(wanted), await office.listed(wanted, most)

    counts, latest = with_office(options, look)
    if as_json:
        say_json({"counts": counts, "jobs": [as_value(each) for each in latest]})
        return
    if not counts:
        say("There are no jobs.")
        return
    for line in count_lines(counts):
        say(line)
    if latest:
        say()
        rows = [(str(each.id), each.name, each.state, each.queue, str(each.attempts), _when(each.created), _short(each))
                for each in latest]  # fmt: skip
        for line in columns([("ID", "NAME", "STATE", "QUEUE", "ATTEMPTS", "ENQUEUED", ""), *rows], indent=""):
            say(line)


def count_lines(counts: dict[str, dict[str, int]]) -> list[str]:
    """A table of names and of those states that occur."""
    states = [state for state in STATES if any(state in each for each in counts.values())]
    rows = [(name, *(str(each.get(state, "")) for state in states)) for name, each in counts.items()]
    return columns([("NAME", *(state.upper() for state in states)), *rows], indent="")


def tell_job(options: Common, job: int, *, as_json: bool) -> None:
    """One job, whole. Raises `SetupFault`, `NoSuchJob`."""
    found = with_office(options, lambda office: office.shown(job))
    if as_json:
        say_json(as_value(found))
        return
    state = paint(harmless(found.state), _STYLES.get(found.state, "bold"), sys.stdout)
    say(f"{harmless(found.name)} {found.id}: {state}")
    rows = [(name.replace("_", " "), str(value)) for name, value in as_value(found).items()
            if name not in ("id", "name", "state", "error") and value is not None]  # fmt: skip
    for line in columns(rows):
        say(line)
    if found.error:
        say()
        say(harmless(found.error.rstrip(), keep="\n\t"))


def tell_schedules(options: Common, *, as_json: bool) -> None:
    """Each schedule with its slots, in its own zone. Raises `SetupFault`."""
    found = with_office(options, lambda office: office.upcoming())
    if as_json:
        values = [{"name": each.schedule.job.name, "cron": each.schedule.cron, "every": each.schedule.every,
                   "zone": str(each.schedule.zone), "missed": each.schedule.missed, "last": each.last,
                   "next": [str(slot) for slot in each.next]} for each in found]  # fmt: skip
        say_json(values)
        return
    if not found:
        say("The app declares no schedules.")
        return
    rows = []
    for each in found:
        zone = each.schedule.zone
        shown = [_when(slot.astimezone(zone), local=True) for slot in each.next]
        when = each.schedule.cron or f"every {each.schedule.every:g} s"
        last = _when(each.last.astimezone(zone), local=True) if each.last else "never"
        rows.append((each.schedule.job.name, when, str(zone), last, ", ".join(shown)))
    for line in columns([("NAME", "WHEN", "ZONE", "LAST", "NEXT"), *rows], indent=""):
        say(line)


# --- deciding ---


def retry(options: Common, ids: Sequence[int], *, dead: bool, name: str | None, as_json: bool) -> None:
    """Have jobs done again. Raises `SetupFault` where none are named, `NoSuchJob`."""
    if bool(ids) == dead or (name is not None and not dead):
        raise SetupFault("name jobs by their ids, or all dead ones with --dead, which --name narrows")
    done = with_office(options, lambda office: office.retry_dead(name) if dead else office.retry(ids), announce=True)
    _tell_changed(done, "to be done again", as_json=as_json)


def cancel(options: Common, ids: Sequence[int], *, as_json: bool) -> None:
    """Have jobs not done. Raises `SetupFault`, `NoSuchJob`."""
    _tell_changed(with_office(options, lambda office: office.cancel(ids), announce=True), "cancelled", as_json=as_json)


def _tell_changed(ids: Sequence[int], what: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"jobs": list(ids)})
    elif not ids:
        say("No job is meant by that.")
    else:
        shown = ", ".join(map(str, ids[:20])) + (", …" if len(ids) > 20 else "")
        say(f"{len(ids)} {what}: {shown}")


# --- the way there ---


def with_office(options: Common, work: Callable[[Office], Awaitable[T]], *, announce: bool = False) -> T:
    """Do something with the outbox of an app; `announce` tells workers that there is work. Raises `SetupFault`."""

    async def run() -> T:
        async with open_office(options) as (office, announcer):
            done = await work(office)
            if announce:
                await announcer.say()
            return done

    return asyncio.run(run())


@asynccontextmanager
async def open_office(options: Common) -> AsyncIterator[tuple[Office, Announcer]]:
    """The outbox of an app, whose database must be up to date, and its way to the workers. Raises `SetupFault`."""
    async with opened_house(options, "outbox") as house:
        if house.background is None:
            raise AssertionError("an app's own house has an outbox")
        yield house.background.office, house.background.announcer


def as_value(job: JobRecord) -> dict[str, Any]:
    """A job as JSON takes it."""
    from dataclasses import fields

    return {each.name: getattr(job, each.name) for each in fields(job)}


def _when(moment: datetime, *, local: bool = False) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" + ("" if local else "Z")


def _short(job: JobRecord) -> str:
    """Why it failed, in a line; else how far it is."""
    if job.error:
        return job.error.rstrip().rpartition("\n")[2][:_WIDTH]
    if isinstance(job.progress, dict):
        return f"{job.progress.get('share', 0):.0%} {job.progress.get('message') or ''}"[:_WIDTH]
    return ""
