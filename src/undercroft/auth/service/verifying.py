"""Codes and links that come back: what each confirms, and the session that somebody is given for it."""

from __future__ import annotations

from typing import Any, NamedTuple

from undercroft.auth.errors import AuthFault, otp_expired, validation_failed
from undercroft.auth.parts.addresses import email_of, phone_of
from undercroft.auth.parts.redirects import with_fragment, with_query
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import account_at, changed, own_identity
from undercroft.auth.service.factors import unsecured
from undercroft.auth.service.flows import under_way, with_code
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.linking import is_proven, relisted
from undercroft.auth.service.one_time import (
    CONFIRMATION,
    EMAIL_CURRENT,
    EMAIL_NEW,
    PHONE_CHANGE,
    PKCE,
    RECOVERY,
    Taken,
    forgotten,
    taken,
    tried,
)
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended, opened, refuse_banned, tokens
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import (
    CREDENTIAL_CHALLENGES,
    CREDENTIALS,
    FLOWS,
    IDENTITIES,
    OAUTH_CONSENTS,
    SESSIONS,
    USERS,
)
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import Verify

MAILED: dict[str, tuple[str, ...]] = {
    "signup": (CONFIRMATION,),
    "invite": (CONFIRMATION,),
    "recovery": (RECOVERY,),
    "magiclink": (RECOVERY,),
    "email": (CONFIRMATION, RECOVERY),
    "email_change": (EMAIL_NEW, EMAIL_CURRENT),
}
"""What a code or link of each type may be of."""
_TEXTED: dict[str, tuple[str, ...]] = {"sms": (CONFIRMATION,), "phone_change": (PHONE_CHANGE,)}
_AT_NEW, _AT_CURRENT = 1, 2
"""Where a change of address has been confirmed: `email_change_confirm_status`."""
ONE_OF_TWO = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
FRESH = "fresh"
"""In the details of a token: whoever comes by it has proved that the address is theirs, and nothing else. What was set
in an account before is not theirs, then."""


class Half(NamedTuple):
    """One of the two addresses of a change was confirmed; the other one is still asked."""

    flow: str | None


class Coded(NamedTuple):
    """The answer is a code, for whoever began the way in; and the sessions that ended."""

    code: str
    gone: list[str]


class Ended(NamedTuple):
    """Somebody in a session, and the sessions that ended with it."""

    granted: Granted
    gone: list[str]


# --- by a code or a token, as clients send them ---


async def verify(room: Room, ask: Verify, caller: Caller) -> Shape:
    """`POST /verify`: the tokens of a session. Raises `AuthFault`: the same one for whatever is not good."""
    work = await _by_hash(room, ask) if ask.token_hash else await _by_code(room, ask)

    def step(rows: Rows) -> Any:
        found = work(rows)
        return otp_expired() if found is None else _confirmed(rows, room, found, caller, by_flow=False)

    found = await room.write(step)
    if isinstance(found, AuthFault):
        raise found
    if isinstance(found, Half):
        return {"code": "200", "msg": ONE_OF_TWO}
    room.revoked(found.gone)
    return await tokens(room, found.granted)


async def _by_hash(room: Room, ask: Verify) -> Any:
    if ask.email or ask.phone or ask.token:
        raise validation_failed("Only the token_hash and type should be provided")
    kinds = _kinds(MAILED, ask.type)
    return lambda rows: taken(rows, room, kinds, ask.token_hash, room.settings.email.otp_expiry)


async def _by_code(room: Room, ask: Verify) -> Any:
    if not ask.token:
        raise validation_failed("Verify requires a token or a token hash")
    if bool(ask.email) == bool(ask.phone):
        raise validation_failed("Only an email address or phone number should be provided on verify")
    kinds = _kinds(MAILED if ask.email else _TEXTED, ask.type)
    address = email_of(ask.email) if ask.email else phone_of(ask.phone or "")
    if address is None:
        raise otp_expired()
    settings = room.settings
    await room.limits.take(Limit("code", settings.rate_limit.account_attempts, 300.0), address)
    lifetime = settings.email.otp_expiry if ask.email else settings.sms.otp_expiry
    return lambda rows: tried(rows, room, kinds, address, ask.token.strip(), lifetime)


def _kinds(known: dict[str, tuple[str, ...]], kind: str) -> tuple[str, ...]:
    if kind not in known:
        raise validation_failed("Invalid verification type" if kind else "Verify requires a verification type")
    return known[kind]


# --- by a link, in a browser ---


