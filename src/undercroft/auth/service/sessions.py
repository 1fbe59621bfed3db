"""Sessions: a device is signed in, stays so by refreshing, and ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.claims import Claims, access_claims
from undercroft.auth.parts.codes import new_secret
from undercroft.auth.parts.devices import device_of
from undercroft.auth.parts.refresh import Presented, is_signed, read_refresh_token, refresh_token
from undercroft.auth.parts.shapes import Shape, user_shape
from undercroft.auth.service.hooks import Hooks
from undercroft.auth.service.limits import Take, free
from undercroft.auth.service.room import Room, noted
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.standing import standing, went_on
from undercroft.auth.tables import AMR, FACTORS, IDENTITIES, REVOCATIONS, SESSIONS, USERS
from undercroft.auth.types import Caller, Granted

_NOT_FOUND = "Invalid Refresh Token: Refresh Token Not Found"
_USED = "Invalid Refresh Token: Already Used"
_ENDING = ("session_expired", "refresh_token_already_used")
"""The faults of a refresh with which its session ends."""
_LATE = 1 << 32
"""By how many refreshes a parent that came late is behind, which no other is: see `_stepped`."""


def opened(
    rows: Rows, room: Room, user: Record, caller: Caller, method: str, *, aal: str = "aal1", factor: str | None = None,
    client: str | None = None, scopes: str | None = None, not_after: datetime | None = None,
) -> Granted:  # fmt: skip
    """A new session of somebody who came in by a method (`password`, `otp`, `oauth`, …), which ends at `not_after`."""
    now = room.now()
    refuse_banned(user, now)
    if room.settings.sessions.single_per_user and client is None:
        ended(rows, room, rows.all(SESSIONS, user_id=user["id"], oauth_client_id=None))
    session: Record = {
        "id": str(uuid4()),
        "user_id": user["id"],
        "created_at": now,
        "updated_at": now,
        "refreshed_at": now,
        "factor_id": factor,
        "aal": aal,
        "not_after": not_after,
        "user_agent": caller.user_agent[:512] or None,
        "ip": caller.ip or None,
        "oauth_client_id": client,
        "refresh_token_hmac_key": new_secret(),
        "refresh_token_counter": 0,
        "scopes": scopes,
    }
    rows.add(SESSIONS, **session)
    marked(rows, room, session["id"], method)
    rows.change(USERS, {"id": user["id"]}, last_sign_in_at=now)
    noted(rows, room, "login", user, caller, traits={"provider": method})
    return granted(rows, {**user, "last_sign_in_at": now}, session)


def marked(rows: Rows, room: Room, session_id: str, method: str) -> None:
    """That somebody proved who they are by this method, in a session."""
    now = room.now()
    known = {"session_id": session_id, "authentication_method": method}
    if not rows.change(AMR, known, updated_at=now):
        rows.add(AMR, id=str(uuid4()), **known, created_at=now, updated_at=now)


def granted(rows: Rows, user: Record, session: Record) -> Granted:
    """Everything that a token and an answer say of somebody in a session."""
    return Granted(
        user,
        session,
        rows.all(AMR, session_id=session["id"]),
        rows.all(IDENTITIES, user_id=user["id"]),
        rows.all(FACTORS, user_id=user["id"]),
        int(session["refresh_token_counter"]),
    )


async def tokens(room: Room, grant: Granted, method: str | None = None) -> Shape:
    """`AccessTokenResponseSchema`: an access token, the refresh token after it, and whose they are.

    `method` is what the app's hook is told, where it is not the way by which they came. No unit may be open meanwhile.
    Raises `AuthFault` where that hook refuses; a session that had no token before is over then.
    """
    now = room.clock.timestamp()
    lifetime = room.settings.jwt_expiry
    if grant.session["not_after"] is not None:
        lifetime = max(1, min(lifetime, int(grant.session["not_after"].timestamp() - now)))
    claims = access_claims(
        grant.user, grant.session, grant.amr, issuer=room.settings.jwt_issuer, now=now, lifetime=lifetime
    )
    session = grant.session
    if room.belonging is not None:
        claims["app_metadata"] = {**claims["app_metadata"], **await room.belonging(session["user_id"])}
    if room.hooks is not None:
        claims = await hooked(room, room.hooks, grant, claims, method)
    return {
        "access_token": room.sign(claims),
        "token_type": "bearer",
        "expires_in": lifetime,
        "expires_at": int(now) + lifetime,
        "refresh_token": refresh_token(room.key(), session["id"], session["refresh_token_hmac_key"], grant.count),
        "user": user_shape(grant.user, grant.identities, grant.factors),
    }


async def hooked(room: Room, hooks: Hooks, grant: Granted, claims: Claims, method: str | None) -> Claims:
    """What a token says, by the app's hook. Raises `AuthFault`."""
    try:
        return await hooks.claims(claims, method or claims["amr"][0]["method"])
    except AuthFault:
        if not grant.count:
            room.revoked(await room.write(lambda rows: ended(rows, room, [grant.session])))
        raise


# --- refreshing ---


async def refresh(room: Room, text: str, caller: Caller, take: Take = free) -> Shape:
    """The next tokens of a session. Raises `AuthFault`; a token that was used before ends its session.

    `take` counts the try, in the same unit of work.
    """
    return await tokens(room, await refreshed(room, text, caller, take=take), "token_refresh")


