"""The values of this room: an address, a letter as it is stored, a message as a server takes it, and a server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from undercroft.base.secret import Secret
from undercroft.models.mail import Attachment

Security = Literal["starttls", "tls", "none"]


class Address(NamedTuple):
    """Somebody's address: `local` may hold any letter, `domain` is ASCII (IDNA)."""

    name: str
    local: str
    domain: str

    @property
    def bare(self) -> str:
        """`ada@example.com`."""
        return f"{self.local}@{self.domain}"

    @property
    def same(self) -> str:
        """What two spellings of one mailbox share: by this, addresses are suppressed and counted."""
        return self.bare.lower()

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it."""
        return not self.local.isascii()

    def __str__(self) -> str:
        """`"Ada" <ada@example.com>`, as `address_of` reads it."""
        if not self.name:
            return self.bare
        name = self.name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{name}" <{self.bare}>'


class AttachmentSource(Protocol):
    """Where attachments come from that are named and not carried: the seam for stored files."""

    async def __call__(self, reference: str) -> Attachment:
        """The file, when its mail is sent. Raises `Fault` where it is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail with all its words, before it is a message."""

    message_id: str
    """`<…@example.com>`; the same at every try, so that whoever gets it twice can tell."""
    sender: Address
    recipient: Address
    subject: str
    html: str
    text: str
    date: datetime
    reply_to: Address | None = None
    unsubscribe: str | None = None
    """The address of one-click unsubscribing (RFC 8058), for lists."""
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What a server is handed: the envelope, and the bytes."""

    envelope_from: str
    envelope_to: str
    content: bytes = field(repr=False)
    needs_utf8: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, and how one speaks to it."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: Secret | None = None

    @property
    def name(self) -> str:
        """For logs: without what is secret."""
        return f"{self.host}:{self.port}"


class Taken(NamedTuple):
    """A server took a message: which one, and what it said."""

    server: str
    answer: str


class Backend(Protocol):
    """What carries messages off."""

    name: str
    keeps: bool
    """Whether what was sent stays readable in the database, for the page that shows it."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, message: Message) -> Taken:
        """Hand one message over. Raises `Refused` where no other try would help, `NotNow` where one may."""
        ...


@dataclass(frozen=True, slots=True)
class MailSettings:
    """What this room is told of the settings. Seconds."""

    sender: Address | None = None
    bounces: str | None = None
    """The envelope's sender, where bounces go; the sender's own address where it is not given."""
    recipient_limit: int | None = 30
    recipient_period: float = 3600.0
    size_limit: int = 10 * 1024 * 1024
    lease: float = 120.0
    """For how long one worker has a mail; a hand-over takes nine tenths of it at most."""
    give_up: float = 172_800.0
    """How long servers are asked again."""
    keep: float = 2_592_000.0
    """How long it is remembered what became of a mail."""
