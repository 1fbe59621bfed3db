"""Second factors put to the proof: a challenge, and the answer that raises a session to `aal2`."""

from __future__ import annotations

import hmac
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts import webauthn
from undercroft.auth.parts.codes import new_code, stored_of, token_of
from undercroft.auth.parts.sealing import FACTOR_SECRET
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.totp import step_of
from undercroft.auth.service.confirming import may_text
from undercroft.auth.service.factors import (
    LIFETIME,
    METHODS,
    PHONE,
    TOTP,
    UNVERIFIED,
    VERIFIED,
    WEBAUTHN,
    check_enabled,
    locked,
    others_ended,
    own_session,
    require_aal,
)  # fmt: skip
from undercroft.auth.service.hooks import Hooks
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended, granted, marked, tokens
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.factors import counted, stepped
from undercroft.auth.tables import CHALLENGES, CREDENTIALS, FACTORS, SESSIONS
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import Challenge, VerifyFactor

_MISSING = "Factor not found"
_TRIED = ("mfa_verification_failed", "webauthn_verification_failed")
"""Faults of a wrong answer, which the app's hook hears of."""
_CODE = re.compile(r"\{\{\s*\.Code\s*\}\}")


# --- asking ---


async def challenge(
    room: Room, user: Record, session: Record | None, factor_id: str, ask: Challenge, caller: Caller
) -> Shape:
    """`POST /factors/{id}/challenge`. Raises `AuthFault`."""
    here = own_session(user, session)
    factor = await room.read(lambda rows: _own(rows, user, factor_id))
    check_enabled(room, factor["factor_type"], "verify")
    if factor["factor_type"] == PHONE:
        return await _sent(room, user, factor, ask, caller)
    challenge_id, columns, more = str(uuid4()), {}, {}
    if factor["factor_type"] == WEBAUTHN:
        taken = await room.read(lambda rows: _taken(rows, user))
        more = _options(room, user, factor, taken)
        asked = {"challenge": more.pop("challenge"), "type": more["webauthn"]["type"], "session_id": here["id"]}
        columns = {"web_authn_session_data": asked}

    def work(rows: Rows) -> None:
        _stored(rows, room, _own(rows, user, factor_id), challenge_id, caller, **columns)
        traits = {"factor_id": factor_id, "factor_status": factor["status"]}
        noted(rows, room, "challenge_created", user, caller, kind="factor", traits=traits)

    await room.write(work)
    return _told(room, factor, challenge_id, **more)


def _own(rows: Rows, user: Record, factor_id: str) -> Record:
    factor = rows.one(FACTORS, id=factor_id, user_id=user["id"])
    if factor is None:
        raise AuthFault("mfa_factor_not_found", _MISSING)
    return factor


def _stored(rows: Rows, room: Room, factor: Record, challenge_id: str, caller: Caller, **columns: Any) -> None:
    now = room.now()
    for old in rows.all(CHALLENGES, factor_id=factor["id"]):
        if old["created_at"] + timedelta(seconds=LIFETIME) < now:
            rows.remove(CHALLENGES, id=old["id"])
    rows.add(
        CHALLENGES, id=challenge_id, factor_id=factor["id"], created_at=now, ip_address=caller.ip, **columns
    )  # fmt: skip
    rows.change(FACTORS, {"id": factor["id"]}, last_challenged_at=now)


def _told(room: Room, factor: Record, challenge_id: str, **more: Any) -> Shape:
    expires = int(room.clock.timestamp() + LIFETIME)
    return {"id": challenge_id, "type": factor["factor_type"], "expires_at": expires, **more}


