"""Signing up, and getting back in without the password."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault
from undercroft.auth.routes.hosted import codes
from undercroft.auth.routes.hosted.signing_in import places
from undercroft.auth.routes.hosted.visit import Shown, Visit
from undercroft.auth.service import signing_up
from undercroft.auth.types.asks import SignUp
from undercroft.web.types import Answer


async def sign_up(visit: Visit) -> Answer:
    """The page of an address and a new password."""
    if visit.is_in and visit.fault is None:
        return visit.go(visit.leads_to)
    if not visit.room.settings.enable_signup:
        text = "Nobody can sign up here at present."
        return visit.page("note.html", status=403, heading="Sign up", text=text)
    return visit.page("sign_up.html", captcha=True, places=places(visit), hint=password_hint(visit))


async def signed_up(visit: Visit) -> Answer:
    """A new account: signed in, or asked for the code that it was sent. Raises `AuthFault`."""
    await visit.from_person()
    if visit.typed("do") == "code":
        return await codes.send_code(visit, makes=True)
    to = codes.addressed(visit)
    password = visit.form.get("password", "")
    if not password:
        raise AuthFault("validation_failed", "Type a password, or have a code sent to you.")
    ask = SignUp(password=password, **codes.way(visit), **to) if "email" in to else SignUp(password=password, **to)
    told = await signing_up.sign_up(visit.room, ask, visit.caller, codes.back(visit))
    return visit.enters(told) if "access_token" in told else codes.code_page(visit, codes.SIGN_UP)


def password_hint(visit: Visit) -> str:
    """What a password has to be."""
    settings = visit.room.settings
    kinds = {
        "": "",
        "letters_digits": ", with letters and digits",
        "lower_upper_letters_digits": ", with small and capital letters and digits",
        "lower_upper_letters_digits_symbols": ", with small and capital letters, digits and signs",
    }[settings.password_requirements]
    return f"At least {settings.minimum_password_length} characters{kinds}."


async def forgot(visit: Visit) -> Answer:
    """The page to ask for a mail."""
    return visit.page("forgot.html", captcha=True)


async def forgotten(visit: Visit) -> Answer:
    """A mail, where there is an account; the same page in any case. Raises `AuthFault`."""
    await visit.from_person()
    return await codes.send_recovery(visit)


PAGES = [
    Shown("/sign-up", sign_up, signed_up, limit="sign_in_sign_ups"),
    Shown("/forgot", forgot, forgotten, limit="sign_in_sign_ups"),
]
