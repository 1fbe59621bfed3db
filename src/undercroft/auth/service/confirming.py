"""Mails with a code and a link, and what happens when one of them comes back."""

from __future__ import annotations

from urllib.parse import urlencode

from undercroft.auth.errors import AuthFault
from undercroft.auth.service.accounts import changed
from undercroft.auth.service.one_time import CONFIRMATION, Sent, issued, refuse_soon
from undercroft.auth.service.room import Room, Unit
from undercroft.auth.store import Record


async def send_confirmation(unit: Unit, user: Record, column: str, redirect_to: str, flow: str | None) -> None:
    """Ask for the confirmation of a new account's address. Changes `user`. Raises `AuthFault` where it is too soon."""
    room = unit.room
    if column == "phone":
        raise AuthFault("sms_send_failed", "no way to send messages is set")
    refuse_soon(room, user["confirmation_sent_at"], room.settings.email.max_frequency, "over_email_send_rate_limit")

    def work(rows):  # type: ignore[no-untyped-def]
        user.update(changed(rows, room, user, confirmation_sent_at=room.now()))
        return issued(rows, room, user, CONFIRMATION, user["email"], digits=room.settings.email.otp_length, flow=flow)

    sent = await unit.perform(work)
    await send(unit, "confirmation", user["email"], user, sent, "signup", redirect_to)


async def send(
    unit: Unit, template: str, to: str, user: Record, sent: Sent, kind: str, redirect_to: str, **more: object
) -> None:
    """A mail with a code and a link, with GoTrue's names for what is in it."""
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
        **more,
    }
    await unit.notify(template, to, data)


def link(room: Room, token: str, kind: str, redirect_to: str) -> str:
    """The address of a link in a mail."""
    return f"{room.address}/verify?{urlencode({'token': token, 'type': kind, 'redirect_to': redirect_to})}"
