"""Publishing: an event, and a delivery for each endpoint that wants it, in the transaction of what happened."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from undercroft.access.actor import SERVICE, Actor
from undercroft.base.faults import Fault
from undercroft.engine.types import Transaction
from undercroft.models.jobs import Job
from undercroft.pipeline.ports import Enqueue
from undercroft.webhooks.parts.names import check_name, wanted
from undercroft.webhooks.service.endpoints import Endpoints
from undercroft.webhooks.service.room import Room, moment

_JSON = msgspec.json.Encoder(decimal_format="number")


@dataclass(slots=True, eq=False)
class Publisher:
    """Implements `pipeline.ports.Publish`."""

    room: Room
    enqueue: Enqueue
    deliver: Job[..., Any]

    async def __call__(self, transaction: Transaction, actor: Actor, event: str, data: Any) -> int:
        """See `Publish`. Raises `Fault` 22023 for a name that is none, and for data that is no JSON."""
        check_name(event)
        room, now = self.room, self.room.now()
        uid = "msg_" + room.random_bytes(16).hex()
        add = room.statements.add_event
        body = _body(event, now, data)
        rows = await transaction.fetch(add.text, add.args(uid=uid, event=event, body=body, created=now))
        event_id = int(rows[0][0])
        wanting = room.statements.wanting
        found = await transaction.fetch(wanting.text, wanting.args())
        endpoints = [int(number) for number, patterns in found if wanted(event, json.loads(patterns))]
        await self._add(transaction, event_id, endpoints, now)
        return event_id

    def endpoints(self, transaction: Transaction) -> Endpoints:
        """The endpoints, within a transaction."""
        return Endpoints(self.room, transaction, self.ask)

    async def ask(self, transaction: Transaction, deliveries: Sequence[tuple[int, int]]) -> None:
        """Have deliveries made, (id, endpoint) each."""
        calls = [self.deliver.call(delivery, endpoint, 0) for delivery, endpoint in deliveries]
        if calls:
            await self.enqueue(transaction, SERVICE, calls)

    async def _add(self, transaction: Transaction, event: int, endpoints: Sequence[int], now: int) -> None:
        if not endpoints:
            return
        add = self.room.statements.add_deliveries
        rows = await transaction.fetch(add.text, add.args(event_id=event, endpoints=json.dumps(endpoints), now=now))
        await self.ask(transaction, sorted((int(number), int(endpoint)) for number, endpoint in rows))


def _body(event: str, now: int, data: Any) -> str:
    """What is sent, in the shape that the specification proposes ("Payload structure")."""
    timestamp = moment(now).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    try:
        return _JSON.encode({"type": event, "timestamp": timestamp, "data": data}).decode()
    except TypeError as error:
        raise Fault(f"the data of the event {event} is no JSON: {error}", code="22023") from None
