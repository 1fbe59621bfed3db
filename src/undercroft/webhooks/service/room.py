"""What the verbs of this room share."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from undercroft.base.clock import Clock
from undercroft.engine.types import Engine
from undercroft.outgoing import OutgoingSettings
from undercroft.outgoing.errors import malformed
from undercroft.outgoing.parts.guard import Guard
from undercroft.outgoing.parts.urls import Target, read_url
from undercroft.webhooks.parts.sealing import Sealer
from undercroft.webhooks.settings import WebhookSettings
from undercroft.webhooks.store import Statements, statements
from undercroft.webhooks.types import MICROSECONDS


@dataclass(slots=True, eq=False)
class Room:
    """Handed to every verb."""

    engine: Engine
    clock: Clock
    settings: WebhookSettings
    outgoing: OutgoingSettings
    sealer: Sealer
    random_bytes: Callable[[int], bytes] = secrets.token_bytes
    guard: Guard = field(init=False)
    statements: Statements = field(init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.outgoing)
        self.statements = statements(self.engine.dialect)

    def now(self) -> int:
        """The moment as it is stored."""
        return round(self.clock.timestamp() * MICROSECONDS)

    def target(self, url: str) -> Target:
        """Where an endpoint is. Raises `Refused` where that is no URL, or not one by https; the guard was not asked."""
        target = read_url(url)
        if self.settings.https_only and target.scheme != "https":
            raise malformed("endpoints are reached by https, see [webhooks] https_only")
        return target


def moment(stored: int) -> datetime:
    """A stored moment, with zone UTC."""
    return datetime.fromtimestamp(stored / MICROSECONDS, UTC)
