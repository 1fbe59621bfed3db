"""What is sent to people: mails with a code and a link, messages with a code; and how often.

Whether an address has an account must not be seen by what an ask for a mail is answered, nor by how long that takes.
So the bounds count addresses, whosesoever they are, and for an address without an account all is done as for one with
it, and then undone (`pretended`).
"""

from __future__ import annotations

import re
from typing import Any, NoReturn
from urllib.parse import urlencode
from uuid import uuid4

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.codes import new_code, token_of
from undercroft.auth.service.accounts import changed
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.one_time import CONFIRMATION, PKCE, RECOVERY, Sent, issued
from undercroft.auth.service.room import Room, Unit, noted
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.rates import count
from undercroft.auth.tables import USERS
from undercroft.auth.types import Caller

_HOUR = 3600.0
_CODE = re.compile(r"\{\{-?\s*\.Code\s*-?\}\}")
TEMPLATES = {"signup": "confirmation", "invite": "invite", "magiclink": "magic_link", "recovery": "recovery"}
"""The template of a mail, by the type of its link."""
_KINDS = {"signup": CONFIRMATION, "invite": CONFIRMATION, "magiclink": RECOVERY, "recovery": RECOVERY}
_SENT_AT = {CONFIRMATION: "confirmation_sent_at", RECOVERY: "recovery_sent_at"}


class NobodyThere(Exception):
    """Undoes what was done for an address without an account."""


# --- how often ---


async def may_mail(room: Room, key: str) -> None:
    """Count a mail to this address or account, before any unit is open. Raises `AuthFault` where there were too many.

    Counted is who is asked for, whether there is an account or not.
    """
    await _not_soon(room, f"mail:{key}", room.settings.email.max_frequency, "over_email_send_rate_limit")
    await room.limits.take(
        Limit("email_sent", room.settings.rate_limit.email_sent, _HOUR, "over_email_send_rate_limit"), ""
    )


async def may_text(room: Room, phone: str) -> None:
    """Count a message to this number, before any unit is open. Raises `AuthFault`, also where none can be sent."""
    if phone in room.settings.sms.test_otp:
        return
    if room.text is None:
        raise AuthFault("sms_send_failed", "No provider of messages is set")
    await _not_soon(room, f"sms:{phone}", room.settings.sms.max_frequency, "over_sms_send_rate_limit")
    await room.limits.take(Limit("sms_sent", room.settings.rate_limit.sms_sent, _HOUR, "over_sms_send_rate_limit"), "")


async def _not_soon(room: Room, key: str, seconds: float, code: str) -> None:
    if not seconds:
        return
    try:
        await room.limits.take(Limit("soon", 1, seconds, code), key)
    except AuthFault as fault:
        wait = fault.retry_after or 1
        message = f"For security purposes, you can only request this after {wait} seconds."
        raise AuthFault(code, message, retry_after=wait) from None


# --- mails ---


async def send_link(
    unit: Unit, user: Record, kind: str, redirect_to: str, flow: str | None, *, details: dict[str, Any] | None = None
) -> None:
    """The mail of a link of this type (`signup`, `invite`, `magiclink`, `recovery`). Changes `user`."""
    sent = await unit.perform(lambda rows: link_issued(rows, unit.room, user, kind, flow=flow, details=details))
    await send(unit, TEMPLATES[kind], user["email"], user, sent, kind, redirect_to)


def link_issued(
    rows: Rows, room: Room, user: Record, kind: str, *, flow: str | None = None, details: dict[str, Any] | None = None
) -> Sent:
    """A code and a link of this type, and when that was. Changes `user`."""
    token = _KINDS[kind]
    columns = {_SENT_AT[token]: room.now()} | ({"invited_at": room.now()} if kind == "invite" else {})
    user.update(changed(rows, room, user, **columns))
    digits = room.settings.email.otp_length
    return issued(rows, room, user, token, user["email"], digits=digits, flow=flow, details=details)


async def send(
    unit: Unit, template: str, to: str, user: Record, sent: Sent, kind: str, redirect_to: str, **more: object
) -> None:
    """A mail with a code and a link: GoTrue's names for what is in it, as Python spells names."""
    room = unit.room
    data = {
        "confirmation_url": link(room, sent.token, kind, redirect_to),
        "token": sent.code,
        "token_hash": sent.token,
        "site_url": room.settings.site_url,
        "email": user["email"] or "",
        "new_email": user["email_change"] or "",
        "data": user["raw_user_meta_data"] or {},
        "redirect_to": redirect_to,
        "sending_to": to,
        "minutes": max(1, round(room.settings.email.otp_expiry / 60)),
        **more,
    }
    await unit.notify(template, to, data)


def link(room: Room, token: str, kind: str, redirect_to: str) -> str:
    """The address of a link in a mail."""
    return f"{room.address}/verify?{urlencode({'token': token, 'type': kind, 'redirect_to': redirect_to})}"


# --- messages ---


async def send_code(
    unit: Unit, user: Record, kind: str, phone: str, *, sent_at: str, details: dict[str, Any] | None = None,
    channel: str | None = None,
) -> None:  # fmt: skip
    """A message with a code. Changes `user`."""
    room = unit.room
    fixed = room.settings.sms.test_otp.get(phone)

    def work(rows: Rows) -> Sent:
        user.update(changed(rows, room, user, **{sent_at: room.now()}))
        digits = room.settings.sms.otp_length
        return issued(rows, room, user, kind, phone, digits=digits, details=details, code=fixed)

    sent = await unit.perform(work)
    if fixed is None:
        await unit.text(phone, text_of(room, sent.code), channel)


def text_of(room: Room, code: str) -> str:
    """The words of a message."""
    return _CODE.sub(lambda _: code, room.settings.sms.template)


async def send_confirmation(unit: Unit, user: Record, column: str, redirect_to: str, flow: str | None) -> None:
    """Ask for the confirmation of a new account's address. Changes `user`."""
    if column == "phone":
        await send_code(unit, user, CONFIRMATION, user["phone"], sent_at="confirmation_sent_at")
    else:
        await send_link(unit, user, "signup", redirect_to, flow)


# --- nobody ---


async def pretended(unit: Unit, kind: str, column: str, address: str, redirect_to: str, *, flow: bool) -> NoReturn:
    """Do for an address without an account what is done for one with it. Raises `NobodyThere`, which undoes it."""
    room, nobody = unit.room, _nobody(column, address)
    code = new_code(6)
    token = token_of(room.key(), RECOVERY, address, code)

    def work(rows: Rows) -> None:
        changed(rows, room, nobody)
        rows.change(USERS, {"id": nobody["id"]}, recovery_sent_at=room.now())
        noted(rows, room, "user_recovery_requested", nobody, Caller(), kind="user")

    await unit.perform(work)
    if column == "email":
        sent = Sent(code, f"{PKCE}{token}" if flow else token)
        await send(unit, TEMPLATES[kind], address, nobody, sent, kind, redirect_to)
    elif address not in room.settings.sms.test_otp:
        await unit.text(address, text_of(room, code), None)
    raise NobodyThere


async def settle(room: Room) -> None:
    """The commit in place of the one that was undone."""
    dialect, now = room.engine.dialect, room.clock.timestamp()
    await room.engine.write(lambda cursor: count(Rows(cursor, dialect), dialect, "nobody", now, _HOUR))


def _nobody(column: str, address: str) -> Record:
    return {
        "id": str(uuid4()), "email": None, "phone": None, "email_change": "", "raw_user_meta_data": {},
        "is_sso_user": False, column: address,
    }  # fmt: skip
