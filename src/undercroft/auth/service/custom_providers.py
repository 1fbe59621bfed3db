"""Places that an admin adds while the house runs, and what any place is to this app.

Their secrets are sealed in the database, and told to nobody again.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from undercroft.auth.backends.providers import PROVIDERS, Client, Provider
from undercroft.auth.backends.providers.calls import Calls, is_safe
from undercroft.auth.backends.providers.openid import CUSTOM, discovered, mapped
from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.sealing import CLIENT_SECRET
from undercroft.auth.parts.shapes import Shape, told_moment
from undercroft.auth.service.room import Room
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import CUSTOM_PROVIDERS
from undercroft.auth.types.provider_asks import CustomProvider
from undercroft.base.faults import Fault, SetupFault
from undercroft.base.secret import Secret
from undercroft.base.settings.auth_section import AuthExternal

RESERVED = frozenset({
    "client_id", "client_secret", "redirect_uri", "response_type", "response_mode", "state", "scope", "nonce",
    "code_challenge", "code_challenge_method", "request", "request_uri", "provider", "redirect_to", "scopes", "apikey",
    "skip_http_redirect", "invite_token", "ticket", "access_token", "id_token_hint",
})  # fmt: skip
"""Parameters of an authorization that nobody else sets."""
_PROTECTED = frozenset({
    "id", "aud", "role", "iss", "app_metadata", "raw_app_meta_data", "user_metadata", "raw_user_meta_data",
    "provider_id", "is_super_admin", "is_anonymous", "banned_until", "email_confirmed_at", "phone_confirmed_at",
    "confirmed_at", "created_at", "updated_at", "deleted_at", "encrypted_password",
})  # fmt: skip
_IDENTIFIER = re.compile(r"[a-zA-Z0-9_-]{1,100}")
_URLS = ("issuer", "discovery_url", "authorization_url", "token_url", "userinfo_url", "jwks_uri")
_NEEDED = {"oidc": ("issuer",), "oauth2": ("authorization_url", "token_url", "userinfo_url")}
_ASKED = ("provider_type", "identifier", "name", "client_id", "client_secret")
_DEFAULTS: dict[str, Any] = {
    "acceptable_client_ids": [], "scopes": [], "pkce_enabled": True, "attribute_mapping": {},
    "custom_claims_allowlist": [], "authorization_params": {}, "enabled": True, "email_optional": False,
    "skip_nonce_check": False,
}  # fmt: skip
_MOST = 100
_LONGEST = 2048


# --- what a place is to this app ---


def check_settings(external: dict[str, AuthExternal]) -> None:
    """Raises `SetupFault` for a place that nobody knows, and for one that lacks what it needs."""
    for name, given in external.items():
        known = PROVIDERS.get(name)
        is_own = name.startswith(CUSTOM) and _IDENTIFIER.fullmatch(name.removeprefix(CUSTOM)) is not None
        if not given.enabled:
            continue  # a file of Supabase CLI's lists places that are not used
        if known is None and not is_own:
            hint = f'One of {", ".join(sorted(PROVIDERS))}, or "{CUSTOM}<name>" with the url of an OpenID issuer.'
            raise SetupFault(f"[auth.external.{name}] is no place that is known", hint=hint)
        if not given.client_id.strip():
            raise SetupFault(f"[auth.external.{name}] has no client_id")
        if (known is None or known.own) and not given.url:
            raise SetupFault(f"[auth.external.{name}] has no url, and there are many of it")
        if given.url and not is_safe(given.url):
            raise SetupFault(f"[auth.external.{name}] url is no https address")


async def client_of(room: Room, name: str) -> Client:
    """A place with all its addresses, as people sign in by it. Raises `AuthFault` where they do not."""
    given = room.settings.external.get(name)
    client = None
    if given is not None:
        client = _of_settings(room, name, given)
    elif name.startswith(CUSTOM):
        row = await room.read(lambda rows: rows.one(CUSTOM_PROVIDERS, identifier=name))
        client = None if row is None else _of_row(room, row)
    if client is None or not client.enabled:
        raise validation_failed("Unsupported provider: provider is not enabled")
    return await calls_of(room).found(client)


def calls_of(room: Room) -> Calls:
    """The way out. Raises `AuthFault` where there is none."""
    if room.places is None:
        raise AuthFault("provider_disabled", "Other places are not called from here")
    return room.places


def _of_settings(room: Room, name: str, given: AuthExternal) -> Client:
    ids = tuple(each.strip() for each in given.client_id.split(",") if each.strip())
    known = PROVIDERS.get(name)
    if known is None:
        provider = discovered(name, given.url, None, scopes="openid email profile")
    else:
        provider = known.at(given.url) if given.url else known
    return Client(
        provider=provider, client_id=ids[0] if ids else "", secret=given.secret or Secret(""), audiences=ids,
        redirect_uri=given.redirect_uri or f"{room.address}/callback", enabled=given.enabled and bool(ids),
        skip_nonce_check=given.skip_nonce_check, email_optional=given.email_optional,
    )  # fmt: skip


def _of_row(room: Room, row: Record) -> Client:
    told = {**_DEFAULTS, **row["settings"]}
    reads = mapped(told["attribute_mapping"], told["custom_claims_allowlist"])
    scopes = list(told["scopes"])
    more: dict[str, Any] = {"pkce": told["pkce_enabled"], "parameters": told["authorization_params"], "reads": reads}
    if row["provider_type"] == "oidc":
        scopes = scopes if "openid" in scopes else ["openid", *scopes]
        provider = discovered(
            row["identifier"], told["issuer"], told.get("discovery_url"), scopes=" ".join(scopes), **more
        )
    else:
        provider = Provider(
            name=row["identifier"], authorization=told["authorization_url"], exchange=told["token_url"],
            people={"user": told["userinfo_url"]}, scopes=" ".join(scopes), **more,
        )  # fmt: skip
    secret = CLIENT_SECRET.open(room.sealing(), row["id"], row["client_secret"]) if row["client_secret"] else ""
    return Client(
        provider=provider, client_id=told["client_id"], secret=Secret(secret), redirect_uri=f"{room.address}/callback",
        audiences=(told["client_id"], *told["acceptable_client_ids"]), enabled=told["enabled"],
        skip_nonce_check=told["skip_nonce_check"], email_optional=told["email_optional"],
    )  # fmt: skip


# --- what an admin does with them ---


async def listed(room: Room, kind: str | None) -> Shape:
    """`GET /admin/custom-providers`. Raises `AuthFault`."""
    if kind not in (None, "", "oauth2", "oidc"):
        raise validation_failed("type must be either 'oauth2' or 'oidc'")
    where: dict[str, Any] = {"provider_type": kind} if kind else {}
    return {"providers": [_shape(row) for row in await room.read(lambda rows: rows.all(CUSTOM_PROVIDERS, **where))]}


async def show(room: Room, identifier: str) -> Shape:
    """`GET /admin/custom-providers/{identifier}`. Raises `AuthFault`."""
    _check_prefix(identifier)
    return _shape(await room.read(lambda rows: _there(rows, identifier)))


async def create(room: Room, ask: CustomProvider) -> Shape:
    """`POST /admin/custom-providers`. Raises `AuthFault`."""
    told = ask.given()
    if missing := next((name for name in _ASKED if not told.get(name)), None):
        raise validation_failed(f"{missing} is required")
    kind, identifier = told.pop("provider_type"), told.pop("identifier").removeprefix(CUSTOM)
    if kind not in _NEEDED:
        raise validation_failed("provider_type must be either 'oauth2' or 'oidc'")
    if not _IDENTIFIER.fullmatch(identifier):
        raise validation_failed("identifier is made of letters, digits, - and _")
    if identifier.lower() in PROVIDERS:
        raise validation_failed(f"Cannot use reserved provider name: {identifier}. This provider is built in.")
    secret, row_id, now = told.pop("client_secret"), str(uuid4()), room.now()
    settings = {**_DEFAULTS, **told}
    await _check(room, kind, settings)
    row = {
        "id": row_id, "identifier": f"{CUSTOM}{identifier}", "provider_type": kind, "settings": settings,
        "client_secret": CLIENT_SECRET.seal(room.sealing(), row_id, secret), "created_at": now, "updated_at": now,
    }  # fmt: skip

    def work(rows: Rows) -> None:
        if len(rows.all(CUSTOM_PROVIDERS)) >= _MOST:
            raise AuthFault("over_custom_provider_quota", "Maximum number of custom OIDC/OAuth providers reached")
        rows.add(CUSTOM_PROVIDERS, **row)

    try:
        await room.write(work)
    except Fault as fault:
        if fault.code != "23505":
            raise
        message = "A custom OAuth provider with this identifier already exists"
        raise AuthFault("conflict", message, status=400) from None
    return _shape(row)


async def change(room: Room, identifier: str, ask: CustomProvider) -> Shape:
    """`PUT /admin/custom-providers/{identifier}`. Raises `AuthFault`."""
    _check_prefix(identifier)
    told = ask.given()
    told.pop("identifier", None)
    row = await room.read(lambda rows: _there(rows, identifier))
    if told.pop("provider_type", row["provider_type"]) != row["provider_type"]:
        raise validation_failed("provider_type cannot be changed")
    secret = told.pop("client_secret", None)
    settings = {**row["settings"], **told}
    is_moved = any(settings.get(name) != row["settings"].get(name) for name in ("issuer", "discovery_url"))
    await _check(room, row["provider_type"], settings, looks=is_moved)
    columns: dict[str, Any] = {"updated_at": room.now()}
    if secret:
        columns["client_secret"] = CLIENT_SECRET.seal(room.sealing(), row["id"], secret)

    def work(rows: Rows) -> Record:
        now = _there(rows, identifier)
        after = {**now, **columns, "settings": {**now["settings"], **told}}
        rows.change(CUSTOM_PROVIDERS, {"id": now["id"]}, settings=after["settings"], **columns)
        return after

    return _shape(await room.write(work))


async def remove(room: Room, identifier: str) -> None:
    """`DELETE /admin/custom-providers/{identifier}`. Raises `AuthFault`."""
    _check_prefix(identifier)
    if not await room.write(lambda rows: rows.remove(CUSTOM_PROVIDERS, identifier=identifier)):
        raise _missing()


async def _check(room: Room, kind: str, settings: dict[str, Any], *, looks: bool = True) -> None:
    """That a place can be signed in by. Raises `AuthFault`."""
    label = "OIDC" if kind == "oidc" else "OAuth2"
    if missing := next((name for name in _NEEDED[kind] if not settings.get(name)), None):
        raise validation_failed(f"{missing} is required for {label} providers")
    if not settings.get("name") or not settings.get("client_id"):
        raise validation_failed("name and client_id are required")
    for name in _URLS:
        if settings.get(name) and not is_safe(settings[name]):
            raise validation_failed(f"{name} must be an https URL")
    if protected := sorted(_PROTECTED & set(settings["attribute_mapping"])):
        raise validation_failed(f"Cannot map to protected system fields: {', '.join(protected)}")
    if not all(isinstance(each, str) for each in settings["attribute_mapping"].values()):
        raise validation_failed("attribute_mapping has the name of a claim for each attribute")
    if reserved := sorted(RESERVED & set(settings["authorization_params"])):
        raise validation_failed(f"Cannot override reserved OAuth parameters: {', '.join(reserved)}")
    if len(str(settings)) > 10 * _LONGEST or _holds_nul(settings):
        raise validation_failed("The configuration is too long, or holds what no text holds")
    if kind == "oidc" and looks:
        issuer = settings["issuer"]
        address = settings.get("discovery_url") or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        await calls_of(room).discover(issuer, address)


def _check_prefix(identifier: str) -> None:
    name = identifier.removeprefix(CUSTOM)
    if not identifier.startswith(CUSTOM) or not _IDENTIFIER.fullmatch(name):
        raise validation_failed(f"identifier must start with '{CUSTOM}' prefix")


def _there(rows: Rows, identifier: str) -> Record:
    row = rows.one(CUSTOM_PROVIDERS, identifier=identifier)
    if row is None:
        raise _missing()
    return row


def _missing() -> AuthFault:
    return AuthFault("custom_provider_not_found", "Custom OAuth provider not found", status=404)


def _shape(row: Record) -> Shape:
    """`CustomOAuthProviderSchema`: no secret."""
    told = {"id": row["id"], "provider_type": row["provider_type"], "identifier": row["identifier"]}
    stamps = {name: told_moment(row[name]) for name in ("created_at", "updated_at")}
    return {**told, **{key: value for key, value in row["settings"].items() if value is not None}, **stamps}


def _holds_nul(value: object) -> bool:
    """Whether a text in it has what PostgreSQL stores in none."""
    if isinstance(value, dict):
        return any(_holds_nul(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\x00" in value
