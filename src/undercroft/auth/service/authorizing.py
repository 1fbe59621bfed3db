"""People let an app in, or do not: from its request to the code that it gets.

Protocol: OAuth 2.1 (4.1), with PKCE for everybody (RFC 7636), the issuer in each answer (RFC 9207) and the resource
that is meant (RFC 8707). The page that asks is the app's own; it reads and answers by auth-js.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from undercroft.auth.errors import AuthFault, OAuthFault
from undercroft.auth.parts.codes import new_secret, stored_of
from undercroft.auth.parts.oauth_addresses import is_held, is_resource
from undercroft.auth.parts.redirects import with_query
from undercroft.auth.parts.scopes import read_scopes
from undercroft.auth.parts.shapes import Shape, told_moment
from undercroft.auth.service.clients import PUBLIC, addresses_of, client_of
from undercroft.auth.service.factors import own_session, require_aal
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended, refuse_banned
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.oauth import consented, forget_unfinished
from undercroft.auth.tables import AMR, OAUTH_AUTHORIZATIONS, OAUTH_CLIENTS, OAUTH_CONSENTS, SESSIONS
from undercroft.auth.types import Caller
from undercroft.auth.types.oauth import Authorize

PENDING, APPROVED, DENIED = "pending", "approved", "denied"
LIFETIME = 600.0
"""Seconds in which somebody may decide."""
_FORGOTTEN = 3600.0
"""Seconds after which one that came to nothing is taken out."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""Of S256: 256 bits, base64url."""
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_LONGEST = {"state": 2048, "nonce": 512, "resource": 2048}


