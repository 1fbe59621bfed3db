"""Endpoints: added, changed, their secrets shown and rotated, their deliveries looked at and made again.

All of it within one transaction, which whoever calls begins and ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from undercroft.base.secret import Secret
from undercroft.engine.types import Transaction
from undercroft.sql.prepared import Prepared
from undercroft.webhooks.errors import no_such
from undercroft.webhooks.parts.names import check_patterns
from undercroft.webhooks.parts.rotation import in_force, only, rotated
from undercroft.webhooks.parts.signing import make_secret, read_secret
from undercroft.webhooks.service.room import Room, moment
from undercroft.webhooks.tables import WAITING
from undercroft.webhooks.types import MICROSECONDS, AttemptRecord, Delivery, Endpoint

MOST = 1000
"""Rows that are listed at most."""
Deliver = Callable[[Transaction, Sequence[tuple[int, int]]], Awaitable[object]]
"""Enqueues deliveries, (id, endpoint) each."""


class Endpoints:
    """`ctx.webhooks`. Who may call it is the app's business: no policy applies here."""

    def __init__(self, room: Room, transaction: Transaction, deliver: Deliver) -> None:
        self._room = room
        self._transaction = transaction
        self._deliver = deliver

    # --- endpoints ---

    async def add(
        self, url: str, events: Iterable[str] = ("*",), *, secret: Secret | None = None, description: str = ""
    ) -> Endpoint:
        """Send events to a URL; with a secret of its own, or the given `whsec_…` one.

        Raises `Fault`: UC470 for a URL that calls may not go to, 22023 for a name of events or a secret that is none.
        """
        room = self._room
        await self._check(url)
        patterns = check_patterns(events)
        given = secret or make_secret(room.random_bytes)
        read_secret(given)
        uid = "ep_" + room.random_bytes(12).hex()
        sealed = only(room.sealer.seal(given, uid))
        rows = await self._rows(
            room.statements.add_endpoint,
            uid=uid, url=url, events=json.dumps(patterns), secrets=sealed, description=description, created=room.now(),
        )  # fmt: skip
        return await self.get(int(rows[0][0]))

    async def list(self) -> Sequence[Endpoint]:
        """All endpoints, the oldest first."""
        return [_endpoint(row) for row in await self._rows(self._room.statements.endpoints)]

    async def get(self, endpoint: int) -> Endpoint:
        """One endpoint. Raises `WebhookFault` where there is none."""
        return _endpoint((await self._row(endpoint))[:7])

    async def change(
        self,
        endpoint: int,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        enabled: bool | None = None,
        description: str | None = None,
    ) -> Endpoint:
        """Change what is given. Raises as `add` does."""
        before = await self.get(endpoint)
        if url is not None:
            await self._check(url)
        patterns = before.events if events is None else check_patterns(events)
        on = before.enabled if enabled is None else enabled
        await self._rows(
            self._room.statements.change_endpoint,
            id=endpoint,
            url=before.url if url is None else url,
            events=json.dumps(patterns),
            enabled=on,
            description=before.description if description is None else description,
            disabled=None if on else before.disabled,
        )
        return await self.get(endpoint)

    async def remove(self, endpoint: int) -> None:
        """Forget an endpoint with its deliveries. Raises `WebhookFault` where there is none."""
        if not await self._rows(self._room.statements.remove_endpoint, id=endpoint):
            raise no_such("endpoint", endpoint)

    async def secret(self, endpoint: int) -> Secret:
        """The secret that is in force, for whoever runs the endpoint. Raises `WebhookFault`, `SealFault`."""
        row = await self._row(endpoint)
        return self._room.sealer.open(in_force(row[8]), row[7])

    async def rotate(self, endpoint: int, *, overlap: float | None = None, secret: Secret | None = None) -> Secret:
        """A new secret, which is given back; the old ones sign too for `overlap` seconds (None: as the settings say).

        Raises `WebhookFault`.
        """
        room = self._room
        row = await self._row(endpoint)
        made = secret or make_secret(room.random_bytes)
        read_secret(made)
        seconds = room.settings.overlap if overlap is None else overlap
        overlapping = round(seconds * MICROSECONDS)
        sealed = rotated(row[8], room.sealer.seal(made, row[7]), room.now(), overlapping)
        await self._rows(room.statements.set_secrets, id=endpoint, secrets=sealed)
        return made

    # --- deliveries ---

    async def deliveries(
        self, *, endpoint: int | None = None, event: int | None = None, state: str | None = None, most: int = 100
    ) -> Sequence[Delivery]:
        """The latest deliveries, the newest first: of one endpoint, one event, or in one state."""
        rows = await self._rows(
            self._room.statements.deliveries,
            any_endpoint=endpoint is None, endpoint=endpoint or 0, any_event=event is None, event=event or 0,
            any_state=state is None, state=state or "", most=min(most, MOST),
        )  # fmt: skip
        return [_delivery(row) for row in rows]

    async def attempts(self, delivery: int) -> Sequence[AttemptRecord]:
        """The log of one delivery, the oldest attempt first."""
        rows = await self._rows(self._room.statements.attempts, id=delivery)
        return [AttemptRecord(moment(at), *rest) for at, *rest in rows]

    async def replay(self, delivery: int) -> None:
        """Make a delivery once more, with the same `webhook-id` and body. Raises `WebhookFault` where there is none."""
        rows = await self._rows(self._room.statements.restart, id=delivery, now=self._room.now())
        if not rows:
            raise no_such("delivery", delivery)
        await self._deliver(self._transaction, [(delivery, int(rows[0][1]))])

    async def send(self, event: int, endpoint: int) -> int:
        """Send an event to an endpoint that has not had it, whatever it asks for; the delivery's id.

        Raises `WebhookFault` where there is no such event or endpoint.
        """
        if not await self._rows(self._room.statements.event, id=event):
            raise no_such("event", event)
        await self.get(endpoint)
        now = self._room.now()
        rows = await self._rows(
            self._room.statements.add_delivery, event_id=event, endpoint_id=endpoint, due=now, created=now
        )
        await self._deliver(self._transaction, [(int(rows[0][0]), endpoint)])
        return int(rows[0][0])

    async def _check(self, url: str) -> None:
        target = await asyncio.to_thread(self._room.target, url)  # at the first call a library is loaded
        self._room.guard.check_target(target)

    async def _row(self, endpoint: int) -> tuple[Any, ...]:
        rows = await self._rows(self._room.statements.endpoint, id=endpoint)
        if not rows:
            raise no_such("endpoint", endpoint)
        return tuple(rows[0])

    async def _rows(self, statement: Prepared, **values: Any) -> Sequence[Any]:
        return await self._transaction.fetch(statement.text, statement.args(**values))


def _endpoint(row: Sequence[Any]) -> Endpoint:
    number, url, events, enabled, description, created, disabled = row
    return Endpoint(number, url, tuple(json.loads(events)), bool(enabled), description, moment(created), disabled)


def _delivery(row: Sequence[Any]) -> Delivery:
    number, event_id, uid, event, endpoint_id, state, attempts, due, status, created = row
    next_at = None if due is None or state != WAITING else moment(due)
    return Delivery(number, event_id, uid, event, endpoint_id, state, attempts, next_at, status, moment(created))
