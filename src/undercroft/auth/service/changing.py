"""Changes of one's own account: its address, its number, its password, what it says of itself.

A new address is confirmed at the new and at the old one, whether or not addresses of new accounts are confirmed. Who
has a second factor changes none of the three without it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.passwords import LONGEST
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import changed, check_password, merged, read_email, read_phone
from undercroft.auth.service.confirming import may_mail, may_text, send, send_code
from undercroft.auth.service.factors import require_aal
from undercroft.auth.service.flows import begun, check_challenge
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.one_time import (
    EMAIL_CURRENT,
    EMAIL_NEW,
    PHONE_CHANGE,
    REAUTHENTICATION,
    RECOVERY,
    Sent,
    forgotten,
    issued,
    tried,
)
from undercroft.auth.service.room import Room, Unit, noted
from undercroft.auth.service.sessions import ended
from undercroft.auth.service.users import shape_of
from undercroft.auth.service.verifying import new_email, new_phone, refuse_taken
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FLOWS, SESSIONS, USERS
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import ChangeUser

_RECENT = timedelta(hours=24)
"""For how long after a sign-in nobody is asked for a code again."""


@dataclass(slots=True)
class _Wanted:
    """What a change comes to."""

    email: str | None = None
    phone: str | None = None
    password: str | None = None
    """Hashed."""
    data: dict[str, Any] = field(default_factory=dict)


async def change(
    room: Room, user: Record, session: Record | None, ask: ChangeUser, caller: Caller, redirect_to: str
) -> Shape:
    """`PUT /user`. Raises `AuthFault`."""
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    if ask.app_metadata:
        raise AuthFault("not_admin", "Updating app_metadata requires admin privileges")
    if ask.channel not in (None, "", "sms", "whatsapp"):
        raise validation_failed("Invalid channel, supported values are 'sms' or 'whatsapp'")
    wanted = _wanted(user, ask)
    await _check_standing(room, user, session, ask, wanted)
    if ask.password is not None:
        wanted.password = await _new_password(room, user, session, ask, wanted)
    email_at_once, phone_at_once = _at_once(room, user)
    if wanted.email and not email_at_once:
        await may_mail(room, user["id"])
    if wanted.phone and not phone_at_once:
        await may_text(room, wanted.phone)

    async with room.unit() as unit:
        after, gone = await unit.perform(lambda rows: _changed(rows, room, user, session, wanted, caller))
        if wanted.email and not email_at_once:
            flow = None
            if challenge is not None:
                flow = await unit.perform(
                    lambda rows: begun(rows, room, "email", "email_change", challenge, user_id=user["id"])
                )
            await ask_at_both(unit, after, redirect_to, flow)
        if wanted.phone and not phone_at_once:
            await send_code(
                unit, after, PHONE_CHANGE, wanted.phone, sent_at="phone_change_sent_at", channel=ask.channel
            )
        told = await unit.perform(lambda rows: shape_of(rows, after))
    room.revoked(gone)
    return told


async def ask_at_both(unit: Unit, user: Record, redirect_to: str, flow: str | None) -> None:
    """Ask for a new address to be confirmed, at itself, and at the old one where there is one and the settings want it.

    Changes `user`.
    """
    room = unit.room
    digits, new = room.settings.email.otp_length, user["email_change"]
    asks_old = bool(room.settings.email.double_confirm_changes and user["email"])

    def work(rows: Rows) -> tuple[Sent, Sent | None]:
        user.update(changed(rows, room, user, email_change_sent_at=room.now(), email_change_confirm_status=0))
        forgotten(rows, user["id"], EMAIL_NEW, EMAIL_CURRENT)
        to_new = issued(rows, room, user, EMAIL_NEW, new, digits=digits, flow=flow)
        if not asks_old:
            return to_new, None
        return to_new, issued(rows, room, user, EMAIL_CURRENT, user["email"], digits=digits, flow=flow)

    to_new, to_old = await unit.perform(work)
    if to_old is not None:
        await send(unit, "email_change", user["email"], user, to_old, "email_change", redirect_to)
    await send(unit, "email_change", new, user, to_new, "email_change", redirect_to)


def _wanted(user: Record, ask: ChangeUser) -> _Wanted:
    email = read_email(ask.email) if ask.email else None
    phone = read_phone(ask.phone) if ask.phone else None
    return _Wanted(
        None if email == user["email"] else email, None if phone == user["phone"] else phone, data=ask.data or {}
    )


def _at_once(room: Room, user: Record) -> tuple[bool, bool]:
    """Whether a new address, and a new number, is somebody's without being confirmed.

    That addresses of new accounts are not confirmed takes nothing from the promise to ask at the old one.
    """
    settings = room.settings
    asks_old = settings.email.double_confirm_changes and user["email"]
    return not settings.email.enable_confirmations and not asks_old, not settings.sms.enable_confirmations


async def _check_standing(room: Room, user: Record, session: Record | None, ask: ChangeUser, wanted: _Wanted) -> None:
    """Raises `AuthFault` for who may not change this, or not from this session."""
    if not (wanted.email or wanted.phone or ask.password is not None):
        return
    if user["is_sso_user"]:
        raise AuthFault("user_sso_managed", "Updating email, phone, password of a SSO account only possible via SSO")
    if wanted.email and not room.settings.email.enable_signup:
        raise AuthFault("email_provider_disabled", "Email logins are disabled")
    if wanted.phone and not room.settings.sms.enable_signup:
        raise AuthFault("phone_provider_disabled", "Phone logins are disabled")
    await room.read(lambda rows: require_aal(rows, user, session))


async def _new_password(room: Room, user: Record, session: Record | None, ask: ChangeUser, wanted: _Wanted) -> str:
    """The new password as it is stored. Raises `AuthFault` where it is not taken, or who asks has to prove more."""
    password = ask.password or ""
    if user["is_anonymous"] and not (user["email"] or user["phone"]):
        raise validation_failed("Updating password of an anonymous user without an email or phone is not allowed")
    await check_password(room, password)
    stored = user["encrypted_password"]
    if ask.current_password is not None and stored:
        await check_current(room, user, ask.current_password)
    if stored and await room.hasher.matches(stored, password):
        raise AuthFault("same_password", "New password should be different from the old password.")
    hashed = await room.hasher.hashed(password)
    if room.settings.email.secure_password_change and not _is_recent(room, session):
        if not ask.nonce:
            raise AuthFault("reauthentication_needed", "Password update requires reauthentication")
        await _check_nonce(room, user, ask.nonce)
    return hashed


async def check_current(room: Room, user: Record, password: str) -> None:
    """Whether this is somebody's password of now, before a change that asks for it. Raises `AuthFault`."""
    await _try(room, user)
    if len(password.encode()) > LONGEST or not await room.hasher.matches(user["encrypted_password"] or None, password):
        raise AuthFault("invalid_credentials", "Current password is incorrect")