async def follow(room: Room, kind: str, token: str, redirect_to: str, caller: Caller) -> str:
    """A link that somebody followed and confirmed: where their browser goes next, with a session or a fault."""
    is_coded = token.startswith(PKCE)
    if kind not in MAILED or not token:
        return refused(redirect_to, validation_failed("Verify requires a token and a verification type"), is_coded)

    def step(rows: Rows) -> Any:
        found = taken(rows, room, MAILED[kind], token, room.settings.email.otp_expiry)
        if found is None:
            return AuthFault("otp_expired", "Email link is invalid or has expired")
        return _confirmed(rows, room, found, caller, by_flow=True)

    try:
        found = await room.write(step)
    except AuthFault as fault:
        found = fault
    if isinstance(found, AuthFault):
        return refused(redirect_to, found, is_coded)
    if isinstance(found, Half):
        said = {"message": ONE_OF_TWO}
        return with_fragment(with_query(redirect_to, said) if found.flow else redirect_to, said)
    if isinstance(found, Coded):
        room.revoked(found.gone)
        return with_query(redirect_to, {"code": found.code})
    room.revoked(found.gone)
    told = await tokens(room, found.granted)
    named = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return with_fragment(redirect_to, {name: told[name] for name in named} | {"type": kind})


def refused(redirect_to: str, fault: AuthFault, is_coded: bool) -> str:
    """Where a browser goes with a fault: in the fragment, and for those who expect a code in the query as well."""
    said = {
        "error": "server_error" if fault.status >= 500 else "access_denied",
        "error_code": fault.code,
        "error_description": fault.message,
    }
    return with_fragment(with_query(redirect_to, said) if is_coded else redirect_to, said)


# --- what it confirms ---


def _confirmed(rows: Rows, room: Room, found: Taken, caller: Caller, *, by_flow: bool) -> Any:
    """Do what a code or link that was used up stands for: `Ended`, `Coded`, `Half`, or the fault that it comes to."""
    user = rows.one(USERS, locked=True, id=found.user_id)
    if user is None or user["deleted_at"] is not None:
        return otp_expired()
    refuse_banned(user, room.now())
    gone: list[str] = []
    if found.kind in (EMAIL_NEW, EMAIL_CURRENT):
        changed_to = _changed_email(rows, room, user, found, caller)
    elif found.kind == PHONE_CHANGE:
        changed_to = _changed_phone(rows, room, user, found, caller)
    else:
        changed_to, gone = _proved(rows, room, user, found, caller)
    if changed_to is None:
        return otp_expired()
    if isinstance(changed_to, Half):
        return changed_to
    if by_flow and found.flow:
        flow = under_way(rows, room, found.flow)
        if flow is None or flow["auth_code"] is not None:
            return AuthFault("flow_state_expired", "Email link is invalid or has expired")
        return Coded(with_code(rows, room, flow, user["id"]), gone)
    return Ended(opened(rows, room, changed_to, caller, "otp"), gone)


def _proved(rows: Rows, room: Room, user: Record, found: Taken, caller: Caller) -> tuple[Record | None, list[str]]:
    """Somebody's own address is theirs. Of an account that nobody had proved theirs before, nothing else is kept where
    the token does not go with what was set in it."""
    column = next((name for name in ("email", "phone") if user[name] == found.relates_to), None)
    if column is None:
        return None, []
    is_fresh = found.kind == RECOVERY or bool(found.details.get(FRESH))
    if user[f"{column}_confirmed_at"] is not None:
        if not is_fresh or _is_shown(rows, user, column):
            return user, []
        return _shown_at_last(rows, room, user, column, found.flow, caller)
    gone: list[str] = []
    columns: dict[str, Any] = {f"{column}_confirmed_at": room.now(), "is_anonymous": False}
    is_unproved = user["email_confirmed_at"] is None and user["phone_confirmed_at"] is None
    if is_unproved and not user["is_anonymous"] and is_fresh:
        columns |= _NOTHING_SET
        unsecured(rows, user)
        gone = _emptied(rows, room, user, column, found.flow)
    user = changed(rows, room, user, **columns)
    own_identity(rows, room, user, column, verified=True)
    action = "invite_accepted" if user["invited_at"] is not None else "user_signedup"
    noted(rows, room, action, user, caller, kind="team", traits={"provider": column})
    return user, gone


def _is_shown(rows: Rows, user: Record, column: str) -> bool:
    """Whether somebody has shown before that the account is theirs, at this address or by its mail."""
    if is_proven(rows, user):
        return True
    own = rows.one(IDENTITIES, user_id=user["id"], provider="phone") if column == "phone" else None
    return own is not None and (own["identity_data"] or {}).get("phone_verified") is True


