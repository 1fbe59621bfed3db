"""The second proof: asked for when somebody signs in who has one, and set up by who has none yet."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.totp import qr_svg
from undercroft.auth.routes.hosted.account import account, named
from undercroft.auth.routes.hosted.visit import HALF, SOMEBODY, Shown, Visit
from undercroft.auth.service import challenges, factors, recovery_codes, users
from undercroft.auth.types.asks import Challenge, Enroll, RecoveryCode, RecoveryCodes, VerifyFactor
from undercroft.web.types import Answer

NAMES = {"totp": "Code of your app", "phone": "Code by message", "webauthn": "Security key"}
_LONGEST = 1024


# --- asked for ---


async def challenge(visit: Visit) -> Answer:
    """The page that asks for the second proof."""
    if not visit.is_half and visit.fault is None:
        return visit.go(visit.leads_to)
    return _asked(visit, await _verified(visit), visit.typed("challenge_id") if visit.fault is not None else "")


async def answered(visit: Visit) -> Answer:
    """A proof, or the wish for a message or for a browser to ask. Raises `AuthFault`."""
    if visit.typed("do") == "recovery":
        ask = RecoveryCode(code=visit.typed("recovery"))
        return visit.enters(await recovery_codes.verify(visit.room, visit.user, visit.session, ask, visit.caller))
    held = await _verified(visit)
    factor = next((each for each in held if each["id"] == visit.typed("factor")), None)
    if factor is None:
        raise AuthFault("mfa_factor_not_found", "Choose one of those that are here.")
    kind, challenge_id = factor["factor_type"], visit.typed("challenge_id")
    if kind == "webauthn" and not visit.typed("credential"):
        return await _key_page(visit, factor["id"], "request", "Security key", "/mfa", "/mfa")
    if kind == "phone" and visit.typed("do") == "send":
        asked = await challenges.challenge(
            visit.room, visit.user, visit.session, factor["id"], Challenge(), visit.caller
        )
        return _asked(visit, held, asked["id"])
    return visit.enters(await _proved(visit, factor["id"], kind, challenge_id))


def _asked(visit: Visit, held: Sequence[Shape], challenge_id: str) -> Answer:
    wanted = visit.typed("factor") or visit.query.get("factor", "")
    factor = next((each for each in held if each["id"] == wanted), held[0] if held else None)
    return visit.page("mfa.html", factor=factor, held=held, names=NAMES, challenge_id=challenge_id)


async def _verified(visit: Visit) -> list[Shape]:
    told = await users.show(visit.room, visit.user)
    return [named(each) for each in told.get("factors") or () if each["status"] == "verified"]


async def _proved(visit: Visit, factor_id: str, kind: str, challenge_id: str) -> Shape:
    """The tokens of a session with two proofs. Raises `AuthFault`."""
    room, user, session, caller = visit.room, visit.user, visit.session, visit.caller
    more: dict[str, Any] = {"code": visit.typed("code")}
    if kind == "webauthn":
        made = {"type": visit.typed("type"), "credential_response": visit.made("credential")}
        more = {"webauthn": made}
    elif kind == "totp":  # its challenge says nothing, and need not be shown
        challenge_id = (await challenges.challenge(room, user, session, factor_id, Challenge(), caller))["id"]
    ask = VerifyFactor(challenge_id=challenge_id, **more)
    return await challenges.verify(room, user, session, factor_id, ask, caller)


async def _key_page(visit: Visit, factor_id: str, kind: str, heading: str, action: str, back: str) -> Answer:
    asked = await challenges.challenge(visit.room, visit.user, visit.session, factor_id, Challenge(), visit.caller)
    options = asked["webauthn"]["credential_options"]["publicKey"]
    more = {"factor": factor_id, "challenge_id": asked["id"], "type": kind}
    return visit.page(
        "key.html", heading=heading, verb="Use the key", action=action, kind=kind, options=options, more=more, back=back
    )


# --- set up ---


async def totp(visit: Visit) -> Answer:
    """The page again after a code that was wrong; opened, it leads to the button that begins."""
    uri = visit.typed("uri")
    if visit.fault is None or not uri.startswith("otpauth://totp/") or len(uri) > _LONGEST:
        return await account(visit)
    return _totp_page(visit, visit.typed("factor"), uri, visit.typed("secret"))


async def totp_added(visit: Visit) -> Answer:
    """A new app for codes: its seed, and then the first code. Raises `AuthFault`."""
    if not visit.typed("factor"):
        ask = Enroll(factor_type="totp", friendly_name=visit.typed("name") or None, issuer=visit.hosted.title)
        made = await factors.enroll(visit.room, visit.user, visit.session, ask, visit.caller)
        return _totp_page(visit, made["id"], made["totp"]["uri"], made["totp"]["secret"])
    return await _added(visit, await _proved(visit, visit.id("factor"), "totp", ""))


def _totp_page(visit: Visit, factor_id: str, uri: str, secret: str) -> Answer:
    image = "data:image/svg+xml;base64," + base64.b64encode(qr_svg(uri).encode()).decode()
    return visit.page("totp.html", factor=factor_id, uri=uri, secret=secret, image=image)


async def key_added(visit: Visit) -> Answer:
    """A new security key. Raises `AuthFault`."""
    if visit.typed("credential"):
        return await _added(visit, await _proved(visit, visit.id("factor"), "webauthn", visit.typed("challenge_id")))
    ask = Enroll(factor_type="webauthn", friendly_name=visit.typed("name") or "Security key")
    made = await factors.enroll(visit.room, visit.user, visit.session, ask, visit.caller)
    return await _key_page(visit, made["id"], "create", "A new security key", "/account/key", "/account")


async def phone(visit: Visit) -> Answer:
    """The page again after a code that was wrong."""
    if visit.fault is None or not visit.typed("challenge_id"):
        return await account(visit)
    return _phone_page(visit, visit.typed("factor"), visit.typed("challenge_id"))


async def phone_added(visit: Visit) -> Answer:
    """A new number for codes by message. Raises `AuthFault`."""
    if visit.typed("challenge_id"):
        return await _added(visit, await _proved(visit, visit.id("factor"), "phone", visit.typed("challenge_id")))
    ask = Enroll(factor_type="phone", phone=visit.typed("phone"), friendly_name=visit.typed("phone"))
    made = await factors.enroll(visit.room, visit.user, visit.session, ask, visit.caller)
    asked = await challenges.challenge(visit.room, visit.user, visit.session, made["id"], Challenge(), visit.caller)
    return _phone_page(visit, made["id"], asked["id"])


def _phone_page(visit: Visit, factor_id: str, challenge_id: str) -> Answer:
    return visit.page("phone_factor.html", factor=factor_id, challenge_id=challenge_id)


async def _added(visit: Visit, told: Shape) -> Answer:
    """A factor is there: its session goes on with new tokens, and who has no codes on paper gets them."""
    visit.keeps(told)
    try:
        await recovery_codes.left(visit.room, visit.user)
    except AuthFault:
        visit.session = await visit.session_now()
        return await _codes(visit, again=False)
    return visit.go(visit.at("/account", done="factor"))


async def codes_made(visit: Visit) -> Answer:
    """New recovery codes, shown this once. Raises `AuthFault`."""
    try:
        return await _codes(visit, again=True)
    except AuthFault as fault:
        if fault.code != "mfa_factor_not_found":
            raise
        return await _codes(visit, again=False)


async def _codes(visit: Visit, *, again: bool) -> Answer:
    made = await recovery_codes.made(
        visit.room, visit.user, visit.session, RecoveryCodes(), visit.caller, again=again
    )  # fmt: skip
    return visit.page("recovery_codes.html", codes=made["codes"])


PAGES = [
    Shown("/mfa", challenge, answered, HALF, limit="token_verifications"),
    Shown("/account/totp", totp, totp_added, SOMEBODY, limit="token_verifications"),
    Shown("/account/key", account, key_added, SOMEBODY, limit="token_verifications"),
    Shown("/account/phone", phone, phone_added, SOMEBODY, limit="token_verifications"),
    Shown("/account/recovery-codes", account, codes_made, SOMEBODY),
]
