"""What the verbs of this room share."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from undercroft.base.clock import Clock
from undercroft.engine.types import Engine
from undercroft.outgoing import OutgoingSettings
from undercroft.outgoing.parts.guard import Guard
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


def moment(stored: int) -> datetime:
    """A stored moment, with zone UTC."""
    return datetime.fromtimestamp(stored / MICROSECONDS, UTC)
