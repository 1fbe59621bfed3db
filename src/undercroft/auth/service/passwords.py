"""Signing in with a password."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault, validation_failed, wrong_credentials
from undercroft.auth.parts.addresses import email_of, phone_of
from undercroft.auth.parts.passwords import LONGEST
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import account_at, check_password
from undercroft.auth.service.hooks import Rejected
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room
from undercroft.auth.service.sessions import ended, opened, refuse_banned, tokens
from undercroft.auth.store import Rows
from undercroft.auth.tables import SESSIONS, USERS
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import PasswordGrant


async def sign_in(room: Room, ask: PasswordGrant, caller: Caller) -> Shape:
    """`POST /token?grant_type=password`. Raises `AuthFault`: the same one for a wrong password and for nobody."""
    if bool(ask.email) == bool(ask.phone):
        raise validation_failed("Only an email address or phone number should be provided on login.")
    column = "email" if ask.email else "phone"
    address = email_of(ask.email) if ask.email else phone_of(ask.phone or "")
    await room.limits.take(
        Limit("password", room.settings.rate_limit.account_attempts, 300.0), f"{column}:{address or ask.email}"
    )
    user = None if address is None else await room.read(lambda rows: account_at(rows, column, address))
    stored = None if user is None else user["encrypted_password"]
    is_right = len(ask.password.encode()) <= LONGEST and await room.hasher.matches(stored or None, ask.password)
    if user is not None and room.hooks is not None:
        await _heed(room, await room.hooks.password_tried(user["id"], is_right), user["id"])
    if not is_right or user is None or stored is None:
        raise wrong_credentials()
    if user[f"{column}_confirmed_at"] is None:
        raise AuthFault(f"{column}_not_confirmed", f"{column.capitalize()} not confirmed")
    refuse_banned(user, room.now())
    renewed = await room.hasher.renewed(stored, ask.password)

    def work(rows: Rows) -> Granted:
        # Looked at again: it may have been changed since it was compared.
        now = rows.one(USERS, locked=True, id=user["id"], encrypted_password=stored, deleted_at=None)
        if now is None:
            raise wrong_credentials()
        if renewed is not None:
            rows.change(USERS, {"id": user["id"]}, encrypted_password=renewed)
        return opened(rows, room, now, caller, "password")

    told = await tokens(room, await room.write(work))
    try:
        await check_password(room, ask.password)
    except AuthFault as fault:
        told |= fault.more
    return told


async def _heed(room: Room, rejected: Rejected | None, user_id: str) -> None:
    """Raises `AuthFault` where the app said no."""
    if rejected is None:
        return
    if rejected.log_out:
        room.revoked(await room.write(lambda rows: ended(rows, room, rows.all(SESSIONS, user_id=user_id))))
    raise AuthFault("invalid_credentials", rejected.message)
