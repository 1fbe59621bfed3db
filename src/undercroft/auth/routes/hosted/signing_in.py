"""Signing in by a password, a code, a passkey or another place, and out."""

from __future__ import annotations

from collections.abc import Mapping

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.words import place_name
from undercroft.auth.routes.hosted import codes
from undercroft.auth.routes.hosted.visit import Shown, Visit
from undercroft.auth.service import passkeys, passwords, providers, sessions, sso
from undercroft.auth.types.asks import PasswordGrant, VerifyPasskey
from undercroft.auth.types.provider_asks import Authorize
from undercroft.auth.types.sso_asks import SignOn
from undercroft.web.types import Answer


async def index(visit: Visit) -> Answer:
    """`/auth/ui`."""
    return visit.go(visit.at("/account" if visit.is_in else "/sign-in"))


async def sign_in(visit: Visit) -> Answer:
    """The page of ways in."""
    if visit.is_in and visit.fault is None:
        return visit.go(visit.leads_to)
    waits = visit.fault is not None and visit.fault.code in ("email_not_confirmed", "phone_not_confirmed")
    return visit.page("sign_in.html", captcha=True, waits=waits, places=places(visit))


def places(visit: Visit) -> Mapping[str, str]:
    """The other places that people may sign in by, and what they are called."""
    given = visit.room.settings.external
    return {name: place_name(name) for name, place in given.items() if place.enabled}


async def signed_in(visit: Visit) -> Answer:
    """An address and a password, or an address and the wish for a code. Raises `AuthFault`."""
    await visit.from_person()
    if visit.typed("do") == "code":
        return await codes.send_code(visit, makes=False)
    password = visit.form.get("password", "")
    if not password:
        raise validation_failed("Type your password, or have a code sent to you.")
    ask = PasswordGrant(password=password, **codes.addressed(visit))
    return visit.enters(await passwords.sign_in(visit.room, ask, visit.caller))


# --- by another place ---


async def to_place(visit: Visit) -> Answer:
    """To another place. Raises `AuthFault`."""
    await visit.limited("sign_in_sign_ups")
    ask = Authorize(provider=visit.query.get("name", ""), redirect_to=codes.back(visit), **codes.way(visit))
    sent = await providers.authorize(visit.room, ask)
    if sent.cookie:
        visit.set_cookies.append((b"set-cookie", sent.cookie.encode("ascii")))
    return visit.go(sent.address)


async def organisation(visit: Visit) -> Answer:
    """The page that asks for an address, by which an organisation is known."""
    if not visit.room.settings.saml.enabled:
        raise AuthFault("not_found", "Look at its address again.", status=404)
    return visit.page("organisation.html", to="https:", captcha=True)


async def to_organisation(visit: Visit) -> Answer:
    """To the identity provider of somebody's organisation. Raises `AuthFault`."""
    await visit.from_person()
    domain = visit.typed("identifier").rpartition("@")[2]
    return visit.go(await sso.begin(visit.room, SignOn(domain=domain, **codes.way(visit)), codes.back(visit)))


# --- by a passkey ---


async def passkey(visit: Visit) -> Answer:
    """The page on which a browser asks for one, after a button was pressed: opening it asks for nothing."""
    if visit.request.method != "POST":
        return visit.go(visit.at("/sign-in"))
    asked = await passkeys.authentication_options(visit.room)
    return visit.page(
        "key.html", heading="Sign in with a passkey", verb="Use a passkey", action="/passkey", kind="request",
        options=asked["options"], more={"challenge_id": asked["challenge_id"]}, back="/sign-in",
    )  # fmt: skip


async def passkey_shown(visit: Visit) -> Answer:
    """What a browser made of it. Raises `AuthFault`."""
    if not visit.typed("credential"):
        return await passkey(visit)
    ask = VerifyPasskey(challenge_id=visit.typed("challenge_id"), credential=visit.made("credential"))
    return visit.enters(await passkeys.signed_in(visit.room, ask, visit.caller))


# --- out ---


async def sign_out(visit: Visit) -> Answer:
    """A button: opening a page signs nobody out."""
    return visit.page("sign_out.html")


async def signed_out(visit: Visit) -> Answer:
    """The session on this device ends, and its cookies go."""
    if visit.person is not None and visit.session is not None:
        try:
            await sessions.log_out(visit.room, visit.person, visit.session["id"], "local", visit.caller)
        except AuthFault as fault:
            if fault.code != "session_not_found":
                raise
    visit.leaves()
    return visit.go(visit.asked_to or visit.at("/sign-in"))


PAGES = [
    Shown("", index),
    Shown("/sign-in", sign_in, signed_in, limit="sign_in_sign_ups"),
    Shown("/provider", to_place),
    Shown("/sso", organisation, to_organisation, limit="sign_in_sign_ups"),
    Shown("/passkey", passkey, passkey_shown, limit="sign_in_sign_ups"),
    Shown("/sign-out", sign_out, signed_out),
]
