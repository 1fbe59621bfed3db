"""`[outgoing]` and `[webhooks]`: calls to other machines, and events that are sent to them and come from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from undercroft.base.secret import SHORTEST_SHARED, Secret
from undercroft.base.settings.sections import Count, Section
from undercroft.base.settings.units import Bytes, Seconds


class Outgoing(Section):
    """`[outgoing]`: calls of the app's code to other machines (`ctx.http`), and of webhooks."""

    allow: tuple[str, ...] = ()
    """Machines inside that may be called: networks, addresses and names, with a port, with `:*` for any, or without
    one for `ports`. Calls go to public addresses only, and to these."""
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (80, 443)
    """Ports that may be called."""
    timeout: Seconds = Field(default=30.0, gt=0)
    """Seconds for a call with its redirects and repetitions."""
    connect_timeout: Seconds = Field(default=5.0, gt=0)
    """Seconds until a connection stands, the name's resolution included."""
    read_timeout: Seconds = Field(default=15.0, gt=0)
    """Seconds until an answer begins, and between two pieces of it."""
    answer_limit: Bytes = Field(default=10 * 1024**2, ge=1024)
    """Bytes of an answer, unpacked."""
    connections: Count = 100
    """Connections at once, per worker; at most half of them to one machine."""
    attempts: Count = 3
    """How often an idempotent call is made at most, where it fails."""
    redirects: int = Field(default=5, ge=0, le=20)
    """Redirects that are followed."""
    breaker_failures: Count = 5
    """Failures in a row after which a machine is left alone."""
    breaker_pause: Seconds = Field(default=30.0, gt=0)
    """Seconds for which it is left alone."""
    ca_path: Path | None = None
    """Certificates to believe in place of those of the system, as PEM."""


def _by_name(value: object) -> object:
    """`"stripe=whsec_…,github=…"`, as a variable of the environment holds them, by name."""
    if not isinstance(value, str):
        return value
    pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
    return {name.strip(): secret.strip() for name, _, secret in pairs}


class Webhooks(Section):
    """`[webhooks]`: events that are sent to others, and that others send."""

    secrets: Annotated[dict[str, Secret], BeforeValidator(_by_name)] = Field(default={})
    """Secrets of those who send events, by the names that the app's verifiers give them: `stripe =
    "env(STRIPE_SECRET)"`, each of at least 16 bytes. In the environment: `stripe=…,github=…`."""
    endpoints: Annotated[dict[str, Secret], BeforeValidator(_by_name)] = Field(default={})
    """Addresses to which the app sends events, by the names that `app.notify(…, to=…)` gives them; a secret of the same
    name signs them. In the environment: `billing=https://…,search=…`."""
    encryption_key: Secret | None = None
    """The key under which the secrets of endpoints are stored, at least 32 bytes; without it, the one made in the data
    directory. Servers that share a database share it too."""
    https_only: bool = True
    """Whether endpoints must be reached by HTTPS."""
    timeout: Seconds = Field(default=20.0, gt=0)
    """Seconds for one delivery."""
    overlap: Seconds = Field(default=86_400.0, ge=0)
    """Seconds for which the old secret signs too after it was rotated."""
    tolerance: Seconds = Field(default=300.0, gt=0)
    """Seconds by which the timestamp of an event that comes in may differ from the clock."""
    body_limit: Bytes = Field(default=1024**2, ge=1024)
    """Bytes of an event that comes in."""
    keep: Seconds = Field(default=2_592_000.0, gt=0)
    """Seconds for which events and deliveries are kept once they are over; by default 30 days."""

    @field_validator("secrets")
    @classmethod
    def _none_guessed(cls, value: dict[str, Secret]) -> dict[str, Secret]:
        for name, secret in value.items():
            if len(secret.reveal_bytes().strip()) < SHORTEST_SHARED:
                raise ValueError(f"{name} is empty or shorter than {SHORTEST_SHARED} bytes: anybody could sign with it")
        return value

    @field_validator("encryption_key")
    @classmethod
    def _long_enough(cls, value: Secret | None) -> Secret | None:
        if value is not None and len(value) < 32:
            raise ValueError("is shorter than 32 bytes: take one that `openssl rand -base64 48` prints")
        return value
