"""How asks are carried out over a database that decides for itself: as the caller's own role, by statements into which
no policy is compiled. What the API is for a role is asked of the database, as that role.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple, TypeVar

import msgspec

from undercroft.base.faults import Fault
from undercroft.catalog.types import Table
from undercroft.engine.types import Local
from undercroft.graphql.asking import Calling, Step, WordStep, WriteStep
from undercroft.graphql.parts.asks.given import MOST_CONDITIONS
from undercroft.graphql.parts.asks.refusals import in_words
from undercroft.graphql.parts.asks.texts import text_of
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.describing.directed_keys import with_directed_keys
from undercroft.graphql.parts.describing.granted import granted_catalog, granted_rights
from undercroft.graphql.parts.describing.tables import Options, Outline, describe, outline
from undercroft.graphql.parts.documents.limits import too_many
from undercroft.graphql.parts.http.answers import members_of, scalar_text, step_text, word_text
from undercroft.graphql.planting import Planted, Rows, plant, planted
from undercroft.pipeline.database import Answered, CallGiven, CallTaken, DatabasePipeline, DatabaseSettings, Prepared
from undercroft.pipeline.impersonation import Circumstances, search_path
from undercroft.pipeline.keys import Keep
from undercroft.pipeline.privileges import privileges
from undercroft.pipeline.together import Together, together
from undercroft.pipeline.write import WriteBounds
from undercroft.query.ask import Ask, Condition, Field, Filter, Logic, OrderTerm, Question, QuestionsAsk, ReadAsk
from undercroft.query.values import write_list
from undercroft.sql.rows import AS_ASKED
from undercroft.web.types import Request

T = TypeVar("T")

_json = msgspec.json.Encoder(decimal_format="number").encode
_SHAPES = 512
"""Statements that are kept for each role."""


class Known(NamedTuple):
    """What is known for a role: names are bound against the part of the catalog that it has privileges on."""

    pipeline: DatabasePipeline
    described: Described


class _Call(NamedTuple):
    """A call that is ready to be made."""

    calling: Calling
    prepared: Prepared
    values: list[str]
    arguments: str


@dataclass(frozen=True, slots=True)
class Introspecting:
    """Who may ask for the schema; a comment on it may let everybody."""

    roles: frozenset[str] = frozenset()
    everybody: bool = False


class DatabaseCarrying:
    """Over one schema of a database, as it was read: when it changes, another one is made."""

    def __init__(self, pipeline: DatabasePipeline, schema: str, options: Options, introspecting: Introspecting) -> None:
        self._pipeline = pipeline
        self._schema = schema
        self._introspecting = introspecting
        self._catalog = with_directed_keys(pipeline.serving.catalogs[schema])
        self.outline: Outline = outline(self._catalog, options)
        self._roles: dict[str, Known] = {}
        """By role: there are as many as the database has, since it lets nobody else ask for privileges."""

    @property
    def reads_now(self) -> bool:
        return False

    async def describe(self, role: str) -> Described:
        """What the API is for a role. Raises what the database refuses, such as a role that there is not."""
        path = search_path((self._schema, *self._pipeline.serving.impersonation.extra_search_path))
        local = Local(role, (("search_path", path),), read_only=True)
        granted = await privileges(self._pipeline.engine, self._schema, local)
        catalog = granted_catalog(self._catalog, granted)
        may = self._introspecting
        opened = may.everybody or role in may.roles or bool(self.outline.directives.schema.introspection)
        rights = granted_rights(catalog, granted)
        described = describe(self.outline, catalog, rights, introspection=opened)
        before = self._pipeline
        serving = replace(before.serving, catalogs={self._schema: catalog})
        # Aggregates are there by the table's own directive: that of the data API is not asked.
        pipeline = DatabasePipeline(
            before.engine, before.dialect, serving, DatabaseSettings(aggregates=True, cached_shapes=_SHAPES)
        )
        self._roles[role] = Known(pipeline, described)
        return described

    # --- reading ---

    def prepare(self, role: str, ask: QuestionsAsk) -> Prepared:
        return self._roles[role].pipeline.prepare_questions(ask, self._schema, lambda: ask)

    def read_now(self, prepared: Prepared, values: Sequence[str], request: Request) -> str | None:
        return None

    async def read(self, prepared: Prepared, values: Sequence[str], request: Request) -> str:
        found = await self._pipeline.read(prepared, values, request.actor, self._circumstances(request))
        return _text(found)

    async def query(
        self,
        prepared: Prepared,
        values: Sequence[str],
        calls: Sequence[Calling],
        variables: Mapping[str, Any],
        request: Request,
    ) -> dict[str, str]:
        ready = [self._ready(call, variables, request) for call in calls]

        def work(unit: Together) -> dict[str, str]:
            answers = {"": _text(unit.read(prepared, values))}
            return answers | {call.calling.key: _called(call, unit) for call in ready}

        return await self._together(work, request, ready, read_only=True)

    # --- writing ---

    async def mutate(
        self,
        steps: Sequence[Step],
        variables: Mapping[str, Any],
        request: Request,
        failed: Callable[[str], None],
        keep: Keep[list[tuple[str, str]]] | None = None,
    ) -> list[tuple[str, str]]:
        """All steps in one transaction, as its caller."""
        if keep is not None:
            raise AssertionError("somebody else's database keeps no answers of ours")
        ready: list[tuple[str, Callable[[Together], str]]] = []
        calls: list[_Call] = []
        for step in steps:
            failed(step.key)
            if isinstance(step, Calling):
                calls.append(self._ready(step, variables, request))
                ready.append((step.key, _calling(calls[-1])))
            elif isinstance(step, WriteStep):
                ready.append((step.key, self._writing(step, variables, request)))
            else:
                ready.append((step.key, _saying(step)))

        def work(unit: Together) -> list[tuple[str, str]]:
            answers = []
            for key, carry_out in ready:
                failed(key)
                answers.append((key, carry_out(unit)))
            return answers

        return await self._together(work, request, calls, read_only=False)

    def _writing(self, step: WriteStep, variables: Mapping[str, Any], request: Request) -> Callable[[Together], str]:
        if step.trees:
            return self._planting(step, variables, request)
        pipeline = self._roles[request.actor.role].pipeline
        prepared = pipeline.prepare_write(step.ask, self._schema, AS_ASKED, lambda: step.ask, empty=False)
        values, payload = step.recipe.fill(variables), _json(step.rows).decode()
        bounds = WriteBounds(most_affected=step.at_most)

        def write(unit: Together) -> str:
            try:
                found = unit.write(prepared, values, payload, bounds)
            except Fault as fault:
                raise in_words(fault, step.at_most) from fault.__cause__
            records = None if found.body is None else _text(found)
            return step_text(step.members, f"{step.table.name}{step.kind}Response", found.rows, records)

        return write

    def _planting(self, step: WriteStep, variables: Mapping[str, Any], request: Request) -> Callable[[Together], str]:
        """Records with those that belong to them: shown when all of them are there."""
        pipeline, described = self._roles[request.actor.role]
        key = step.table.key if step.ask.returning else ()
        values = step.recipe.fill(variables)
        if len(key) > 1 and len(step.trees) > MOST_CONDITIONS:
            raise too_many("objects whose key is of several columns", MOST_CONDITIONS)

        def insert(asked: Rows, unit: Together) -> Planted:
            prepared = pipeline.prepare_write(asked.ask, self._schema, AS_ASKED, lambda: asked.ask, empty=False)
            return planted(unit.write(prepared, (), _json(asked.rows).decode(), WriteBounds()).body)

        def write(unit: Together) -> str:
            planting = plant(described, step.table, step.trees, key)
            asked = next(planting)
            try:
                while True:
                    asked = planting.send(insert(asked, unit))
            except StopIteration as done:
                stored: list[dict[str, Any]] = done.value.values
            records = None
            if key:
                named = _named(key, stored, len(values))
                read = ReadAsk(step.ask.table, replace(step.ask.ask, conditions=(named.condition,), order=_by(key)))
                ask = QuestionsAsk((Question("records", read),))
                prepared = pipeline.prepare_questions(ask, self._schema, lambda: ask)
                records = members_of(_text(unit.read(prepared, [*values, *named.values])))["records"]
            return step_text(step.members, f"{step.table.name}{step.kind}Response", len(step.trees), records)

        return write

    # --- functions ---

    def _ready(self, calling: Calling, variables: Mapping[str, Any], request: Request) -> _Call:
        pipeline = self._roles[request.actor.role].pipeline
        names = tuple(calling.arguments)
        routine, form = pipeline.find_routine(self._schema, CallGiven(calling.field.function, names, "json"))
        ask = calling.ask or Ask()
        if calling.field.returns == "record" and routine.rows is not None:
            ask = replace(ask, conditions=(*ask.conditions, _is_there(routine.rows)))
        read = ReadAsk(calling.field.function, ask)
        rendering = AS_ASKED if routine.many else AS_ASKED._replace(body="object")
        taken = CallTaken(routine, form, frozenset(names))
        prepared = pipeline.prepare_call(read, self._schema, taken, rendering, lambda: read)
        return _Call(calling, prepared, calling.recipe.fill(variables), _json(calling.arguments).decode())

    # --- what all share ---

    async def _together(
        self, work: Callable[[Together], T], request: Request, calls: Sequence[_Call], *, read_only: bool
    ) -> T:
        settings = [pair for call in calls if call.prepared.routine for pair in call.prepared.routine.settings]
        circumstances = self._circumstances(request)
        return await together(
            self._pipeline, work, request.actor, circumstances, read_only=read_only, settings=settings
        )

    def _circumstances(self, request: Request) -> Circumstances:
        return Circumstances(request.method, request.path.decode("latin-1"), request.headers, self._schema)


def _text(found: Answered) -> str:
    return found.body.decode() if isinstance(found.body, bytes) else found.body or "null"


class _Named(NamedTuple):
    """Records by their keys."""

    condition: Condition
    values: list[str]


def _named(key: Sequence[str], stored: Sequence[Mapping[str, Any]], first: int) -> _Named:
    """The records that have been stored; `first` is the slot of the first of the values."""
    if len(key) == 1:
        return _Named(Filter(Field(key[0]), "in", first), [write_list([text_of(each[key[0]]) for each in stored])])
    slots = count(first)
    terms = (Logic("and", tuple(Filter(Field(name), "eq", next(slots)) for name in key)) for _ in stored)
    return _Named(Logic("or", tuple(terms)), [text_of(each[name]) for each in stored for name in key])


def _by(key: Sequence[str]) -> tuple[OrderTerm, ...]:
    return tuple(OrderTerm(Field(name), "asc", "last") for name in key)


def _saying(step: WordStep) -> Callable[[Together], str]:
    return lambda _: word_text(step.text)


def _calling(call: _Call) -> Callable[[Together], str]:
    return lambda unit: _called(call, unit)


def _called(call: _Call, unit: Together) -> str:
    found = unit.call(call.prepared, call.values, call.arguments)
    if call.calling.field.returns in ("record", "records"):
        return _text(found)
    return scalar_text(call.calling.field, None if found.body is None else _text(found).encode())


def _is_there(rows: Table) -> Condition:
    """The row has something in it: one of nulls alone is null (pg_graphql, "Functions")."""
    return Logic("or", tuple(Filter(Field(name), "is", is_value="not_null") for name in rows.columns))
