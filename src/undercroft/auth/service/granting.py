"""Tokens for apps that were let in: for a code, then for one refresh token after another.

Protocol: OAuth 2.1 (4.1.3, 4.3), revocation (RFC 7009), ID tokens and user info (OpenID Connect Core, 3.1.3, 5.3).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from typing import Any

from undercroft.auth.errors import OAuthFault
from undercroft.auth.parts.claims import access_claims
from undercroft.auth.parts.codes import stored_of
from undercroft.auth.parts.refresh import is_signed, read_refresh_token, refresh_token
from undercroft.auth.parts.scopes import about, read_scopes
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.tokens import ID_TOKEN, USE
from undercroft.auth.service.authorizing import APPROVED, proved_at
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended, hooked, opened, refreshed
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import AMR, OAUTH_AUTHORIZATIONS, SESSIONS, USERS
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.oauth import CodeAsk

CODE_LIFETIME = 300.0
"""Seconds in which a code is to be exchanged."""
METHOD = "oauth_provider/authorization_code"
"""How the session of an app came about, for its `amr`."""
_EXCHANGED = "exchanged"
_WAYS = {
    "password": "pwd", "totp": "otp", "mfa/phone": "sms", "mfa/webauthn": "pop", "passkey": "pop",
    "mfa/recovery_code": "kba",
}  # fmt: skip
"""Ways of coming in, as RFC 8176 names them."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


# --- a code ---


async def exchange(room: Room, client: Record, ask: CodeAsk, caller: Caller) -> Shape:
    """Tokens for a code, which is good for one try. Raises `OAuthFault`.

    Whoever comes with a code that was used has it from somewhere it should not be: what came of it ends (OAuth 2.1,
    4.1.3).
    """
    if not ask.code or not ask.verifier:
        raise OAuthFault("invalid_request", "code and code_verifier are required")
    hashed = stored_of(ask.code)

    def work(rows: Rows) -> tuple[Granted, Record, Shape] | list[str]:
        found = rows.one(OAUTH_AUTHORIZATIONS, authorization_code=hashed)
        if found is None:
            return []
        if not rows.change(OAUTH_AUTHORIZATIONS, {"id": found["id"], "status": APPROVED}, status=_EXCHANGED):
            return _undone(rows, room, found, caller)
        if not _is_answered(room, found, client, ask):
            return []
        user = rows.one(USERS, id=found["user_id"])
        if user is None or user["deleted_at"] is not None:
            return []
        proof = _proof(rows, found["session_id"])
        grant = opened(rows, room, user, caller, METHOD, client=client["id"], scopes=found["scope"])
        rows.change(OAUTH_AUTHORIZATIONS, {"id": found["id"]}, session_id=grant.session["id"])
        if not _refreshes(client):
            until = room.now() + timedelta(seconds=room.settings.jwt_expiry)
            rows.change(SESSIONS, {"id": grant.session["id"]}, not_after=until)
        return grant, found, proof

    done = await room.write(work)
    if isinstance(done, list):
        room.revoked(done)
        raise OAuthFault("invalid_grant", "The code is unknown, was used, ran out, or is not for this client")
    grant, found, proof = done
    told = await _told(room, client, grant, found["scope"], found["resource"])
    if "openid" in found["scope"].split():
        told["id_token"] = _id_token(room, client, grant, found, proof)
    return told


def _undone(rows: Rows, room: Room, found: Record, caller: Caller) -> list[str]:
    """End what came of a code that is shown again: the sessions that ended."""
    now = rows.one(OAUTH_AUTHORIZATIONS, id=found["id"], status=_EXCHANGED)
    session = rows.one(SESSIONS, id=now["session_id"], oauth_client_id=now["client_id"]) if now else None
    if session is None:
        return []
    noted(rows, room, "token_revoked", rows.one(USERS, id=session["user_id"]), caller, kind="token")
    return ended(rows, room, [session])


def _is_answered(room: Room, found: Record, client: Record, ask: CodeAsk) -> bool:
    """Whether it is the app that began which now has the code, in time."""
    if found["approved_at"] + timedelta(seconds=CODE_LIFETIME) < room.now():
        return False
    if found["client_id"] != client["id"] or found["redirect_uri"] != ask.redirect_uri:
        return False
    if ask.resource is not None and ask.resource != found["resource"]:
        return False
    return bool(_VERIFIER.fullmatch(ask.verifier)) and hmac.compare_digest(
        _sha256(ask.verifier.encode()), found["code_challenge"]
    )


