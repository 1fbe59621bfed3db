"""Signing up: an account by an address and a password, or by nothing at all."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.codes import token_of
from undercroft.auth.parts.shapes import Shape, user_shape
from undercroft.auth.service.accounts import (
    account_at,
    address_of,
    changed,
    check_password,
    created,
    merged,
    own_identity,
)
from undercroft.auth.service.confirming import NobodyThere, may_mail, may_text, pretended, send_confirmation
from undercroft.auth.service.flows import begun, check_challenge
from undercroft.auth.service.room import Room, Unit, noted
from undercroft.auth.service.sessions import opened, tokens
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import IDENTITIES
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import SignUp


async def sign_up(room: Room, ask: SignUp, caller: Caller, redirect_to: str) -> Shape:
    """`POST /signup`: the tokens of a new account, or the account alone while its address is to be confirmed.

    An address that has an account already is answered like a new one. Raises `AuthFault`.
    """
    settings = room.settings
    if not settings.enable_signup:
        raise AuthFault("signup_disabled", "Signups not allowed for this instance")
    if not ask.email and not ask.phone:
        return await _anonymous(room, ask, caller)
    column, address = address_of(ask.email, ask.phone)
    if not (settings.email if column == "email" else settings.sms).enable_signup:
        raise AuthFault(f"{column}_provider_disabled", f"{column.capitalize()} signups are disabled")
    if not ask.password:
        raise validation_failed("Signup requires a valid password")
    await check_password(room, ask.password)
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    password = await room.hasher.hashed(ask.password)
    confirms = (settings.email if column == "email" else settings.sms).enable_confirmations
    if confirms:
        await (may_mail(room, address) if column == "email" else may_text(room, address))
    try:
        async with room.unit() as unit:
            made = await unit.perform(lambda rows: _made(rows, room, ask, column, address, password, confirms, caller))
            if not isinstance(made, Granted):
                return await _asked_to_confirm(unit, ask, made, column, redirect_to, challenge)
    except NobodyThere:
        # Who is there already is sent nothing, and whoever asked does not see that.
        await room.write(lambda rows: noted(rows, room, "user_repeated_signup", None, caller, kind="user"))
        return _told(room, ask, column, address, *_unreal_ids(room, address))
    return await tokens(room, made)


async def _asked_to_confirm(
    unit: Unit, ask: SignUp, made: tuple[Record, bool], column: str, redirect_to: str,
    challenge: tuple[str, str] | None,
) -> Shape:  # fmt: skip
    """The answer for an account whose address is to be confirmed. Raises `NobodyThere` for one whose is confirmed."""
    room, (user, is_new) = unit.room, made
    if not is_new:
        await pretended(unit, "signup", column, user[column], redirect_to, flow=challenge is not None)
    flow = None
    if challenge is not None:
        flow = await unit.perform(
            lambda rows: begun(rows, room, column, f"{column}/signup", challenge, user_id=user["id"])
        )
    await send_confirmation(unit, user, column, redirect_to, flow)
    known = {"user_id": user["id"], "provider": column}
    identity = await unit.perform(lambda rows: rows.one(IDENTITIES, **known))
    return _told(room, ask, column, user[column], user["id"], identity["id"] if identity else "")


def _unreal_ids(room: Room, address: str) -> tuple[str, str]:
    """Ids as somebody at this address would have them, the same ones each time, as of somebody who is there."""
    user, identity = (token_of(room.key(), f"{name} of nobody", address, "") for name in ("user", "identity"))
    return str(UUID(user[:32], version=4)), str(UUID(identity[:32], version=4))


def _made(
    rows: Rows, room: Room, ask: SignUp, column: str, address: str, password: str, confirms: bool, caller: Caller
) -> Granted | tuple[Record, bool]:
    """An account, signed in unless its address is to be confirmed; else whether it is a new one."""
    user = account_at(rows, column, address, locked=True)
    if user is not None and user[f"{column}_confirmed_at"] is not None:
        if not confirms:
            raise AuthFault("user_already_exists", "User already registered")
        return user, False
    given: dict[str, Any] = {"encrypted_password": password}
    if user is None:
        user = created(rows, room, column, **{column: address}, **given, raw_user_meta_data=ask.data or {})
    else:
        # Whose address it is has not been shown yet: who comes last, and then confirms, has it as they wanted it.
        given["raw_user_meta_data"] = merged({}, ask.data or {})
        user = changed(rows, room, user, **given)
    own_identity(rows, room, user, column)  # nobody has shown yet that it is theirs
    if confirms:
        noted(rows, room, "user_confirmation_requested", user, caller, kind="user")
        return user, True
    user = changed(rows, room, user, **{f"{column}_confirmed_at": room.now()})
    noted(rows, room, "user_signedup", user, caller, kind="team", traits={"provider": column})
    return opened(rows, room, user, caller, "password")


def _told(room: Room, ask: SignUp, column: str, address: str, user_id: str, identity_id: str) -> Shape:
    """The account as it is told while its address is to be confirmed: what was asked for, and nothing that is stored,
    so that an account that is there looks like a new one."""
    now = room.now()
    user: Record = dict.fromkeys(
        ("invited_at", "recovery_sent_at", "email_change_sent_at", "phone_change_sent_at", "reauthentication_sent_at",
         "last_sign_in_at", "banned_until", "deleted_at", "email_confirmed_at", "phone_confirmed_at", "email", "phone",
         "email_change", "phone_change")
    )  # fmt: skip
    user |= {
        "id": user_id, "aud": "authenticated", "role": "authenticated", column: address,
        "confirmation_sent_at": now, "created_at": now, "updated_at": now, "is_anonymous": False, "is_sso_user": False,
        "raw_app_meta_data": {"provider": column, "providers": [column]},
        "raw_user_meta_data": merged({}, ask.data or {}),
    }  # fmt: skip
    identity: Record = {
        "id": identity_id, "provider_id": user_id, "user_id": user_id, "provider": column, "last_sign_in_at": now,
        "created_at": now, "updated_at": now, "email": user["email"],
        "identity_data": {"sub": user_id, column: address, "email_verified": False, "phone_verified": False},
    }  # fmt: skip
    return user_shape(user, [identity])


async def _anonymous(room: Room, ask: SignUp, caller: Caller) -> Shape:
    """An account without an address, which may get one later."""
    if not room.settings.enable_anonymous_sign_ins:
        raise AuthFault("anonymous_provider_disabled", "Anonymous sign-ins are disabled")

    def work(rows: Rows) -> Granted:
        user = created(rows, room, None, is_anonymous=True, raw_user_meta_data=ask.data or {})
        noted(rows, room, "user_signedup", user, caller, kind="team")
        return opened(rows, room, user, caller, "anonymous")

    return await tokens(room, await room.write(work))
