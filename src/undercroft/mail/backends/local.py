"""Backends that send nothing: for tests, for a terminal, and for the page of caught mails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from undercroft.base.harmless import harmless
from undercroft.mail.types import Message, Taken

if TYPE_CHECKING:
    from email.message import EmailMessage

KEPT = 10_000


class _Still:
    """Nothing to open and nothing to close."""

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


class MemoryBackend(_Still):
    """Keeps what is sent, for tests to look at: the last 10,000 messages."""

    name = "memory"
    keeps = False

    def __init__(self) -> None:
        self.sent: deque[Message] = deque(maxlen=KEPT)

    @property
    def mails(self) -> list[EmailMessage]:
        """The sent messages, read: `mails[0]["Subject"]`."""
        return [read_message(message) for message in self.sent]

    async def send(self, message: Message) -> Taken:
        self.sent.append(message)
        return Taken(self.name, "kept in memory")


class ConsoleBackend(_Still):
    """Writes the headers and the text of every mail to a terminal."""

    name = "console"
    keeps = False

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    async def send(self, message: Message) -> Taken:
        mail = read_message(message)
        body = mail.get_body(("plain",))
        text = body.get_content().replace("\r\n", "\n") if body is not None else ""
        heads = "".join(f"{name}: {mail[name]}\n" for name in ("From", "To", "Subject"))
        files = "".join(f"[{part.get_filename()}, {part.get_content_type()}]\n" for part in mail.iter_attachments())
        self._write(harmless(f"{heads}\n{text}{files}\n", keep="\n\t"))
        return Taken(self.name, "printed")


class CaughtBackend(_Still):
    """Keeps mails where they are, in the database: `undercroft dev` shows them at /mail."""

    name = "caught"
    keeps = True

    async def send(self, message: Message) -> Taken:
        return Taken(self.name, "caught")


def read_message(message: Message) -> EmailMessage:
    """A sent message, read as a mail program reads it."""
    from email import message_from_bytes
    from email.message import EmailMessage
    from email.policy import SMTPUTF8

    return message_from_bytes(message.content, _class=EmailMessage, policy=SMTPUTF8)
