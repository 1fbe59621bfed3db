"""What is asked for about other places, as values: GoTrue's published OpenAPI."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from undercroft.auth.types.asks import Ask


class Authorize(Struct, frozen=True, kw_only=True):
    """`GET /authorize`, and `GET /user/identities/authorize`."""

    provider: str
    redirect_to: str
    """Where people may come back to."""
    scopes: str = ""
    invite_token: str = ""
    code_challenge: str | None = None
    code_challenge_method: str | None = None
    more: dict[str, str] = field(default_factory=dict)
    """What the place is asked with besides, such as `prompt`."""


class IdTokenGrant(Ask, frozen=True, kw_only=True):
    """`POST /token?grant_type=id_token`."""

    id_token: str = ""
    access_token: str | None = None
    nonce: str | None = None
    provider: str | None = None
    client_id: str | None = None
    issuer: str | None = None
    link_identity: bool = False


class CustomProvider(Struct, frozen=True, kw_only=True):
    """`POST /admin/custom-providers`, and `PUT /admin/custom-providers/{identifier}`."""

    provider_type: str | UnsetType = UNSET
    identifier: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    client_id: str | UnsetType = UNSET
    client_secret: str | UnsetType = UNSET
    acceptable_client_ids: list[str] | UnsetType = UNSET
    scopes: list[str] | UnsetType = UNSET
    pkce_enabled: bool | UnsetType = UNSET
    attribute_mapping: dict[str, Any] | UnsetType = UNSET
    custom_claims_allowlist: list[str] | UnsetType = UNSET
    authorization_params: dict[str, str] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    email_optional: bool | UnsetType = UNSET
    issuer: str | UnsetType = UNSET
    discovery_url: str | UnsetType = UNSET
    skip_nonce_check: bool | UnsetType = UNSET
    authorization_url: str | UnsetType = UNSET
    token_url: str | UnsetType = UNSET
    userinfo_url: str | UnsetType = UNSET
    jwks_uri: str | UnsetType = UNSET

    def given(self) -> dict[str, Any]:
        """What was said, by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name) is not UNSET}
