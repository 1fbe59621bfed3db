"""What an app's own code is handed: who is asking, the transaction's session as that caller, and a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from undercroft.access.actor import Actor
from undercroft.engine.types import Transaction
from undercroft.pipeline.session import SessionGuard


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
        self, actor: Actor, transaction: Transaction, guard: SessionGuard, log: structlog.typing.BindableLogger
    ) -> None:
        self.auth = Caller(actor)
        self.log: Any = log
        self._transaction = transaction
        self._guard = guard
        self._session: AsyncSession | None = None

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
    def opened(self) -> AsyncSession | None:
        """The session, if it was used at all."""
        return self._session
