"""The one way to a database that decides for itself: bind → write → run, as the caller's own role.

No policy is compiled into a statement here. Every statement runs in a transaction that is the caller's: its role, its
claims, its search path. Roles, grants and row-level security of the database say what it may do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from undercroft.access.actor import Actor
from undercroft.access.guard import Guard
from undercroft.access.policy import Rules
from undercroft.base.faults import Fault
from undercroft.catalog.types import Catalog, Routine
from undercroft.engine.errors import DatabaseFault
from undercroft.engine.types import Cursor, Engine, Local
from undercroft.pipeline.cache import ShapeCache
from undercroft.pipeline.chosen import Chosen, chosen_of, raised
from undercroft.pipeline.errors import key_differs, not_a_set
from undercroft.pipeline.impersonation import Circumstances, Impersonation
from undercroft.pipeline.write import WriteBounds, check_size
from undercroft.query.ask import CountKind, QuestionsAsk, ReadAsk, WriteAsk
from undercroft.query.bind import bind_questions, bind_read, bind_write
from undercroft.query.calls import BodyType, Form, bind_call, find_routine
from undercroft.query.plan import Node, Output, leaves
from undercroft.sql.database import (
    PAYLOAD,
    Explained,
    explained,
    write_database_estimate,
    write_database_questions,
    write_database_read,
    write_database_write,
)
from undercroft.sql.database.calls import ARGUMENTS, write_database_call
from undercroft.sql.dialect import Dialect
from undercroft.sql.rows import Rendering
from undercroft.sql.statement import Given, Statement


class Everybody(frozenset[str]):
    """A set of roles that holds every role."""

    def __contains__(self, role: object) -> bool:
        return True


OPEN = Guard(Rules({}, {}, bypass=Everybody()), "")
"""Marks plans as passed: what holds for them is the database's to say."""


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """What is known of the database, as a whole. When the database changes, a new pipeline is made."""

    catalogs: Mapping[str, Catalog]
    """By schema, in the order in which they were named; the first is the one that is served unasked."""
    impersonation: Impersonation = field(default_factory=Impersonation)
    timezones: frozenset[str] = frozenset()


class Answered(NamedTuple):
    """What a statement gave: the body, its rows, all rows where they were counted, and what functions have chosen."""

    body: str | bytes | None
    rows: int
    total: int | None
    chosen: Chosen
    inserted: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A statement, and the one that asks the planner for a number of rows, where that is wanted."""

    statement: Statement
    estimate: Statement | None = None
    count: CountKind | None = None
    how: Explained | None = None
    """Set where the plan is told instead of the rows."""
    routine: Routine | None = None
    form: Form = "texts"
    """What is called, and how it takes its arguments."""


class CallTaken(NamedTuple):
    """The function that a request means, how it takes its arguments, and which of them are given."""

    routine: Routine
    form: Form
    names: frozenset[str]


class CallGiven(NamedTuple):
    """What a request says of the function that it means: its name, the names of its arguments, and its body's type."""

    name: str
    names: tuple[str, ...]
    body: BodyType | None = None


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """What is allowed."""

    aggregates: bool = False
    most_rows: int | None = None
    cached_shapes: int = 4096


