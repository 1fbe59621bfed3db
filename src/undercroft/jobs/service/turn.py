"""A worker's transactions: what has ended is stored, what is due becomes ready, what there is room for is claimed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, NamedTuple

from undercroft.engine.types import Cursor, Engine, Row
from undercroft.jobs.parts.rates import next_free
from undercroft.jobs.settings import JobSettings
from undercroft.jobs.store import BATCH, SUSPECT, Statements, statements
from undercroft.jobs.types import MICROSECONDS, Claimed, Ended
from undercroft.models.jobs import Job

FOREVER = 2**62
_CHEAP, _SELDOM = 0.01, 20
"""A look at throttled jobs that gave nothing and took so many seconds is followed by so many times that pause."""
_PARTS = 40
"""Parts of what is tidied at once."""


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
    led: bool = False
    """What has ended led to others."""


@dataclass(slots=True, eq=False)
class Turn:
    """The statements of turns, as units of work."""

    engine: Engine
    jobs: Mapping[str, Job[Any, Any]]
    settings: JobSettings
    opened: Callable[[], None] = lambda: None
    """Called after a commit that let other jobs begin."""
    _statements: Statements = field(init=False)
    _which: dict[str, Any] = field(init=False)
    _rated: str = field(init=False)
    _unrated: str = field(init=False)
    _look_at: float = 0.0
    """When throttled jobs are looked at again: never for more than a small part of the time."""

    def __post_init__(self) -> None:
        self._statements = statements(self.engine.dialect)
        self._rated = json.dumps(sorted(name for name, job in self.jobs.items() if job.rate is not None))
        self._unrated = json.dumps(sorted(name for name, job in self.jobs.items() if job.rate is None))
        self._which = {
            "names": json.dumps(sorted(self.jobs)),
            "queues": json.dumps(sorted(self.settings.queues)),
            "every_queue": not self.settings.queues,
        }

    async def take(self, request: TurnRequest, excess: Sequence[Claimed] = ()) -> Taken:
        """Store what has ended, give back what is too much, and claim. Raises `DatabaseFault`, `Overloaded`."""
        taken = await self.engine.write(lambda cursor: self._take(cursor, request, excess))
        if taken.led:
            self.opened()
        return taken

    def _take(self, cursor: Cursor, request: TurnRequest, excess: Sequence[Claimed]) -> Taken:
        led = self._settle(cursor, request)
        self._release(cursor, excess)
        if request.room == 0:
            return Taken([], None, led=led)
        known = self._statements
        cursor.all(known.promote.text, known.promote.args(now=request.now))
        (due,) = cursor.one(known.next_due.text)
        # Half of the room at most, or the others would wait for as long as there are any.
        most = (request.room + 1) // 2
        throttled, suspect, free_at = self._throttled(cursor, request._replace(room=most))
        room = request.room - len(throttled)
        rows = cursor.all(known.claim.text, known.claim.args(most=room, **self._taking(request))) if room else []
        claimed = self._readable(cursor, request, rows)
        moments = [moment for moment in (due, free_at) if isinstance(moment, int)]
        more = len(throttled) == most or len(rows) == room
        return Taken([*throttled, *claimed], min(moments, default=None), suspect, more, led)

    def _readable(self, cursor: Cursor, request: TurnRequest, rows: Sequence[Row]) -> list[Claimed]:
        """Claimed jobs in their order. Rows that somebody wrote by hand may hold anything on SQLite: those are dead."""
        claimed, broken = read_claims(rows)
        if broken:
            bury = self._statements.bury
            cursor.all(bury.text, bury.args(broken=json.dumps(broken), forever=FOREVER, now=request.now))
        return claimed

    def _taking(self, request: TurnRequest) -> dict[str, Any]:
        which = self._which | {"names": self._unrated}
        return {"worker": request.worker, "lease": request.lease, "now": request.now, **which}

    # --- what has ended ---

    def _settle(self, cursor: Cursor, request: TurnRequest) -> bool:
        """Store what has ended; whether others followed it."""
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
        for then, count in sorted(Counter(each for each in led if isinstance(each, int)).items()):
            cursor.all(known.step.text, known.step.args(done=count, then_id=then, now=request.now))
        return any(each is not None for each in led)

    # --- those that do not simply come in their order ---

    def _throttled(self, cursor: Cursor, request: TurnRequest) -> tuple[list[Claimed], int | None, int | None]:
        """Claim jobs of which not all may run: of one key, of a limited rate, or suspected of taking workers down.

        Also gives the suspect among them, and when to look again. One worker at a time judges; and where many wait of
        which none may run, it looks the less often the longer it takes.
        """
        started = perf_counter()
        if started < self._look_at:
            return [], None, request.now + round((self._look_at - started) * MICROSECONDS)
        chosen, suspect, free_at = self._judged(cursor, request)
        spent = perf_counter() - started
        if chosen or spent < _CHEAP:
            return chosen, suspect, free_at
        self._look_at = started + _SELDOM * spent
        again = request.now + round(_SELDOM * spent * MICROSECONDS)
        return chosen, suspect, again if free_at is None else max(again, free_at)

    def _judged(self, cursor: Cursor, request: TurnRequest) -> tuple[list[Claimed], int | None, int | None]:
        known = self._statements
        args = known.candidates.args(most=BATCH, now=request.now, suspects=request.may_suspect, **self._which)
        if not cursor.all(known.candidates.text, args):
            rates = self._rates(cursor)
            return [], None, min((each for each in rates.values() if each > request.now), default=None)
        (alone,) = cursor.one(known.alone.text)
        if not alone:
            return [], None, request.now + 50_000
        # What somebody else has claimed since is seen only now.
        rows = cursor.all(known.candidates.text, args)
        before = self._rates(cursor)
        rates = dict(before)
        chosen, suspect = self._chosen(rows, rates, request)
        for name, moment in rates.items():
            if before.get(name) != moment:
                cursor.all(known.set_rate.text, known.set_rate.args(name=name, free_at=moment))
        free_at = min((each for each in rates.values() if each > request.now), default=None)
        if not chosen:
            return [], None, free_at
        taking = {"worker": request.worker, "lease": request.lease, "now": request.now, "ids": json.dumps(chosen)}
        taken = cursor.all(known.claim_these.text, known.claim_these.args(**taking))
        return self._readable(cursor, request, taken), suspect, free_at

    def _rates(self, cursor: Cursor) -> dict[str, int]:
        """When the limited ones are free again, by name."""
        return dict(cursor.all(self._statements.rates.text)) if self._rated != "[]" else {}

    def _chosen(self, rows: Sequence[Row], rates: dict[str, int], request: TurnRequest) -> tuple[list[int], int | None]:
        """The candidates that may run together; `rates` moves on with them."""
        chosen: list[int] = []
        keys: set[object] = set()
        suspect: int | None = None
        for id_, name, key, crashes in rows:
            rate, suspected = self.jobs[name].rate, crashes >= SUSPECT
            if len(chosen) == request.room or key in keys or (suspected and (suspect or not request.may_suspect)):
                continue
            if rate is not None:
                if rates.get(name, 0) > request.now:
                    continue
                rates[name] = next_free(rate, rates.get(name, 0), request.now)
            if suspected:
                suspect = id_
            if key is not None:
                keys.add(key)
            chosen.append(id_)
        return chosen, suspect

    # --- signs of life ---

    async def look_after(self, request: TurnRequest, held: Sequence[Claimed]) -> tuple[set[tuple[int, int]], list[Row]]:
        """Renew the leases of what this worker holds: (id, fence) of those that are still its own; and rescue what
        others have lost.

        What it does not know that it has, after a commit whose answer was lost, is not renewed, and comes back.
        Raises `DatabaseFault`, `Overloaded`.
        """
        listed = json.dumps([[each.id, each.fence] for each in held])

        def work(cursor: Cursor) -> tuple[set[tuple[int, int]], list[Row]]:
            known = self._statements
            beat = known.beat.args(worker=request.worker, lease=request.lease, held=listed)
            kept = cursor.all(known.beat.text, beat)
            most = self.settings.crashes
            rescued = cursor.all(known.rescue.text, known.rescue.args(now=request.now, most=most, forever=FOREVER))
            cursor.all(known.throttle.text, known.throttle.args(rated=self._rated))
            return {(int(id_), int(fence)) for id_, fence in kept}, rescued

        return await self.engine.write(work)

    async def tidy(self, now: int) -> None:
        """Remove what has been kept for long enough, a part at a time. Raises `DatabaseFault`, `Overloaded`."""
        purge = self._statements.purge
        for _ in range(_PARTS):
            if len(await self.engine.write(lambda cursor: cursor.all(purge.text, purge.args(now=now)))) < BATCH:
                return

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


def read_claims(rows: Sequence[Row]) -> tuple[list[Claimed], list[int]]:
    """Rows of a claim in their order, and the ids of those that cannot be read."""
    claimed: list[Claimed] = []
    broken: list[int] = []
    for row in rows:
        id_, name, arguments, attempts, fence, actor, keep, leads, priority = row
        numbers = (attempts, fence, priority, 0 if keep is None else keep)
        if all(isinstance(each, int | float) for each in numbers) and isinstance(arguments, str):
            claimed.append(Claimed(id_, name, arguments, attempts, fence, actor, keep, bool(leads), priority))
        else:
            broken.append(int(id_))
    return sorted(claimed, key=lambda each: (-each.priority, each.id)), broken


def _pairs(ended: Sequence[Ended]) -> str:
    return json.dumps([[each.id, each.fence] for each in ended])