def _shown_at_last(
    rows: Rows, room: Room, user: Record, column: str, flow: str | None, caller: Caller
) -> tuple[Record, list[str]]:
    """An address that was taken as it came is shown to be somebody's, for the first time. By what others may have set,
    nobody comes in any more. Second factors stay: they open nothing alone, and no mail takes them away."""
    other = "phone" if column == "email" else "email"
    gone = _emptied(rows, room, user, column, flow)
    for table in (CREDENTIALS, CREDENTIAL_CHALLENGES):
        rows.remove(table, user_id=user["id"])
    user = changed(rows, room, user, **_NOTHING_SET, **{other: None, f"{other}_confirmed_at": None})
    own_identity(rows, room, user, column, verified=True)
    noted(rows, room, "user_modified", user, caller, kind="user", traits={"shown": column})
    return relisted(rows, room, user), gone


_NOTHING_SET: dict[str, Any] = {"encrypted_password": None, "email_change": "", "phone_change": ""}


def _emptied(rows: Rows, room: Room, user: Record, column: str, flow: str | None) -> list[str]:
    """Take what others may have left in an account: sessions, identities, other codes, ways in but the one at hand."""
    gone = ended(rows, room, rows.all(SESSIONS, user_id=user["id"]))
    for identity in rows.all(IDENTITIES, user_id=user["id"]):
        if identity["provider"] != column:
            rows.remove(IDENTITIES, id=identity["id"])
    for way in rows.all(FLOWS, user_id=user["id"]):
        if way["id"] != flow:
            rows.remove(FLOWS, id=way["id"])
    rows.remove(OAUTH_CONSENTS, user_id=user["id"])
    forgotten(rows, user["id"])
    return gone


def _changed_email(rows: Rows, room: Room, user: Record, found: Taken, caller: Caller) -> Record | Half | None:
    at_new = found.kind == EMAIL_NEW
    if not user["email_change"] or found.relates_to != user["email_change" if at_new else "email"]:
        return None
    status = int(user["email_change_confirm_status"] or 0) | (_AT_NEW if at_new else _AT_CURRENT)
    is_double = bool(room.settings.email.double_confirm_changes and user["email"])
    if status != _AT_NEW | _AT_CURRENT and (is_double or not at_new):
        changed(rows, room, user, email_change_confirm_status=status)
        return Half(found.flow)
    return new_email(rows, room, user, user["email_change"], caller)


def new_email(rows: Rows, room: Room, user: Record, email: str, caller: Caller, *, shown: bool = True) -> Record:
    """Somebody has another address, and has `shown` that it is theirs, or is taken at their word. What was sent to the
    old one is good no more. Raises `AuthFault`."""
    refuse_taken(rows, user, "email", email)
    user = changed(
        rows, room, user, email=email, email_change="", email_change_confirm_status=0, is_anonymous=False,
        email_confirmed_at=room.now(), raw_app_meta_data=_known_by(user, "email"),
    )  # fmt: skip
    own_identity(rows, room, user, "email", verified=shown)
    forgotten(rows, user["id"])
    noted(rows, room, "user_modified", user, caller, kind="user", traits={"changed": "email"})
    return user


def _changed_phone(rows: Rows, room: Room, user: Record, found: Taken, caller: Caller) -> Record | None:
    if not user["phone_change"] or found.relates_to != user["phone_change"]:
        return None
    return new_phone(rows, room, user, user["phone_change"], caller)


def new_phone(rows: Rows, room: Room, user: Record, phone: str, caller: Caller, *, shown: bool = True) -> Record:
    """Somebody has another number, and has `shown` that it is theirs, or is taken at their word. Raises `AuthFault`."""
    refuse_taken(rows, user, "phone", phone)
    user = changed(
        rows, room, user, phone=phone, phone_change="", phone_confirmed_at=room.now(), is_anonymous=False,
        raw_app_meta_data=_known_by(user, "phone"),
    )  # fmt: skip
    own_identity(rows, room, user, "phone", verified=shown)
    forgotten(rows, user["id"], PHONE_CHANGE, CONFIRMATION)
    noted(rows, room, "user_modified", user, caller, kind="user", traits={"changed": "phone"})
    return user


def refuse_taken(rows: Rows, user: Record, column: str, address: str) -> None:
    """Raises `AuthFault` for an address that is somebody else's."""
    other = account_at(rows, column, address)
    if other is not None and other["id"] != user["id"]:
        word = "email address" if column == "email" else "phone number"
        raise AuthFault(f"{column}_exists", f"A user with this {word} has already been registered")


def _known_by(user: Record, column: str) -> dict[str, Any]:
    held = user["raw_app_meta_data"] or {}
    providers = [each for each in held.get("providers") or [] if each != column]
    return {**held, "provider": held.get("provider") or column, "providers": [*providers, column]}
