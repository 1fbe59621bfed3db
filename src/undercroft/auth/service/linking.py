"""Whose account it is that somebody comes to by another place, and which places an account is reached by.

An account is found by the identity, and only then by the address, where the place says that it is theirs. Of an account
whose address nobody has shown to be theirs, nothing stays that whoever made it set: who can show it has it alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from undercroft.auth.errors import AuthFault, user_missing
from undercroft.auth.parts.addresses import email_of
from undercroft.auth.service.accounts import account_at, changed, created, identified, merged
from undercroft.auth.service.factors import require_aal
from undercroft.auth.service.one_time import CONFIRMATION
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended, granted, refuse_banned
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import (
    CREDENTIAL_CHALLENGES,
    CREDENTIALS,
    FACTORS,
    FLOWS,
    IDENTITIES,
    OAUTH_AUTHORIZATIONS,
    OAUTH_CONSENTS,
    ONE_TIME_TOKENS,
    RECOVERY_CODES,
    REFRESH_TOKENS,
    SESSIONS,
    USERS,
)
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.people import Person

_OF_AN_ACCOUNT = (
    IDENTITIES, FACTORS, CREDENTIALS, CREDENTIAL_CHALLENGES, RECOVERY_CODES, ONE_TIME_TOKENS, REFRESH_TOKENS, FLOWS,
    OAUTH_CONSENTS, OAUTH_AUTHORIZATIONS,
)  # fmt: skip
"""Everything by which somebody could come in, or could go on with what they began."""


class Arrival(NamedTuple):
    """Somebody at their account."""

    user: Record
    is_in: bool
    """They may have a session; else the address is to be confirmed first."""
    is_known: bool
    """The address is somebody else's already: nothing was made, and nothing of that is told."""
    gone: list[str]
    """Sessions that ended."""


# --- coming in ---


def arrived(
    rows: Rows, room: Room, provider: str, person: Person, caller: Caller, *, email_optional: bool = False,
    invited: str | None = None,
) -> Arrival:  # fmt: skip
    """The account of somebody who came by a place; a new one where there is none. `invited` is what is stored of the
    token of an invitation. Raises `AuthFault`."""
    if invited is not None:
        return _invited(rows, room, provider, person, caller, invited)
    identity = rows.one(IDENTITIES, locked=True, provider=provider, provider_id=person.subject)
    if identity is not None:
        return _returned(rows, room, identity, person, caller)
    email = email_of(person.email) if person.email else None
    if email is None and not email_optional:
        raise AuthFault("validation_failed", "Error getting user email from external provider", status=422)
    holder = account_at(rows, "email", email, locked=True) if email else None
    if holder is not None and person.verified:
        refuse_banned(holder, room.now())
        return _joined(rows, room, provider, person, holder, caller)
    if not room.settings.enable_signup:
        raise AuthFault("signup_disabled", "Signups not allowed for this instance")
    if holder is not None:
        if not email_optional:
            return Arrival(holder, False, True, [])
        email = None
    return _new(rows, room, provider, person, email, caller, email_optional=email_optional)


def _new(
    rows: Rows, room: Room, provider: str, person: Person, email: str | None, caller: Caller, *, email_optional: bool
) -> Arrival:
    confirms = email is not None and not person.verified and room.settings.email.enable_confirmations
    given: dict[str, Any] = {"email": email} if email else {}
    if email is not None and not confirms:
        given["email_confirmed_at"] = room.now()
    user = created(rows, room, provider, raw_user_meta_data=person.data, **given)
    identified(rows, room, user, provider, person.subject, person.data)
    noted(rows, room, "user_signedup", user, caller, kind="team", traits={"provider": provider})
    return Arrival(user, not confirms, False, [])


def _returned(rows: Rows, room: Room, identity: Record, person: Person, caller: Caller) -> Arrival:
    """Somebody who has been here before."""
    user = rows.one(USERS, locked=True, id=identity["user_id"])
    if user is None or user["deleted_at"] is not None:
        raise user_missing()
    refuse_banned(user, room.now())
    owns = person.verified and email_of(person.email or "") == user["email"]
    if owns and not is_proven(rows, user):
        return _joined(rows, room, identity["provider"], person, user, caller)
    now = room.now()
    rows.change(
        IDENTITIES, {"id": identity["id"]}, identity_data=person.data, email=_lower(person), last_sign_in_at=now,
        updated_at=now,
    )  # fmt: skip
    user = changed(rows, room, user, raw_user_meta_data=merged(user["raw_user_meta_data"], person.data))
    waits = user["email"] and user["email_confirmed_at"] is None and room.settings.email.enable_confirmations
    return Arrival(user, not waits, False, [])


