"""Places that tell who somebody is by an ID token (OpenID Connect)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from undercroft.auth.backends.providers.declared import (
    Claims,
    Client,
    Provider,
    is_issuer,
    is_true,
    openid,
    part,
    person,
    text,
)
from undercroft.auth.types.people import Person

_TENANT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal Microsoft accounts."""
CUSTOM = "custom:"
"""How the names begin of places that are not built in."""
_APPLE = "https://appleid.apple.com"
_APPLE_SECRET = 300


def _own_issuer(claims: Claims, url: str) -> bool:
    return bool(url) and claims.get("iss") == url


def custom(claims: Claims, found: Mapping[str, Any]) -> Person:
    """Somebody by the ID token, and by the user info where that says more; what both say, the token says."""
    told = part(found, "user")
    return openid({**told, **claims} if isinstance(told, dict) and told.get("sub") == claims.get("sub") else claims)


def mapped(attributes: Mapping[str, str], kept: Sequence[str]) -> Callable[[Claims, Mapping[str, Any]], Person]:
    """A reader for a place that an admin added: attributes by the claims that hold them, and further claims as they
    are."""

    def reads(claims: Claims, found: Mapping[str, Any]) -> Person:
        told = part(found, "user")
        told = told if isinstance(told, dict) and (not claims or told.get("sub") == claims.get("sub")) else {}
        known: dict[str, Any] = {**told, **claims}
        # Who somebody is, a signature says, where there is one.
        subject = claims.get("sub") or known.get(attributes.get("sub", "sub")) or known.get("id")
        taken = {name: known[claim] for name, claim in attributes.items() if claim in known}
        made = openid({**known, **taken, "sub": text(subject)})
        own = {name: known[name] for name in kept if name in known}
        return replace(made, data={**made.data, "custom_claims": own}) if own else made

    return reads


def _google(claims: Claims, found: Mapping[str, Any]) -> Person:
    made = openid(claims)
    domain = text(claims.get("hd"))
    return made if domain is None else replace(made, data={**made.data, "custom_claims": {"hd": domain}})


def _apple(claims: Claims, found: Mapping[str, Any]) -> Person:
    """The name comes once, in the form that people are sent back with; nothing else of that form is believed."""
    name = " ".join(
        each for each in (text(part(found, "form", "name", key)) for key in ("firstName", "lastName")) if each
    )
    private = is_true(claims.get("is_private_email"))
    made = openid({**claims, "name": name or None})
    return replace(made, data={**made.data, "custom_claims": {"is_private_email": private}}) if private else made


def _apple_secret(client: Client, now: float) -> str:
    """The secret of an app at Apple is a token that its key signs; some write that, others the key.

    https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret
    """
    given = client.secret.reveal().strip()
    if not given.startswith("{"):
        return given
    from joserfc import jws
    from joserfc.jwk import ECKey

    parts = json.loads(given)
    header = {"alg": "ES256", "kid": parts["key_id"]}
    claims = {
        "iss": parts["team_id"], "iat": int(now), "exp": int(now) + _APPLE_SECRET, "aud": _APPLE,
        "sub": client.client_id,
    }  # fmt: skip
    return jws.serialize_compact(header, json.dumps(claims), ECKey.import_key(parts["private_key"]))


def is_azure_issuer(claims: Claims, url: str) -> bool:
    """Whether a token is of a tenant that the address of the place lets in: one of its own, or any of a kind.

    The issuer is compared whole, with the tenant that the token names in it; what a token says of its issuer is no more
    than what the keys of Microsoft signed for that tenant.
    """
    tenant, wanted = claims.get("tid"), url.rstrip("/").rpartition("/")[2].lower()
    if not isinstance(tenant, str) or not _TENANT.fullmatch(tenant):
        return False
    base = url.rstrip("/").rpartition("/")[0]
    if claims.get("iss") != f"{base}/{tenant}/v2.0":
        return False
    kinds = {"common": True, "organizations": tenant != _CONSUMERS, "consumers": tenant == _CONSUMERS}
    return kinds.get(wanted, tenant == wanted)


