"""The verbs of this room: which function a request means, and calling it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault, Overloaded, SetupFault
from undercroft.functions.errors import took_too_long, unknown_function
from undercroft.functions.parts.results import render
from undercroft.functions.types import Endpoint
from undercroft.pipeline.context import Context
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import REPLAYED, Claim, Kept
from undercroft.pipeline.run import Pipeline
from undercroft.web.methods import MethodFault, takes
from undercroft.web.received import WebRequest
from undercroft.web.types import Answer, Stream


@dataclass(frozen=True, slots=True, eq=False)
class Functions:
    """The functions of an app."""

    pipeline: Pipeline
    endpoints: Mapping[str, Endpoint]
    seconds: float
    """Until an answer begins, for those that say nothing else."""
    idempotency: Idempotency | None = None

    def find(self, name: str, method: str, role: str, *, beyond: bool) -> Endpoint:
        """The function of this name for a role; `beyond` says that the path goes on behind its name.

        Raises `Fault`: UC404 where there is none for this role, UC405 where it takes other methods.
        """
        bypass = self.pipeline.rules.bypass
        endpoint = self.endpoints.get(name)
        if endpoint is None or not endpoint.allows(role, bypass) or (beyond and endpoint.handler.request is None):
            known = [each.name for each in self.endpoints.values() if each.allows(role, bypass) and each.name != name]
            raise unknown_function(name, known)
        if not takes(endpoint.methods, method):
            raise MethodFault(f"the function {name} is called", endpoint.methods)
        return endpoint

    async def call(self, endpoint: Endpoint, request: WebRequest, actor: Actor, claim: Claim | None) -> Answer | Stream:
        """The function's answer. Its transaction has committed when this returns, also where a stream follows.

        Raises:
            Fault: 57014 where it takes too long, what its arguments raise, and what it raises itself; its transaction
                is then undone.
        """
        if claim is not None and self.idempotency is not None:
            return await self._call_once(self.idempotency, claim, endpoint, request, actor)
        answer: Answer | Stream | None = None
        try:
            async with self.pipeline.calling(actor) as (context, _):
                answer = await self._answer(endpoint, request, context)
        except BaseException:
            if isinstance(answer, Stream):  # its transaction did not commit
                await answer.pieces.aclose()
            raise
        request.close()
        return answer

    async def _call_once(
        self, idempotency: Idempotency, claim: Claim, endpoint: Endpoint, request: WebRequest, actor: Actor
    ) -> Answer:
        async def work(context: Context) -> Kept:
            answer = await self._answer(endpoint, request, context)
            if isinstance(answer, Stream):
                await answer.pieces.aclose()
                raise Fault(
                    f"the function {endpoint.name} streams its answer, which no Idempotency-Key can keep", code="0A000"
                )
            return Kept(*answer)

        kept = await idempotency.calling(claim, actor, work)
        headers = (*kept.headers, REPLAYED) if kept.replayed else kept.headers
        return Answer(kept.status, headers, kept.body)

    async def _answer(self, endpoint: Endpoint, request: WebRequest, context: Context) -> Answer | Stream:
        seconds = endpoint.timeout or self.seconds
        handler = endpoint.handler
        try:
            async with asyncio.timeout(seconds) as limit:
                arguments = await handler.arguments(request)
                if handler.streams:
                    request.take_stream()
                found = handler.run(context, **arguments)
                answer = await render(found if handler.streams else await found, endpoint.result)
                return await _with_place(answer, request)
        except TimeoutError as error:
            if limit.expired():
                raise took_too_long(endpoint.name, seconds) from error
            raise


async def _with_place(answer: Answer | Stream, request: WebRequest) -> Answer | Stream:
    """An answer that has its place, where it is a stream. Raises `Overloaded`: while its transaction can be undone."""
    if isinstance(answer, Stream):
        try:
            request.take_stream()
        except Overloaded:
            await answer.pieces.aclose()
            raise
    return answer


def by_name(endpoints: Iterable[Endpoint]) -> dict[str, Endpoint]:
    """Functions by name. Raises `SetupFault` where two have one name."""
    found: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        other = found.setdefault(endpoint.name, endpoint)
        if other is not endpoint:
            raise SetupFault(
                f"{endpoint.handler.source}: a function {endpoint.name} is already declared at {other.handler.source}"
            )
    return found
