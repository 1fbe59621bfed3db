"""What an app's hooks of signing in are told: the payloads that Supabase documents for its auth hooks, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

HookName = Literal[
    "custom_access_token",
    "before_user_created",
    "after_user_created",
    "password_verification_attempt",
    "mfa_verification_attempt",
    "send_email",
    "send_sms",
]
NAMES: tuple[HookName, ...] = get_args(HookName)


@dataclass(frozen=True, slots=True)
class AuthHook:
    """A function of the app: `async def hook(ctx, event)`."""

    name: HookName
    run: Callable[..., Any]
    read_only: bool
    source: str


@dataclass(frozen=True, slots=True)
class AccessTokenEvent:
    """A token is about to be signed."""

    user_id: UUID
    claims: dict[str, Any]
    """What it would say; the hook may change it in place."""
    authentication_method: str
    """How they came: `password`, `otp`, `oauth`, `totp`, `anonymous`, … or `token_refresh`."""


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """What is known of the request."""

    uuid: UUID
    time: datetime
    name: str
    ip_address: str


@dataclass(frozen=True, slots=True)
class UserEvent:
    """An account is about to be there, or is."""

    metadata: EventMetadata
    user: dict[str, Any]
    """As `GET /user` shows it."""


@dataclass(frozen=True, slots=True)
class PasswordEvent:
    """A password was tried on an account."""

    user_id: UUID
    valid: bool


@dataclass(frozen=True, slots=True)
class FactorEvent:
    """A second factor was tried."""

    factor_id: UUID
    factor_type: str
    user_id: UUID
    valid: bool


@dataclass(frozen=True, slots=True)
class EmailData:
    """What a mail would hold."""

    token: str = field(repr=False)
    token_hash: str = field(repr=False)
    redirect_to: str
    email_action_type: str
    site_url: str
    confirmation_url: str = field(repr=False)
    """The link itself; empty for a mail that has none."""


@dataclass(frozen=True, slots=True)
class EmailEvent:
    """A mail is to be sent."""

    to: str
    """Where: of a changed address both the old and the new one get a mail."""
    user: dict[str, Any]
    email_data: EmailData


@dataclass(frozen=True, slots=True)
class SmsData:
    """What a message would hold."""

    otp: str = field(repr=False)
    text: str = field(repr=False)
    """The code in the words of `[auth.sms] template`."""
    channel: str
    """`sms` or `whatsapp`."""


@dataclass(frozen=True, slots=True)
class SmsEvent:
    """A message is to be sent."""

    user: dict[str, Any]
    sms: SmsData
