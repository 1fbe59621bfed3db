"""Between a stored row and a letter: attachments as text, addresses as values."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from undercroft.mail.parts.addresses import address_of
from undercroft.mail.parts.messages import check_attachment
from undercroft.mail.types import Letter
from undercroft.models.mail import Attachment


def letter_of(row: Mapping[str, Any]) -> Letter:
    """The letter of a stored mail. Raises `AddressFault` where somebody changed the row."""
    return Letter(
        message_id=row["message_id"],
        sender=address_of(row["sender"]),
        recipient=address_of(row["recipient"]),
        subject=row["subject"],
        html=row["html"],
        text=row["text"],
        date=datetime.fromtimestamp(row["created"] / 1_000_000, UTC),
        reply_to=None if row["reply_to"] is None else address_of(row["reply_to"]),
        unsubscribe=row["unsubscribe"],
        attachments=attachments_of(row["attachments"]),
    )


def attachments_as_text(attachments: Sequence[Attachment]) -> str:
    """Attachments as JSON. Raises `AddressFault` for a name or a type that is none."""
    if not attachments:
        return "[]"
    for attachment in attachments:
        check_attachment(attachment)
    return json.dumps([[each.name, each.media_type, b64encode(each.content).decode()] for each in attachments])


def attachments_of(text: str) -> tuple[Attachment, ...]:
    """Attachments from their JSON."""
    return tuple(Attachment(name, kind, b64decode(content)) for name, kind, content in json.loads(text))
