"""Mails and messages that are asked for again: to get back in, to have another one, to prove once more who one is."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import account_at, changed, read_email, read_phone
from undercroft.auth.service.changing import ask_at_both
from undercroft.auth.service.confirming import (
    NobodyThere,
    may_mail,
    may_text,
    pretended,
    send,
    send_code,
    send_link,
    settle,
)
from undercroft.auth.service.flows import begun, check_challenge
from undercroft.auth.service.one_time import CONFIRMATION, PHONE_CHANGE, REAUTHENTICATION, Sent, issued
from undercroft.auth.service.room import Room, Unit, noted
from undercroft.auth.store import Record, Rows
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import Recover, Resend

RESENT = ("signup", "email_change", "sms", "phone_change")


async def recover(room: Room, ask: Recover, caller: Caller, redirect_to: str) -> Shape:
    """`POST /recover`: a mail by which somebody comes in without the password. Raises `AuthFault`.

    The answer is the same for an address without an account.
    """
    if not ask.email:
        raise validation_failed("Password recovery requires an email")
    email = read_email(ask.email)
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    await may_mail(room, email)

    def work(rows: Rows) -> tuple[Record | None, str | None]:
        user = account_at(rows, "email", email, locked=True)
        if user is None:
            return None, None
        noted(rows, room, "user_recovery_requested", user, caller, kind="user")
        if challenge is None:
            return user, None
        return user, begun(rows, room, "email", "recovery", challenge, user_id=user["id"])

    try:
        async with room.unit() as unit:
            user, flow = await unit.perform(work)
            if user is None:
                await pretended(unit, "recovery", "email", email, redirect_to, flow=challenge is not None)
            await send_link(unit, user, "recovery", redirect_to, flow)
    except NobodyThere:
        await settle(room)
    return {}


async def resend(room: Room, ask: Resend, redirect_to: str) -> Shape:
    """`POST /resend`: another mail or message of what is still to be confirmed. Raises `AuthFault`.

    The answer is the same where there is nothing to confirm.
    """
    if ask.type not in RESENT:
        raise validation_failed("Missing one of these types: signup, email_change, sms, phone_change")
    column = "email" if ask.type in ("signup", "email_change") else "phone"
    if not (ask.email if column == "email" else ask.phone) or (ask.email and ask.phone):
        raise validation_failed(f"Type provided requires an {column}")
    address = read_email(ask.email or "") if column == "email" else read_phone(ask.phone or "")
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    await (may_mail(room, address) if column == "email" else may_text(room, address))

    def work(rows: Rows) -> Record | None:
        user = account_at(rows, column, address, locked=True)
        return user if user is not None and _waits(user, ask.type) else None

    try:
        async with room.unit() as unit:
            user = await unit.perform(work)
            if user is None:
                await pretended(unit, "signup", column, address, redirect_to, flow=challenge is not None)
            flow = None
            if challenge is not None and column == "email":
                method = "email/signup" if ask.type == "signup" else "email_change"
                flow = await unit.perform(
                    lambda rows: begun(rows, room, "email", method, challenge, user_id=user["id"])
                )
            await _again(unit, user, ask.type, redirect_to, flow)
    except NobodyThere:
        await settle(room)
    return {}


def _waits(user: Record, kind: str) -> bool:
    """Whether something of this type is still to be confirmed."""
    if kind in ("email_change", "phone_change"):
        return bool(user[kind])
    return user["email_confirmed_at" if kind == "signup" else "phone_confirmed_at"] is None


async def _again(unit: Unit, user: Record, kind: str, redirect_to: str, flow: str | None) -> None:
    if kind == "signup":
        await send_link(unit, user, "signup", redirect_to, flow)
    elif kind == "email_change":
        await ask_at_both(unit, user, redirect_to, flow)
    elif kind == "sms":
        await send_code(unit, user, CONFIRMATION, user["phone"], sent_at="confirmation_sent_at")
    else:
        await send_code(unit, user, PHONE_CHANGE, user["phone_change"], sent_at="phone_change_sent_at")


async def reauthenticate(room: Room, user: Record, caller: Caller) -> Shape:
    """`POST /reauthenticate`: a code by which somebody who is signed in may set a password. Raises `AuthFault`."""
    by_mail = user["email"] and user["email_confirmed_at"] is not None
    if not by_mail and not (user["phone"] and user["phone_confirmed_at"] is not None):
        raise AuthFault("email_not_confirmed", "Please verify your email or phone first", status=422)
    await (may_mail(room, user["id"]) if by_mail else may_text(room, user["phone"]))

    def work(rows: Rows) -> Sent:
        after = changed(rows, room, user, reauthentication_sent_at=room.now())
        noted(rows, room, "user_reauthenticate_requested", after, caller, kind="user")
        return issued(rows, room, user, REAUTHENTICATION, user["email"], digits=room.settings.email.otp_length)

    async with room.unit() as unit:
        if by_mail:
            sent = await unit.perform(work)
            await send(unit, "reauthentication", user["email"], user, sent, "reauthentication", room.settings.site_url)
        else:
            await send_code(unit, dict(user), REAUTHENTICATION, user["phone"], sent_at="reauthentication_sent_at")
    return {}
