"""Requests that bring an `Idempotency-Key`: one effect, and the same answer again.

The key, a hash of the request and its answer are stored in the transaction of the request itself, so that a crash
leaves all of it or nothing. The key's row is inserted first: the table's primary key lets one of several requests pass
and has the others wait for its end. A request that fails takes its key with it and may be tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from undercroft.access.actor import SERVICE, Actor
from undercroft.base.clock import Clock
from undercroft.base.faults import Fault, Overloaded
from undercroft.engine.errors import DatabaseFault
from undercroft.engine.types import Local
from undercroft.pipeline.context import Context
from undercroft.pipeline.key_store import key_statements
from undercroft.pipeline.keys import Claim, Kept, Once, Replayed, answered, in_use
from undercroft.pipeline.run import Pipeline

_SWEPT_EACH = 100
"""Keys after which what has outlived its time is looked for; a sweep takes more rows than so many keys add."""


_MOST_IN_LINE = 100
"""Requests of one key that one process has wait: each of them holds a place of the server's."""


@dataclass(slots=True)
class _Line:
    """Those of this process who wait for one key."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    people: int = 0


class Idempotency:
    """The kept answers of a house."""

    def __init__(
        self,
        pipeline: Pipeline,
        clock: Clock,
        seconds: float,
        *,
        wait: float | None = None,
        line: int = _MOST_IN_LINE,
    ) -> None:
        """`seconds`: how long an answer is kept.

        `wait`: seconds that a request waits for others of its key in this process, None for as long as a transaction
        may take; `line`: how many do so.
        """
        self._pipeline = pipeline
        self._clock = clock
        self._kept_for = round(seconds * 1_000_000)
        self._statements = key_statements(pipeline.dialect)
        self._wait = pipeline.settings.hook_seconds if wait is None else wait
        self._most_in_line = line
        self._lines: dict[tuple[str, str], _Line] = {}
        self._taken = 0

    async def answer(self, claim: Claim, work: Callable[[Once], Awaitable[Kept]], *, ask: bool = False) -> Kept:
        """The answer to a request: the kept one, or that of `work`, which takes and keeps it in its transaction.

        Requests of one key wait for one another here, where they hold nothing of the database meanwhile. A kept answer
        comes before whatever `work` is refused for now; `ask` for it first, where `work` does more than can be undone.
        Raises `PipelineFault` UC422 and UC409, and what `work` raises.
        """
        async with self._in_line(claim) as waited:
            kept = await self._known(claim) if ask or waited else None
            if kept is None:
                kept = await self._carried_out(claim, work)
                await self._sweep()
            return kept

    async def _carried_out(self, claim: Claim, work: Callable[[Once], Awaitable[Kept]]) -> Kept:
        try:
            return await work(self._once(claim))
        except Replayed as before:
            return before.kept
        except Fault:
            kept = None
            with suppress(DatabaseFault, Overloaded):  # what was wrong before is the better word
                kept = await self._known(claim)
            if kept is None:
                raise
            return kept

    async def calling(
        self, claim: Claim, actor: Actor, work: Callable[[Context], Awaitable[Kept]], *, seconds: float | None = None
    ) -> Kept:
        """`answer` for an app's code that may wait for others: see `Pipeline.calling`.

        The key is taken when the code first uses its transaction, at the latest when it ends. Where its answer says no,
        what it wrote stays, as it would without a key, and the key is free.
        """

        async def once(taken: Once) -> Kept:
            async with self._pipeline.calling(actor, seconds=seconds, first=taken.begin) as (context, transaction):
                kept = await work(context)
                await transaction.perform(lambda cursor: taken.end(cursor, kept))
            return kept

        return await self.answer(claim, once, ask=True)

    def _once(self, claim: Claim) -> Once:
        now = self._now()
        self._taken += 1
        return Once(claim, self._statements, now, now + self._kept_for)

    async def _known(self, claim: Claim) -> Kept | None:
        """What was kept for a key before, read without holding up anybody's writes."""
        known = self._statements.known
        values = known.args(scope=claim.scope, key=claim.key, now=self._now())
        row = await self._pipeline.engine.read(known.text, values, self._local())
        return None if row[0] is None else answered(row, claim)

    async def _sweep(self) -> None:
        """Now and then, some of what has outlived its time; no request fails by it."""
        if self._taken < _SWEPT_EACH:
            return
        self._taken, now = 0, self._now()
        with suppress(Fault):
            await self._pipeline.engine.write(
                lambda cursor: self._statements.sweep(cursor, now), local=self._local(writing=True)
            )

    def _local(self, *, writing: bool = False) -> Local | None:
        """The service's role, where the database judges callers as well."""
        wall = self._pipeline.wall
        if wall is None:
            return None
        return wall.logic(SERVICE) if writing else wall.reading(SERVICE)

    def _now(self) -> int:
        return round(self._clock.timestamp() * 1_000_000)

    @asynccontextmanager
    async def _in_line(self, claim: Claim) -> AsyncIterator[bool]:
        """Alone with a key, and whether others of this process were before.

        Raises `PipelineFault` UC409 where too many are, or they take too long.
        """
        name = (claim.scope, claim.key)
        line = self._lines.setdefault(name, _Line())
        if line.people >= self._most_in_line:
            raise in_use()
        waited = line.people > 0
        line.people += 1
        try:
            try:
                async with asyncio.timeout(self._wait):
                    await line.lock.acquire()
            except TimeoutError:
                raise in_use() from None
            try:
                yield waited
            finally:
                line.lock.release()
        finally:
            line.people -= 1
            if not line.people:
                del self._lines[name]
