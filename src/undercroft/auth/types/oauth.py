"""What is asked of the provider: the bodies of its operations, and the parameters of a request for an authorization."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct


class RegisterClient(Struct, frozen=True, kw_only=True):
    """`POST /oauth/clients/register` (RFC 7591) and `POST /admin/oauth/clients`."""

    client_name: str = ""
    redirect_uris: list[str] = []
    client_uri: str | None = None
    logo_uri: str | None = None
    client_type: str | None = None
    token_endpoint_auth_method: str | None = None
    grant_types: list[str] | None = None
    response_types: list[str] | None = None
    scope: str | None = None


class ChangeClient(Struct, frozen=True, kw_only=True):
    """`PUT /admin/oauth/clients/{client_id}`: what is not named stays."""

    client_name: str | None = None
    redirect_uris: list[str] | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    grant_types: list[str] | None = None
    token_endpoint_auth_method: str | None = None


class Consent(Struct, frozen=True, kw_only=True):
    """`POST /oauth/authorizations/{authorization_id}/consent`."""

    action: str = ""


class Authorize(NamedTuple):
    """`GET /oauth/authorize`: RFC 6749 (4.1.1), RFC 7636 (4.3), RFC 8707 and OpenID Connect Core (3.1.2.1)."""

    client_id: str = ""
    redirect_uri: str = ""
    response_type: str = ""
    scope: str = ""
    state: str | None = None
    nonce: str | None = None
    code_challenge: str = ""
    code_challenge_method: str = ""
    resource: str | None = None
    prompt: str = ""
    max_age: str = ""
    response_mode: str = ""
    request: str | None = None
    request_uri: str | None = None


class Credentials(NamedTuple):
    """By what an app says who it is at the token endpoint; without a secret, it only says so."""

    client_id: str
    secret: str | None = None


class CodeAsk(NamedTuple):
    """A code, and what proves that it came to whoever began."""

    code: str
    redirect_uri: str
    verifier: str
    resource: str | None = None
