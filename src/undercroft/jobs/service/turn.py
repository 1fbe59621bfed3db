"""A worker's transactions: what has ended is stored, what is due becomes ready, what there is room for is claimed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from undercroft.engine.types import Cursor, Engine, Row
from undercroft.jobs.parts.rates import next_free
from undercroft.jobs.settings import JobSettings
from undercroft.jobs.store import BATCH, Statements, statements
from undercroft.jobs.types import Claimed, Ended
from undercroft.models.jobs import Job

FOREVER = 2**62


class TurnRequest(NamedTuple):
    """What one turn is to do. Moments in microseconds."""

    worker: str
    now: int
    lease: int
    room: int
    ended: list[Ended]
    may_suspect: bool
    """No job that has taken a worker down runs here: one may be claimed."""


class Taken(NamedTuple):
    """What a turn gave."""

    claimed: list[Claimed]
    next_due: int | None
    """When there may be more."""
    suspect: int | None = None
    """The claimed job that has taken a worker down before."""
    more: bool = False
    """There may be more at once."""


@dataclass(slots=True, eq=False)
class Turn:
    """The statements of turns, as units of work."""

    engine: Engine
    jobs: Mapping[str, Job[Any, Any]]
    settings: JobSettings
    _statements: Statements = field(init=False)
    _which: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._statements = statements(self.engine.dialect)
        self._which = {
            "names": json.dumps(sorted(self.jobs)),
            "queues": json.dumps(sorted(self.settings.queues)),
            "every_queue": not self.settings.queues,
        }

    async def take(self, request: TurnRequest, excess: Sequence[Claimed] = ()) -> Taken:
        """Store what has ended, give back what is too much, and claim. Raises `DatabaseFault`, `Overloaded`."""
        return await self.engine.write(lambda cursor: self._take(cursor, request, excess))

    def _take(self, cursor: Cursor, request: TurnRequest, excess: Sequence[Claimed]) -> Taken:
        self._settle(cursor, request)
        self._release(cursor, excess)
        if request.room == 0:
            return Taken([], None)
        known = self._statements
        cursor.all(known.promote.text, known.promote.args(now=request.now))
        (due,) = cursor.one(known.next_due.text)
        # Half of the room at most, or the others would wait for as long as there are any.
        most = (request.room + 1) // 2
        throttled, suspect, free_at = self._throttled(cursor, request._replace(room=most))
        room = request.room - len(throttled)
        rows = cursor.all(known.claim.text, known.claim.args(most=room, **self._taking(request))) if room else []
        moments = [moment for moment in (due, free_at) if moment is not None]
        more = len(throttled) == most or len(rows) == room
        return Taken([*throttled, *_claimed(rows)], min(moments, default=None), suspect, more)

    def _taking(self, request: TurnRequest) -> dict[str, Any]:
        return {"worker": request.worker, "lease": request.lease, "now": request.now, **self._which}

    # --- what has ended ---

    def _settle(self, cursor: Cursor, request: TurnRequest) -> None:
        known = self._statements
        gone = [each for each in request.ended if each.state == "done" and each.keep <= 0]
        kept = [each for each in request.ended if not (each.state == "done" and each.keep <= 0)]
        led: list[object] = []
        if gone:
            rows = cursor.all(known.remove.text, known.remove.args(ended=_pairs(gone)))
            led += [then for _, then in rows]
        if kept:
            listed = json.dumps([[e.id, e.fence, e.state, e.due, e.error, e.result] for e in kept])
            rows = cursor.all(known.end.text, known.end.args(ended=listed, now=request.now))
            led += [then for _, then, state in rows if state == "done"]
        for then, count in sorted(Counter(int(str(each)) for each in led if each is not None).items()):
            cursor.all(known.step.text, known.step.args(done=count, then_id=then))

    # --- those that do not simply come in their order ---

    def _throttled(self, cursor: Cursor, request: TurnRequest) -> tuple[list[Claimed], int | None, int | None]:
        """Claim jobs of which not all may run: of one key, of a limited rate, or suspected of taking workers down.

        Also gives the suspect among them, and when a limited one is free again. One worker at a time judges.
        """
        known = self._statements
        args = known.candidates.args(most=BATCH, now=request.now, **self._which)
        rows = cursor.all(known.candidates.text, args)
        limited = any(job.rate is not None for job in self.jobs.values())
        if not rows and not limited:
            return [], None, None
        (alone,) = cursor.one(known.alone.text)
        if not alone:
            return [], request.now + 50_000, None
        # What somebody else has claimed since is seen only now.
        rows = cursor.all(known.candidates.text, args)
        rates: dict[str, int] = dict(cursor.all(known.rates.text)) if limited else {}
        chosen, suspect = self._chosen(rows, rates, request)
        for name, moment in rates.items():
            cursor.all(known.set_rate.text, known.set_rate.args(name=name, free_at=moment))
        next_free_at = min((each for each in rates.values() if each > request.now), default=None)
        if not chosen:
            return [], None, next_free_at
        taking = {"worker": request.worker, "lease": request.lease, "now": request.now, "ids": json.dumps(chosen)}
        return _claimed(cursor.all(known.claim_these.text, known.claim_these.args(**taking))), suspect, next_free_at

    def _chosen(self, rows: Sequence[Row], rates: dict[str, int], request: TurnRequest) -> tuple[list[int], int | None]:
        """The candidates that may run together; `rates` moves on with them."""
        chosen: list[int] = []
        keys: set[object] = set()
        suspect: int | None = None
        for id_, name, key, crashes in rows:
            rate = self.jobs[name].rate
            if len(chosen) == request.room or key in keys or (crashes and (suspect or not request.may_suspect)):
                continue
            if rate is not None:
                if rates.get(name, 0) > request.now:
                    continue
                rates[name] = next_free(rate, rates.get(name, 0), request.now)
            if crashes:
                suspect = id_
            if key is not None:
                keys.add(key)
            chosen.append(id_)
        return chosen, suspect

    # --- signs of life ---

    async def look_after(self, request: TurnRequest) -> tuple[set[tuple[int, int]], list[Row]]:
        """Renew this worker's leases: (id, fence) of those that are still its own; and rescue what others have lost.

        Raises `DatabaseFault`, `Overloaded`.
        """

        def work(cursor: Cursor) -> tuple[set[tuple[int, int]], list[Row]]:
            known = self._statements
            kept = cursor.all(known.beat.text, known.beat.args(worker=request.worker, lease=request.lease))
            most = self.settings.crashes
            rescued = cursor.all(known.rescue.text, known.rescue.args(now=request.now, most=most, forever=FOREVER))
            cursor.all(known.purge.text, known.purge.args(now=request.now))
            return {(int(id_), int(fence)) for id_, fence in kept}, rescued

        return await self.engine.write(work)

    async def leave(self, request: TurnRequest, unfinished: Sequence[Claimed]) -> None:
        """Store what has ended, and give back what has not. Raises `DatabaseFault`, `Overloaded`."""

        def work(cursor: Cursor) -> None:
            self._settle(cursor, request)
            self._release(cursor, unfinished)

        await self.engine.write(work)

    def _release(self, cursor: Cursor, claims: Sequence[Claimed]) -> None:
        """Others may have these; the attempt does not count."""
        if claims:
            release = self._statements.release
            listed = json.dumps([[each.id, each.fence] for each in claims])
            cursor.all(release.text, release.args(claims=listed))


def _claimed(rows: Sequence[Row]) -> list[Claimed]:
    """Claimed jobs in their order: a statement that updates gives them in any."""
    return sorted((Claimed(*row) for row in rows), key=lambda each: (-each.priority, each.id))


def _pairs(ended: Sequence[Ended]) -> str:
    return json.dumps([[each.id, each.fence] for each in ended])