async def _sent(room: Room, user: Record, factor: Record, ask: Challenge, caller: Caller) -> Shape:
    """A code by message. Raises `AuthFault`."""
    if ask.channel not in (None, "", "sms", "whatsapp"):
        raise validation_failed("Invalid channel, supported values are 'sms' or 'whatsapp'. ")
    phone, challenge_id = room.settings.mfa.phone, str(uuid4())
    code = room.settings.sms.test_otp.get(factor["phone"]) or new_code(phone.otp_length)

    def work(rows: Rows) -> None:
        now = _own(rows, locked(rows, user), factor["id"])
        refuse_early(room, now, phone.max_frequency)
        kept = stored_of(token_of(room.key(), "mfa", challenge_id, code))
        _stored(rows, room, now, challenge_id, caller, otp_code=kept)
        traits = {"factor_id": factor["id"], "factor_status": factor["status"]}
        noted(rows, room, "challenge_created", user, caller, kind="factor", traits=traits)

    await may_text(room, factor["phone"])
    async with room.unit() as unit:
        await unit.perform(work)
        if factor["phone"] not in room.settings.sms.test_otp:
            await unit.text(factor["phone"], _CODE.sub(code, phone.template), ask.channel or "sms")
    return _told(room, factor, challenge_id)


def refuse_early(room: Room, factor: Record, seconds: float) -> None:
    """Raises `AuthFault` where a message to that number went out just now."""
    last = factor["last_challenged_at"]
    left = 0.0 if last is None else (last + timedelta(seconds=seconds) - room.now()).total_seconds()
    if left > 0:
        wait = max(1, round(left))
        message = f"For security purposes, you can only request this after {wait} seconds."
        raise AuthFault("over_sms_send_rate_limit", message, retry_after=wait)


# --- security keys ---


def party(room: Room) -> webauthn.Party:
    """For whom keys and passkeys are made."""
    given = room.settings.webauthn
    return webauthn.party_of(room.settings.site_url, given.rp_id, given.rp_display_name, given.rp_origins)


def _taken(rows: Rows, user: Record) -> list[str]:
    """Ids of the security keys of somebody."""
    held = rows.all(FACTORS, user_id=user["id"], factor_type=WEBAUTHN, status=VERIFIED)
    return [each["web_authn_credential_id"] for each in held]


def _options(room: Room, user: Record, factor: Record, taken: list[str]) -> Shape:
    if factor["status"] == UNVERIFIED:
        kind, (options, asked) = "create", webauthn.creation(party(room), user, taken, discoverable=False)
    else:
        allowed = [factor["web_authn_credential_id"]]
        kind, (options, asked) = "request", webauthn.request(party(room), allowed, verified=False)
    return {"webauthn": {"type": kind, "credential_options": {"publicKey": options}}, "challenge": asked}


# --- answering ---


async def verify(
    room: Room, user: Record, session: Record | None, factor_id: str, ask: VerifyFactor, caller: Caller
) -> Shape:
    """`POST /factors/{id}/verify`: tokens of `aal2`. Raises `AuthFault`."""
    here = own_session(user, session)
    factor = await room.read(lambda rows: _own(rows, user, factor_id))
    check_enabled(room, factor["factor_type"], "verify")
    await room.limits.take(Limit("mfa", room.settings.rate_limit.account_attempts, LIFETIME), user["id"])
    if factor["factor_type"] == WEBAUTHN:
        return await _key_verified(room, user, here, factor, ask, caller)
    if not ask.code:
        raise validation_failed("Code needs to be non-empty")
    code = ask.code

    def work(rows: Rows) -> tuple[Granted, list[str]] | AuthFault:
        account = locked(rows, user)
        now = _own(rows, account, factor_id)
        asked = _open(rows, room, now, ask.challenge_id, caller)
        if isinstance(asked, AuthFault):
            return asked
        if not _is_right(rows, room, now, asked, code):
            told = {TOTP: "TOTP code", PHONE: "MFA Phone code"}[now["factor_type"]]
            return AuthFault("mfa_verification_failed", f"Invalid {told} entered")
        if not rows.change(CHALLENGES, {"id": asked["id"], "verified_at": None}, verified_at=room.now()):
            return _used()
        return _verified(rows, room, account, here, now, caller)

    return await told_of(room, await room.write(work), factor)


