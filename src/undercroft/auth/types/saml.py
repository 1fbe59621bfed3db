"""Identity providers that speak SAML 2.0, and what they say of somebody, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:"
EMAIL_FORMAT = f"{FORMAT}emailAddress"
UNSPECIFIED_FORMAT = f"{FORMAT}unspecified"
PERSISTENT_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
TRANSIENT_FORMAT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
FORMATS = (PERSISTENT_FORMAT, EMAIL_FORMAT, TRANSIENT_FORMAT, UNSPECIFIED_FORMAT)
"""What a NameID may be asked for as."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """One of them, as its metadata describe it."""

    entity_id: str
    certificates: tuple[str, ...] = field(repr=False)
    """Base64 of DER: by these it signs."""
    redirect: str | None
    """Where people are sent to with what is asked in the address (HTTP-Redirect)."""
    post: str | None
    """Where people are sent to by a form (HTTP-POST)."""
    valid_until: datetime | None
    cache_seconds: float | None


@dataclass(frozen=True, slots=True)
class Asserted:
    """Somebody, as a verified assertion describes them."""

    id: str
    """Of the assertion: it is taken once."""
    name_id: str
    name_id_format: str
    attributes: dict[str, list[str]] = field(repr=False)
    """By name, and by friendly name."""
    not_after: datetime | None
    """When their session is to end."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a response has to fit."""

    provider: IdentityProvider
    audience: str
    """Our entity id."""
    recipient: str
    """Where responses come in."""
    request_id: str | None
    """Of the request that it answers; None where it has to answer none."""
    now: datetime
    key: Any = field(default=None, repr=False)
    """Our key, where assertions may come encrypted to it."""
