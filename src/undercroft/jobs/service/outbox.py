"""Stores jobs in the transaction that asks for them, and wakes workers once it has committed."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from undercroft.access.actor import Actor
from undercroft.base.clock import Clock
from undercroft.engine.types import Engine, Transaction
from undercroft.jobs.store import NEW, Statements, statements
from undercroft.jobs.tables import HELD, LATER, WAITING
from undercroft.jobs.types import MICROSECONDS
from undercroft.models.jobs import Job, Planned
from undercroft.sql.prepared import Prepared

AT_ONCE = 1000
"""Jobs that one statement stores."""


@dataclass(slots=True, eq=False)
class Outbox:
    """Implements `pipeline.ports.Enqueue`."""

    engine: Engine
    clock: Clock
    wake: Callable[[], None] = lambda: None
    """Called after a commit that brought work; whoever runs workers sets it."""
    _statements: Statements = field(init=False)
    _ids: deque[int] = field(default_factory=deque)
    """Taken, and not given to a job yet. Those of a process that ends are lost, which does no harm."""

    def __post_init__(self) -> None:
        self._statements = statements(self.engine.dialect)

    async def __call__(self, transaction: Transaction, actor: Actor, calls: Sequence[Planned]) -> list[int]:
        """See `Enqueue`: one statement for one job, and for each thousand of those that nothing follows."""
        now = microseconds(self.clock.now())
        transaction.after_commit(self._woken)
        then = _followed(calls)
        if then is not None:
            then_id = await self._add(transaction, actor, then, now, awaits=len(calls))
            if not any(map(_is_unique, calls)):
                return await self._add_many(transaction, actor, calls, now, then_id)
            return [await self._add(transaction, actor, call, now, then_id) for call in calls]
        if len(calls) == 1 or any(_is_unique(call) or call.then is not None for call in calls):
            return [await self._add(transaction, actor, call, now) for call in calls]
        return await self._add_many(transaction, actor, calls, now)

    def _woken(self) -> None:
        self.wake()

    async def _add_many(
        self, transaction: Transaction, actor: Actor, calls: Sequence[Planned], now: int, then_id: int | None = None
    ) -> list[int]:
        add, ids = self._statements.add_many, []
        for start in range(0, len(calls), AT_ONCE):
            rows = [self._row(call, actor, now) | {"then_id": then_id} for call in calls[start : start + AT_ONCE]]
            listed = json.dumps([[row[name] for name in NEW] for row in rows])
            ids += sorted(found for (found,) in await transaction.fetch(add.text, add.args(jobs=listed)))
        return ids

    async def _add(
        self,
        transaction: Transaction,
        actor: Actor,
        call: Planned,
        now: int,
        then_id: int | None = None,
        awaits: int = 0,
    ) -> int:
        """Store one job, behind those that follow it; where it is unique and there already, the id of that one."""
        if then_id is None and call.then is not None:
            then_id = await self._add(transaction, actor, call.then, now, awaits=1)
        row = self._row(call, actor, now) | {"then_id": then_id}
        if awaits:
            # Its time begins when those before it are done.
            due = row["due"] if call.job.wishes.at is not None else row["due"] - now
            row |= {"state": HELD, "awaits": awaits, "due": due}
        if row["unique_key"] is None:
            return await self._add_plain(transaction, row)
        while (added := await self._added(transaction, self._statements.add_unique, row)) is None:
            live = self._statements.live
            found = await transaction.fetch(live.text, live.args(unique_key=row["unique_key"]))
            if found:
                return await self._join(transaction, int(found[0][0]), row, now)
            # The one that was there is done by now: there is room for this one.
        return added

    async def _join(self, transaction: Transaction, there: int, row: dict[str, Any], now: int) -> int:
        """Have a unique job that is there already take the place of a new one, in what is before and behind it too."""
        known, then_id, awaits = self._statements, row["then_id"], row["awaits"]
        if awaits and not await transaction.fetch(known.join.text, known.join.args(id=there, awaits=awaits)):
            # It may begin at any moment, or has: what is to come after others is a further one.
            return await self._add_plain(transaction, row | {"unique_key": None})
        if then_id is not None and not await transaction.fetch(
            known.lead.text, known.lead.args(id=there, then_id=then_id)
        ):
            # It leads elsewhere: nothing is to be waited for here.
            await transaction.fetch(known.step.text, known.step.args(done=1, then_id=then_id, now=now))
        return there

    async def _add_plain(self, transaction: Transaction, row: dict[str, Any]) -> int:
        """Store a job that nothing stands in the way of: under a known id, where an insert would wait for its own."""
        known = self._statements
        if known.ids is None:
            return await self._added(transaction, known.add, row) or 0
        if not self._ids:
            self._ids += [int(found) for (found,) in await transaction.fetch(known.ids.text)]
        job = self._ids.popleft()
        await transaction.send(known.add_as.text, known.add_as.args(id=job, **row))
        return job

    async def _added(self, transaction: Transaction, add: Prepared, row: dict[str, Any]) -> int | None:
        found = await transaction.fetch(add.text, add.args(**row))
        return int(found[0][0]) if found else None

    def _row(self, call: Planned, actor: Actor, now: int) -> dict[str, Any]:
        job, wishes = call.job, call.job.wishes
        due = microseconds(wishes.at) if wishes.at is not None else now + round(wishes.delay * MICROSECONDS)
        unique, concurrency = _keys(call)
        return {
            "name": job.name,
            "arguments": call.arguments,
            "state": LATER if due > now else WAITING,
            "queue": wishes.queue or job.queue,
            "priority": job.priority if wishes.priority is None else wishes.priority,
            "due": due,
            "throttled": concurrency is not None or job.rate is not None,
            "concurrency_key": concurrency,
            "unique_key": unique,
            "then_id": None,
            "awaits": 0,
            "actor": _written(actor) if job.as_caller else None,
            "keep": job.keep if wishes.keep is None else wishes.keep,
            "created": now,
        }


def microseconds(moment: datetime) -> int:
    """A moment as it is stored."""
    return round(moment.timestamp() * MICROSECONDS)


def _followed(calls: Sequence[Planned]) -> Planned | None:
    """The one job that follows several."""
    then = calls[0].then if calls else None
    return then if len(calls) > 1 and then is not None and all(call.then is then for call in calls) else None


def _is_unique(call: Planned) -> bool:
    return call.job.unique is not None or call.job.wishes.unique is not None


def _keys(call: Planned) -> tuple[str | None, str | None]:
    """The keys of a job by which it is unique, and by which one runs at a time; both with its name before them."""
    job: Job[Any, Any] = call.job
    if job.unique is None and job.concurrency is None and job.wishes.unique is None:
        return None, None
    arguments = job.read_arguments(call.arguments)
    unique = job.wishes.unique or (job.unique(**arguments) if job.unique is not None else None)
    concurrency = job.concurrency(**arguments) if job.concurrency is not None else None
    return (
        None if unique is None else f"{job.name}:{unique}",
        None if concurrency is None else f"{job.name}:{concurrency}",
    )


def _written(actor: Actor) -> str:
    return json.dumps({"role": actor.role, "uid": actor.uid, "claims": dict(actor.claims)})


def read_actor(text: str) -> Actor:
    """Whoever enqueued a job that acts as its caller."""
    stored = json.loads(text)
    return Actor(stored["role"], stored["uid"], stored["claims"])
