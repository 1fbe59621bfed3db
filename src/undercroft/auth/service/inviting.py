"""Inviting people: an account that waits for whoever reads a mail."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import account_at, created, own_identity, read_email
from undercroft.auth.service.confirming import may_mail, send_link
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.users import shape_of
from undercroft.auth.service.verifying import FRESH
from undercroft.auth.store import Record, Rows
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import Data, Invite


async def invite(room: Room, ask: Invite, caller: Caller, redirect_to: str) -> Shape:
    """`POST /invite`. Raises `AuthFault` `email_exists` for an address that somebody has confirmed already."""
    email = read_email(ask.email)
    await may_mail(room, email)
    async with room.unit() as unit:
        user = await unit.perform(lambda rows: invited(rows, room, email, ask.data, caller))
        await send_link(unit, user, "invite", redirect_to, None, details={FRESH: True})
        return await unit.perform(lambda rows: shape_of(rows, user))


def invited(rows: Rows, room: Room, email: str, data: Data | None, caller: Caller) -> Record:
    """The account of somebody who is invited. Raises `AuthFault`."""
    user = account_at(rows, "email", email, locked=True)
    if user is not None and user["email_confirmed_at"] is not None:
        raise email_exists()
    if user is None:
        user = created(rows, room, "email", email=email, raw_user_meta_data=data or {})
        own_identity(rows, room, user, "email")
    noted(rows, room, "user_invited", user, caller, kind="team")
    return user


def email_exists() -> AuthFault:
    """An address that is somebody's already."""
    return AuthFault("email_exists", "A user with this email address has already been registered")
