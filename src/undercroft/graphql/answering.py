"""Answers messages: finds what was prepared for them, or prepares it, and has it carried out.

A query of a known document and shape costs a look-up, its variables and one statement.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import GraphQLSchema

from undercroft.base.faults import Fault
from undercroft.graphql.asking import Asking, Fields, QueryAsked
from undercroft.graphql.carrying import Answers, Carrying
from undercroft.graphql.documents import Document, Documents, Operation
from undercroft.graphql.errors import GraphqlFault, introspection_refused, mutation_by_get
from undercroft.graphql.introspection import introspected
from undercroft.graphql.parts.asks.given import Recipe
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.documents.limits import Limits
from undercroft.graphql.parts.documents.pricing import check_price
from undercroft.graphql.parts.http.answers import members_of, object_text
from undercroft.graphql.parts.http.messages import Message, Outcome, failed, refused
from undercroft.graphql.schema import build_schema
from undercroft.pipeline.cache import ShapeCache
from undercroft.pipeline.keys import Keep
from undercroft.web.types import Request

_ROLES = 64
"""Roles whose schemas are kept at once."""
_SHORT = 2_000
"""Letters of a document that is read on the spot; a longer one is read on another thread."""


class Ready(NamedTuple):
    """What was prepared for one shape of a query that reads nothing but data."""

    statement: Any
    recipe: Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Api:
    """What is known for one role."""

    described: Described
    schema: GraphQLSchema
    fields: Fields
    documents: Documents[Ready]


class Answering:
    """Answers the messages of everybody."""

    def __init__(self, carrying: Carrying, limits: Limits, cached_documents: int) -> None:
        self._carrying = carrying
        self._limits = limits
        self._cached = cached_documents
        self._apis: ShapeCache[Api] = ShapeCache(_ROLES)
        self._opening: dict[str, asyncio.Task[Api]] = {}

    def answer(
        self, message: Message, request: Request, *, reads_only: bool, keep: Keep[bytes] | None = None
    ) -> Outcome | Awaitable[Outcome]:
        """The answer to a message; `reads_only` refuses mutations, and what a mutation gives is kept by `keep`. Faults
        of the message are in the outcome; raises `Fault` where nobody could be answered now.
        """
        api = self._apis.get(request.actor.role)
        document = api.documents.known(message.query) if api is not None else None
        if api is None or document is None:
            return self._first(message, request, reads_only, keep)
        return self._answer(api, document, message, request, reads_only, keep)

    async def api(self, role: str) -> Api:
        """What is known for a role."""
        found = self._apis.get(role)
        if found is not None:
            return found
        task = self._opening.get(role)
        if task is None:
            task = self._opening[role] = asyncio.create_task(self._open(role))
            task.add_done_callback(lambda _: self._opening.pop(role, None))
        return await asyncio.shield(task)

    async def _open(self, role: str) -> Api:
        described = await self._carrying.describe(role)
        schema = await asyncio.to_thread(build_schema, described)
        api = Api(described, schema, Fields(described), Documents(schema, described, self._limits, self._cached))
        self._apis.put(role, api)
        return api

    # --- documents that are not known ---

    async def _first(self, message: Message, request: Request, reads_only: bool, keep: Keep[bytes] | None) -> Outcome:
        api = await self.api(request.actor.role)
        document = api.documents.known(message.query)
        try:
            if document is None and len(message.query) <= _SHORT:
                document = api.documents.read(message.query)
            elif document is None:
                document = await asyncio.to_thread(api.documents.read, message.query)
        except GraphqlFault as fault:
            return refused(fault)
        found = self._answer(api, document, message, request, reads_only, keep)
        return found if isinstance(found, Outcome) else await found

    # --- documents that are known ---

    def _answer(
        self,
        api: Api,
        document: Document[Ready],
        message: Message,
        request: Request,
        reads_only: bool,
        keep: Keep[bytes] | None,
    ) -> Outcome | Awaitable[Outcome]:
        try:
            operation = document.operation(message.operation)
            variables, shape = operation.variables.read(message.variables)
            check_price(operation.price, variables, self._limits)
            if operation.reads:
                return self._query(api, document, operation, variables, shape, request)
            if reads_only:
                raise mutation_by_get()
            asking = Asking(api.fields, document.fragments, operation.node, variables)
            return self._mutate(asking, variables, request, keep)
        except GraphqlFault as fault:
            return refused(fault)

    def _query(
        self,
        api: Api,
        document: Document[Ready],
        operation: Operation[Ready],
        variables: dict[str, Any],
        shape: Hashable,
        request: Request,
    ) -> Outcome | Awaitable[Outcome]:
        ready = operation.prepared.get(shape)
        if ready is None:
            asked = Asking(api.fields, document.fragments, operation.node, variables).query()
            if asked.introspects and not api.described.introspection:
                raise introspection_refused()
            try:
                statement = self._carrying.prepare(request.actor.role, asked.questions)
            except Fault as fault:
                return refused(fault)
            ready = Ready(statement, asked.recipe)
            if asked.calls or asked.introspects:
                return self._mixed(api, document, operation, variables, request, asked, ready)
            operation.prepared.put(shape, ready)
        carrying = self._carrying
        values = ready.recipe.fill(variables)
        if carrying.reads_now:
            try:
                body = carrying.read_now(ready.statement, values, request)
            except Fault as fault:
                return _refused_by_data(fault)
            if body is not None:
                return Outcome(200, b'{"data":' + body.encode() + b"}")
        return self._read(ready.statement, values, request)

    async def _read(self, statement: Any, values: list[str], request: Request) -> Outcome:
        try:
            body = await self._carrying.read(statement, values, request)
        except Fault as fault:
            return _refused_by_data(fault)
        return Outcome(200, b'{"data":' + body.encode() + b"}")

    async def _mixed(
        self,
        api: Api,
        document: Document[Ready],
        operation: Operation[Ready],
        variables: Mapping[str, Any],
        request: Request,
        asked: QueryAsked,
        ready: Ready,
    ) -> Outcome:
        """A query that asks functions or the schema beside the data, or in its place."""
        found: dict[str, str] = {}
        try:
            if asked.introspects:
                told = await asyncio.to_thread(
                    introspected, api.schema, operation.node, document.fragments, asked.introspects, variables
                )
                found |= {key: _json(value) for key, value in told.items()}
            values = ready.recipe.fill(variables)
            if asked.calls:
                answers = await self._carrying.query(ready.statement, values, asked.calls, variables, request)
                found |= {**members_of(answers.pop("")), **answers}
            elif asked.questions.members:
                found |= members_of(await self._carrying.read(ready.statement, values, request))
        except GraphqlFault as fault:
            return refused(fault)
        except Fault as fault:
            return _refused_by_data(fault)
        return _data(object_text([(key, found[key]) for key in asked.keys]))

    async def _mutate(
        self, asking: Asking, variables: Mapping[str, Any], request: Request, keep: Keep[bytes] | None
    ) -> Outcome:
        at: list[str] = []
        kept: Keep[Answers] | None = None
        if keep is not None:
            kept = Keep(keep.once, lambda answers: keep.answer(_data(object_text(answers)).body))
        try:
            steps = asking.mutation()
            answers = await self._carrying.mutate(steps, variables, request, at.append, kept)
        except GraphqlFault as fault:
            return refused(fault)
        except Fault as fault:
            if not at and keep is not None:  # it is the key that was refused
                raise
            return _refused_by_data(fault, path=at[-1:] or None)
        return _data(object_text(answers))


def _data(text: str) -> Outcome:
    return Outcome(200, b'{"data":' + text.encode() + b"}")


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _refused_by_data(fault: Fault, path: list[str] | None = None) -> Outcome:
    """What the data said to an operation. Raises it where nobody could be answered now, or the program is at fault."""
    from undercroft.web.faults import status_of

    if status_of(fault, anonymous=False) >= 500:
        raise fault
    return failed(fault, path) if path else failed(fault)


__all__ = ["Answering", "Api", "Callable", "Ready"]