def _is_right(rows: Rows, room: Room, factor: Record, asked: Record, code: str) -> bool:
    """Whether a code is the one of now, and is used up by this."""
    if factor["factor_type"] == PHONE:
        expected = stored_of(token_of(room.key(), "mfa", asked["id"], code))
        return hmac.compare_digest(expected, asked["otp_code"] or "")
    seed = FACTOR_SECRET.open(room.sealing(), factor["id"], factor["secret"])
    step = step_of(seed, code, room.clock.timestamp())
    return step is not None and stepped(rows, factor["id"], step)


def _open(rows: Rows, room: Room, factor: Record, challenge_id: str, caller: Caller) -> Record | AuthFault:
    """The challenge that is answered: of this factor, from the same address, not too old and not used."""
    asked = rows.one(CHALLENGES, id=challenge_id, factor_id=factor["id"]) if _is_uuid(challenge_id) else None
    if asked is None:
        return AuthFault("mfa_factor_not_found", "MFA factor with the provided challenge ID not found", status=422)
    if asked["verified_at"] is not None:
        return _used()
    if asked["ip_address"] != caller.ip:
        return AuthFault("mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.")
    if asked["created_at"] + timedelta(seconds=LIFETIME) < room.now():
        rows.remove(CHALLENGES, id=asked["id"])
        message = "has expired, verify against another challenge or create a new challenge."
        return AuthFault("mfa_challenge_expired", f"MFA challenge {asked['id']} {message}")
    return asked


def _is_uuid(text: str) -> bool:
    from uuid import UUID

    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _used() -> AuthFault:
    # As GoTrue says it, which looks at both with one condition.
    return AuthFault("mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch.")


def _verified(
    rows: Rows, room: Room, user: Record, session: Record, factor: Record, caller: Caller, **columns: Any
) -> tuple[Granted, list[str]] | AuthFault:
    """A factor was proved: what that makes of it, of the session and of the others."""
    if factor["status"] == UNVERIFIED:
        require_aal(rows, user, session, status=403)
        rows.change(FACTORS, {"id": factor["id"]}, status=VERIFIED, updated_at=room.now(), **columns)
        for other in rows.all(FACTORS, user_id=user["id"], factor_type=factor["factor_type"], status=UNVERIFIED):
            rows.remove(FACTORS, id=other["id"])
    traits = {"factor_id": factor["id"], "factor_type": factor["factor_type"]}
    noted(rows, room, "verification_attempted", user, caller, kind="factor", traits=traits)
    return raised(rows, room, user, session, METHODS[factor["factor_type"]], factor["id"])


def raised(
    rows: Rows, room: Room, user: Record, session: Record, method: str, factor_id: str | None
) -> tuple[Granted, list[str]] | AuthFault:
    """A session after a second proof, with a refresh token of its own; the sessions that ended by it."""
    now = rows.one(SESSIONS, locked=True, id=session["id"], user_id=user["id"])
    if now is None:
        return AuthFault("session_not_found", "Session from session_id claim in JWT does not exist")
    moment = room.now()
    changed = {
        "aal": "aal2",
        "factor_id": factor_id,
        "refresh_token_counter": int(now["refresh_token_counter"]) + 1,
        "refreshed_at": moment,
        "updated_at": moment,
    }
    rows.change(SESSIONS, {"id": session["id"]}, **changed)
    marked(rows, room, session["id"], method)
    gone = others_ended(rows, room, user, session)
    return granted(rows, user, {**now, **changed}), gone


async def told_of(
    room: Room, found: tuple[Granted, list[str]] | AuthFault, factor: Record | None = None
) -> Shape:  # fmt: skip
    """The answer to a proof, of a factor where the app's hook is asked. Raises `AuthFault` where it was none."""
    if factor is not None and room.hooks is not None:
        await _heed(room, room.hooks, factor, found)
    if isinstance(found, AuthFault):
        raise found
    grant, gone = found
    room.revoked(gone)
    return await tokens(room, grant)


