"""What the verbs of this room share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from undercroft.auth.backends.captcha import Captcha
from undercroft.auth.backends.hashing import Hasher
from undercroft.auth.backends.providers.calls import Calls
from undercroft.auth.backends.service_provider import ServiceProvider
from undercroft.auth.errors import AuthFault
from undercroft.auth.service.hooks import Hooks
from undercroft.auth.service.limits import Limits
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import AUDIT
from undercroft.auth.types import Caller, Claims
from undercroft.base.clock import Clock
from undercroft.base.sealing import SealingRing
from undercroft.base.secret import Secret
from undercroft.base.settings.auth_section import Auth
from undercroft.engine.types import Cursor, Engine, Transaction

T = TypeVar("T")


class Notify(Protocol):
    """Tells somebody by mail; wired in `app`."""

    async def __call__(self, transaction: Transaction, template: str, to: str, data: Mapping[str, Any]) -> None:
        """Store a mail in a transaction. Raises `Fault`."""
        ...


class Text(Protocol):
    """Tells somebody by a message to their phone; wired in `app`."""

    async def __call__(self, transaction: Transaction, phone: str, text: str, channel: str | None) -> None:
        """Store a message in a transaction. Raises `Fault`."""
        ...


async def nowhere(password: str) -> bool:
    """No list of passwords has it."""
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """The database, the settings, and the ports to what lies outside."""

    engine: Engine
    clock: Clock
    settings: Auth
    address: str
    """Of `/auth/v1`, as callers reach it."""
    hasher: Hasher
    limits: Limits
    sign: Callable[[Claims], str]
    key: Callable[[], Secret]
    """What is not in the database, and without which nothing in it opens anything."""
    notify: Notify
    log: Any
    breached: Callable[[str], Awaitable[bool]] = nowhere
    """Whether a password is on a list that everybody has."""
    public_keys: Callable[[], list[dict[str, Any]]] = field(default=list)
    """What our tokens can be verified with by others: JWKs."""
    revoked: Callable[[list[str]], None] = field(default=lambda _: None)
    """Told the sessions that ended, after the commit: their access tokens are good no more."""
    text: Text | None = None
    """None: there is nothing to send messages with."""
    sealing: Callable[[], SealingRing] = field(default=lambda: SealingRing(()))
    """The keys that secrets in the database are sealed with, as they are now."""
    places: Calls | None = None
    """Calls to the places that people sign in by."""
    saml: ServiceProvider | None = None
    """Us, as identity providers know us; None where SAML is off."""
    captcha: Captcha | None = None
    """None where nobody has to show that they are a person."""
    belonging: Callable[[str], Awaitable[dict[str, Any]]] | None = None
    """What tokens say of the organisations of an account; None where they say nothing."""
    hooks: Hooks | None = None
    """None where the app asks for none."""
    ui: str = ""
    """The address of our own pages; empty where there are none."""

    async def write(self, work: Callable[[Rows], T]) -> T:
        """A unit of work, on disk when it is answered. It may be run again. Raises `DatabaseFault`."""
        if self.hooks is not None and self.hooks.follow_accounts:
            async with self.unit() as unit:
                return await unit.perform(work)
        dialect = self.engine.dialect
        return await self.engine.write(lambda cursor: work(Rows(cursor, dialect)))

    async def read(self, work: Callable[[Rows], T]) -> T:
        """A unit of work that only reads."""
        dialect = self.engine.dialect
        async with self.engine.transaction(read_only=True) as transaction:
            return await transaction.perform(lambda cursor: work(Rows(cursor, dialect)))

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Unit]:
        """A transaction of several steps, such as a change and the mail that tells of it."""
        async with self.engine.transaction() as transaction:
            yield Unit(self, transaction)

    def now(self) -> datetime:
        """The present moment."""
        return self.clock.now()


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A transaction of this room."""

    room: Room
    transaction: Transaction

    async def perform(self, work: Callable[[Rows], T]) -> T:
        """A step of it. Raises `DatabaseFault`."""
        dialect = self.room.engine.dialect

        def step(cursor: Cursor) -> tuple[T, list[Record]]:
            rows = Rows(cursor, dialect)
            return work(rows), rows.made

        found, made = await self.transaction.perform(step)
        if self.room.hooks is not None:
            for user in made:
                await self.room.hooks.account_made(self.transaction, user)
        return found

    async def notify(self, template: str, to: str, data: Mapping[str, Any]) -> None:
        """A mail that is sent if the transaction commits. Raises `Fault`."""
        await self.room.notify(self.transaction, template, to, data)

    async def text(self, phone: str, text: str, channel: str | None) -> None:
        """A message that is sent if the transaction commits. Raises `Fault`."""
        if self.room.text is None:
            raise AuthFault("sms_send_failed", "No provider of messages is set")
        await self.room.text(self.transaction, phone, text, channel)


def noted(
    rows: Rows, room: Room, action: str, user: Record | None, caller: Caller, *, kind: str = "account",
    traits: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """An entry of the audit log."""
    payload: dict[str, Any] = {"action": action, "log_type": kind}
    if user is not None:
        payload |= {
            "actor_id": user["id"],
            "actor_username": user["email"] or user["phone"] or "",
            "actor_via_sso": user["is_sso_user"],
        }
    if traits:
        payload["traits"] = dict(traits)
    rows.add(AUDIT, id=str(uuid4()), payload=payload, created_at=room.now(), ip_address=caller.ip)
