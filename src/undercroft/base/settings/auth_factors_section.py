"""`[auth.mfa]`, `[auth.passkey]` and `[auth.webauthn]`: what people have besides a password, or in its place."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from undercroft.base.settings.sections import Count, Section
from undercroft.base.settings.units import Seconds

OtpLength = Annotated[int, Field(ge=6, le=10)]


class AuthMfaTotp(Section):
    """`[auth.mfa.totp]`: apps that show a code every 30 seconds."""

    enroll_enabled: bool = True
    """Whether one may be added."""
    verify_enabled: bool = True
    """Whether its codes are taken."""


class AuthMfaPhone(Section):
    """`[auth.mfa.phone]`: codes by SMS."""

    enroll_enabled: bool = False
    """Whether one may be added."""
    verify_enabled: bool = False
    """Whether its codes are taken."""
    otp_length: OtpLength = 6
    """Digits of a code."""
    template: str = "Your code is {{ .Code }}"
    """The text of a message."""
    max_frequency: Seconds = Field(default=5.0, ge=0)
    """Seconds between two messages to one number."""


class AuthMfaWebAuthn(Section):
    """`[auth.mfa.web_authn]`: security keys, and the ones that a phone or computer has in it."""

    enroll_enabled: bool = False
    """Whether one may be added."""
    verify_enabled: bool = False
    """Whether they are taken."""


class AuthMfa(Section):
    """`[auth.mfa]`: second factors."""

    max_enrolled_factors: Count = 10
    """Factors of one account, at most."""
    totp: AuthMfaTotp = AuthMfaTotp()
    phone: AuthMfaPhone = AuthMfaPhone()
    web_authn: AuthMfaWebAuthn = AuthMfaWebAuthn()


class AuthPasskey(Section):
    """`[auth.passkey]`: signing in with what a phone, a computer or a key holds, and nothing to remember."""

    enabled: bool = True
    """Whether passkeys may be added, and are taken."""
    max_passkeys_per_user: Count = 10
    """Passkeys of one account, at most."""


class AuthWebAuthn(Section):
    """`[auth.webauthn]`: for whom passkeys and security keys are made. What has been made is bound to `rp_id`."""

    rp_display_name: str = ""
    """The name that people read when they are asked; by default `rp_id`."""
    rp_id: str = ""
    """The domain, without scheme and port, and for it and all below it; by default the one of `site_url`."""
    rp_origins: tuple[str, ...] = ()
    """Addresses of pages that may ask for them, such as `https://app.example.com`; by default the one of `site_url`."""