async def _heed(room: Room, hooks: Hooks, factor: Record, found: object) -> None:
    """Raises `AuthFault` where the app said no; then everybody is logged out."""
    if isinstance(found, AuthFault) and found.code not in _TRIED:
        return
    user_id = factor["user_id"]
    rejected = await hooks.factor_tried(user_id, factor, not isinstance(found, AuthFault))
    if rejected is not None:
        room.revoked(await room.write(lambda rows: ended(rows, room, rows.all(SESSIONS, user_id=user_id))))
        raise AuthFault("mfa_verification_rejected", rejected.message)


async def _key_verified(
    room: Room, user: Record, session: Record, factor: Record, ask: VerifyFactor, caller: Caller
) -> Shape:
    """A security key. Its challenge is taken first, and is good for one try."""
    given = ask.webauthn or {}
    kind, answer = given.get("type"), given.get("credential_response")
    if kind not in ("create", "request"):
        raise validation_failed("WebAuthn type must be create or request")
    if not isinstance(answer, dict):
        raise validation_failed("credential_response required")
    asked = await room.write(lambda rows: _take(rows, room, factor, ask.challenge_id, caller))
    if isinstance(asked, AuthFault):
        raise asked
    data = asked["web_authn_session_data"] or {}
    if data.get("type") != kind or data.get("session_id") != session["id"]:
        raise webauthn.refused()
    if kind == "create":
        return await _key_made(room, user, session, factor, data["challenge"], answer, caller)
    if webauthn.named(answer) != factor["web_authn_credential_id"]:
        raise webauthn.refused()
    shown = webauthn.shown(
        party(room), data["challenge"], factor["web_authn_credential"]["public_key"], answer, verified=False
    )

    def work(rows: Rows) -> tuple[Granted, list[str]] | AuthFault:
        account = locked(rows, user)
        now = _own(rows, account, factor["id"])
        if not counted(rows, factor["id"], shown.signs):
            traits = {"factor_id": factor["id"], "sign_count": shown.signs, "last": now["last_step"]}
            noted(rows, room, "sign_count_regressed", account, caller, kind="factor", traits=traits)
            return webauthn.refused()
        return _verified(rows, room, account, session, now, caller)

    return await told_of(room, await room.write(work), factor)


def _take(rows: Rows, room: Room, factor: Record, challenge_id: str, caller: Caller) -> Record | AuthFault:
    asked = _open(rows, room, factor, challenge_id, caller)
    if isinstance(asked, AuthFault):
        return asked
    if not rows.change(CHALLENGES, {"id": asked["id"], "verified_at": None}, verified_at=room.now()):
        return _used()
    return asked


async def _key_made(
    room: Room, user: Record, session: Record, factor: Record, asked: str, answer: dict[str, Any], caller: Caller
) -> Shape:
    made = webauthn.created(party(room), asked, answer, verified=False)

    def work(rows: Rows) -> tuple[Granted, list[str]] | AuthFault:
        account = locked(rows, user)
        now = _own(rows, account, factor["id"])
        if now["status"] != UNVERIFIED:
            return webauthn.refused()
        if known(rows, made.id):
            return AuthFault("webauthn_credential_exists", "This credential is already registered")
        stored = {"public_key": made.public_key, "transports": made.transports}
        columns = {"web_authn_credential": stored, "web_authn_credential_id": made.id, "last_step": made.signs}
        return _verified(rows, room, account, session, now, caller, **columns, web_authn_aaguid=made.aaguid)

    return await told_of(room, await room.write(work), factor)


def known(rows: Rows, credential_id: str) -> bool:
    """Whether somebody has this key, as a factor or as a passkey."""
    as_factor = rows.one(FACTORS, web_authn_credential_id=credential_id)
    return as_factor is not None or rows.one(CREDENTIALS, credential_id=credential_id) is not None
