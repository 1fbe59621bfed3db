"""What a provider tells of itself: RFC 8414, and OpenID Connect Discovery 1.0 (3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from undercroft.auth.parts.scopes import CLAIMS, SCOPES

METHODS = ("client_secret_basic", "client_secret_post", "none")
GRANTS = ("authorization_code", "refresh_token")
PLACES = (b"/.well-known/oauth-authorization-server", b"/.well-known/openid-configuration")
"""Where it is told: below the issuer, and at the root with the issuer's path behind (RFC 8414, 3.1)."""


def algorithms(keys: Iterable[Mapping[str, Any]]) -> list[str]:
    """By what ID tokens are signed: with the keys that are told, else with the installation's secret."""
    return sorted({str(key["alg"]) for key in keys if "alg" in key}) or ["HS256"]


def server_metadata(issuer: str, *, registers: bool) -> dict[str, Any]:
    """`/.well-known/oauth-authorization-server`; `issuer` is the address of `/auth/v1`."""
    told: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GRANTS,
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
    if registers:
        told["registration_endpoint"] = f"{issuer}/oauth/clients/register"
    return told


def openid_configuration(issuer: str, *, registers: bool, keys: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """`/.well-known/openid-configuration`."""
    return server_metadata(issuer, registers=registers) | {
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms(keys),
        "claims_supported": ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", *CLAIMS],
        "acr_values_supported": ["aal1", "aal2"],
        "prompt_values_supported": ["none", "login", "consent"],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
