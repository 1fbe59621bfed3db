"""Requests of the data API that bring an `Idempotency-Key`: what makes them the same, and the answer that is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import REPLAYED, Kept, Once, claim_of
from undercroft.web.types import Answer, Request

_TELLING = (b"prefer", b"accept", b"content-type", b"content-profile")
"""Headers that make another request of it."""


async def answer_once(
    idempotency: Idempotency | None, request: Request, work: Callable[[Once | None], Awaitable[Answer]]
) -> Answer:
    """The answer of `work`, or the one that was kept of a request of the same key; without a key, of `work`.

    `work` takes the key in its transaction and keeps its answer there. Raises `PipelineFault` UC400, UC409 and UC422,
    and what `work` raises.
    """
    if idempotency is None:
        return await work(None)
    body = await request.body_kept()
    told = [b",".join(value for name, value in request.headers if name == wanted) for wanted in _TELLING]
    claim = claim_of(request.headers, request.actor, request.method.encode(), request.path, request.query, *told, body)
    if claim is None:
        return await work(None)

    async def carried_out(once: Once) -> Kept:
        return Kept(*await work(once))

    kept = await idempotency.answer(claim, carried_out)
    headers = (*kept.headers, REPLAYED) if kept.replayed else kept.headers
    return Answer(kept.status, headers, kept.body)
