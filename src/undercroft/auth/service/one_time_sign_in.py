"""Signing in by a code or a link, without a password: who comes for the first time gets an account."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import account_at, created, own_identity, read_email, read_phone
from undercroft.auth.service.confirming import NobodyThere, may_mail, may_text, pretended, send_code, send_link, settle
from undercroft.auth.service.flows import begun, check_challenge
from undercroft.auth.service.one_time import CONFIRMATION
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.verifying import FRESH
from undercroft.auth.store import Record, Rows
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import Otp


async def send_otp(room: Room, ask: Otp, caller: Caller, redirect_to: str) -> Shape:
    """`POST /otp` and `POST /magiclink`: a mail or message with a code. Raises `AuthFault`.

    Whether there is an account already, and whether one was made, is not told.
    """
    if bool(ask.email) == bool(ask.phone):
        raise validation_failed("Only an email address or phone number should be provided")
    column = "email" if ask.email else "phone"
    address = read_email(ask.email) if ask.email else read_phone(ask.phone or "")
    if not (room.settings.email if ask.email else room.settings.sms).enable_signup:
        raise AuthFault(f"{column}_provider_disabled", f"{column.capitalize()} logins are disabled")
    if ask.channel not in (None, "", "sms", "whatsapp"):
        raise validation_failed("Invalid channel, supported values are 'sms' or 'whatsapp'")
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    await (may_mail(room, address) if ask.email else may_text(room, address))
    makes = ask.create_user and room.settings.enable_signup

    try:
        async with room.unit() as unit:
            user = await unit.perform(lambda rows: _found(rows, room, ask, column, address, caller, makes=makes))
            if user is None:
                await pretended(unit, "magiclink", column, address, redirect_to, flow=challenge is not None)
            if column == "phone":
                details = {FRESH: True}
                await send_code(
                    unit, user, CONFIRMATION, address, sent_at="confirmation_sent_at", details=details,
                    channel=ask.channel,
                )  # fmt: skip
                return {}
            is_new = user["email_confirmed_at"] is None and room.settings.email.enable_confirmations
            kind = "signup" if is_new else "magiclink"
            flow = None
            if challenge is not None:
                flow = await unit.perform(
                    lambda rows: begun(rows, room, "email", "magiclink", challenge, user_id=user["id"])
                )
            await send_link(unit, user, kind, redirect_to, flow, details={FRESH: True})
    except NobodyThere:
        await settle(room)
    return {}


def _found(
    rows: Rows, room: Room, ask: Otp, column: str, address: str, caller: Caller, *, makes: bool
) -> Record | None:
    """Whose address it is: somebody's who is there, or who is new. None where nobody is to be made."""
    user = account_at(rows, column, address, locked=True)
    if user is None and makes:
        # Nobody has shown yet that the address is theirs: it is confirmed when the code comes back.
        user = created(rows, room, column, **{column: address}, raw_user_meta_data=ask.data or {})
        own_identity(rows, room, user, column)
    if user is not None:
        noted(rows, room, "user_recovery_requested", user, caller, kind="user")
    return user
