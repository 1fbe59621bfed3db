"""Codes and links that people are sent: asking for one, typing it, and coming back by the link.

A link leads back with a code for the browser that asked (PKCE): the verifier is in a cookie there. So nobody is signed
in by a link that somebody else asked for, and in another browser the link only confirms the address.
"""

from __future__ import annotations

import re
from typing import TypedDict
from urllib.parse import urlencode

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.codes import new_secret
from undercroft.auth.parts.states import challenge_of
from undercroft.auth.parts.words import told_by_code
from undercroft.auth.routes.hosted.visit import PREFIX, Shown, Visit
from undercroft.auth.service import flows, one_time_sign_in, recovering, verifying
from undercroft.auth.types.asks import Otp, Recover, Resend, Verify
from undercroft.web.types import Answer

WAY = "undercroft-way"
"""The cookie of the verifier: one for a browser, so that ways that began in several tabs all come back."""
_VERIFIER = re.compile(r"[A-Za-z0-9_-]{43}")
_PATIENCE = 86_400
SIGN_UP, SIGN_IN, RECOVERY = "signup", "email", "recovery"
_KINDS = (SIGN_UP, SIGN_IN, RECOVERY)
NEW_PASSWORD = f"{PREFIX}/password"


class Way(TypedDict):
    """What a way in is begun with, for it to come back to this browser."""

    code_challenge: str
    code_challenge_method: str


def way(visit: Visit) -> Way:
    """Begin a way in."""
    held = _verifier(visit) or new_secret()
    visit.set_cookies.append(visit.hosted.cookies.set(WAY, held, _PATIENCE))
    return {"code_challenge": challenge_of(held), "code_challenge_method": "s256"}


def back(visit: Visit, to: str = "") -> str:
    """Where a way comes back to, and people go from there."""
    to = to or visit.asked_to
    return f"{visit.room.ui}/callback" + (f"?{urlencode({'redirect_to': to})}" if to else "")


def _verifier(visit: Visit) -> str | None:
    held = visit.hosted.cookies.of(visit.request, WAY)
    return held if held is not None and _VERIFIER.fullmatch(held) else None


# --- asking ---


class Addressed(TypedDict, total=False):
    """An address by its kind."""

    email: str
    phone: str


def addressed(visit: Visit) -> Addressed:
    """What was typed as an address. Raises `AuthFault` for nothing."""
    typed = visit.typed("identifier")
    if not typed:
        raise AuthFault("validation_failed", "Type your address.")
    is_phone = visit.room.settings.sms.enable_signup and "@" not in typed
    return {"phone": typed} if is_phone else {"email": typed}


async def send_code(visit: Visit, *, makes: bool) -> Answer:
    """A mail or message with a code, and the page to type it. `makes`: who is new gets an account.

    Raises `AuthFault`.
    """
    to = addressed(visit)
    ask = Otp(create_user=makes, **way(visit), **to) if "email" in to else Otp(create_user=makes, **to)
    await one_time_sign_in.send_otp(visit.room, ask, visit.caller, back(visit))
    return code_page(visit, SIGN_IN)


async def send_recovery(visit: Visit) -> Answer:
    """A mail by which somebody comes in without the password. Raises `AuthFault`."""
    to = addressed(visit)
    if "phone" in to:
        await one_time_sign_in.send_otp(visit.room, Otp(create_user=False, **to), visit.caller, back(visit))
    else:
        ask = Recover(email=to["email"], **way(visit))
        await recovering.recover(visit.room, ask, visit.caller, back(visit, visit.at("/password")))
    return code_page(visit, RECOVERY)


async def _again(visit: Visit, kind: str) -> Answer:
    if kind == RECOVERY:
        return await send_recovery(visit)
    if kind == SIGN_IN:
        return await send_code(visit, makes=False)
    to = addressed(visit)
    ask = Resend(type="signup", **way(visit), **to) if "email" in to else Resend(type="sms", **to)
    await recovering.resend(visit.room, ask, back(visit))
    return code_page(visit, kind)


# --- typing it ---


def code_page(visit: Visit, kind: str) -> Answer:
    """The page to type a code. Whether there is an account is not to be seen on it."""
    settings = visit.room.settings
    by_phone = settings.sms.enable_signup and "@" not in visit.typed("identifier")
    digits = (settings.sms if by_phone else settings.email).otp_length
    return visit.page(
        "code.html", captcha=True, kind=kind, by_phone=by_phone, digits=digits, address=visit.typed("identifier")
    )


async def code(visit: Visit) -> Answer:
    """The page again, or for whoever has a code from before."""
    kind = visit.typed("kind")
    return code_page(visit, kind if kind in _KINDS else SIGN_IN)


async def code_typed(visit: Visit) -> Answer:
    """A code, or the wish for another one. Raises `AuthFault`."""
    kind = visit.typed("kind")
    kind = kind if kind in _KINDS else SIGN_IN
    if visit.typed("do") == "again":
        await visit.limited("sign_in_sign_ups")
        await visit.from_person()
        return await _again(visit, kind)
    await visit.limited("token_verifications")
    to = addressed(visit)
    is_mail = "email" in to
    wanted = "sms" if not is_mail else (RECOVERY if kind == RECOVERY else SIGN_IN)
    ask = Verify(type=wanted, token=visit.typed("code"), **to)
    told = await verifying.verify(visit.room, ask, visit.caller)
    return visit.enters(told, to=visit.at("/password") if kind == RECOVERY else "")


# --- coming back by a link ---


async def callback(visit: Visit) -> Answer:
    """`/auth/ui/callback`: with a code, or with what went wrong."""
    query = visit.query
    if query.get("message") and not query.get("code"):
        text = "That address is confirmed. Now open the link in the mail to your other address."
        return visit.page("note.html", heading="One more mail", text=text)
    if not query.get("code"):
        return _sorry(visit, query.get("error_code", ""))
    verifier = _verifier(visit)
    if verifier is None:
        return _sorry(visit, "bad_code_verifier")
    try:
        told = await flows.exchange(visit.room, query["code"], verifier, visit.caller)
    except AuthFault as fault:
        return _sorry(visit, fault.code)
    return visit.enters(told)


def _sorry(visit: Visit, fault_code: str) -> Answer:
    heading = "Open it where you began" if fault_code == "bad_code_verifier" else "That did not work"
    return visit.page("note.html", status=400, heading=heading, text=told_by_code(fault_code))


PAGES = [
    Shown("/code", code, code_typed),
    Shown("/callback", callback),
]
