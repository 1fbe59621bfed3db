"""`[mail]`: who mails come from, which servers take them, and within which bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from undercroft.base.secret import Secret
from undercroft.base.settings.sections import Count, Limit, Section
from undercroft.base.settings.units import Bytes, Seconds


class MailDkim(Section):
    """`[mail.dkim]`: signatures by which receivers know that a mail is from your domain."""

    domain: str | None = None
    """The domain that signs; with it, every mail is signed."""
    selector: str = "undercroft"
    """The name of the key: its public half stands in the DNS at `<selector>._domainkey.<domain>`."""
    key: Secret | None = None
    """The private key: PEM of RSA or Ed25519, or the 32 bytes of Ed25519 in base64."""
    key_path: Path | None = None
    """The same, in a file."""

    @model_validator(mode="after")
    def _one_key(self) -> MailDkim:
        if self.domain and (self.key is None) == (self.key_path is None):
            raise ValueError("a domain needs either key or key_path")
        return self


class Mail(Section):
    """`[mail]`: mails, and how they leave."""

    sender: str | None = None
    """Who mails come from: `"Shop <shop@example.com>"`."""
    bounces: str | None = None
    """The address to which servers return what cannot be delivered; by default the sender's."""
    backend: Literal["auto", "smtp", "console", "memory", "caught"] = "auto"
    """`auto` is `caught` in `undercroft dev` (mails are shown at `/mail` and go nowhere), else `smtp`."""
    servers: tuple[Secret, ...] = ()
    """`smtps://user:password@host` (TLS), `smtp://…` (STARTTLS) or `smtp+plain://…` (in the clear), in the order in
    which they are tried."""
    templates: Path | None = None
    """The folder of the templates; by default `templates/mail` beside the app file."""
    connections: Count = 4
    """Connections to each server, per worker."""
    timeout: Seconds = Field(default=30.0, gt=0)
    """Seconds for one answer of a server."""
    rest: Seconds = Field(default=10.0, gt=0)
    """Seconds for which a server that failed is left alone, twice as long at each further failure."""
    ca_path: Path | None = None
    """Certificates to believe beside those of the system, as PEM."""
    recipient_limit: Limit = 30
    """Mails to one address within `recipient_period`; further ones wait."""
    recipient_period: Seconds = Field(default=3600.0, gt=0)
    """Seconds over which they are counted."""
    size_limit: Bytes = Field(default=10 * 1024**2, ge=1024)
    """Bytes of a mail with its attachments."""
    give_up: Seconds = Field(default=172_800.0, gt=0)
    """Seconds after which a mail that no server took has failed."""
    keep: Seconds = Field(default=2_592_000.0, gt=0)
    """Seconds for which it is remembered what became of a mail, and its key."""
    dkim: MailDkim = MailDkim()

    @field_validator("sender", "bounces")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None
