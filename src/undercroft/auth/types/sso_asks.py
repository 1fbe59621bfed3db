"""What is asked for about single sign-on, as values: GoTrue's published OpenAPI."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from undercroft.auth.types.asks import Pkce


class SignOn(Pkce, frozen=True, kw_only=True):
    """`POST /sso`."""

    provider_id: str | None = None
    domain: str | None = None
    redirect_to: str | None = None
    skip_http_redirect: bool | None = None


class SsoProvider(Struct, frozen=True, kw_only=True):
    """`POST /admin/sso/providers`, and `PUT /admin/sso/providers/{id}`: what is not named stays."""

    type: str = ""
    resource_id: str | UnsetType | None = UNSET
    metadata_url: str = ""
    metadata_xml: str = ""
    domains: list[str] | UnsetType = UNSET
    attribute_mapping: Any = UNSET
    name_id_format: str | UnsetType | None = UNSET
    disabled: bool | UnsetType | None = UNSET
