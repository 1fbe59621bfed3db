"""Looks at jobs and decides about them: list, show, retry, cancel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

from undercroft.base.clock import Clock
from undercroft.engine.types import Cursor, Engine, Row
from undercroft.jobs.errors import NoSuchJob
from undercroft.jobs.parts.slots import slots_after
from undercroft.jobs.service.outbox import microseconds
from undercroft.jobs.store.records import SHOWN, RecordStatements, record_statements
from undercroft.jobs.store.slots import SlotStatements, slot_statements
from undercroft.jobs.types import MICROSECONDS, JobRecord, Schedule

KEPT = 7 * 86_400 * MICROSECONDS
"""How long cancelled jobs are kept."""
_LAST = datetime(9999, 12, 31, tzinfo=UTC)


class Filter(NamedTuple):
    """Which jobs are meant; None for any."""

    name: str | None = None
    queue: str | None = None
    state: str | None = None


ANY = Filter()


class Upcoming(NamedTuple):
    """A schedule, when it fired last and when it will. Moments have zone UTC."""

    schedule: Schedule
    last: datetime | None
    next: list[datetime]


@dataclass(slots=True, eq=False)
class Office:
    """The outbox, for whoever looks after it. All may raise `DatabaseFault` and `Overloaded`."""

    engine: Engine
    clock: Clock
    schedules: Sequence[Schedule] = ()
    _statements: RecordStatements = field(init=False)
    _slots: SlotStatements = field(init=False)

    def __post_init__(self) -> None:
        self._statements = record_statements(self.engine.dialect)
        self._slots = slot_statements(self.engine.dialect)

    # --- looking ---

    async def counts(self, wanted: Filter = ANY) -> dict[str, dict[str, int]]:
        """How many jobs there are, by name and state."""
        found: dict[str, dict[str, int]] = {}
        for name, state, number in await self._rows("counts", **_filtering(wanted)):
            found.setdefault(str(name), {})[str(state)] = int(number)
        return dict(sorted(found.items()))

    async def listed(self, wanted: Filter = ANY, most: int = 20) -> list[JobRecord]:
        """The latest jobs, the last one first."""
        state = {"any_state": wanted.state is None, "state": wanted.state}
        return [_record(row) for row in await self._rows("listed", most=most, **state, **_filtering(wanted))]

    async def shown(self, job: int) -> JobRecord:
        """One job. Raises `NoSuchJob`."""
        rows = await self._rows("shown", ids=json.dumps([job]))
        if not rows:
            raise NoSuchJob(f"no job has the id {job}", hint="Jobs that are done are kept only where `keep` says so.")
        return _record(rows[0])

    async def upcoming(self, number: int = 3) -> list[Upcoming]:
        """Of each schedule the slot that fired last, and the next ones."""
        async with self.engine.transaction(read_only=True) as transaction:
            fired: dict[object, Any] = dict(await transaction.fetch(self._slots.last.text))
        now = microseconds(self.clock.now())
        return [_upcoming(each, fired.get(each.job.name), now, number) for each in self.schedules]

    # --- deciding ---

    async def retry(self, jobs: Sequence[int]) -> list[int]:
        """Have dead and cancelled jobs done again, as if they had never been tried; and what was cancelled with them.

        What follows waits for those that are still to come, and not for others that stay cancelled. Raises `NoSuchJob`
        for one that is neither; then nothing is changed.
        """

        def work(cursor: Cursor) -> list[int]:
            now = microseconds(self.clock.now())
            rows = self._with(cursor, "retry", jobs, now=now)
            done = _all_of(jobs, rows, "dead or cancelled")
            self._recount(cursor, done)
            _follow(rows, lambda ids: self._led_again(cursor, ids, now))
            return done

        return await self.engine.write(work)

    async def retry_dead(self, name: str | None = None) -> list[int]:
        """Have all dead jobs, or those of one name, done again; of several with one unique key the latest."""
        now = microseconds(self.clock.now())
        retry = self._statements.retry_dead
        given = retry.args(now=now, any_name=name is None, name=name)
        rows = await self.engine.write(lambda cursor: cursor.all(retry.text, given))
        return sorted(int(row[0]) for row in rows)

    async def cancel(self, jobs: Sequence[int]) -> list[int]:
        """Have jobs not done, and nothing that follows them; the ids of all. One that runs loses its worker.

        Raises `NoSuchJob` for one that is over; then nothing is changed.
        """
        now = microseconds(self.clock.now())

        def work(cursor: Cursor) -> list[int]:
            rows = self._with(cursor, "cancel", jobs, now=now, due=now + KEPT)
            done = _all_of(jobs, rows, "still to be done")
            return done + _follow(rows, lambda ids: self._with(cursor, "cancel_led", ids, now=now, due=now + KEPT))

        return await self.engine.write(work)

    async def _rows(self, which: str, **values: Any) -> list[Row]:
        """What a look finds, without the writer: whoever looks on keeps nobody waiting."""
        statement = getattr(self._statements, which)
        async with self.engine.transaction(read_only=True) as transaction:
            return list(await transaction.fetch(statement.text, statement.args(**values)))

    def _led_again(self, cursor: Cursor, ids: Sequence[int], now: int) -> list[Row]:
        rows = self._with(cursor, "retry_led", ids, now=now)
        self._recount(cursor, ids)
        return rows

    def _recount(self, cursor: Cursor, ids: Sequence[int]) -> None:
        """Have those of these that are held wait for what is really still to come."""
        # First they are locked: whoever ends a job counts down what follows it, before this or behind it.
        held = [int(row[0]) for row in self._with(cursor, "held", ids)]
        if held:
            coming: dict[int, int] = dict(self._with(cursor, "coming", held))
            awaits = self._statements.set_awaits
            cursor.all(awaits.text, awaits.args(awaits=json.dumps([[job, coming.get(job, 0)] for job in held])))

    def _with(self, cursor: Cursor, which: str, ids: Sequence[int], **values: Any) -> list[Row]:
        statement = getattr(self._statements, which)
        return cursor.all(statement.text, statement.args(ids=json.dumps(list(ids)), **values))


def _all_of(jobs: Sequence[int], rows: Sequence[Row], what: str) -> list[int]:
    found = {int(row[0]) for row in rows}
    if missing := [job for job in jobs if job not in found]:
        told = ", ".join(map(str, missing))
        raise NoSuchJob(f"not {what}: {told}", hint=f"`undercroft jobs show {missing[0]}` tells how it stands.")
    return sorted(found)


def _follow(rows: Sequence[Row], change: Any) -> list[int]:
    """Change what follows the jobs of `rows` (id, follower), and what follows that; their ids."""
    changed: list[int] = []
    while ids := sorted({int(row[1]) for row in rows if row[1] is not None}):
        rows = change(ids)
        changed += sorted(int(row[0]) for row in rows)
    return changed


def _filtering(wanted: Filter) -> dict[str, Any]:
    return {
        "any_name": wanted.name is None,
        "name": wanted.name,
        "any_queue": wanted.queue is None,
        "queue": wanted.queue,
    }


def _upcoming(schedule: Schedule, last: Any, now: int, number: int) -> Upcoming:
    slots = [_moment(slot) or _LAST for slot in islice(slots_after(schedule, now), number)]
    return Upcoming(schedule, _moment(last), slots)


def _record(row: Row) -> JobRecord:
    values = dict(zip(SHOWN, row, strict=True))
    for name in ("arguments", "result", "progress"):
        values[name] = _value(values[name])
    for name in ("created", "due", "started", "finished"):
        values[name] = _moment(values[name])
    return JobRecord(**values)


def _value(text: Any) -> Any:
    """JSON as its value; what is none, as somebody's INSERT may leave it, as it stands."""
    try:
        return None if text is None else json.loads(text)
    except (TypeError, ValueError):
        return text


def _moment(stored: Any) -> datetime | None:
    """Microseconds as a moment; those that no calendar reaches as its end."""
    if stored is None:
        return None
    try:
        return datetime.fromtimestamp(int(stored) / MICROSECONDS, UTC)
    except (ValueError, OverflowError, OSError):
        return _LAST
