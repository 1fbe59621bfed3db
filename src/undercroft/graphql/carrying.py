"""How asks are carried out over an app's own data: by the pipeline, as those of the data API are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault
from undercroft.graphql.asking import Calling, Step, WordStep, WriteStep
from undercroft.graphql.parts.asks.refusals import in_words
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.http.answers import scalar_text, step_text, word_text
from undercroft.graphql.planting import Rows, plant, planted
from undercroft.pipeline.call import Call, Caller, Result
from undercroft.pipeline.keys import Keep
from undercroft.pipeline.run import Pipeline
from undercroft.pipeline.shared import Apart, Data, Shared
from undercroft.pipeline.write import WriteBounds, WriteRequest, Written
from undercroft.query.ask import QuestionsAsk, ReadAsk
from undercroft.sql.program import WriteProgram
from undercroft.sql.rows import AS_ASKED
from undercroft.sql.statement import Statement
from undercroft.web.types import Request

Answers = list[tuple[str, str]]
"""The keys of what was asked, and their answers as JSON."""
_ROWS = AS_ASKED


class Carrying(Protocol):
    """What answers need of the data, whoever decides over it."""

    @property
    def reads_now(self) -> bool:
        """Whether a read may come without waiting."""
        ...

    async def describe(self, role: str) -> Described:
        """What the API is for a role."""
        ...

    def prepare(self, role: str, ask: QuestionsAsk) -> Any:
        """What a shape of query has in common. Raises `QueryFault`, `NotSupported`."""
        ...

    def read_now(self, prepared: Any, values: Sequence[str], request: Request) -> str | None:
        """The answers as the text of an object; None where they are longer in coming: then await `read`."""
        ...

    async def read(self, prepared: Any, values: Sequence[str], request: Request) -> str:
        """The answers as the text of an object. Raises what the database refuses."""
        ...

    async def query(
        self,
        prepared: Any,
        values: Sequence[str],
        calls: Sequence[Calling],
        variables: Mapping[str, Any],
        request: Request,
    ) -> dict[str, str]:
        """The answers of functions by their keys, and under "" those of the data, all of one moment."""
        ...

    async def mutate(
        self,
        steps: Sequence[Step],
        variables: Mapping[str, Any],
        request: Request,
        failed: Callable[[str], None],
        keep: Keep[Answers] | None = None,
    ) -> Answers:
        """Carry out all steps in one transaction: each one's key and its answer, as JSON. `failed` is told the key of
        the one that was under way when something was raised. `keep` takes the key of the request in the transaction,
        and keeps the answer there."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class AppCarrying:
    """Over an app's own models, with its policies."""

    pipeline: Pipeline
    caller: Caller
    describing: Callable[[str], Described]

    @property
    def reads_now(self) -> bool:
        return self.pipeline.engine.reads_now

    async def describe(self, role: str) -> Described:
        return self.describing(role)

    # --- reading ---

    def prepare(self, role: str, ask: QuestionsAsk) -> Statement:
        return self.pipeline.prepare_questions(ask, role, lambda: ask)

    def read_now(self, prepared: Statement, values: Sequence[str], request: Request) -> str | None:
        row = self.pipeline.read_now(prepared, values, request.actor)
        return None if row is None else row[0]

    async def read(self, prepared: Statement, values: Sequence[str], request: Request) -> str:
        row = await self.pipeline.read_slow(prepared, values, request.actor)
        return str(row[0])

    async def query(
        self,
        prepared: Statement,
        values: Sequence[str],
        calls: Sequence[Calling],
        variables: Mapping[str, Any],
        request: Request,
    ) -> dict[str, str]:
        async with self.pipeline.logic(request.actor, read_only=True) as transaction:
            data = Shared(self.pipeline, self.caller, transaction, self.pipeline.context(request.actor, transaction))
            row = await data.read(prepared, values, request.actor)
            answers = {"": str(row[0])}
            for call in calls:
                answers[call.key] = await self._called(call, variables, request.actor, data)
        return answers

    # --- writing ---

    async def mutate(
        self,
        steps: Sequence[Step],
        variables: Mapping[str, Any],
        request: Request,
        failed: Callable[[str], None],
        keep: Keep[Answers] | None = None,
    ) -> Answers:
        if keep is None and len(steps) == 1 and not (isinstance(steps[0], WriteStep) and steps[0].trees):
            failed(steps[0].key)
            return [
                (steps[0].key, await self._step(steps[0], variables, request.actor, Apart(self.pipeline, self.caller)))
            ]
        answers: Answers = []
        async with self.pipeline.logic(request.actor) as transaction:
            if keep is not None:
                await transaction.perform(keep.begin)
            data = Shared(self.pipeline, self.caller, transaction, self.pipeline.context(request.actor, transaction))
            for step in steps:
                failed(step.key)
                answers.append((step.key, await self._step(step, variables, request.actor, data)))
            if keep is not None:
                await transaction.perform(lambda cursor: keep.end(cursor, answers))
        return answers

    async def _step(self, step: Step, variables: Mapping[str, Any], actor: Actor, data: Data) -> str:
        if isinstance(step, WordStep):
            return word_text(step.text)
        if isinstance(step, Calling):
            return await self._called(step, variables, actor, data)
        return await self._written(step, variables, actor, data)

    async def _written(self, step: WriteStep, variables: Mapping[str, Any], actor: Actor, data: Data) -> str:
        # The number of rows is bounded: none of them need be named.
        program = self.pipeline.prepare_write(step.ask, actor.role, _ROWS, lambda: step.ask, bounded=True)
        bounds = WriteBounds(most_affected=step.at_most)
        request = WriteRequest(actor, step.recipe.fill(variables), step.rows, bounds)
        if step.trees and isinstance(data, Shared):
            return await self._planted(step, program, request, data)
        try:
            written = await data.write(program, request)
        except Fault as fault:
            raise in_words(fault, step.at_most) from fault.__cause__
        return step_text(step.members, f"{step.table.name}{step.kind}Response", written.affected, written.body)

    async def _planted(self, step: WriteStep, program: WriteProgram, request: WriteRequest, data: Shared) -> str:
        """Records with those that belong to them: shown when all of them are there."""
        actor = request.actor

        told = step.table.key if step.ask.returning else ()
        planting = plant(self.describing(actor.role), step.table, step.trees, told)
        asked = next(planting)
        try:
            while True:
                written = await self._inserted(asked, actor, data)
                asked = planting.send(planted(written.body, written.keys))
        except StopIteration as done:
            keys: Sequence[object] = done.value.keys
        records = await data.show(program, request, keys)
        return step_text(step.members, f"{step.table.name}{step.kind}Response", len(step.trees), records)

    async def _inserted(self, asked: Rows, actor: Actor, data: Data) -> Written:
        program = self.pipeline.prepare_write(asked.ask, actor.role, _ROWS, lambda: asked.ask)
        return await data.write(program, WriteRequest(actor, (), asked.rows))

    # --- functions ---

    async def _called(self, calling: Calling, variables: Mapping[str, Any], actor: Actor, data: Data) -> str:
        field, ask = calling.field, calling.ask
        call = Call(
            actor,
            calling.recipe.fill(variables),
            AS_ASKED._replace(body="object") if field.returns == "record" else _ROWS,
            lambda table: _read_of(table, calling),
            plain=ask is None,
        )
        function = self.caller.find(field.function, calling.arguments, actor.role)
        result: Result = await data.call(function, calling.arguments, call, texts=False)
        if result.page is not None:
            return result.page.body or "null"
        return scalar_text(field, result.body)


def _read_of(table: str, calling: Calling) -> ReadAsk:
    if calling.ask is None:
        raise AssertionError("rows of a table are asked for by fields")
    return ReadAsk(table, calling.ask)
