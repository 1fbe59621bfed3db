"""The values of this room: endpoints and deliveries, and events that came in."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from undercroft.base.secret import Secret

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events are sent to."""

    id: int
    url: str = field(repr=False)
    """It may hold a secret of its own."""
    events: tuple[str, ...]
    """Names of events, `invoice.*` for all below, `*` for all."""
    enabled: bool
    description: str
    created: datetime
    disabled: str | None = None
    """Why it is not enabled, where the house did that."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint, and what became of it."""

    id: int
    event_id: int
    message_id: str
    """The `webhook-id`, the same in every attempt and for every endpoint."""
    event: str
    endpoint_id: int
    state: str
    """waiting, delivered, failed, or cancelled (its endpoint was disabled)."""
    attempts: int
    due: datetime | None
    """When it is tried next."""
    status: int | None
    """Of the last answer."""
    created: datetime


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt at a delivery."""

    at: datetime
    status: int | None
    """None where there was no answer."""
    ms: int
    error: str | None
    answer: str
    """The beginning of the answer's body, at most 1024 characters."""


# --- events that come in ---


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request at a webhook, before anybody believes it."""

    headers: Mapping[str, str] = field(repr=False)
    """By name in lower case."""
    body: bytes = field(repr=False)
    now: float
    """Seconds since 1970, UTC."""
    tolerance: float
    """Seconds by which a timestamp may differ from that."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verifier found: the event is who it says it is."""

    id: str
    """The sender's id of the event."""
    type: str
    key: str | None = None
    """By what it is known again, where the id is not under the signature."""
    timeless: bool = False
    """No time is under the signature, so that it holds for ever: that the event was here is then never forgotten."""


Verify = Callable[[Incoming], "Verified | Awaitable[Verified | None] | None"]
"""Believes an event, or gives None or raises `SignatureFault`, `LookupError` or `ValueError`: it is refused (UC401)."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A believed event, as its handler is handed it."""

    source: str
    """The path of the webhook, "/stripe"."""
    id: str
    type: str
    body: bytes = field(repr=False)
    """As it came, byte for byte."""
    received: datetime

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` where it is none."""
        return json.loads(self.body)


Order = tuple[object, "int | float | datetime | str"]
OrderedBy = Callable[[WebhookEvent], "Order | None"]
"""What an event is about, and its place among the events about that; None where it does not matter."""


@dataclass(frozen=True, slots=True, eq=False)
class Inbound:
    """A webhook as an app declares it."""

    path: str
    handler: Callable[..., Any]
    verify: Any
    """A `Verifier`, which is told its secrets by name, or any `Verify`."""
    ordered_by: OrderedBy | None
    timeout: float
    retries: int
    source: str
    """`app.py:31`."""


@dataclass(frozen=True, slots=True, eq=False)
class Notification:
    """Changes of a table that are events."""

    table: str
    verb: str
    event: str
    payload: Callable[[Any], Any] | None
    """None for the row's columns, without those that are hidden from anybody."""
    source: str
    to: str | None = None
    """An endpoint of the app's own that is to have it: a URL, or a name of `[webhooks.endpoints]`."""


Secrets = Mapping[str, Secret]
"""By the names that `[webhooks.secrets]` gives them."""
