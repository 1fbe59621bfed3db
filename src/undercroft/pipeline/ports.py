"""What a context offers beyond the data: ports that the rooms above fill, wired in `app`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, Unpack

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault
from undercroft.engine.types import Transaction
from undercroft.models.calls import CallOptions, Reply, Streaming
from undercroft.models.jobs import Planned
from undercroft.models.mail import MailRequest


class Enqueue(Protocol):
    """The outbox, as `jobs` implements it."""

    async def __call__(self, transaction: Transaction, actor: Actor, calls: Sequence[Planned]) -> list[int]:
        """Store jobs in a transaction; their ids, in order. Where a unique one is there already, that one's.

        Raises `DatabaseFault`.
        """
        ...


class SendMail(Protocol):
    """Mail, as `mail` implements it."""

    async def __call__(self, transaction: Transaction, actor: Actor, asked: MailRequest) -> int:
        """Store a mail in a transaction, and the job that sends it; its id. Raises `Fault`."""
        ...

    async def suppress(self, transaction: Transaction, address: str, reason: str) -> None:
        """Have nothing sent to an address any more. Raises `Fault` where it is none."""
        ...

    async def unsuppress(self, transaction: Transaction, address: str) -> bool:
        """Write to it again; whether it was suppressed. Raises `Fault` where it is none."""
        ...


class Publish(Protocol):
    """Webhooks to others, as `webhooks` implements them."""

    async def __call__(self, transaction: Transaction, actor: Actor, event: str, data: Any) -> int:
        """Store an event in a transaction, and a delivery for each endpoint that wants it; its id. Raises `Fault`."""
        ...


class Http(Protocol):
    """Calls to other machines, as `outgoing` implements them.

    An answer of any status is a `Reply`. Each raises `Fault`: UC470 for an address that is not allowed, UC504 for a
    time limit, UC503 for a machine that failed several times and is left alone, UC502 for any other failure.
    """

    async def get(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """GET."""
        ...

    async def post(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """POST."""
        ...

    async def put(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """PUT."""
        ...

    async def patch(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """PATCH."""
        ...

    async def delete(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """DELETE."""
        ...

    async def request(self, method: str, url: str, **options: Unpack[CallOptions]) -> Reply:
        """Any method."""
        ...

    def stream(self, method: str, url: str, **options: Unpack[CallOptions]) -> AbstractAsyncContextManager[Streaming]:
        """An answer that is read while it comes: `async with ctx.http.stream("GET", url) as answer`."""
        ...


@dataclass(slots=True)
class Ports:
    """What is there; a port that nobody fills refuses by name."""

    enqueue: Enqueue | None = None
    mail: SendMail | None = None
    publish: Publish | None = None
    webhooks: Callable[[Transaction], Any] | None = None
    """Endpoints of webhooks within a transaction."""
    http: Http | None = None
    organisations: object | None = None
    """What the settings say of organisations, for the room that keeps them."""
    belonging: Callable[[str], Awaitable[dict[str, Any]]] | None = None
    """What tokens say of the organisations of an account, by its id; None where they say nothing."""


def not_here(what: str) -> Fault:
    """For a database that is served as it is: there is no outbox in it."""
    return Fault(
        f"{what} needs the tables of an app's own database",
        code="0A000",
        hint="An app over an existing database has no outbox.",
    )
