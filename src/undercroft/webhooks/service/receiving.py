"""Receiving: events that others send are believed or refused, stored once, and handled in the background, once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from undercroft.access.actor import SERVICE
from undercroft.base.faults import SetupFault
from undercroft.models.jobs import Job
from undercroft.pipeline.context import Context
from undercroft.pipeline.run import Pipeline
from undercroft.webhooks.errors import SignatureFault, UnknownWebhookFault, unreadable_event
from undercroft.webhooks.parts.order import place_of
from undercroft.webhooks.parts.verifiers import Verifier
from undercroft.webhooks.service.room import Room, moment
from undercroft.webhooks.tables import HANDLED, NEW, STALE
from undercroft.webhooks.types import Inbound, Incoming, Secrets, Verified, Verify, WebhookEvent

LONGEST = 500
"""Characters of what an event is known by and of what it is about: a row of an index holds no long ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A webhook that is ready: its secrets are at hand, its job is known."""

    inbound: Inbound
    verify: Verify
    job: Job[..., Any]


@dataclass(slots=True, eq=False)
class Inbox:
    """The events that came in."""

    room: Room
    pipeline: Pipeline
    log: Any
    sources: Mapping[str, Source] = field(default_factory=dict)
    """By path; set once the jobs that hand events over are made."""

    def find(self, path: str) -> Source:
        """The webhook at a path. Raises `UnknownWebhookFault`."""
        found = self.sources.get(path)
        if found is None:
            raise UnknownWebhookFault("no webhook stands here")
        return found

    async def receive(self, source: Source, headers: Mapping[str, str], body: bytes) -> bool:
        """Believe an event, store it and have it handled; False where it was there already.

        It is on disk when this returns. Raises `Fault`: UC401 where its signature does not hold (and then nothing is
        stored), UC400 where what every event has cannot be read.
        """
        now = self.room.now()
        verified = await self._verified(source, headers, body)
        path = source.inbound.path
        event = WebhookEvent(path, verified.id, verified.type, body, moment(now))
        subject, place = _place(source.inbound, event)
        key = verified.key or verified.id
        _check_texts(key, verified.id, verified.type, subject or "")
        async with self.pipeline.calling(SERVICE) as (context, transaction):
            add = self.room.statements.receive
            rows = await transaction.fetch(
                add.text,
                add.args(
                    source=path, key=key, event_id=verified.id, type=verified.type, body=body, subject=subject,
                    place=place, timeless=verified.timeless, received=now,
                ),
            )  # fmt: skip
            if rows:
                await context.enqueue(source.job, int(rows[0][0]), subject or "")
        return bool(rows)

    async def _verified(self, source: Source, headers: Mapping[str, str], body: bytes) -> Verified:
        incoming = Incoming(headers, body, self.room.clock.timestamp(), self.room.settings.tolerance)
        try:
            found: Any = source.verify(incoming)
            if inspect.isawaitable(found):
                found = await found
            if not isinstance(found, Verified) or not found.id:
                raise SignatureFault("its verifier gave nothing")
        except (SignatureFault, LookupError, ValueError) as error:
            # A header that a stranger left out, or wrote as none is written, is no crash of ours.
            reason = (
                error.reason if isinstance(error, SignatureFault) else f"its verifier raised {type(error).__name__}"
            )
            self.log.warning("webhook refused", source=source.inbound.path, reason=reason)
            raise SignatureFault(reason) from None
        return found

    async def handle(self, ctx: Context, source: Source, number: int) -> None:
        """Handle an event, in the transaction that marks it so. One that is older than the newest handled of what it is
        about is marked stale instead."""
        known = self.room.statements
        async with self.room.engine.transaction(read_only=True) as transaction:
            rows = await transaction.fetch(known.received.text, known.received.args(id=number))
            if not rows or rows[0][6] != NEW:
                return
            path, event_id, kind, body, subject, place, _, received = rows[0]
            newest = None
            if subject is not None:
                found = await transaction.fetch(known.newest.text, known.newest.args(source=path, subject=subject))
                newest = found[0][0]
        stale = newest is not None and place < newest
        if not stale:
            event = WebhookEvent(path, event_id, kind, bytes(body), moment(received))
            await source.inbound.handler(ctx, event)
        end = known.end_event
        state = STALE if stale else HANDLED
        ended = await ctx.transaction.fetch(end.text, end.args(id=number, state=state, now=self.room.now()))
        if not ended:
            raise RuntimeError("another worker has handled this event")


def ready(inbounds: Iterable[Inbound], secrets: Secrets, job: Callable[[Inbound], Job[..., Any]]) -> dict[str, Source]:
    """Webhooks by path, with their secrets. Raises `SetupFault` for two of one path, and for a secret that is none."""
    found: dict[str, Source] = {}
    for inbound in inbounds:
        other = found.get(inbound.path)
        if other is not None:
            raise SetupFault(
                f"{inbound.source}: a webhook {inbound.path} is already declared at {other.inbound.source}"
            )
        verify = inbound.verify
        bound = verify.bound(secrets, inbound.source) if isinstance(verify, Verifier) else verify
        found[inbound.path] = Source(inbound, bound, job(inbound))
    return found


def _place(inbound: Inbound, event: WebhookEvent) -> tuple[str | None, int | None]:
    """What an event is about, and its place. Raises `Fault` UC400 where it says neither in a way that can be read."""
    if inbound.ordered_by is None:
        return None, None
    try:
        order = inbound.ordered_by(event)
    except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise unreadable_event(f"it does not say what it is about ({type(error).__name__})") from error
    return (None, None) if order is None else place_of(order)


def _check_texts(*texts: str) -> None:
    """Raises `Fault` UC400 for what no database stores, or finds again: JSON may hold it."""
    for text in texts:
        if "\0" in text or len(text) > LONGEST or any("\ud800" <= char <= "\udfff" for char in text):
            raise unreadable_event("its id, its type or what it is about is no text, or a very long one")