def _joined(rows: Rows, room: Room, provider: str, person: Person, user: Record, caller: Caller) -> Arrival:
    """Another identity for the account of an address that is theirs."""
    gone: list[str] = []
    if not is_proven(rows, user):
        user, gone = _emptied(rows, room, user)
        noted(rows, room, "user_signedup", user, caller, kind="team", traits={"provider": provider})
    identified(rows, room, user, provider, person.subject, person.data)
    columns: dict[str, Any] = {"raw_user_meta_data": merged(user["raw_user_meta_data"], person.data)}
    if user["email_confirmed_at"] is None:
        columns["email_confirmed_at"] = room.now()
    user = changed(rows, room, user, is_anonymous=False, **columns)
    return Arrival(relisted(rows, room, user), True, False, gone)


def _invited(rows: Rows, room: Room, provider: str, person: Person, caller: Caller, stored: str) -> Arrival:
    """Somebody who was invited by mail, and comes by a place that knows them by the same address."""
    found = rows.remove(ONE_TIME_TOKENS, token_hash=stored, token_type=CONFIRMATION)
    user = rows.one(USERS, locked=True, id=found[0]["user_id"]) if found else None
    if user is None or user["invited_at"] is None or user["deleted_at"] is not None:
        raise AuthFault("invite_not_found", "The invitation was used, or is too old")
    refuse_banned(user, room.now())
    if not user["email"] or email_of(person.email or "") != user["email"]:
        raise AuthFault("validation_failed", "Invited email does not match emails from external provider")
    if rows.one(IDENTITIES, provider=provider, provider_id=person.subject) is not None:
        raise AuthFault("identity_already_exists", "Identity is already linked to another user")
    arrival = _joined(rows, room, provider, person, user, caller)
    noted(rows, room, "invite_accepted", arrival.user, caller, kind="team", traits={"provider": provider})
    return arrival


def is_proven(rows: Rows, user: Record) -> bool:
    """Whether somebody has shown that the account's address is theirs: by a mail, or by a place that says so. That it
    is confirmed is not enough where addresses of new accounts are taken as they come."""
    if user["email_confirmed_at"] is None:
        return False
    if user["confirmation_sent_at"] is not None or user["invited_at"] is not None:
        return True
    known = (each["identity_data"] or {} for each in rows.all(IDENTITIES, user_id=user["id"]))
    return any(
        data.get("email_verified") is True and email_of(str(data.get("email") or "")) == user["email"] for data in known
    )


def _emptied(rows: Rows, room: Room, user: Record) -> tuple[Record, list[str]]:
    """An account without anything that whoever made it could come back with, and the sessions that ended."""
    gone = ended(rows, room, rows.all(SESSIONS, user_id=user["id"]))
    for table in _OF_AN_ACCOUNT:
        rows.remove(table, user_id=user["id"])
    app = {key: value for key, value in (user["raw_app_meta_data"] or {}).items() if key != "provider"}
    none: dict[str, Any] = {
        "encrypted_password": None, "email_change": "", "phone": None, "phone_confirmed_at": None, "phone_change": "",
        "raw_user_meta_data": {}, "raw_app_meta_data": app,
    }  # fmt: skip
    return changed(rows, room, user, **none), gone


# --- by hand ---


