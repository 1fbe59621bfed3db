"""What is done for people beside the requests: messages to their phones, by the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from undercroft.access.actor import SERVICE, Actor
from undercroft.auth.backends.sms import Sms
from undercroft.auth.parts.sealing import Sealed
from undercroft.base.sealing import SealingRing
from undercroft.engine.types import Transaction
from undercroft.jobs.declarations import house_job
from undercroft.models.jobs import Job, Planned
from undercroft.pipeline.context import Context
from undercroft.pipeline.ports import Enqueue

SEND = "undercroft.send_message"
_MESSAGE = Sealed("undercroft.jobs", "message")
"""A text holds a code: it lies sealed in the outbox."""


@dataclass(slots=True, eq=False)
class Messages:
    """Implements `service.room.Text`: stores messages with the job that hands them over."""

    sms: Sms
    sealing: Callable[[], SealingRing]
    enqueue: Callable[[], Enqueue]
    job: Job[..., Any] = field(init=False)

    def __post_init__(self) -> None:
        async def send_message(ctx: Context, phone: str, sealed: str, channel: str | None) -> None:
            await self.sms.send(phone, _MESSAGE.open(self.sealing(), phone, sealed), channel)

        # A code that comes late is good for nothing: a few tries soon after one another, and no more.
        self.job = house_job(send_message, name=SEND, queue="mail", attempts=4, timeout=30.0)

    async def __call__(self, transaction: Transaction, phone: str, text: str, channel: str | None) -> None:
        """Store a message in a transaction. Raises `Fault`."""
        sealed = _MESSAGE.seal(self.sealing(), phone, text)
        await self._enqueued(transaction, SERVICE, [self.job.call(phone, sealed, channel)])

    async def _enqueued(self, transaction: Transaction, actor: Actor, calls: Sequence[Planned]) -> None:
        await self.enqueue()(transaction, actor, calls)
