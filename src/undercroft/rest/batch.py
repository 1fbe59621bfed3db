"""`POST /rest/v1/batch`: several requests in one transaction, all or nothing.

Each is read, planned and guarded as if it had come alone, and reaches the data by the transaction that they share. Each
sees what those before it wrote, and may refer to what they gave.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from undercroft.base.faults import Fault
from undercroft.engine.types import Transaction
from undercroft.pipeline.call import Caller
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import Kept, Once
from undercroft.pipeline.run import Pipeline
from undercroft.pipeline.shared import Shared
from undercroft.rest.batch_checks import check_length, check_part, only_reads
from undercroft.rest.errors import BodyFault, MediaFault, MethodFault, PreferenceFault
from undercroft.rest.keyed import answer_once
from undercroft.rest.parts.batches import Part, read_batch, read_part
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.references import Results, written
from undercroft.rest.request import RestRequest
from undercroft.rest.routes import BATCH, RestRoom
from undercroft.web.types import Answer, Header, Request, as_received

T = TypeVar("T")

_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/json; charset=utf-8"),)
_LEFT_OUT = frozenset({b"vary", b"content-location"})
"""Headers that speak of an answer as a thing of its own."""


class Shaped(NamedTuple):
    """One request of a batch, read but for what it refers to."""

    part: Part
    shaped: RestRequest


@dataclass(frozen=True, slots=True, eq=False)
class BatchRoom:
    """Answers batches; `room` answers what is in them."""

    room: RestRoom
    pipeline: Pipeline
    caller: Caller
    limits: Limits
    most: int
    idempotency: Idempotency | None = None

    async def __call__(self, shaped: RestRequest, request: Request) -> Answer:
        """Answer a batch. Raises the `Fault` of the first request that failed, with its number: nothing is written."""
        if shaped.accept.kind != "json":
            raise MediaFault(f"None of these media types are available: {shaped.accept.text}")
        if shaped.content != "json":
            raise BodyFault("A batch is JSON")
        values = read_batch(await request.body_kept(), self.limits, self.most)
        parts = [_numbered(number, partial(self._shaped, value)) for number, value in enumerate(values, start=1)]
        together = partial(self._together, parts, request, self.room.rolls_back(shaped.preferences))
        if parts and self._only_reads(parts):
            return await together(None)
        return await answer_once(self.idempotency, request, together)

    def _only_reads(self, parts: Sequence[Shaped]) -> bool:
        return all(only_reads(part.shaped, self.caller) for part in parts)

    def _shaped(self, value: Any) -> Shaped:
        part = read_part(value)
        shaped = self.room.shape(part.method, part.path, part.query, part.headers)
        if shaped.table == BATCH and shaped.verb == "write" and not shaped.function:
            raise MethodFault("A batch cannot be part of a batch")
        if shaped.preferences.tx is not None:
            raise PreferenceFault("Prefer: tx is for the batch as a whole")
        return Shaped(part, shaped)

    async def _together(self, parts: Sequence[Shaped], request: Request, rollback: bool, once: Once | None) -> Answer:
        await self._check(parts, request)
        results = Results(self.limits)
        read_only = once is None and self._only_reads(parts)
        try:
            async with self.pipeline.logic(request.actor, read_only=read_only, rollback=rollback) as transaction:
                if once is not None:
                    await transaction.perform(once.begin)
                answer = await self._answer(parts, request, transaction, results)
                if once is not None:
                    kept = Kept(*answer)
                    await transaction.perform(lambda cursor: once.end(cursor, kept))
            return answer
        except Fault as fault:
            # What a function's own statements raise is a fault only behind the transaction.
            if results.number < len(parts):
                fault.request = results.number + 1
            raise

    async def _check(self, parts: Sequence[Shaped], request: Request) -> None:
        """Raises what is known to be wrong with a request before any of them is carried out."""
        for number, (part, shaped) in enumerate(parts, start=1):
            _numbered(number, partial(check_part, self.room, part, shaped, request, self.limits))
            await asyncio.sleep(0)  # others have their turn

    async def _answer(
        self, parts: Sequence[Shaped], request: Request, transaction: Transaction, results: Results
    ) -> Answer:
        context = self.pipeline.context(request.actor, transaction)
        data = Shared(self.pipeline, self.caller, transaction, context)
        told: list[dict[str, Any]] = []
        for part in parts:
            answer = await self._part(part, request, data, results)
            results.add(answer.body, is_json=_is_json(answer))
            told.append(_told(answer))
            await asyncio.sleep(0)  # others have their turn
        return Answer(200, _HEADERS, msgspec.json.encode(told))

    async def _part(self, part: Shaped, request: Request, data: Shared, results: Results) -> Answer:
        (method, path, query, headers, value), shaped = part
        body = b"" if value is None else _body(value, shaped, results)
        own = Request(method, path, query, list(headers), as_received(body), request.body_limit)
        own.actor, own.authenticated, own.id = request.actor, request.authenticated, request.id
        filled = shaped._replace(
            values=tuple([results.text(value) for value in shaped.values]),
            arguments=tuple([(name, results.text(value)) for name, value in shaped.arguments]),
        )
        check_length(part.part, shaped, filled, self.limits)
        return await self.room.within(filled, own, data)


def _body(value: Any, shaped: RestRequest, results: Results) -> bytes:
    """The body of one request as it would have come alone: limits are looked at when it is read."""
    if shaped.content == "json":
        return written(results.fill(value))
    if not isinstance(value, str):
        raise BodyFault("A body that is not JSON is a text")
    return value.encode("utf-8", "replace")


def _told(answer: Answer) -> dict[str, Any]:
    """One answer as it stands in that of the batch."""
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        if name not in _LEFT_OUT:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    body: Any = None
    if answer.body:
        body = msgspec.Raw(answer.body) if _is_json(answer) else answer.body.decode("utf-8", "replace")
    return {"status": answer.status, "headers": headers, "body": body}


def _is_json(answer: Answer) -> bool:
    return any(name == b"content-type" and b"json" in value for name, value in answer.headers)


def _numbered(number: int, read: Callable[[], T]) -> T:
    """What `read` makes of one request; what it raises says which one it was."""
    try:
        return read()
    except Fault as fault:
        fault.request = number
        raise
