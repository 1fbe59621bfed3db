"""Signing in by a password, and out."""

from __future__ import annotations

from typing import TypedDict

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.routes.hosted.visit import Shown, Visit
from undercroft.auth.service import passwords, sessions
from undercroft.auth.types.asks import PasswordGrant
from undercroft.web.types import Answer


class Addressed(TypedDict, total=False):
    """An address by its kind."""

    email: str
    phone: str


def addressed(visit: Visit) -> Addressed:
    """What was typed as an address. Raises `AuthFault` for nothing."""
    typed = visit.typed("identifier")
    if not typed:
        raise validation_failed("Type your address.")
    is_phone = visit.room.settings.sms.enable_signup and "@" not in typed
    return {"phone": typed} if is_phone else {"email": typed}


def index_page(visit: Visit) -> str:
    """Where somebody goes who names no page."""
    return visit.at("/account" if visit.is_in else "/sign-in")


async def index(visit: Visit) -> Answer:
    """`/auth/ui`."""
    return visit.go(index_page(visit))


async def sign_in(visit: Visit) -> Answer:
    """The page of ways in."""
    if visit.is_in and visit.fault is None:
        return visit.go(visit.leads_to)
    waits = visit.fault is not None and visit.fault.code in ("email_not_confirmed", "phone_not_confirmed")
    return visit.page("sign_in.html", captcha=True, waits=waits)


async def signed_in(visit: Visit) -> Answer:
    """An address and a password. Raises `AuthFault`."""
    await visit.from_person()
    ask = PasswordGrant(password=visit.form.get("password", ""), **addressed(visit))
    try:
        told = await passwords.sign_in(visit.room, ask, visit.caller)
    except AuthFault as fault:
        if fault.code == "validation_failed":
            raise validation_failed("Type your address and your password.") from None
        raise
    return visit.enters(told)


async def sign_out(visit: Visit) -> Answer:
    """A button: opening a page signs nobody out."""
    return visit.page("sign_out.html")


async def signed_out(visit: Visit) -> Answer:
    """The session on this device ends, and its cookies go."""
    if visit.person is not None and visit.session is not None:
        await sessions.log_out(visit.room, visit.person, visit.session["id"], "local", visit.caller)
    visit.request.set_cookies = ()
    visit.leaves()
    return visit.go(visit.asked_to or visit.at("/sign-in"))


PAGES = [
    Shown("", index),
    Shown("/sign-in", sign_in, signed_in, limit="sign_in_sign_ups"),
    Shown("/sign-out", sign_out, signed_out),
]
