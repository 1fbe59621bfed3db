"""Endpoints that an app's file names: they are rows like all others, brought in line with the file at each start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from undercroft.base.faults import SetupFault
from undercroft.base.secret import Secret
from undercroft.engine.types import Transaction
from undercroft.outgoing import Refused
from undercroft.webhooks.errors import SealFault, WebhookFault
from undercroft.webhooks.parts.rotation import in_force, only, rotated
from undercroft.webhooks.parts.signing import make_secret, read_secret
from undercroft.webhooks.service.room import Room
from undercroft.webhooks.types import MICROSECONDS, Notification, Secrets

UNNAMED = "the app names it no more"
MARK = "app:"
"""How the `uid` of such an endpoint begins."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One endpoint of an app's file."""

    uid: str
    url: str
    events: tuple[str, ...]
    secret: Secret | None
    """None to have one made."""
    description: str


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    url: str
    events: tuple[str, ...]
    enabled: bool
    disabled: str | None
    """Why, where the house did it."""
    secrets: str

    def is_as(self, declared: Declared) -> bool:
        """Whether nothing has to be done; what somebody else has turned off stays off."""
        return (self.url, self.events) == (declared.url, declared.events) and self.disabled != UNNAMED


@dataclass(slots=True, eq=False)
class DeclaredEndpoints:
    """Brings the rows in line at the start; there is nothing to stop."""

    room: Room
    declared: tuple[Declared, ...]
    log: Any

    async def start(self) -> None:
        """Add what is new, change what asks for other events, rotate what the settings give another secret, turn off
        what the file names no more."""
        statement = self.room.statements.declared
        async with self.room.engine.transaction(read_only=True) as transaction:
            rows = await transaction.fetch(statement.text, statement.args(mark=MARK + "%"))
        known = {
            uid: _Row(number, url, tuple(json.loads(events)), enabled, disabled, secrets)
            for number, uid, url, events, enabled, disabled, secrets in rows
        }
        new = [each for each in self.declared if each.uid not in known]
        other = [each for each in self.declared if each.uid in known and not known[each.uid].is_as(each)]
        signing = [each for each in self.declared if each.uid in known and self._signs_anew(each, known[each.uid])]
        named = {each.uid for each in self.declared}
        gone = [row for uid, row in known.items() if uid not in named and row.enabled]
        if not (new or other or signing or gone):
            return
        async with self.room.engine.transaction() as transaction:
            for each in new:
                await self._add(transaction, each)
            for each in other:
                await self._set(transaction, known[each.uid], each)
            for each in signing:
                await self._rotate(transaction, known[each.uid], each)
            for row in gone:
                disable = self.room.statements.disable
                await transaction.fetch(disable.text, disable.args(id=row.number, disabled=UNNAMED))

    async def stop(self) -> None:
        """Nothing."""

    async def _add(self, transaction: Transaction, each: Declared) -> None:
        secret = each.secret or make_secret(self.room.random_bytes)
        add = self.room.statements.add_declared
        sealed = only(self.room.sealer.seal(secret, each.uid))
        given: dict[str, Any] = {"uid": each.uid, "url": each.url, "events": json.dumps(each.events), "secrets": sealed}
        # Another worker may be first: then its secret counts.
        await transaction.fetch(add.text, add.args(**given, description=each.description, created=self.room.now()))

    def _signs_anew(self, each: Declared, row: _Row) -> bool:
        """Whether the settings have another secret than the one in force."""
        if each.secret is None:
            return False
        try:
            return self.room.sealer.open(in_force(row.secrets), each.uid) != each.secret
        except SealFault as fault:  # a worker with another key must not take it from those who can read it
            self.log.warning("webhooks: the secret of an endpoint is not read", endpoint=row.number, reason=str(fault))
            return False

    async def _rotate(self, transaction: Transaction, row: _Row, each: Declared) -> None:
        """Take the settings' secret; the one before signs too for a while, as with any rotation."""
        room, secret = self.room, each.secret
        known = room.statements.endpoint
        found = await transaction.fetch(known.text, known.args(id=row.number))
        if secret is None or not found:
            return
        stored = str(found[0][8])
        if room.sealer.open(in_force(stored), each.uid) == secret:  # another worker was first
            return
        overlap = round(room.settings.overlap * MICROSECONDS)
        sealed = rotated(stored, room.sealer.seal(secret, each.uid), room.now(), overlap)
        change = room.statements.set_secrets
        await transaction.fetch(change.text, change.args(id=row.number, secrets=sealed))
        self.log.info("webhooks: an endpoint signs with the settings' new secret", endpoint=row.number)

    async def _set(self, transaction: Transaction, row: _Row, each: Declared) -> None:
        change = self.room.statements.set_declared
        enabled, disabled = (True, None) if row.disabled == UNNAMED else (row.enabled, row.disabled)
        events = json.dumps(each.events)
        given = change.args(id=row.number, url=each.url, events=events, enabled=enabled, disabled=disabled)
        await transaction.fetch(change.text, given)


def declared_by(
    notifications: Iterable[Notification], urls: Mapping[str, Secret], secrets: Secrets, room: Room
) -> tuple[Declared, ...]:
    """The endpoints that notifications name: a URL, or a name of `[webhooks.endpoints]`, whose secret may be in
    `[webhooks.secrets]`. Raises `SetupFault` for a name or a URL that is none.
    """
    events: dict[str, set[str]] = {}
    sources: dict[str, str] = {}
    for each in notifications:
        if each.to is not None:
            events.setdefault(each.to, set()).add(each.event)
            sources.setdefault(each.to, each.source)
    return tuple(
        _declared(to, tuple(sorted(names)), urls, secrets, room, sources[to]) for to, names in sorted(events.items())
    )


def _declared(
    to: str, events: tuple[str, ...], urls: Mapping[str, Secret], secrets: Secrets, room: Room, source: str
) -> Declared:
    named = "://" not in to
    if named and to not in urls:
        raise SetupFault(
            f'{source}: there is no endpoint "{to}"', hint=f'Write {to} = "https://…" below [webhooks.endpoints].'
        )
    url = urls[to].reveal() if named else to
    secret = secrets.get(to) if named else None
    try:
        room.guard.check_target(room.target(url))
        if secret is not None:
            read_secret(secret)
    except Refused as refused:
        raise SetupFault(f"{source}: events cannot be sent there: {refused.reason}") from None
    except WebhookFault as fault:
        raise SetupFault(f"{source}: {fault.message}") from None
    key = to if named else hashlib.sha256(url.encode()).hexdigest()[:32]
    return Declared(MARK + key, url, events, secret, f"declared by the app as {to}" if named else "declared by the app")
