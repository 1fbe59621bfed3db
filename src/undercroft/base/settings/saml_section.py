"""`[auth.saml]`: signing in by the identity provider of an organisation."""

from __future__ import annotations

from pydantic import Field

from undercroft.base.secret import Secret
from undercroft.base.settings.sections import Section
from undercroft.base.settings.units import Seconds


class AuthSaml(Section):
    """`[auth.saml]`: people sign in by the identity provider of their organisation (SAML 2.0)."""

    enabled: bool = False
    """Whether they can. It needs `pip install 'undercroft[saml]'`."""
    private_key: Secret | None = None
    """The RSA key that requests are signed with, at least 2048 bits: PKCS#1 in base64, or PEM; without it, one that is
    made at first start in the data directory."""
    external_url: str | None = None
    """The address of `/auth/v1` as identity providers know it, with `/saml/metadata` and `/saml/acs` below it; by
    default `[auth] external_url`."""
    relay_state_validity_period: Seconds = Field(default=600.0, ge=1, le=3600)
    """Seconds that somebody may take at their identity provider."""
    allow_encrypted_assertions: bool = False
    """Whether assertions may come encrypted to our key."""
