"""What an app hands to `ctx.mail` beside plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    """As the reader sees it: `invoice.pdf`."""
    media_type: str
    """`application/pdf`."""
    content: bytes = field(repr=False)
