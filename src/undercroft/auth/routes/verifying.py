"""What goes by mail and message: asking for it, and what comes back.

Programs that look through mails open the links in them. So opening one changes nothing and gives nothing: it shows a
page with a button, and only what that sends uses the link up. The addresses people come back to are those of GoTrue.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.confirm_page import confirm_page
from undercroft.auth.routes.asked import USER, Asked, Route, sent_to, told
from undercroft.auth.service import one_time_sign_in, recovering, verifying
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import Otp, Recover, Resend, Verify
from undercroft.web.types import Answer

_FORM = b"application/x-www-form-urlencoded"
_NO_REFERRER = (b"referrer-policy", b"no-referrer")
_LONGEST_FORM = 8192


async def otp(room: Room, asked: Asked) -> Answer:
    """`POST /otp`."""
    ask = await asked.from_person(room, Otp)
    return told(await one_time_sign_in.send_otp(room, ask, asked.caller, asked.redirect_to(room)))


async def magic_link(room: Room, asked: Asked) -> Answer:
    """`POST /magiclink`: the same by mail alone."""
    ask = await asked.from_person(room, Otp)
    if ask.phone:
        raise validation_failed("A magic link goes to an email address")
    return told(await one_time_sign_in.send_otp(room, ask, asked.caller, asked.redirect_to(room)))


async def recover(room: Room, asked: Asked) -> Answer:
    """`POST /recover`."""
    return told(
        await recovering.recover(room, await asked.from_person(room, Recover), asked.caller, asked.redirect_to(room))
    )


async def resend(room: Room, asked: Asked) -> Answer:
    """`POST /resend`."""
    return told(await recovering.resend(room, await asked.from_person(room, Resend), asked.redirect_to(room)))


async def reauthenticate(room: Room, asked: Asked) -> Answer:
    """`POST /reauthenticate`, which auth-js calls by GET."""
    if asked.request.method == "HEAD":
        raise AuthFault("validation_failed", "This is called by GET, POST", status=405)
    return told(await recovering.reauthenticate(room, asked.user, asked.caller))


async def verify(room: Room, asked: Asked) -> Answer:
    """`POST /verify`: JSON from a client, or the form of our own page from a browser."""
    kind = (asked.request.header(b"content-type") or b"").split(b";")[0].strip().lower()
    if kind == _FORM:
        return await _confirmed(room, asked)
    await asked.limited(room, "token_verifications")
    return told(await verifying.verify(room, await asked.body(Verify), asked.caller))


async def show_link(room: Room, asked: Asked) -> Answer:
    """`GET /verify`: what a link in a mail opens."""
    query = asked.query
    if room.settings.email.verify_by_get and asked.request.method == "GET":
        return await _followed(room, asked, query, 302)
    return _page(room, asked, query)


async def _confirmed(room: Room, asked: Asked) -> Answer:
    """Somebody pressed the button. A form that another page sent is answered with ours: signing people in as somebody
    else is for no page to do."""
    raw = await asked.request.body()
    try:
        form = dict(parse_qsl(raw[:_LONGEST_FORM].decode("ascii"), keep_blank_values=True, max_num_fields=8))
    except ValueError:
        raise validation_failed("The form cannot be read") from None
    if (asked.request.header(b"sec-fetch-site") or b"same-origin") not in (b"same-origin", b"none"):
        return _page(room, asked, form)
    return await _followed(room, asked, form, 303)


async def _followed(room: Room, asked: Asked, given: dict[str, str], status: int) -> Answer:
    redirect_to = asked.redirect_to(room, given.get("redirect_to"))
    try:
        await asked.limited(room, "token_verifications")
    except AuthFault as fault:
        return sent_to(verifying.refused(redirect_to, fault, is_coded=False), status, _NO_REFERRER)
    found = await verifying.follow(room, given.get("type", ""), given.get("token", ""), redirect_to, asked.caller)
    return sent_to(found, status, _NO_REFERRER)


def _page(room: Room, asked: Asked, given: dict[str, str]) -> Answer:
    redirect_to = asked.redirect_to(room, given.get("redirect_to"))
    headers, body = confirm_page("verify", given.get("type", ""), given.get("token", ""), redirect_to)
    return Answer(200, headers, body)


ROUTES = [
    Route("POST", "/otp", otp, limit="sign_in_sign_ups"),
    Route("POST", "/magiclink", magic_link, limit="sign_in_sign_ups"),
    Route("POST", "/recover", recover, limit="sign_in_sign_ups"),
    Route("POST", "/resend", resend, limit="sign_in_sign_ups"),
    Route("POST", "/reauthenticate", reauthenticate, USER),
    Route("GET", "/reauthenticate", reauthenticate, USER),
    Route("GET", "/verify", show_link),
    Route("POST", "/verify", verify),
]
