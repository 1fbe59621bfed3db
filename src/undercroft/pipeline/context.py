"""What an app's own code is handed: who is asking, the transaction's session as that caller, and a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import Any, ParamSpec
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault
from undercroft.engine.types import Transaction
from undercroft.models.jobs import CurrentJob, Job, Planned, Span, span
from undercroft.models.mail import Attachment, MailRequest
from undercroft.pipeline.ports import Http, Ports, SendMail, not_here
from undercroft.pipeline.session import SessionGuard

P = ParamSpec("P")


class Caller:
    """`ctx.auth`: the caller as plain values."""

    __slots__ = ("_actor",)

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    @property
    def uid(self) -> UUID | None:
        """The user's id; None for an anonymous caller, or a token whose `sub` is no UUID."""
        try:
            return UUID(self._actor.uid) if self._actor.uid else None
        except ValueError:
            return None

    @property
    def subject(self) -> str | None:
        """The token's `sub` as it stands."""
        return self._actor.uid

    @property
    def role(self) -> str:
        return self._actor.role

    @property
    def claims(self) -> Mapping[str, Any]:
        """The verified claims of the token."""
        return self._actor.claims


class Context:
    """One call of an app's code. Everything it does through `session` is in the transaction of the request."""

    def __init__(
        self,
        actor: Actor,
        transaction: Transaction,
        guard: SessionGuard,
        log: structlog.typing.BindableLogger,
        ports: Ports,
    ) -> None:
        self.auth = Caller(actor)
        self.log: Any = log
        self._actor = actor
        self._ports = ports
        self._transaction = transaction
        self._guard = guard
        self._session: AsyncSession | None = None
        self.current: CurrentJob | None = None
        """Set by whoever runs jobs."""

    @property
    def session(self) -> AsyncSession:
        """SQLAlchemy's session as the caller: policies apply to its queries, and to what it flushes.

        `commit()` writes what is pending; the transaction itself ends when the request's work is done, and is undone
        as a whole when the code raises.
        """
        if self._session is None:
            self._session = self._transaction.session()
            self._guard.watch(self._session.sync_session)
        return self._session

    def as_service(self) -> AbstractContextManager[None]:
        """Within `with ctx.as_service():` the session acts as the service itself, and no policy applies."""
        return self._guard.as_service()

    def trusting(self, instances: Iterable[Any]) -> AbstractContextManager[None]:
        """Flushes within the block take these objects unchecked: whoever says so checks their rows."""
        return self._guard.trusting(instances)

    @property
    def transaction(self) -> Transaction:
        """For the rooms of the house: the transaction itself, which knows of no policy."""
        return self._transaction

    @property
    def ports(self) -> Ports:
        """For the rooms of the house: what is there beyond the data."""
        return self._ports

    @property
    def webhooks(self) -> Any:
        """Endpoints of webhooks in this transaction: `add`, `list`, `rotate`, `deliveries`, `replay` and others.

        No policy applies to them. Raises `Fault` 0A000 over an existing database.
        """
        if self._ports.webhooks is None:
            raise not_here("ctx.webhooks")
        return self._ports.webhooks(self._transaction)

    @property
    def opened(self) -> AsyncSession | None:
        """The session, if it was used at all."""
        return self._session

    @property
    def job(self) -> CurrentJob:
        """The job that runs: its id, its attempt, its progress. Raises `Fault` 0A000 in code that is no job."""
        if self.current is None:
            raise Fault("ctx.job is for jobs: this code does not run as one", code="0A000")
        return self.current

    # --- the outbox: all of it in this transaction, so that it happens if and only if that commits ---

    async def enqueue(self, job: Job[P, Any], *args: P.args, **kwargs: P.kwargs) -> int:
        """Have a job done; its id. `job.options(delay="10m")` says when, and how often at most.

        Raises `Fault`: 22P02 for arguments of other types, 0A000 over an existing database.
        """
        return (await self._enqueue([job.call(*args, **kwargs)]))[0]

    async def enqueue_many(self, calls: Iterable[Planned], *, then: Planned | None = None) -> list[int]:
        """Have many jobs done, as `[shrink.call(image) for image in images]`; their ids. `then` follows the last one.

        Raises as `enqueue` does.
        """
        calls = list(calls)
        if not calls:  # all of nothing is done
            await self._enqueue([] if then is None else [then])
            return []
        return await self._enqueue([replace(call, then=then) for call in calls] if then is not None else calls)

    async def chain(self, *calls: Planned) -> int:
        """Have jobs done one after the other, each when the one before it is done; the id of the first.

        Raises as `enqueue` does.
        """
        if not calls:
            raise Fault("a chain has at least one job", code="22023")
        first = reduce(lambda after, call: replace(call, then=after), reversed(calls[:-1]), calls[-1])
        return (await self._enqueue([first]))[0]

    async def _enqueue(self, calls: Sequence[Planned]) -> list[int]:
        if self._ports.enqueue is None:
            raise not_here("ctx.enqueue")
        return await self._ports.enqueue(self._transaction, self._actor, calls)

    async def mail(
        self,
        template: str,
        to: str,
        *,
        key: str | None = None,
        subject: str | None = None,
        reply_to: str | None = None,
        attachments: Sequence[Attachment] = (),
        language: str | None = None,
        unsubscribe: str | None = None,
        delay: Span = 0.0,
        at: datetime | None = None,
        **data: Any,
    ) -> int:
        """Send a mail made of a template and `data` to one address; its id.

        Args:
            to: `ada@example.com`, or `Ada <ada@example.com>`.
            key: of one key one mail is sent: a further one is not made, and gives the id of the first.
            subject: in place of the template's own.
            language: `de` takes `welcome.de.html` where there is one.
            unsubscribe: the URL with which a reader leaves the list by one click (RFC 8058).
            delay: a length of time, as "10m"; `at`, a moment with a zone, comes before it.
            data: what the template names; plain JSON.

        Raises:
            Fault: 22023 for an address, a header or a moment that is none, UC550 for a template that cannot be
                rendered, UC551 where no mail server is set, 54000 for a mail that is too large, 0A000 over an existing
                database.
        """
        asked = MailRequest(
            template, to, data, key=key, subject=subject, reply_to=reply_to, attachments=attachments,
            language=language, unsubscribe=unsubscribe, delay=span(delay), at=at,
        )  # fmt: skip
        return await self._mail("ctx.mail")(self._transaction, self._actor, asked)

    async def suppress(self, address: str, reason: str = "asked") -> None:
        """Send nothing to an address any more: it complained, or its mails came back. Raises `Fault` 22023, 0A000."""
        await self._mail("ctx.suppress").suppress(self._transaction, address, reason)

    async def unsuppress(self, address: str) -> bool:
        """Write to an address again; whether it was suppressed. Raises `Fault` 22023, 0A000."""
        return await self._mail("ctx.unsuppress").unsuppress(self._transaction, address)

    def _mail(self, what: str) -> SendMail:
        if self._ports.mail is None:
            raise not_here(what)
        return self._ports.mail

    async def publish(self, event: str, data: Any) -> int:
        """Tell those who have asked for an event of this name, by webhook; the event's id. Raises `Fault`."""
        if self._ports.publish is None:
            raise not_here("ctx.publish")
        return await self._ports.publish(self._transaction, self._actor, event, data)

    @property
    def http(self) -> Http:
        """A client for calls to other machines, with limits, retries, and no way to addresses inside."""
        if self._ports.http is None:
            raise not_here("ctx.http")
        return self._ports.http