def _is_recent(room: Room, session: Record | None) -> bool:
    return session is not None and session["created_at"] + _RECENT > room.now()


async def _try(room: Room, user: Record) -> None:
    await room.limits.take(Limit("code", room.settings.rate_limit.account_attempts, 300.0), user["id"])


async def _check_nonce(room: Room, user: Record, nonce: str) -> None:
    """Use up the code of `reauthenticate`. Raises `AuthFault` where it is not good."""
    await _try(room, user)
    settings = room.settings
    address = user["email"] if user["email"] and user["email_confirmed_at"] is not None else user["phone"]
    lifetime = settings.email.otp_expiry if address == user["email"] else settings.sms.otp_expiry
    found = await room.write(
        lambda rows: tried(rows, room, (REAUTHENTICATION,), address or "", nonce.strip(), lifetime, user_id=user["id"])
    )
    if found is None:
        raise AuthFault("reauthentication_not_valid", "Nonce has expired or is invalid")


def _changed(
    rows: Rows, room: Room, user: Record, session: Record | None, wanted: _Wanted, caller: Caller
) -> tuple[Record, list[str]]:
    """The account with what can be changed at once, and the sessions that ended."""
    now = rows.one(USERS, locked=True, id=user["id"], deleted_at=None)
    if now is None:
        raise AuthFault("user_not_found", "User not found")
    if wanted.email or wanted.phone or wanted.password is not None:
        require_aal(rows, now, session)
    columns: dict[str, Any] = {}
    if wanted.data:
        columns["raw_user_meta_data"] = merged(now["raw_user_meta_data"], wanted.data)
    if wanted.password is not None:
        columns["encrypted_password"] = wanted.password
    for column, address in (("email", wanted.email), ("phone", wanted.phone)):
        if address:
            refuse_taken(rows, now, column, address)
            columns[f"{column}_change"] = address
    email_at_once, phone_at_once = _at_once(room, now)
    after = changed(rows, room, now, **columns)
    if wanted.email and email_at_once:
        after = new_email(rows, room, after, wanted.email, caller, shown=False)
    if wanted.phone and phone_at_once:
        after = new_phone(rows, room, after, wanted.phone, caller, shown=False)
    noted(rows, room, "user_modified", after, caller, kind="user")
    return after, _shut_out(rows, room, after, session, caller) if wanted.password is not None else []


def _shut_out(rows: Rows, room: Room, user: Record, session: Record | None, caller: Caller) -> list[str]:
    """A new password ends the other sessions, and what was sent to come in without the old one."""
    noted(rows, room, "user_updated_password", user, caller, kind="user")
    forgotten(rows, user["id"], RECOVERY, REAUTHENTICATION)
    rows.remove(FLOWS, user_id=user["id"])
    here = None if session is None else session["id"]
    return ended(rows, room, [each for each in rows.all(SESSIONS, user_id=user["id"]) if each["id"] != here])