def linked(
    rows: Rows, room: Room, user_id: str, session_id: str, provider: str, person: Person, caller: Caller
) -> Granted:
    """Another identity for somebody who is signed in, in the session in which they asked for it. Raises `AuthFault`."""
    user = rows.one(USERS, locked=True, id=user_id)
    session = rows.one(SESSIONS, id=session_id, user_id=user_id)
    if user is None or user["deleted_at"] is not None or session is None:
        raise AuthFault("session_not_found", "The session in which this was asked for has ended")
    refuse_banned(user, room.now())
    refuse_managed(user)
    require_aal(rows, user, session)
    there = rows.one(IDENTITIES, provider=provider, provider_id=person.subject)
    if there is not None:
        whose = "" if there["user_id"] == user_id else " to another user"
        raise AuthFault("identity_already_exists", f"Identity is already linked{whose}")
    identified(rows, room, user, provider, person.subject, person.data)
    columns: dict[str, Any] = {"raw_user_meta_data": merged(user["raw_user_meta_data"], person.data)}
    email = email_of(person.email) if person.email and person.verified else None
    if not user["email"] and email and account_at(rows, "email", email) is None:
        columns |= {"email": email, "email_confirmed_at": room.now()}
    user = relisted(rows, room, changed(rows, room, user, is_anonymous=False, **columns))
    noted(rows, room, "identity_linked", user, caller, kind="user", traits={"provider": provider})
    return granted(rows, user, session)


async def unlink(room: Room, user: Record, session: Record | None, identity_id: str, caller: Caller) -> None:
    """`DELETE /user/identities/{id}`: no more by that place. Other sessions end. Raises `AuthFault`."""
    if not room.settings.enable_manual_linking:
        raise linking_disabled()

    def work(rows: Rows) -> list[str]:
        now = rows.one(USERS, locked=True, id=user["id"])
        if now is None:
            raise user_missing()
        require_aal(rows, now, session)
        held = rows.all(IDENTITIES, user_id=user["id"])
        gone = next((each for each in held if each["id"] == identity_id), None)
        if gone is None:
            raise AuthFault("identity_not_found", "Identity doesn't exist")
        if len(held) < 2:
            message = "User must have at least 1 identity after unlinking"
            raise AuthFault("single_identity_not_deletable", message)
        rows.remove(IDENTITIES, id=identity_id)
        columns = _without(rows, now, gone, [each for each in held if each["id"] != identity_id])
        after = relisted(rows, room, changed(rows, room, now, **columns))
        noted(rows, room, "identity_unlinked", after, caller, kind="user", traits={"provider": gone["provider"]})
        here = session["id"] if session else None
        return ended(rows, room, [each for each in rows.all(SESSIONS, user_id=user["id"]) if each["id"] != here])

    room.revoked(await room.write(work))


def refuse_managed(user: Record) -> None:
    """Raises `AuthFault` for an account of an organisation: by another way in, its owner would stay after leaving."""
    if user["is_sso_user"]:
        raise AuthFault("user_sso_managed", "Identities of a SSO account are only possible via SSO")


def linking_disabled() -> AuthFault:
    """Nobody adds identities by hand."""
    return AuthFault("manual_linking_disabled", "Manual linking is disabled")


def _without(rows: Rows, user: Record, gone: Record, left: list[Record]) -> dict[str, Any]:
    """What changes of an account without an identity: its password or number, and an address that went with it.
    Raises `AuthFault` where the address that it would have is somebody else's."""
    if gone["provider"] == "phone":
        return {"phone": None, "phone_confirmed_at": None}
    columns: dict[str, Any] = {"encrypted_password": None} if gone["provider"] == "email" else {}
    known = {each["email"]: (each["identity_data"] or {}).get("email_verified") is True for each in left}
    if not user["email"] or user["email"] in known:
        return columns
    email = next((address for address, verified in known.items() if address and verified), None)
    if email is not None and account_at(rows, "email", email) is not None:
        message = "Unable to unlink identity due to email conflict"
        raise AuthFault("email_conflict_identity_not_deletable", message)
    return columns | {"email": email, "email_confirmed_at": user["email_confirmed_at"] if email else None}


def relisted(rows: Rows, room: Room, user: Record) -> Record:
    """An account whose metadata say by which places it is reached."""
    held = {each["provider"] for each in rows.all(IDENTITIES, user_id=user["id"])}
    app = dict(user["raw_app_meta_data"] or {})
    first, before = app.get("provider"), [name for name in app.get("providers") or () if name in held]
    names = list(dict.fromkeys([*before, *sorted(held)]))
    app |= {"provider": first if first in names else names[0], "providers": names}
    return changed(rows, room, user, raw_app_meta_data=app)


def _lower(person: Person) -> str | None:
    return person.email.lower() if person.email else None
