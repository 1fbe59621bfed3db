"""How a request reaches the data: in a transaction of its own, or in one that it shares with others of its caller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from undercroft.access.actor import Actor
from undercroft.engine.errors import DatabaseFault
from undercroft.engine.types import Cursor, Row, Transaction
from undercroft.models.functions import Function
from undercroft.pipeline.arguments import read_arguments
from undercroft.pipeline.call import Call, Caller, Result, check_set
from undercroft.pipeline.context import Context
from undercroft.pipeline.hooks import HookedWrite
from undercroft.pipeline.keys import Acting
from undercroft.pipeline.run import Pipeline
from undercroft.pipeline.write import WriteRequest, Written, check_replaced_key, run_program, show_after
from undercroft.sql.program import WriteProgram
from undercroft.sql.statement import Given, Statement

Key = Mapping[str, str] | None

_FEW_ROWS = 100
"""Rows that are inserted sooner than another thread is told to do it; how long filters take, nobody knows before."""

_INLINE_SECONDS = 0.01
"""What short statements of one transaction may hold the loop for, all in all."""


class Data(Protocol):
    """The three things that a request may ask for. What they raise is what `Pipeline` and `Caller` raise."""

    async def read(self, statement: Statement, values: Sequence[str], actor: Actor) -> Row:
        """The fields of a `Page`."""
        ...

    async def write(self, program: WriteProgram, request: WriteRequest, url_key: Key = None) -> Written: ...

    async def call(self, function: Function, arguments: Mapping[str, Any], call: Call, *, texts: bool) -> Result: ...


@dataclass(frozen=True, slots=True, eq=False)
class Apart:
    """Each request in a transaction of its own."""

    pipeline: Pipeline
    caller: Caller

    async def read(self, statement: Statement, values: Sequence[str], actor: Actor) -> Row:
        return await self.pipeline.read_slow(statement, values, actor)

    async def write(self, program: WriteProgram, request: WriteRequest, url_key: Key = None) -> Written:
        return await self.pipeline.write(program, request, url_key)

    async def call(self, function: Function, arguments: Mapping[str, Any], call: Call, *, texts: bool) -> Result:
        return await self.caller.run(function, arguments, call, texts=texts)


@dataclass(slots=True, eq=False)
class Shared:
    """Requests of one caller, one after the other in one transaction: each sees what those before it wrote.

    Whoever opened the transaction ends it, and undoes it where one of them raises: what the bounds and keys of a single
    one say of that does not count here.
    """

    pipeline: Pipeline
    caller: Caller
    transaction: Transaction
    context: Context
    spent: float = 0
    """Seconds that statements have held the loop for, where the database is on this machine."""

    async def read(self, statement: Statement, values: Sequence[str], actor: Actor) -> Row:
        arguments = statement.arguments(Given(values, actor))
        if self._is_long:
            return await self.transaction.run_long(lambda cursor: cursor.one(statement.text, arguments))
        if self.pipeline.wall is None:
            with self._counted():
                return (await self.transaction.fetch(statement.text, arguments))[0]
        acting = self.pipeline.wall.acting(actor)

        def read(cursor: Cursor) -> Row:
            with acting(cursor):
                return cursor.one(statement.text, arguments)

        return await self.transaction.perform(read)

    async def write(self, program: WriteProgram, request: WriteRequest, url_key: Key = None) -> Written:
        pipeline = self.pipeline
        if url_key is not None:
            check_replaced_key(program, request, url_key)
        try:
            if pipeline.runs_hooks(program, request):
                return await self._hooked(program, request)
            few = program.plan.verb == "insert" and len(request.rows) <= _FEW_ROWS
            if not few or self._is_long:
                return await self.transaction.run_long(self._unit(program, request))
            with self._counted():
                return await self.transaction.perform(self._unit(program, request))
        except DatabaseFault as fault:
            raise pipeline.told(fault, program, request.actor) from fault.__cause__

    async def show(self, program: WriteProgram, request: WriteRequest, keys: Sequence[object]) -> str | None:
        """The rows of these keys once more, as the caller of a write sees them; None where it asked for none."""
        wall = self.pipeline.wall
        acting: Acting = nullcontext if wall is None else wall.acting(request.actor)

        def show(cursor: Cursor) -> str | None:
            with acting(cursor):
                return show_after(cursor, program, request, keys)

        return await self.transaction.perform(show)

    @property
    def _is_long(self) -> bool:
        """All of them together have held the loop for long enough: what follows is done on another thread."""
        return self.pipeline.engine.reads_now and self.spent > _INLINE_SECONDS

    @contextmanager
    def _counted(self) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self.spent += perf_counter() - began

    async def _hooked(self, program: WriteProgram, request: WriteRequest) -> Written:
        pipeline = self.pipeline
        hooked = HookedWrite(self.transaction, self.context, pipeline.hooks, pipeline.dialect, program, request)
        written = await hooked.run()
        await self._settle()
        return written

    def _unit(self, program: WriteProgram, request: WriteRequest) -> Callable[[Cursor], Written]:
        wall = self.pipeline.wall
        acting: Acting = nullcontext if wall is None else wall.acting(request.actor)

        def unit(cursor: Cursor) -> Written:
            with acting(cursor):
                return run_program(cursor, program, request)

        return unit

    async def call(self, function: Function, arguments: Mapping[str, Any], call: Call, *, texts: bool) -> Result:
        check_set(function, call)
        values = read_arguments(function, arguments, texts=texts)
        if not function.read_only or self.transaction.read_only:
            return await self._called(function, values, call)
        async with self.transaction.reading():
            return await self._called(function, values, call)

    async def _called(self, function: Function, values: Mapping[str, Any], call: Call) -> Result:
        result = await self.caller.within(self.transaction, self.context, function, values, call)
        await self._settle()
        return result

    async def _settle(self) -> None:
        """What code did by its session is in the transaction; objects that the next request may change are let go."""
        session = self.context.opened
        if session is not None:
            await session.commit()
            session.sync_session.expunge_all()