class Turned(Exception):
    """An app's request that is refused where its answers go: at its redirect address."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


# --- asking ---


async def begin(room: Room, ask: Authorize) -> str:
    """The page that asks somebody, for this request. Raises `AuthFault` where nobody may be sent anywhere for it, and
    `Turned` where the app is told.
    """
    client = await room.read(lambda rows: client_of(rows, ask.client_id))
    if client is None:
        raise OAuthFault("invalid_request", "There is no such client", code="oauth_client_not_found", status=400)
    if ask.redirect_uri not in addresses_of(client):
        raise OAuthFault("invalid_request", "redirect_uri is none of the client's", code="validation_failed")
    try:
        scopes = _checked(client, ask)
    except OAuthFault as fault:
        said = {"error": fault.error, "error_description": fault.message}
        raise Turned(_answer(room, ask.redirect_uri, ask.state, said)) from None
    now, authorization_id = room.now(), new_secret()

    def work(rows: Rows) -> None:
        forget_unfinished(rows, room.engine.dialect, now - timedelta(seconds=_FORGOTTEN))
        rows.add(
            OAUTH_AUTHORIZATIONS,
            id=str(uuid4()),
            authorization_id=authorization_id,
            client_id=client["id"],
            redirect_uri=ask.redirect_uri,
            scope=" ".join(scopes),
            state=ask.state,
            resource=ask.resource,
            code_challenge=ask.code_challenge,
            code_challenge_method="s256",
            nonce=ask.nonce,
            response_type="code",
            status=PENDING,
            created_at=now,
            expires_at=now + timedelta(seconds=LIFETIME),
            prompt=ask.prompt or None,
            max_age=int(ask.max_age) if ask.max_age else None,
        )

    await room.write(work)
    return with_query(consent_page(room), {"authorization_id": authorization_id})


def consent_page(room: Room) -> str:
    """Where people are asked."""
    path = room.settings.oauth_server.authorization_url_path
    if not path:
        return f"{room.ui}/consent"
    return f"{room.settings.site_url.rstrip('/')}/{path.lstrip('/')}"


def _checked(client: Record, ask: Authorize) -> tuple[str, ...]:
    """The scopes that are asked for. Raises `OAuthFault`."""
    for name in ("request", "request_uri"):
        if getattr(ask, name) is not None:
            raise OAuthFault(f"{name}_not_supported", f"{name} is not supported")
    if ask.response_type != "code":
        raise OAuthFault("unsupported_response_type", "response_type can only be code")
    if ask.response_mode not in ("", "query"):
        raise OAuthFault("invalid_request", "response_mode can only be query")
    for name, most in _LONGEST.items():
        if len(getattr(ask, name) or "") > most:
            raise OAuthFault("invalid_request", f"{name} is longer than {most} characters")
    if ask.code_challenge_method != "S256" or not _CHALLENGE.fullmatch(ask.code_challenge):
        raise OAuthFault("invalid_request", "PKCE is required: code_challenge, and code_challenge_method=S256")
    if "authorization_code" not in client["grant_types"].split(","):
        raise OAuthFault("unauthorized_client", "The client does not use authorization_code")
    scopes = read_scopes(ask.scope)
    if scopes is None:
        raise OAuthFault("invalid_scope", "scope is of openid, profile, email and phone")
    if ask.resource is not None and not is_resource(ask.resource):
        raise OAuthFault("invalid_target", "resource has to be an absolute address without a fragment")
    _check_login(ask)
    return scopes


def _check_login(ask: Authorize) -> None:
    """How an app wants somebody to be asked. Raises `OAuthFault`."""
    if ask.max_age and not _SECONDS.fullmatch(ask.max_age):
        raise OAuthFault("invalid_request", "max_age is a number of seconds")
    if "none" in ask.prompt.split():
        # Who somebody is, only their own page knows.
        raise OAuthFault("login_required", "Somebody has to be asked")


def _answer(room: Room, address: str, state: str | None, said: dict[str, str]) -> str:
    """The address with which a browser brings an app its answer."""
    return with_query(address, said | ({} if state is None else {"state": state}) | {"iss": room.address})


# --- deciding ---


async def details(room: Room, user: Record, session: Record | None, authorization_id: str, caller: Caller) -> Shape:
    """What somebody is asked; or, where they said yes to all of it before, where to go. Raises `AuthFault`.

    The first who looks is the one who is asked: to others it is not there.
    """

    def work(rows: Rows) -> Shape:
        asked, client = _asked(rows, room, authorization_id, user)
        _require_recent(rows, room, asked, session)
        if _is_settled(rows, asked, client, user):
            return {"redirect_url": _approved(rows, room, asked, client, user, session, caller)}
        return {
            "authorization_id": authorization_id,
            "redirect_uri": asked["redirect_uri"],
            "client": _told_client(client),
            "user": {"id": user["id"], "email": user["email"] or ""},
            "scope": asked["scope"],
        }

    return await room.write(work)


async def decide(
    room: Room, user: Record, session: Record | None, authorization_id: str, action: str, caller: Caller
) -> Shape:
    """Approve or deny, once; where to go with that. Raises `AuthFault`."""
    if action not in ("approve", "deny"):
        raise AuthFault("validation_failed", "action must be 'approve' or 'deny'")

    def work(rows: Rows) -> Shape:
        asked, client = _asked(rows, room, authorization_id, user)
        if action == "approve":
            return {"redirect_url": _approved(rows, room, asked, client, user, session, caller)}
        _settle(rows, asked, status=DENIED)
        noted(rows, room, "oauth_consent_denied", user, caller, traits={"client_id": client["id"]})
        said = {"error": "access_denied", "error_description": "User denied the request"}
        return {"redirect_url": _answer(room, asked["redirect_uri"], asked["state"], said)}

    return await room.write(work)


def _asked(rows: Rows, room: Room, authorization_id: str, user: Record) -> tuple[Record, Record]:
    """What is pending for somebody, and the client. Raises `AuthFault`, in the same words for any reason."""
    where: dict[str, Any] = {"authorization_id": authorization_id, "status": PENDING}
    rows.change(OAUTH_AUTHORIZATIONS, {**where, "user_id": None}, user_id=user["id"])
    asked = rows.one(OAUTH_AUTHORIZATIONS, **where, user_id=user["id"])
    client = rows.one(OAUTH_CLIENTS, id=asked["client_id"], deleted_at=None) if asked else None
    if asked is None or client is None or asked["expires_at"] <= room.now():
        raise AuthFault("oauth_authorization_not_found", "authorization not found")
    return asked, client


def _require_recent(rows: Rows, room: Room, asked: Record, session: Record | None) -> None:
    """Raises `AuthFault` where an app asks for somebody who has just proved who they are (`prompt=login`, `max_age`;
    OpenID Connect Core, 3.1.2.1), and they did so earlier. After a new sign-in they may go on."""
    is_anew, most = "login" in (asked["prompt"] or "").split(), asked["max_age"]
    if session is None or not (is_anew or most is not None):
        return
    since = proved_at(rows, session["id"])
    if (is_anew and since < asked["created_at"]) or (most is not None and since + timedelta(seconds=most) < room.now()):
        raise AuthFault("reauthentication_needed", "The app asks for a new sign-in", status=403)


def proved_at(rows: Rows, session_id: str) -> datetime:
    """When somebody last proved who they are, in a session."""
    found: datetime = max(each["updated_at"] for each in rows.all(AMR, session_id=session_id))
    return found


def _is_settled(rows: Rows, asked: Record, client: Record, user: Record) -> bool:
    """Whether somebody need not be asked again: they let this very app do as much before.

    What comes over an address that any program on their machine could take may be another app, which says that it is
    this one (RFC 8252, 8.6): there, they are asked each time.
    """
    if "consent" in (asked["prompt"] or "").split():
        return False
    if client["client_type"] == PUBLIC and not is_held(asked["redirect_uri"]):
        return False
    consent = rows.one(OAUTH_CONSENTS, user_id=user["id"], client_id=client["id"], revoked_at=None)
    return consent is not None and set(asked["scope"].split()) <= set(consent["scopes"].split())


def _approved(
    rows: Rows, room: Room, asked: Record, client: Record, user: Record, session: Record | None, caller: Caller
) -> str:
    """Where to go with a new code. Raises `AuthFault`."""
    refuse_banned(user, room.now())
    here = own_session(user, session)
    require_aal(rows, user, here, status=403)
    _require_recent(rows, room, asked, here)
    code, now = new_secret(), room.now()
    _settle(rows, asked, status=APPROVED, authorization_code=stored_of(code), approved_at=now, session_id=here["id"])
    before = rows.one(OAUTH_CONSENTS, user_id=user["id"], client_id=client["id"], revoked_at=None)
    scopes = read_scopes(f"{asked['scope']} {before['scopes'] if before else ''}") or ()
    consented(rows, room.engine.dialect, user["id"], client["id"], " ".join(scopes), now)
    noted(rows, room, "oauth_consent_granted", user, caller, traits={"client_id": client["id"]})
    return _answer(room, asked["redirect_uri"], asked["state"], {"code": code})


def _settle(rows: Rows, asked: Record, **columns: Any) -> None:
    """Only one answer is taken. Raises `AuthFault`."""
    if not rows.change(OAUTH_AUTHORIZATIONS, {"id": asked["id"], "status": PENDING}, **columns):
        raise AuthFault("oauth_authorization_not_found", "authorization not found")


# --- what somebody let in ---


async def grants(room: Room, user: Record) -> list[Shape]:
    """The apps that somebody let in."""

    def work(rows: Rows) -> list[Shape]:
        told = []
        for consent in rows.all(OAUTH_CONSENTS, user_id=user["id"], revoked_at=None):
            client = rows.one(OAUTH_CLIENTS, id=consent["client_id"], deleted_at=None)
            if client is not None:
                moment = told_moment(consent["granted_at"])
                told.append({"client": _told_client(client), "scopes": consent["scopes"].split(), "granted_at": moment})
        return told

    return await room.read(work)


async def revoke(room: Room, user: Record, client_id: str, caller: Caller) -> None:
    """Let an app in no more: its sessions end, and so do codes on their way. Raises `AuthFault`."""

    def work(rows: Rows) -> list[str]:
        where = {"user_id": user["id"], "client_id": client_id, "revoked_at": None}
        if not rows.change(OAUTH_CONSENTS, where, revoked_at=room.now()):
            raise AuthFault("oauth_consent_not_found", "No active grant found for this client")
        rows.remove(OAUTH_AUTHORIZATIONS, user_id=user["id"], client_id=client_id)
        noted(rows, room, "oauth_consent_revoked", user, caller, traits={"client_id": client_id})
        return ended(rows, room, rows.all(SESSIONS, user_id=user["id"], oauth_client_id=client_id))

    room.revoked(await room.write(work))


def _told_client(client: Record) -> Shape:
    told = {"id": client["id"], "name": client["client_name"]}
    return told | {
        name: client[column] for name, column in (("uri", "client_uri"), ("logo_uri", "logo_uri")) if client[column]
    }
