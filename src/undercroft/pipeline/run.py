"""The one way to the data for every protocol: bind → guard → write → run, prepared once for each shape of request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog

from undercroft.access.actor import Actor
from undercroft.access.errors import write_without_filter
from undercroft.access.guard import Guard
from undercroft.access.policy import Rules
from undercroft.access.scope import catalog_for
from undercroft.base.faults import Fault
from undercroft.catalog.types import Catalog
from undercroft.engine.errors import DatabaseFault
from undercroft.engine.late import LateTransaction, late_transaction
from undercroft.engine.types import Cursor, Engine, Row, Transaction
from undercroft.pipeline.cache import ShapeCache
from undercroft.pipeline.context import Context
from undercroft.pipeline.errors import no_view_writes, without_hidden_names
from undercroft.pipeline.hooks import HookedWrite, Hooks
from undercroft.pipeline.keys import Acting, Keep, run_kept
from undercroft.pipeline.ports import Ports
from undercroft.pipeline.second_wall import SecondWall
from undercroft.pipeline.session import SessionGuard
from undercroft.pipeline.write import WriteRequest, Written, check_replaced_key, run_program
from undercroft.query.ask import Filter, QuestionsAsk, ReadAsk, WriteAsk
from undercroft.query.bind import bind_questions, bind_read, bind_write
from undercroft.query.plan import Node, Output, QuestionsPlan, ReadPlan, leaves
from undercroft.sql.dialect import AppDialect
from undercroft.sql.program import WriteProgram
from undercroft.sql.read import write_questions, write_read
from undercroft.sql.rows import Rendering
from undercroft.sql.statement import Given, Statement
from undercroft.sql.write import write_program


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """What the pipeline allows. Rows and seconds."""

    aggregates: bool = False
    require_filter: bool = True
    """Refuse updates and deletes that name no rows."""
    hook_seconds: float = 5.0
    cached_shapes: int = 4096


class Page(NamedTuple):
    """The answer to a read: the body as text, the rows in it, and the total where it was asked for."""

    body: str | None
    rows: int
    total: int | None


@dataclass(slots=True, eq=False)
class Pipeline:
    """Everything that a protocol needs; it holds no state but what it has prepared."""

    engine: Engine
    dialect: AppDialect
    catalog: Catalog
    rules: Rules
    hooks: Hooks
    log: Any = field(default_factory=structlog.get_logger)
    settings: PipelineSettings = field(default_factory=PipelineSettings)
    wall: SecondWall | None = None
    """Set where the database judges callers as well."""
    ports: Ports = field(default_factory=Ports)
    """What an app's code may do beyond the data."""
    _scopes: ShapeCache[Catalog] = field(init=False)
    _guards: ShapeCache[Guard] = field(init=False)
    _reads: ShapeCache[Statement] = field(init=False)
    _writes: ShapeCache[WriteProgram] = field(init=False)

    def __post_init__(self) -> None:
        self._scopes = ShapeCache(256)
        self._guards = ShapeCache(256)
        self._reads = ShapeCache(self.settings.cached_shapes)
        self._writes = ShapeCache(self.settings.cached_shapes)

    # --- who may know of what ---

    def scope(self, role: str) -> Catalog:
        """The part of the catalog that a role may know of."""
        found = self._scopes.get(role)
        if found is None:
            found = catalog_for(role, self.catalog, self.rules)
            self._scopes.put(role, found)
        return found

    def guard(self, role: str) -> Guard:
        """The rules as they apply to a role."""
        found = self._guards.get(role)
        if found is None:
            found = Guard(self.rules, role)
            self._guards.put(role, found)
        return found

    # --- reading ---

    def prepare_read(self, key: Hashable, role: str, rendering: Rendering, ask: Callable[[], ReadAsk]) -> Statement:
        """The statement for a shape of request; `ask` is called when the shape is new.

        Raises `QueryFault` for a name that the role does not know, `NotSupported` for what the engine does not have.
        """
        shape = (key, role, rendering)
        statement = self._reads.get(shape)
        if statement is None:
            statement = write_read(self.plan_read(ask(), role), self.dialect, rendering)
            self._reads.put(shape, statement)
        return statement

    def plan_read(self, ask: ReadAsk, role: str) -> ReadPlan:
        """A read, bound to what the role may know of and guarded by its policies."""
        plan = bind_read(ask, self.scope(role))
        self._check_aggregates(plan.node)
        return self.guard(role).read(plan)

    def prepare_questions(self, key: Hashable, role: str, ask: Callable[[], QuestionsAsk]) -> Statement:
        """The statement for a shape of several questions, answered as one object; it is run as a read is.

        Raises as `prepare_read` does. What is told of all rows of a table is for whoever asks to allow.
        """
        shape = ("questions", key, role)
        statement = self._reads.get(shape)
        if statement is None:
            statement = write_questions(self.plan_questions(ask(), role), self.dialect)
            self._reads.put(shape, statement)
        return statement

    def plan_questions(self, ask: QuestionsAsk, role: str) -> QuestionsPlan:
        """Several reads, bound to what the role may know of and guarded by its policies."""
        return self.guard(role).questions(bind_questions(ask, self.scope(role)))

    def read_now(self, statement: Statement, values: Sequence[str], actor: Actor) -> Row | None:
        """The fields of a `Page`, without waiting; None when it is too long for that, then await `read_slow`."""
        return self.engine.read_now(statement.text, statement.arguments(Given(values, actor)))

    async def read_slow(self, statement: Statement, values: Sequence[str], actor: Actor) -> Row:
        """The fields of a `Page`, of a read that is longer than its budget on the loop."""
        local = None if self.wall is None else self.wall.reading(actor)
        return await self.engine.read_slow(statement.text, statement.arguments(Given(values, actor)), local)

    def _check_aggregates(self, node: Node) -> None:
        if self.settings.aggregates:
            return
        if any(isinstance(item, Output) and item.aggregate for item in leaves(node.outputs)):
            raise Fault("Use of aggregate functions is not allowed", code="PGRST123")
        for embed in node.embeds():
            self._check_aggregates(embed.node)

    # --- writing ---

    def prepare_write(
        self,
        key: Hashable,
        role: str,
        rendering: Rendering,
        ask: Callable[[], WriteAsk],
        *,
        text_rows: bool = False,
        bounded: bool = False,
    ) -> WriteProgram:
        """The program for a shape of write; `key` must hold the columns of its body.

        `bounded` says that the request bounds the number of rows: then it need not name any.
        """
        shape = (key, role, rendering, text_rows, bounded)
        program = self._writes.get(shape)
        if program is None:
            program = self._write_program(ask(), role, rendering, text_rows, bounded)
            self._writes.put(shape, program)
        return program

    def _write_program(
        self, ask: WriteAsk, role: str, rendering: Rendering, text_rows: bool, bounded: bool
    ) -> WriteProgram:
        plan = bind_write(ask, self.scope(role))
        self._check_aggregates(plan.node)
        if plan.table.is_view:
            raise no_view_writes(plan.table.name)
        named = bounded or bool(ask.ask.conditions) or not self.settings.require_filter
        if ask.verb in ("update", "delete") and not named:
            raise write_without_filter(ask.verb)
        # Nobody needs to be able to read what he inserts: where the database judges, he asks for nothing back.
        guard = self.guard(role)
        blind = self.wall is not None and not guard.bypasses and not self.hooks.touch(plan.table.name, ask.verb)
        return write_program(guard.write(plan), self.dialect, rendering, text_rows=text_rows, blind=blind)

    async def write(
        self, program: WriteProgram, request: WriteRequest, url_key: Mapping[str, str] | None = None
    ) -> Written:
        """Carry out a write; it is on disk when this returns. `url_key` is the key that the URL of a PUT names."""
        if url_key is not None:
            check_replaced_key(program, request, url_key)
        try:
            if self.runs_hooks(program, request):
                return await self._write_with_hooks(program, request)
            if request.keep is not None:
                return await self._write_kept(program, request, request.keep)
            return await self.engine.write(
                lambda cursor: run_program(cursor, program, request),
                rollback=request.bounds.rollback,
                local=None if self.wall is None else self.wall.writing(request.actor),
            )
        except DatabaseFault as fault:
            raise self.told(fault, program, request.actor) from fault.__cause__

    def runs_hooks(self, program: WriteProgram, request: WriteRequest) -> bool:
        """Whether an app's code runs around this write."""
        plan = program.plan
        return self.hooks.touch(plan.table.name, plan.verb) and not program.writes_nothing(request.rows)

    def told(self, fault: DatabaseFault, program: WriteProgram, actor: Actor) -> Fault:
        """What the database refused, without the names of columns that the caller may not know of."""
        table = program.plan.table.name
        hidden = self.rules.columns_for(table, actor.role, "hide")
        return without_hidden_names(fault, table, hidden) if hidden else fault

    async def _write_kept(self, program: WriteProgram, request: WriteRequest, keep: Keep[Written]) -> Written:
        """The key and the answer are the service's to store; the write itself is in the caller's role."""
        wall, actor = self.wall, request.actor
        acting: Acting = nullcontext if wall is None else wall.acting(actor)
        work = keep.around(lambda cursor: run_program(cursor, program, request), acting)
        local = None if wall is None else wall.logic(actor)
        return await self.engine.write(work, rollback=request.bounds.rollback, local=local)

    async def _write_with_hooks(self, program: WriteProgram, request: WriteRequest) -> Written:
        async with self.logic(request.actor, rollback=request.bounds.rollback) as transaction:
            context = self.context(request.actor, transaction)
            hooked = HookedWrite(transaction, context, self.hooks, self.dialect, program, request)
            written = await run_kept(transaction, request.keep, hooked.run)
        return written

    # --- logic ---

    def logic(
        self, actor: Actor, *, read_only: bool = False, rollback: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for an app's code that runs for a caller; `rollback` undoes it at a good end, too."""
        local = None if self.wall is None else self.wall.logic(actor)
        transaction = self.engine.transaction(read_only=read_only, seconds=self.settings.hook_seconds, local=local)
        return _undone(transaction) if rollback else transaction

    def context(self, actor: Actor, transaction: Transaction) -> Context:
        """What an app's code is handed for one call."""
        guard = SessionGuard(self.guard(actor.role), actor, self.catalog, transaction, self.dialect.sqlalchemy)
        return Context(actor, transaction, guard, self.log, self.ports)

    @asynccontextmanager
    async def calling(
        self, actor: Actor, *, seconds: float | None = None, first: Callable[[Cursor], object] | None = None
    ) -> AsyncIterator[Calling]:
        """For an app's code that may wait for others: a context whose transaction begins at its first use.

        It commits at a good end and is undone when the code raises; from its beginning it has `seconds` (None: as the
        settings say). `first` is done as soon as it has begun. Raises what the transaction raises.
        """
        local = None if self.wall is None else self.wall.logic(actor)
        limit = seconds or self.settings.hook_seconds

        @asynccontextmanager
        async def begin() -> AsyncIterator[Transaction]:
            async with self.engine.transaction(seconds=limit, local=local) as transaction:
                if first is not None:
                    await transaction.perform(first)
                yield transaction

        async with late_transaction(begin) as transaction:
            yield Calling(self.context(actor, transaction), transaction)


class Calling(NamedTuple):
    """A call of an app's code: what it is handed, and the transaction that it may begin."""

    context: Context
    transaction: LateTransaction


class _Undo(Exception):
    """Leaves a transaction so that it is undone, after its answer is known."""


@asynccontextmanager
async def _undone(begun: AbstractAsyncContextManager[Transaction]) -> AsyncIterator[Transaction]:
    with suppress(_Undo):
        async with begun as transaction:
            yield transaction
            raise _Undo


def url_key_of(ask: WriteAsk, values: Sequence[str]) -> dict[str, str]:
    """The key that the filters of a PUT name, by column."""
    return {
        term.field.name: values[term.value]
        for term in ask.ask.conditions
        if isinstance(term, Filter) and term.value is not None
    }