def _proof(rows: Rows, session_id: str) -> Shape:
    """When and how the person proved who they are, in the session in which they approved."""
    held = rows.all(AMR, session_id=session_id)
    session = rows.one(SESSIONS, id=session_id)
    level = session["aal"] if session else "aal1"
    methods = [str(each["authentication_method"]) for each in held]
    amr = sorted({_WAYS.get(method, method) for method in methods} | ({"mfa"} if level == "aal2" else set()))
    return {"auth_time": int(proved_at(rows, session_id).timestamp()), "acr": level, "amr": amr}


# --- a refresh token ---


async def refresh(room: Room, client: Record, text: str, scope: str, caller: Caller) -> Shape:
    """The next tokens, for as much as before or less. Raises `OAuthFault`, `AuthFault`."""
    if not _refreshes(client):
        raise OAuthFault("unauthorized_client", "The client does not use refresh_token")
    asked = read_scopes(scope) if scope.strip() else ()
    if asked is None:
        raise OAuthFault("invalid_scope", "scope is of openid, profile, email and phone")
    if asked and not await _covers(room, client, text, asked):
        raise OAuthFault("invalid_scope", "scope asks for more than was granted")
    grant = await refreshed(room, text, caller, client["id"])
    its_id = grant.session["id"]
    found = await room.read(lambda rows: rows.one(OAUTH_AUTHORIZATIONS, session_id=its_id))
    return await _told(
        room, client, grant, " ".join(asked) or grant.session["scopes"] or "", found["resource"] if found else None
    )


async def _covers(room: Room, client: Record, text: str, scopes: tuple[str, ...]) -> bool:
    """Whether a session of the client has these scopes. Of one that is not there, something else is wrong."""
    presented = read_refresh_token(text)
    if presented is None:
        return True
    where: dict[str, Any] = {"id": presented.session_id, "oauth_client_id": client["id"]}
    session = await room.read(lambda rows: rows.one(SESSIONS, **where))
    if session is None or not is_signed(presented, room.key(), session["refresh_token_hmac_key"] or ""):
        return True
    return set(scopes) <= set((session["scopes"] or "").split())


async def revoke(room: Room, client: Record, text: str, caller: Caller) -> None:
    """End the session of a refresh token, where it is the client's; tell nobody whether it was (RFC 7009, 2.2).

    Access tokens are not taken: they run out by themselves, or end with the session.
    """
    presented = read_refresh_token(text)
    if presented is None:
        return

    def work(rows: Rows) -> list[str]:
        session = rows.one(SESSIONS, locked=True, id=presented.session_id, oauth_client_id=client["id"])
        if session is None or not is_signed(presented, room.key(), session["refresh_token_hmac_key"] or ""):
            return []
        noted(rows, room, "token_revoked", rows.one(USERS, id=session["user_id"]), caller, kind="token")
        return ended(rows, room, [session])

    room.revoked(await room.write(work))


def _refreshes(client: Record) -> bool:
    return "refresh_token" in client["grant_types"].split(",")


# --- what is told ---


async def _told(room: Room, client: Record, grant: Granted, scope: str, resource: str | None) -> Shape:
    """The answer of the token endpoint. Raises `AuthFault` where the app's hook refuses."""
    lifetime, session = room.settings.jwt_expiry, grant.session
    now = room.clock.timestamp()
    claims = access_claims(
        grant.user, {**session, "scopes": scope}, grant.amr, issuer=room.address, now=now, lifetime=lifetime
    )
    if resource is not None:
        claims["aud"] = [claims["aud"], resource]
    if room.hooks is not None:
        claims = await hooked(room, room.hooks, grant, claims, "token_refresh" if grant.count else METHOD)
        claims |= {"client_id": client["id"], "scope": scope}  # which a hook does not take away: policies ask for them
    told: Shape = {
        "access_token": room.sign(claims),
        "token_type": "bearer",
        "expires_in": lifetime,
        "scope": scope,
    }
    if _refreshes(client):
        told["refresh_token"] = refresh_token(room.key(), session["id"], session["refresh_token_hmac_key"], grant.count)
    return told


def _id_token(room: Room, client: Record, grant: Granted, found: Record, proof: Shape) -> str:
    """Who somebody is, for the app alone (OpenID Connect Core, 2)."""
    now = int(room.clock.timestamp())
    claims: dict[str, Any] = {
        "iss": room.address,
        "aud": client["id"],
        "exp": now + room.settings.jwt_expiry,
        "iat": now,
        **proof,
        **about(grant.user, found["scope"].split()),
        USE: ID_TOKEN,
    }
    if found["nonce"] is not None:
        claims["nonce"] = found["nonce"]
    return room.sign(claims)


async def user_info(room: Room, user: Record, session: Record | None, claims: dict[str, Any]) -> Shape:
    """What a token's scopes tell of its owner; of a token that is the owner's own, everything."""
    scope = claims.get("scope") if session and session["oauth_client_id"] else "openid profile email phone"
    return about(user, str(scope or "").split())


def _sha256(text: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
