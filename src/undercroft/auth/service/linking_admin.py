"""Links that the service hands out itself, in mails of its own."""

from __future__ import annotations

from typing import NamedTuple

from undercroft.auth.errors import AuthFault, user_missing, validation_failed
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.accounts import account_at, changed, check_password, created, own_identity, read_email
from undercroft.auth.service.confirming import link, link_issued
from undercroft.auth.service.inviting import email_exists, invited
from undercroft.auth.service.one_time import EMAIL_CURRENT, EMAIL_NEW, Sent, issued
from undercroft.auth.service.room import Room
from undercroft.auth.service.users import shape_of
from undercroft.auth.service.verifying import FRESH, refuse_taken
from undercroft.auth.store import Record, Rows
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import GenerateLink

TYPES = ("signup", "invite", "magiclink", "recovery", "email_change_current", "email_change_new")


class _Made(NamedTuple):
    user: Record
    sent: Sent
    kind: str


async def generate_link(room: Room, ask: GenerateLink, caller: Caller, redirect_to: str) -> Shape:
    """`POST /admin/generate_link`: an account with a link for it; nothing is sent. Raises `AuthFault`."""
    if ask.type not in TYPES:
        raise validation_failed(f"Invalid email action link type requested: {ask.type[:40]}")
    email = read_email(ask.email)
    password = None
    if ask.type == "signup":
        if not ask.password:
            raise validation_failed("Signup requires a valid password")
        await check_password(room, ask.password)
        password = await room.hasher.hashed(ask.password)
    new = read_email(ask.new_email or "") if ask.type.startswith("email_change") else None

    def work(rows: Rows) -> tuple[Shape, _Made]:
        if ask.type == "invite":
            user = invited(rows, room, email, ask.data, caller)
            made = _Made(user, link_issued(rows, room, user, "invite", details={FRESH: True}), "invite")
        elif ask.type == "signup":
            made = _signed_up(rows, room, ask, email, password)
        elif new is None:
            made = _let_in(rows, room, ask, email)
        else:
            made = _changing(rows, room, ask, email, new)
        return shape_of(rows, made.user), made

    told, made = await room.write(work)
    target = "email_change" if new is not None else made.kind
    return told | {
        "action_link": link(room, made.sent.token, target, redirect_to),
        "email_otp": made.sent.code,
        "hashed_token": made.sent.token,
        "verification_type": made.kind,
        "redirect_to": redirect_to,
    }


def _signed_up(rows: Rows, room: Room, ask: GenerateLink, email: str, password: str | None) -> _Made:
    user = account_at(rows, "email", email, locked=True)
    if user is not None and user["email_confirmed_at"] is not None:
        raise email_exists()
    if user is None:
        user = created(rows, room, "email", email=email, encrypted_password=password, raw_user_meta_data=ask.data or {})
    else:
        user = changed(rows, room, user, encrypted_password=password, raw_user_meta_data=ask.data or {})
    own_identity(rows, room, user, "email")
    return _Made(user, link_issued(rows, room, user, "signup"), "signup")


def _let_in(rows: Rows, room: Room, ask: GenerateLink, email: str) -> _Made:
    """A link to come in by; a magic link for an address without an account is one to sign up by."""
    user, kind = account_at(rows, "email", email, locked=True), ask.type
    if user is None:
        if kind == "recovery":
            raise user_missing("User with this email not found")
        user, kind = created(rows, room, "email", email=email, raw_user_meta_data=ask.data or {}), "signup"
        own_identity(rows, room, user, "email")
    return _Made(user, link_issued(rows, room, user, kind, details={FRESH: True}), kind)


def _changing(rows: Rows, room: Room, ask: GenerateLink, email: str, new: str) -> _Made:
    """One of the two links of a change of address. A new wish begins anew."""
    is_current = ask.type == "email_change_current"
    if is_current and not room.settings.email.double_confirm_changes:
        raise AuthFault(
            "validation_failed", "Enable secure email change to generate link for current email", status=422
        )
    user = account_at(rows, "email", email, locked=True)
    if user is None:
        raise user_missing("User with this email not found")
    refuse_taken(rows, user, "email", new)
    if user["email_change"] != new:
        user = changed(rows, room, user, email_change=new, email_change_confirm_status=0)
    user = changed(rows, room, user, email_change_sent_at=room.now())
    kind, relates_to = (EMAIL_CURRENT, email) if is_current else (EMAIL_NEW, new)
    return _Made(user, issued(rows, room, user, kind, relates_to, digits=room.settings.email.otp_length), ask.type)