def _azure(claims: Claims, found: Mapping[str, Any]) -> Person:
    """Addresses are what a tenant's admin writes; `xms_edov` says that the tenant has shown to own the domain. Names
    to sign in by (`upn`, `preferred_username`) are no addresses."""
    owned = claims.get("xms_edov")
    return openid({**claims, "email_verified": is_true(owned) or owned in (1, "1")})


def _facebook(claims: Claims, found: Mapping[str, Any]) -> Person:
    user = part(found, "user")
    told = user if isinstance(user, dict) else claims
    name, picture = told.get("name"), part(told, "picture", "data", "url") or text(told.get("picture"))
    # It says nothing of whether it looked at an address.
    return person("https://www.facebook.com", told.get("id") or claims.get("sub"), told.get("email"), False, name=name,
                  full_name=name, picture=picture, avatar_url=picture)  # fmt: skip


def discovered(name: str, issuer: str, discovery: str | None, **more: Any) -> Provider:
    """A place of which the settings, or an admin, say no more than who it is."""
    address = discovery or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    given: dict[str, Any] = {"issuer": _own_issuer, "reads": custom, "discovery": address, **more}
    return Provider(name=name, authorization="", exchange="", url=issuer, **given)


OPENID = (
    Provider(
        name="google", url="https://accounts.google.com", scopes="openid email profile",
        authorization="{url}/o/oauth2/v2/auth", exchange="https://oauth2.googleapis.com/token",
        jwks="https://www.googleapis.com/oauth2/v3/certs", reads=_google,
        issuer=is_issuer("https://accounts.google.com", "accounts.google.com"), sends="https://accounts.google.com",
    ),
    Provider(
        name="apple", url=_APPLE, scopes="name email", authorization="{url}/auth/authorize",
        exchange="{url}/auth/token", jwks="{url}/auth/keys", issuer=is_issuer(_APPLE), form_post=True, pkce=False,
        reads=_apple, parameters={"response_mode": "form_post"}, secret=_apple_secret,
    ),
    Provider(
        name="azure", url="https://login.microsoftonline.com/common", scopes="openid email profile",
        authorization="{url}/oauth2/v2.0/authorize", exchange="{url}/oauth2/v2.0/token",
        jwks="{url}/discovery/v2.0/keys", issuer=is_azure_issuer, reads=_azure,
    ),
    Provider(
        name="facebook", url="https://www.facebook.com", scopes="email", authorization="{url}/dialog/oauth",
        exchange="https://graph.facebook.com/oauth/access_token",
        jwks="https://limited.facebook.com/.well-known/oauth/openid/jwks/",
        issuer=is_issuer("https://www.facebook.com", "https://facebook.com"), reads=_facebook, nonce=False,
        people={"user": "https://graph.facebook.com/me?fields=id,name,email,picture"},
    ),
    Provider(
        name="keycloak", own=True, scopes="openid profile email", jwks="{url}/protocol/openid-connect/certs",
        authorization="{url}/protocol/openid-connect/auth", exchange="{url}/protocol/openid-connect/token",
        issuer=_own_issuer, reads=custom, people={"user": "{url}/protocol/openid-connect/userinfo"},
    ),
    Provider(
        name="linkedin_oidc", url="https://www.linkedin.com/oauth", scopes="openid profile email",
        authorization="{url}/v2/authorization", exchange="{url}/v2/accessToken", jwks="{url}/openid/jwks",
        issuer=is_issuer("https://www.linkedin.com/oauth", "https://www.linkedin.com"), pkce=False, nonce=False,
    ),
    Provider(
        name="slack_oidc", url="https://slack.com", scopes="openid profile email",
        authorization="{url}/openid/connect/authorize", exchange="{url}/api/openid.connect.token",
        jwks="{url}/openid/connect/keys", issuer=is_issuer("https://slack.com"), pkce=False,
    ),
)  # fmt: skip
"""Google, Apple, Microsoft, Facebook, Keycloak, LinkedIn and Slack."""
