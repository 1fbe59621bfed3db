"""The page of one's own account: address, password, second factors, passkeys, devices, other places, apps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.words import place_name
from undercroft.auth.routes.hosted import codes
from undercroft.auth.routes.hosted.signing_in import places
from undercroft.auth.routes.hosted.signing_up import password_hint
from undercroft.auth.routes.hosted.visit import PREFIX, SOMEBODY, Shown, Visit
from undercroft.auth.service import (
    authorizing,
    changing,
    devices,
    factors,
    linking,
    passkeys,
    providers,
    recovering,
    recovery_codes,
    sessions,
    users,
)
from undercroft.auth.types.asks import ChangePasskey, ChangeUser, VerifyPasskey
from undercroft.auth.types.provider_asks import Authorize
from undercroft.web.types import Answer

_RECENT = timedelta(minutes=15)
"""For how long after signing in nobody is asked to prove again who they are."""
_DONE = {
    "app": "That app is let in no more.",
    "email": "Look at your mail: the new address is yours when it is confirmed.",
    "email-changed": "Your address is changed.",
    "factor": "Your second factor is there.",
    "factor-gone": "That second factor is gone.",
    "passkey": "Your passkey is there.",
    "passkey-gone": "That passkey is gone.",
    "password": "Your password is changed. You were signed out everywhere else.",
    "place-gone": "That account is linked no more.",
    "session": "That device is signed out.",
}


async def account(visit: Visit) -> Answer:
    """Everything of it."""
    room, user = visit.room, visit.user
    settings = room.settings
    told = await users.show(room, user)
    held: dict[str, Any] = {
        "email": user["email"],
        "phone": user["phone"],
        "new_email": user["email_change"],
        "has_password": bool(user["encrypted_password"]),
        "is_known": is_fresh(visit),
        "factors": [named(each) for each in told.get("factors") or () if each["status"] == "verified"],
        "identities": [{**each, "name": place_name(each["provider"])} for each in told["identities"]],
        "sessions": await devices.listed(room, user, visit.session),
        "passkeys": await _passkeys(visit),
        "apps": await authorizing.grants(room, user) if settings.oauth_server.enabled else [],
        "codes_left": await _codes_left(visit),
        "done": _DONE.get(visit.query.get("done", ""), "") if visit.fault is None else "",
    }
    links = places(visit) if settings.enable_manual_linking else {}
    return visit.page("account.html", to="https:" if links else "/", places=links, **held)


def named(held: Shape) -> Shape:
    """A factor or passkey, with all that a page names."""
    return {"friendly_name": "", "last_used_at": "", **held}


async def _passkeys(visit: Visit) -> list[Shape] | None:
    if not visit.room.settings.passkey.enabled:
        return None
    return [named(each) for each in await passkeys.listed(visit.room, visit.user["id"])]


async def _codes_left(visit: Visit) -> int | None:
    try:
        return int((await recovery_codes.left(visit.room, visit.user))["remaining"])
    except AuthFault:
        return None


def is_fresh(visit: Visit) -> bool:
    """Whether somebody signed in just now."""
    return visit.session is not None and visit.session["created_at"] + _RECENT > visit.room.now()


async def _prove_again(visit: Visit) -> None:
    """Have them show their password, or that they signed in just now. Raises `AuthFault`."""
    if visit.user["encrypted_password"]:
        await changing.check_current(visit.room, visit.user, visit.form.get("current_password", ""))
    elif not is_fresh(visit):
        raise AuthFault("session_expired", "Sign out and in again, and then change this.")


# --- address and password ---


async def email_changed(visit: Visit) -> Answer:
    """Another address, which is theirs when it is confirmed. Raises `AuthFault`."""
    await _prove_again(visit)
    ask = ChangeUser(email=visit.typed("email"), **codes.way(visit))
    to = codes.back(visit, f"{PREFIX}/account?done=email-changed")
    told = await changing.change(visit.room, visit.user, visit.session, ask, visit.caller, to)
    return visit.go(visit.at("/account", done="email" if told.get("new_email") else "email-changed"))


async def password(visit: Visit) -> Answer:
    """The page of a new password."""
    settings = visit.room.settings
    asks_code = settings.email.secure_password_change and not is_fresh(visit)
    return visit.page("password.html", asks_old=_asks_old(visit), asks_code=asks_code, hint=password_hint(visit))


async def password_changed(visit: Visit) -> Answer:
    """Another password: who came by a code from a mail just now need not know the old one. Raises `AuthFault`."""
    if visit.typed("do") == "code":
        await recovering.reauthenticate(visit.room, visit.user, visit.caller)
        return await password(visit)
    old = visit.form.get("current_password", "") if _asks_old(visit) else None
    ask = ChangeUser(password=visit.form.get("password", ""), current_password=old, nonce=visit.typed("nonce") or None)
    await changing.change(visit.room, visit.user, visit.session, ask, visit.caller, visit.room.settings.site_url)
    return visit.go(visit.asked_to or visit.at("/account", done="password"))


def _asks_old(visit: Visit) -> bool:
    methods = {each.get("method") for each in visit.actor.claims.get("amr") or ()}
    return bool(visit.user["encrypted_password"]) and not ("otp" in methods and is_fresh(visit))


# --- what somebody comes in by ---


async def factor_gone(visit: Visit) -> Answer:
    """A second factor less. Raises `AuthFault`."""
    await factors.unenroll(visit.room, visit.user, visit.session, visit.id("id"), visit.caller)
    return visit.go(visit.at("/account", done="factor-gone"))


async def passkey_added(visit: Visit) -> Answer:
    """A new passkey. Raises `AuthFault`."""
    if visit.typed("credential"):
        ask = VerifyPasskey(challenge_id=visit.typed("challenge_id"), credential=visit.made("credential"))
        made = await passkeys.registered(visit.room, visit.user, visit.session, ask, visit.caller)
        name = ChangePasskey(friendly_name=visit.typed("name") or "Passkey")
        await passkeys.renamed(visit.room, visit.user, visit.session, made["id"], name, visit.caller)
        return visit.go(visit.at("/account", done="passkey"))
    asked = await passkeys.registration_options(visit.room, visit.user, visit.session)
    more = {"challenge_id": asked["challenge_id"], "name": visit.typed("name")[:100]}
    return visit.page(
        "key.html", heading="A new passkey", verb="Make a passkey", action="/account/passkey", kind="create",
        options=asked["options"], more=more, back="/account",
    )  # fmt: skip


async def passkey_gone(visit: Visit) -> Answer:
    """A passkey less. Raises `AuthFault`."""
    await passkeys.removed(visit.room, visit.user, visit.session, visit.id("id"), visit.caller)
    return visit.go(visit.at("/account", done="passkey-gone"))


async def place_changed(visit: Visit) -> Answer:
    """An account elsewhere is linked, or is no more. Raises `AuthFault`."""
    if visit.typed("do") == "unlink":
        await linking.unlink(visit.room, visit.user, visit.session, visit.id("id"), visit.caller)
        return visit.go(visit.at("/account", done="place-gone"))
    to = codes.back(visit, f"{PREFIX}/account")
    ask = Authorize(provider=visit.typed("name"), redirect_to=to, **codes.way(visit))
    return visit.go(await providers.ask_link(visit.room, ask, visit.user, visit.session))


# --- devices and apps ---


async def session_ended(visit: Visit) -> Answer:
    """A device is signed out, or all others are. Raises `AuthFault`."""
    if visit.typed("do") == "others":
        here = None if visit.session is None else visit.session["id"]
        await sessions.log_out(visit.room, visit.user, here, "others", visit.caller)
    else:
        await devices.end(visit.room, visit.user, visit.id("id"), visit.caller)
    return visit.go(visit.at("/account", done="session"))


async def app_shut_out(visit: Visit) -> Answer:
    """An app is let in no more. Raises `AuthFault`."""
    await authorizing.revoke(visit.room, visit.user, visit.id("id"), visit.caller)
    return visit.go(visit.at("/account", done="app"))


PAGES = [
    Shown("/account", account, needs=SOMEBODY),
    Shown("/account/email", account, email_changed, SOMEBODY, limit="sign_in_sign_ups"),
    Shown("/password", password, password_changed, SOMEBODY, limit="sign_in_sign_ups"),
    Shown("/account/factor-gone", account, factor_gone, SOMEBODY),
    Shown("/account/passkey", account, passkey_added, SOMEBODY),
    Shown("/account/passkey-gone", account, passkey_gone, SOMEBODY),
    Shown("/account/place", account, place_changed, SOMEBODY),
    Shown("/account/session", account, session_ended, SOMEBODY),
    Shown("/account/app", account, app_shut_out, SOMEBODY),
]
