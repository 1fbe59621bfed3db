"""Apps that sign people in by this one: registered, changed, and found to be who they say.

Protocol: RFC 7591, and Supabase's administration of clients.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from undercroft.auth.errors import AuthFault, OAuthFault
from undercroft.auth.parts.codes import new_secret, stored_of
from undercroft.auth.parts.discovery import GRANTS, METHODS
from undercroft.auth.parts.oauth_addresses import is_page, redirect_problem
from undercroft.auth.parts.scopes import SCOPES
from undercroft.auth.parts.shapes import Shape, told_moment
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.oauth import count_clients, page_of_clients
from undercroft.auth.tables import OAUTH_AUTHORIZATIONS, OAUTH_CLIENTS, OAUTH_CONSENTS, SESSIONS
from undercroft.auth.types import Caller
from undercroft.auth.types.oauth import ChangeClient, Credentials, RegisterClient

PUBLIC, CONFIDENTIAL = "public", "confidential"
_NO_METHOD = "none"
_MOST_ADDRESSES = 10
_LONGEST_NAME = 200


class Page(NamedTuple):
    """Some of the clients, and how many there are."""

    entries: list[Shape]
    number: int
    size: int
    total: int


def require_provider(room: Room) -> None:
    """Raises `AuthFault` where this is no provider."""
    if not room.settings.oauth_server.enabled:
        raise AuthFault("feature_disabled", "OAuth server is disabled", status=404)


# --- registering ---


async def register(room: Room, ask: RegisterClient, caller: Caller, *, dynamic: bool) -> Shape:
    """A new client, with its secret, which is shown this once. Raises `AuthFault` (`invalid_client_metadata`,
    `invalid_redirect_uri`).
    """
    if dynamic and not room.settings.oauth_server.allow_dynamic_registration:
        raise AuthFault("feature_disabled", "Dynamic client registration is not enabled", status=403)
    kind, method = _kind(ask.client_type, ask.token_endpoint_auth_method)
    if ask.response_types is not None and ask.response_types != ["code"]:
        raise _wrong("response_types can only be code")
    secret = new_secret() if kind == CONFIDENTIAL else None
    now = room.now()
    client: Record = {
        "id": str(uuid4()),
        "client_secret_hash": stored_of(secret) if secret else None,
        "registration_type": "dynamic" if dynamic else "manual",
        "redirect_uris": _addresses(ask.redirect_uris, kind),
        "grant_types": _grants(ask.grant_types),
        "client_name": _name(ask.client_name),
        "client_uri": _page(ask.client_uri, "client_uri"),
        "logo_uri": _page(ask.logo_uri, "logo_uri"),
        "created_at": now,
        "updated_at": now,
        "client_type": kind,
        "token_endpoint_auth_method": method,
    }

    def work(rows: Rows) -> None:
        rows.add(OAUTH_CLIENTS, **client)
        noted(rows, room, "oauth_client_registered", None, caller, traits={"client_id": client["id"]})

    await room.write(work)
    return client_shape(client, secret)


def client_shape(client: Record, secret: str | None = None) -> Shape:
    """`OAuthClientSchema`, as RFC 7591 (3.2.1) wants it, too."""
    told: Shape = {
        "client_id": client["id"],
        "client_name": client["client_name"],
        "client_type": client["client_type"],
        "token_endpoint_auth_method": client["token_endpoint_auth_method"],
        "registration_type": client["registration_type"],
        "redirect_uris": addresses_of(client),
        "grant_types": client["grant_types"].split(","),
        "response_types": ["code"],
        "scope": " ".join(SCOPES),
        "created_at": told_moment(client["created_at"]),
        "updated_at": told_moment(client["updated_at"]),
    }
    told |= {name: client[name] for name in ("client_uri", "logo_uri") if client[name]}
    if secret is not None:
        # It holds until it is made anew: `client_secret_expires_at` is 0.
        issued = int(client["created_at"].timestamp())
        told |= {"client_secret": secret, "client_secret_expires_at": 0, "client_id_issued_at": issued}
    return told


def addresses_of(client: Record) -> list[str]:
    """Where its codes may be sent to."""
    found: list[str] = client["redirect_uris"].split(",")
    return found


def _kind(kind: str | None, method: str | None) -> tuple[str, str]:
    """Whether an app can keep a secret, and how it shows it. Raises `AuthFault`."""
    if method is not None and method not in METHODS:
        raise _wrong(f"token_endpoint_auth_method is one of {', '.join(METHODS)}")
    if kind not in (None, PUBLIC, CONFIDENTIAL):
        raise _wrong("client_type is one of public and confidential")
    kind = kind or (PUBLIC if method == _NO_METHOD else CONFIDENTIAL)
    method = method or (_NO_METHOD if kind == PUBLIC else METHODS[0])
    if (method == _NO_METHOD) != (kind == PUBLIC):
        raise _wrong(f"token_endpoint_auth_method {method} is not for a {kind} client")
    return kind, method


def _addresses(uris: Sequence[str], kind: str) -> str:
    if not 1 <= len(uris) <= _MOST_ADDRESSES:
        raise _wrong(f"redirect_uris has to name 1 to {_MOST_ADDRESSES} addresses", "invalid_redirect_uri")
    for uri in uris:
        if problem := redirect_problem(uri, is_public=kind == PUBLIC):
            raise _wrong(f"redirect_uri {uri[:200]!r} {problem}", "invalid_redirect_uri")
    return ",".join(dict.fromkeys(uris))


def _grants(given: Sequence[str] | None) -> str:
    if given is None:
        return ",".join(GRANTS)
    if "authorization_code" not in given or not set(given) <= set(GRANTS):
        raise _wrong("grant_types are authorization_code and, if wanted, refresh_token")
    return ",".join(grant for grant in GRANTS if grant in given)


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise _wrong(f"client_name has to be 1 to {_LONGEST_NAME} printable characters")
    return name


def _page(uri: str | None, name: str) -> str | None:
    if uri and not is_page(uri):
        raise _wrong(f"{name} has to be an https address")
    return uri or None


def _wrong(message: str, error: str = "invalid_client_metadata") -> OAuthFault:
    return OAuthFault(error, message, code="validation_failed")


# --- administration ---


async def listed(room: Room, number: int, size: int) -> Page:
    """A page of the clients."""

    def work(rows: Rows) -> Page:
        dialect = room.engine.dialect
        found = page_of_clients(rows, dialect, size, (number - 1) * size)
        return Page([client_shape(client) for client in found], number, size, count_clients(rows, dialect))

    return await room.read(work)


async def show(room: Room, client_id: str) -> Shape:
    """One of them. Raises `AuthFault`."""
    return client_shape(await room.read(lambda rows: _held(rows, client_id)))


async def change(room: Room, client_id: str, ask: ChangeClient, caller: Caller) -> Shape:
    """Other values for what is named. Raises `AuthFault`."""

    def work(rows: Rows) -> Record:
        client = _held(rows, client_id, locked=True)
        changed = _changed(client, ask)
        if not changed:
            raise AuthFault("validation_failed", "No fields provided for update")
        changed["updated_at"] = room.now()
        rows.change(OAUTH_CLIENTS, {"id": client_id}, **changed)
        noted(rows, room, "oauth_client_modified", None, caller, traits={"client_id": client_id})
        return {**client, **changed}

    return client_shape(await room.write(work))


def _changed(client: Record, ask: ChangeClient) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if ask.client_name is not None:
        changed["client_name"] = _name(ask.client_name)
    if ask.redirect_uris is not None:
        changed["redirect_uris"] = _addresses(ask.redirect_uris, client["client_type"])
    if ask.grant_types is not None:
        changed["grant_types"] = _grants(ask.grant_types)
    if ask.token_endpoint_auth_method is not None:
        changed["token_endpoint_auth_method"] = _kind(client["client_type"], ask.token_endpoint_auth_method)[1]
    for name in ("client_uri", "logo_uri"):
        if (given := getattr(ask, name)) is not None:
            changed[name] = _page(given, name)
    return changed


async def regenerate(room: Room, client_id: str, caller: Caller) -> Shape:
    """A new secret, shown this once; the one before is good no more. Raises `AuthFault`."""
    secret = new_secret()

    def work(rows: Rows) -> Record:
        client = _held(rows, client_id, locked=True)
        if client["client_type"] != CONFIDENTIAL:
            raise AuthFault("validation_failed", "Cannot regenerate secret for public client")
        changed = {"client_secret_hash": stored_of(secret), "updated_at": room.now()}
        rows.change(OAUTH_CLIENTS, {"id": client_id}, **changed)
        noted(rows, room, "oauth_client_secret_regenerated", None, caller, traits={"client_id": client_id})
        return {**client, **changed}

    return client_shape(await room.write(work), secret)


async def delete(room: Room, client_id: str, caller: Caller) -> None:
    """Take a client out, with every session and consent that it has. Raises `AuthFault`."""

    def work(rows: Rows) -> list[str]:
        _held(rows, client_id, locked=True)
        now = room.now()
        rows.change(OAUTH_CLIENTS, {"id": client_id}, deleted_at=now, client_secret_hash=None, updated_at=now)
        rows.remove(OAUTH_AUTHORIZATIONS, client_id=client_id)
        rows.remove(OAUTH_CONSENTS, client_id=client_id)
        noted(rows, room, "oauth_client_deleted", None, caller, traits={"client_id": client_id})
        return ended(rows, room, rows.all(SESSIONS, oauth_client_id=client_id))

    room.revoked(await room.write(work))


def _held(rows: Rows, client_id: str, *, locked: bool = False) -> Record:
    client = client_of(rows, client_id, locked=locked)
    if client is None:
        raise AuthFault("oauth_client_not_found", "OAuth client not found")
    return client


# --- who an app is ---


def client_of(rows: Rows, client_id: str, *, locked: bool = False) -> Record | None:
    """The client of an id; None where there is none."""
    try:
        its_id = str(UUID(client_id))
    except ValueError:
        return None
    # As it was given out: an id that is written in another way is another one.
    return rows.one(OAUTH_CLIENTS, locked=locked, id=its_id, deleted_at=None) if its_id == client_id else None


async def authenticated(room: Room, given: Credentials) -> Record:
    """The client that these are of. Raises `OAuthFault` `invalid_client`, in the same words for any reason."""
    client = await room.read(lambda rows: client_of(rows, given.client_id))
    if client is None or not _is_proven(client, given.secret):
        raise OAuthFault("invalid_client", "Client authentication failed", status=401)
    return client


def _is_proven(client: Record, secret: str | None) -> bool:
    if client["client_type"] == PUBLIC:
        return secret is None
    held = client["client_secret_hash"]
    return bool(held) and secret is not None and hmac.compare_digest(stored_of(secret), held)