async def refreshed(room: Room, text: str, caller: Caller, client: str | None = None, take: Take = free) -> Granted:
    """A session that goes on, and whose: of an app that was let in (`client`), or of nobody but the person. Raises
    `AuthFault`, as `refresh`.
    """
    presented = read_refresh_token(text)

    def work(rows: Rows) -> Granted | AuthFault:
        return take(rows) or _refreshed(rows, room, presented, caller, client)

    found = await room.write(work)
    if isinstance(found, AuthFault):
        if presented is not None and found.code in _ENDING:
            room.revoked([presented.session_id])
        raise found
    return found


def _refreshed(
    rows: Rows, room: Room, presented: Presented | None, caller: Caller, client: str | None
) -> Granted | AuthFault:
    """What a refresh comes to. A fault is given, not raised: raised, it would undo what ended, and what was counted."""
    if presented is None:
        return AuthFault("refresh_token_not_found", _NOT_FOUND)
    found = standing(rows, room.engine.dialect, presented.session_id)
    if found is None:
        return AuthFault("refresh_token_not_found", _NOT_FOUND)
    session, user = found.session, found.user
    if not is_signed(presented, room.key(), session["refresh_token_hmac_key"] or ""):
        return AuthFault("refresh_token_not_found", _NOT_FOUND)
    if user["deleted_at"] is not None or session["oauth_client_id"] != client:
        return AuthFault("refresh_token_not_found", _NOT_FOUND)
    now = room.now()
    if late := _expiry(room, session, now):
        ended(rows, room, [session])
        return AuthFault("session_expired", late)
    if banned := _banned(user, now):
        return banned
    count = _stepped(room, session, presented.refreshes, now)
    if count is None:
        ended(rows, room, [session])
        noted(rows, room, "token_revoked", user, caller, kind="token")
        return AuthFault("refresh_token_already_used", _USED)
    if count != session["refresh_token_counter"]:
        session |= {"refresh_token_counter": count, "refreshed_at": now, "updated_at": now}
        if caller.ip:
            session |= {"ip": caller.ip, "user_agent": caller.user_agent[:512] or None}
        went_on(rows, room.engine.dialect, session)
    return Granted(user, session, found.amr, found.identities, found.factors, count)


def _stepped(room: Room, session: Record, shown: int, now: datetime) -> int | None:
    """The count of the token that follows the one that was shown; None for one that nobody honest can show.

    A parent gives its child again for some seconds, since an app may refresh in several tabs at once. Later, its child
    may have been lost on the way: it gets another one, and the lost one is passed over. Should that turn up after all,
    two have the same session, and it ends.
    """
    held = int(session["refresh_token_counter"])
    if not room.settings.enable_refresh_token_rotation:
        return held if shown == held else None
    if shown == held:
        return held + 1
    is_recent = now - (session["refreshed_at"] or now) <= timedelta(seconds=room.settings.refresh_token_reuse_interval)
    if is_recent and shown in (held - 1, held - _LATE):
        return held
    return held + _LATE - 1 if shown == held - 1 else None


def _expiry(room: Room, session: Record, now: datetime) -> str | None:
    """Why a session is over; None where it is not."""
    limits = room.settings.sessions
    if session["not_after"] is not None and now > session["not_after"]:
        return "Invalid Refresh Token: Session Expired"
    if limits.timebox and now > session["created_at"] + timedelta(seconds=limits.timebox):
        return "Invalid Refresh Token: Session Expired"
    seen = session["refreshed_at"] or session["created_at"]
    if limits.inactivity_timeout and now > seen + timedelta(seconds=limits.inactivity_timeout):
        return "Invalid Refresh Token: Session Expired (Inactivity)"
    return None


# --- ending ---


def ended(rows: Rows, room: Room, sessions: Iterable[Record]) -> list[str]:
    """End sessions: their refresh tokens at once, their access tokens when the others hear of it."""
    found = []
    for session in sessions:
        if rows.remove(SESSIONS, id=session["id"]):
            rows.add(REVOCATIONS, session_id=session["id"], created_at=room.now())
            found.append(session["id"])
    return found


async def log_out(room: Room, user: Record, session_id: str | None, scope: str, caller: Caller) -> None:
    """End the sessions of somebody: `global` all, `local` this one, `others` all but this one. Raises `AuthFault`."""
    if scope not in ("global", "local", "others"):
        raise AuthFault("validation_failed", "scope is one of global, local and others")

    def work(rows: Rows) -> list[str]:
        held = rows.all(SESSIONS, user_id=user["id"])
        gone = [each for each in held if scope == "global" or (each["id"] == session_id) == (scope == "local")]
        noted(rows, room, "logout", user, caller)
        return ended(rows, room, gone)

    room.revoked(await room.write(work))


def refuse_banned(user: Record, now: datetime) -> None:
    """Raises `AuthFault` for somebody who may not come in now."""
    if banned := _banned(user, now):
        raise banned


def _banned(user: Record, now: datetime) -> AuthFault | None:
    until = user["banned_until"]
    return AuthFault("user_banned", "User is banned") if until is not None and until > now else None


def session_shape(session: Record, here: str | None) -> dict[str, Any]:
    """A device that is signed in, for the list of them."""
    return {
        "id": session["id"],
        "created_at": session["created_at"].isoformat(),
        "refreshed_at": (session["refreshed_at"] or session["created_at"]).isoformat(),
        "user_agent": session["user_agent"],
        "device": device_of(session["user_agent"]),
        "ip": session["ip"],
        "aal": session["aal"],
        "current": session["id"] == here,
    }