@dataclass(slots=True, eq=False)
class DatabasePipeline:
    """Everything that a protocol needs of such a database."""

    engine: Engine
    dialect: Dialect
    serving: Serving
    settings: DatabaseSettings = field(default_factory=DatabaseSettings)
    _prepared: ShapeCache[Prepared] = field(init=False)

    def __post_init__(self) -> None:
        self._prepared = ShapeCache(self.settings.cached_shapes)

    # --- preparing ---

    def prepare_read(
        self, key: Hashable, schema: str, rendering: Rendering, ask: Callable[[], ReadAsk], how: Explained | None = None
    ) -> Prepared:
        """The statement for a shape of read. Raises `QueryFault` for a name that the schema does not have."""
        shape = ("read", key, schema, rendering, how)
        found = self._prepared.get(shape)
        if found is None:
            found = self._prepare_read(ask(), schema, rendering, how)
            self._prepared.put(shape, found)
        return found

    def _prepare_read(self, ask: ReadAsk, schema: str, rendering: Rendering, how: Explained | None) -> Prepared:
        plan = OPEN.read(bind_read(ask, self.serving.catalogs[schema]))
        self.check_aggregates(plan.node)
        exact = plan if ask.count != "planned" else replace(plan, count=None)
        statement = write_database_read(exact, self.dialect, rendering)
        if how is not None:
            return Prepared(explained(statement, how), how=how)
        guessed = ask.count in ("planned", "estimated")
        return Prepared(statement, write_database_estimate(plan, self.dialect) if guessed else None, ask.count)

    def prepare_questions(self, key: Hashable, schema: str, ask: Callable[[], QuestionsAsk]) -> Prepared:
        """The statement for a shape of several questions, answered as one object; `read` runs it.

        Raises `QueryFault` for a name that the schema does not have. What is told of all rows of a table is for whoever
        asks to allow.
        """
        shape = ("questions", key, schema)
        found = self._prepared.get(shape)
        if found is None:
            plan = OPEN.questions(bind_questions(ask(), self.serving.catalogs[schema]))
            found = Prepared(write_database_questions(plan, self.dialect))
            self._prepared.put(shape, found)
        return found

    def prepare_write(
        self,
        key: Hashable,
        schema: str,
        rendering: Rendering,
        ask: Callable[[], WriteAsk],
        how: Explained | None = None,
        *,
        empty: bool,
    ) -> Prepared:
        """The statement for a shape of write; `key` holds the columns of its body, `empty` says that it has no row.

        Raises `QueryFault`, and `PipelineFault` PGRST115 for a PUT whose body lacks a column of the key.
        """
        shape = ("write", key, schema, rendering, how, empty)
        found = self._prepared.get(shape)
        if found is None:
            found = self._prepare_write(ask(), schema, rendering, how, empty)
            self._prepared.put(shape, found)
        return found

    def _prepare_write(
        self, ask: WriteAsk, schema: str, rendering: Rendering, how: Explained | None, empty: bool
    ) -> Prepared:
        bound = bind_write(ask, self.serving.catalogs[schema])
        # Not by the guard's `write`: which columns may be written is the database's to say as well.
        plan = replace(bound, node=OPEN.node(bound.node), guarded=True)
        self.check_aggregates(plan.node)
        written = {column.name for column in plan.columns}
        if plan.verb == "replace" and not written.issuperset(plan.table.primary_key):
            raise key_differs()
        statement = write_database_write(plan, self.dialect, rendering, empty=empty)
        return Prepared(statement if how is None else explained(statement, how), how=how)

    def find_routine(self, schema: str, given: CallGiven) -> tuple[Routine, Form]:
        """The function that is meant. Raises `QueryFault` PGRST202 for none, PGRST203 for several."""
        return find_routine(self.serving.catalogs[schema], given.name, given.names, given.body)

    def prepare_call(
        self,
        key: Hashable,
        schema: str,
        taken: CallTaken,
        rendering: Rendering,
        ask: Callable[[], ReadAsk],
        how: Explained | None = None,
    ) -> Prepared:
        """The statement for a shape of call. Raises `QueryFault` for names that its result does not have."""
        shape = ("call", key, schema, taken, rendering, how)
        found = self._prepared.get(shape)
        if found is None:
            asked = ask()
            # What the planner expects of a function says nothing: only what is counted is told.
            count = None if asked.count == "planned" else asked.count
            plan = bind_call(*taken, asked.ask, self.serving.catalogs[schema], count)
            plan = replace(plan, node=OPEN.node(plan.node))
            self.check_aggregates(plan.node)
            statement = write_database_call(plan, self.dialect, rendering)
            statement = statement if how is None else explained(statement, how)
            found = Prepared(statement, how=how, routine=taken.routine, form=taken.form)
            self._prepared.put(shape, found)
        return found

    def check_aggregates(self, node: Node) -> None:
        """Raises `Fault` PGRST123 for an aggregate where they are not allowed."""
        if self.settings.aggregates:
            return
        if any(isinstance(item, Output) and item.aggregate for item in leaves(node.outputs)):
            raise Fault("Use of aggregate functions is not allowed", code="PGRST123")
        for embed in node.embeds():
            self.check_aggregates(embed.node)

    # --- running ---

    async def read(
        self, prepared: Prepared, values: Sequence[str], actor: Actor, circumstances: Circumstances
    ) -> Answered:
        """Run a read. Raises what the database refuses."""
        local = self.serving.impersonation.local(actor, circumstances, read_only=True)
        given = Given(values, actor)
        if prepared.how is not None or prepared.estimate is not None:
            return await self._unit(lambda cursor: self._run_read(cursor, prepared, given), local)
        try:
            row = await self.engine.read(prepared.statement.text, prepared.statement.arguments(given), local)
        except DatabaseFault as fault:
            raise raised(fault) from fault.__cause__
        return answered(row)

    def _run_read(self, cursor: Cursor, prepared: Prepared, given: Given) -> Answered:
        if prepared.how is not None:
            return _told_plan(cursor, prepared, given)
        found = answered(cursor.one(prepared.statement.text, prepared.statement.arguments(given)))
        return found._replace(total=self._total(cursor, prepared, given, found.total))

    def _total(self, cursor: Cursor, prepared: Prepared, given: Given, counted: int | None) -> int | None:
        """The number of rows as it was asked for: what the planner expects, or (estimated) where there are many."""
        most, estimate = self.settings.most_rows, prepared.estimate
        if estimate is None or (counted is not None and most is not None and counted <= most):
            return counted
        (plan,) = cursor.one(estimate.text, estimate.arguments(given))
        expected = int(_json_of(plan)[0]["Plan"]["Plan Rows"])
        return expected if counted is None else max(expected, counted)

    async def write(
        self,
        prepared: Prepared,
        values: Sequence[str],
        payload: str,
        bounds: WriteBounds,
        actor: Actor,
        circumstances: Circumstances,
        *,
        replaces: bool = False,
    ) -> Answered:
        """Carry out a write. `payload` is its body as the text of a JSON list; `replaces`: exactly one row it must be.

        Raises what the database refuses, and `PipelineFault` PGRST115, PGRST116 and PGRST124: then nothing is written.
        """
        local = self.serving.impersonation.local(actor, circumstances, read_only=False)
        given = Given(values, actor, None, {PAYLOAD: payload})

        def run(cursor: Cursor) -> Answered:
            if prepared.how is not None:
                return _told_plan(cursor, prepared, given)
            body, rows, inserted, headers, status = cursor.one(
                prepared.statement.text, prepared.statement.arguments(given)
            )
            if replaces and int(rows) != 1:
                raise key_differs()
            check_size(int(rows), bounds)
            return Answered(body, int(rows), None, chosen_of(headers, status), _number(inserted))

        return await self._unit(run, local, rollback=bounds.rollback)

    async def call(
        self,
        prepared: Prepared,
        values: Sequence[str],
        arguments: object,
        bounds: WriteBounds,
        actor: Actor,
        circumstances: Circumstances,
        *,
        read_only: bool,
    ) -> Answered:
        """Call a function. `arguments` are texts by name, the text of a JSON object, or the whole body, by the form
        that was prepared.

        Raises what the database refuses, and `PipelineFault` PGRST116, PGRST124 and PGRST128: then nothing is written.
        """
        routine = prepared.routine
        if routine is None:
            raise AssertionError("what was prepared is no call")
        if bounds.most_affected is not None and not routine.many:
            raise not_a_set()
        local = self.serving.impersonation.local(actor, circumstances, read_only=read_only, routine=routine.settings)
        given = Given(values, actor, None, {ARGUMENTS: arguments})

        def run(cursor: Cursor) -> Answered:
            if prepared.how is not None:
                return _told_plan(cursor, prepared, given)
            found = answered(cursor.one(prepared.statement.text, prepared.statement.arguments(given)))
            check_size(found.rows, bounds)
            return found

        return await self._unit(run, local, rollback=bounds.rollback)

    async def _unit(self, work: Callable[[Cursor], Answered], local: Local, *, rollback: bool = False) -> Answered:
        try:
            return await self.engine.write(work, rollback=rollback, local=local)
        except DatabaseFault as fault:
            raise raised(fault) from fault.__cause__


def answered(row: Iterable[Any]) -> Answered:
    """The row of a read: (body, rows, total, headers, status)."""
    body, rows, total, headers, status = row
    return Answered(body, int(rows), _number(total), chosen_of(headers, status))


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _told_plan(cursor: Cursor, prepared: Prepared, given: Given) -> Answered:
    rows = cursor.all(prepared.statement.text, prepared.statement.arguments(given))
    lines = [each[0] if isinstance(each[0], str) else msgspec.json.encode(each[0]).decode() for each in rows]
    return Answered("\n".join(lines), 1, None, chosen_of(None, None))


def _json_of(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, (str, bytes)) else value
