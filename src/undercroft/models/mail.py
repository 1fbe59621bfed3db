"""What `ctx.mail` is given: attachments, and all of it as one value for the room that sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    """As the reader sees it: `invoice.pdf`."""
    media_type: str
    """`application/pdf`."""
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailRequest:
    """A mail that code asks for, not rendered yet; see `ctx.mail`."""

    template: str
    to: str
    data: Mapping[str, Any] = field(repr=False)
    key: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    attachments: Sequence[Attachment] = ()
    language: str | None = None
    unsubscribe: str | None = None
    delay: float = 0.0
    """Seconds."""
    at: datetime | None = None
