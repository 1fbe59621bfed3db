"""`explain`: what a request means to one caller, which policies it meets at every table, and how the database goes
about it.

Reads are run a few times to be timed. Writes are never run: their statements are planned only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import cast

from undercroft.access.actor import Actor
from undercroft.access.policy import Command
from undercroft.base.faults import Fault
from undercroft.engine.types import Transaction
from undercroft.ops.explaining.asked import asked_lines
from undercroft.ops.explaining.nodes import NodeExplainer
from undercroft.ops.explaining.plans import PLANS
from undercroft.ops.explaining.refusals import refusal
from undercroft.ops.explaining.rows import row_verdict
from undercroft.ops.explaining.statements import Planned, explained, secrets_of
from undercroft.ops.explaining.values import ExplainedStatement, Explanation
from undercroft.ops.parts import Parts
from undercroft.query.ask import ReadAsk, WriteAsk
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.payload import Payload, read_payload
from undercroft.rest.request import Reader, RestRequest
from undercroft.sql.parameters import origins
from undercroft.sql.read import read_element, write_read
from undercroft.sql.rows import ReadWriter, Rendering
from undercroft.sql.statement import Given, Statement

RUNS = 7
LONGEST_RUNS = 0.3
"""Seconds after which no further run is timed."""
PREFIX = "/rest/v1"
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"})
_COMMANDS: dict[str, tuple[Command, ...]] = {
    "insert": ("insert",),
    "upsert": ("insert", "update", "select"),
    "replace": ("insert", "update", "select"),
    "update": ("update", "select"),
    "delete": ("delete", "select"),
}
_OF_THE_REQUEST = "request"
_NOTHING_CARRIED = {"keys": "[]", "existing": "[]"}
"""Stands for what earlier statements of a write would have found."""


async def explain(
    house: Parts,
    request: str,
    actor: Actor,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    row: str | None = None,
) -> Explanation:
    """Explain `GET /rest/v1/posts?select=*` (the method may be left out) as `actor`.

    The house must be started. `headers` are the request's, such as `Prefer`; `body` that of a write. `row` is the
    primary key of a row of the request's table, to be told why it is shown or hidden; the parts of a longer key have
    commas between. A request that is refused is explained too: see `Explanation.refusal`. Raises `Fault` for a `row`
    that cannot name one.
    """
    asking = _Asking(house, actor, request, tuple(headers), body, row)
    ask: ReadAsk | WriteAsk | None = None
    asked: tuple[str, ...] = ()
    try:
        shaped = asking.shaped()
        if shaped.function:
            return asking.function(shaped)
        ask, payload = asking.ask(shaped)
        asked = asked_lines(ask, shaped.values)
        if isinstance(ask, ReadAsk):
            found = await asking.read(ask, shaped)
        else:
            found = await asking.write(ask, shaped, payload)
    except Fault as fault:
        if row is not None and fault.code == "22023":
            raise
        pipeline = house.pipeline
        told = refusal(fault, ask, pipeline.catalog, pipeline.scope(actor.role), pipeline.rules, actor.role)
        return Explanation(request, actor.role, actor.uid, asked, refusal=told)
    return replace(found, asked=asked)


@dataclass(frozen=True, slots=True)
class _Asking:
    """One call of `explain`."""

    house: Parts
    actor: Actor
    request: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    row: str | None

    @property
    def explainer(self) -> NodeExplainer:
        pipeline = self.house.pipeline
        return NodeExplainer(pipeline.rules, self.actor.role, pipeline.dialect)

    @property
    def limits(self) -> Limits:
        server = self.house.settings.server
        return Limits(url_bytes=server.url_limit, body_bytes=server.body_limit, json_depth=server.json_depth)

    # --- reading the request ---

    def shaped(self) -> RestRequest:
        """The request as the data API reads it. Raises `Fault`."""
        first, _, rest = self.request.strip().partition(" ")
        method, target = (first.upper(), rest.strip()) if first.upper() in _METHODS else ("GET", self.request.strip())
        path, _, query = target.partition("?")
        path = "/" + path.removeprefix(PREFIX).lstrip("/")
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers]
        return self._reader().shape(method, path.encode(), query.encode(), headers)

    def ask(self, shaped: RestRequest) -> tuple[ReadAsk | WriteAsk, Payload]:
        payload = Payload((), [])
        if shaped.verb != "read" and self.body:
            payload = read_payload(shaped.content, self.body, self.limits, uneven="columns" in shaped.key[5::2])
        return self._reader().parse(shaped, payload.columns).ask, payload

    def _reader(self) -> Reader:
        return Reader(self.limits, self.house.settings.api.schemas)

    # --- the three kinds of request ---

    async def read(self, ask: ReadAsk, shaped: RestRequest) -> Explanation:
        """Bind, guard, write, as the pipeline does; then run and time it."""
        pipeline = self.house.pipeline
        rendering = Rendering(most_rows=self.house.settings.api.max_rows)
        plan = pipeline.plan_read(ask, self.actor.role)
        statement = write_read(plan, pipeline.dialect, rendering)
        arguments = statement.arguments(Given(shaped.values, self.actor))
        named = origins(read_element(plan, ReadWriter(pipeline.dialect, rendering)), pipeline.dialect.sqlalchemy)
        async with pipeline.logic(self.actor, read_only=True) as transaction:
            told = explained(
                self._planned(transaction), "read", statement.text, arguments, named, secrets_of(self.actor)
            )
            verdict = None
            if self.row is not None:
                given = (self.actor, shaped.values)
                verdict = row_verdict(
                    transaction, self.explainer, plan.node, ask.ask, ("select",), given, self.row, pipeline.dialect
                )
        (_, rows, total), microseconds = await self._timed(statement, arguments)
        return Explanation(
            self.request,
            self.actor.role,
            self.actor.uid,
            (),
            nodes=self.explainer.read(plan.node),
            statements=(told,),
            indexes=_once(told.found),
            scans=_once(told.slow),
            rows=rows,
            total=total,
            microseconds=microseconds,
            row=verdict,
            notes=self._notes(),
        )

    async def _timed(self, statement: Statement, arguments: Sequence[object]) -> tuple[tuple[str, int, int], float]:
        engine, least, spent = self.house.engine, float("inf"), 0.0
        wall = self.house.pipeline.wall
        local = None if wall is None else wall.reading(self.actor)
        answer = await engine.read(statement.text, arguments, local)
        for _ in range(RUNS):
            before = perf_counter()
            await engine.read(statement.text, arguments, local)
            took = perf_counter() - before
            least, spent = min(least, took), spent + took
            if spent > LONGEST_RUNS:
                break
        return cast("tuple[str, int, int]", answer), round(least * 1_000_000, 1)

    async def write(self, ask: WriteAsk, shaped: RestRequest, payload: Payload) -> Explanation:
        """The statements of a write, planned and not run."""
        pipeline = self.house.pipeline
        program = pipeline.prepare_write(
            (shaped.key, payload.columns),
            self.actor.role,
            Rendering(most_rows=self.house.settings.api.max_rows),
            lambda: ask,
            text_rows=shaped.content != "json",
        )
        columns = tuple(column.name for column in program.plan.columns)
        steps: list[tuple[str, Statement | None]] = [
            ("rows that are there already", program.existing),
            ("show the rows before", program.before),
            (ask.verb, None if program.writes_nothing(payload.rows) else program.mutation(columns)),
            ("check the rows written", program.verify),
            ("show the rows after", program.after),
        ]
        commands = _COMMANDS[ask.verb]
        async with self.house.pipeline.logic(self.actor, read_only=True) as transaction:
            told = tuple(
                self._step(transaction, title, each, shaped, payload) for title, each in steps if each is not None
            )
            verdict = None
            if self.row is not None and ask.verb != "insert":
                target = replace(program.plan.node, conditions=())
                given = (self.actor, shaped.values)
                verdict = row_verdict(
                    transaction,
                    self.explainer,
                    target,
                    replace(ask.ask, conditions=()),
                    tuple(command for command in commands if command != "insert"),
                    given,
                    self.row,
                    pipeline.dialect,
                )
        return Explanation(
            self.request,
            self.actor.role,
            self.actor.uid,
            (),
            nodes=(self.explainer.written(program.plan.table, commands),),
            statements=told,
            indexes=_once(line for each in told for line in each.found),
            scans=_once(line for each in told for line in each.slow),
            row=verdict,
            notes=("nothing was written: the statements were planned only", *self._notes(), *self._hooks(ask)),
        )

    def _step(
        self, transaction: Transaction, title: str, statement: Statement, shaped: RestRequest, payload: Payload
    ) -> ExplainedStatement:
        fetched = {place for place, _ in statement.fetches}
        named = [_OF_THE_REQUEST if place in fetched else "constant" for place in range(len(statement.template))]
        row = payload.rows[0] if payload.rows else {}
        arguments = statement.arguments(Given(shaped.values, self.actor, row, _NOTHING_CARRIED))
        secrets = secrets_of(self.actor, payload.rows)
        return explained(self._planned(transaction), title, statement.text, arguments, named, secrets)

    def _hooks(self, ask: WriteAsk) -> tuple[str, ...]:
        touched = self.house.pipeline.hooks.touch(ask.table, ask.verb)
        return ("hooks of the app run around this write and may change or refuse it",) if touched else ()

    def function(self, shaped: RestRequest) -> Explanation:
        """A call: who may make it and what it takes. What it does is the app's own code."""
        caller = self.house.caller
        known = caller.known(self.actor.role).get(shaped.table)
        found = caller.functions.get(shaped.table)
        asked = [f"call {shaped.table}"]
        notes: list[str] = []
        if found is None:
            notes.append(f"there is no function {shaped.table}")
        else:
            for name, info in found.arguments.model_fields.items():
                asked.append(f"  {name}: {info.annotation}" + ("" if info.is_required() else " (may be left out)"))
            notes.append(found.doc or "the function has no docstring")
            notes.append(f"declared at {found.source}, for {', '.join(sorted(found.roles)) or 'everybody'}")
            notes.append("read-only" if found.read_only else "it may write")
            if known is None:
                notes.append(f"{self.actor.role} may not call it: to it, there is no such function")
        return Explanation(self.request, self.actor.role, self.actor.uid, tuple(asked), notes=tuple(notes))

    def _planned(self, transaction: Transaction) -> Planned:
        return partial(PLANS[self.house.engine.dialect.name], transaction)

    def _notes(self) -> tuple[str, ...]:
        return (f"{self.actor.role} passes every policy",) if self.explainer.bypasses else ()


def _once(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
