"""Second factors of an account: added, listed, taken away, and asked for before anything of the account is changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from undercroft.auth.errors import AuthFault, user_missing, validation_failed
from undercroft.auth.parts.sealing import FACTOR_SECRET
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.totp import new_seed, qr_svg, uri
from undercroft.auth.service.accounts import read_phone
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import ended
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.factors import lowered
from undercroft.auth.tables import AMR, CREDENTIAL_CHALLENGES, CREDENTIALS, FACTORS, RECOVERY_CODES, SESSIONS, USERS
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import Enroll

VERIFIED, UNVERIFIED = "verified", "unverified"
TOTP, PHONE, WEBAUTHN = "totp", "phone", "webauthn"
METHODS = {TOTP: "totp", PHONE: "mfa/phone", WEBAUTHN: "mfa/webauthn"}
"""What a token's `amr` says of each."""
RECOVERY = "mfa/recovery_code"
LIFETIME = 300.0
"""Seconds in which a challenge is to be answered, and after which a factor that nobody verified may go."""
_LONGEST_NAME = 120


# --- what asks for a second factor ---


def require_aal(rows: Rows, user: Record, session: Record | None, *, status: int = 401) -> None:
    """Let nobody change an account with one proof that has a second factor.

    Every verb calls it that changes a factor, a passkey, an identity, an address or a password. Raises `AuthFault`
    `insufficient_aal`.
    """
    if session is not None and session["aal"] == "aal2":
        # Read anew: another request may have lowered it since this one began.
        now = rows.one(SESSIONS, id=session["id"], user_id=user["id"])
        if now is not None and now["aal"] == "aal2":
            return
    if rows.all(FACTORS, user_id=user["id"], status=VERIFIED):
        raise AuthFault("insufficient_aal", "AAL2 session is required to change an account with MFA", status=status)


def own_session(user: Record, session: Record | None) -> Record:
    """The session in which somebody asks. Raises `AuthFault` where it is none, and for those without an account."""
    if user["is_anonymous"]:
        raise AuthFault("no_authorization", "Anonymous user not allowed to perform these actions", status=403)
    if session is None:
        raise AuthFault("session_not_found", "A session is required for this")
    return session


def locked(rows: Rows, user: Record) -> Record:
    """The account, kept from others until the commit: who counts its factors is alone. Raises `AuthFault`."""
    found = rows.one(USERS, locked=True, id=user["id"])
    if found is None or found["deleted_at"] is not None:
        raise user_missing()
    return found


def check_enabled(room: Room, kind: str, what: str) -> None:
    """Raises `AuthFault` where factors of a kind are not taken: `what` is `enroll` or `verify`."""
    given = {TOTP: room.settings.mfa.totp, PHONE: room.settings.mfa.phone, WEBAUTHN: room.settings.mfa.web_authn}
    if kind not in given:
        raise validation_failed("factor_type needs to be totp, phone, or webauthn")
    if not getattr(given[kind], f"{what}_enabled"):
        told = {TOTP: "TOTP", PHONE: "Phone", WEBAUTHN: "WebAuthn"}[kind]
        verb = {"enroll": "enroll", "verify": "verification"}[what]
        raise AuthFault(f"mfa_{kind}_{what}_not_enabled", f"MFA {verb} is disabled for {told}")


# --- adding ---


async def enroll(room: Room, user: Record, session: Record | None, ask: Enroll, caller: Caller) -> Shape:
    """`POST /factors`: a factor that is not verified yet. Raises `AuthFault`."""
    here = own_session(user, session)
    check_enabled(room, ask.factor_type, "enroll")
    name = _name(ask.friendly_name)
    factor_id, more = str(uuid4()), _made(room, user, ask)
    columns: dict[str, Any] = {}
    if "totp" in more:
        columns["secret"] = FACTOR_SECRET.seal(room.sealing(), factor_id, more["totp"]["secret"])
    if "phone" in more:
        columns["phone"] = more["phone"]

    def work(rows: Rows) -> None:
        now = room.now()
        require_aal(rows, locked(rows, user), here, status=403)
        held = _replaced(rows, room, user, ask.factor_type, name, columns.get("phone"))
        _check_room(room, held, name, columns.get("phone"))
        rows.add(
            FACTORS, id=factor_id, user_id=user["id"], friendly_name=name or None, factor_type=ask.factor_type,
            status=UNVERIFIED, created_at=now, updated_at=now, last_step=0, **columns,
        )  # fmt: skip
        traits = {"factor_id": factor_id, "factor_type": ask.factor_type}
        noted(rows, room, "factor_in_progress", user, caller, kind="factor", traits=traits)

    await room.write(work)
    return {"id": factor_id, "type": ask.factor_type, "friendly_name": name, **more}


def _name(text: str | None) -> str:
    name = (text or "").strip()
    if len(name) > _LONGEST_NAME:
        raise validation_failed(f"friendly_name must be {_LONGEST_NAME} characters or less")
    return name


def _made(room: Room, user: Record, ask: Enroll) -> Shape:
    """What the answer tells of a new factor, the one time that it is told. Raises `AuthFault`."""
    if ask.factor_type == PHONE:
        if not ask.phone:
            raise validation_failed("Phone number required to enroll Phone factor")
        return {"phone": read_phone(ask.phone)}
    if ask.factor_type == WEBAUTHN:
        return {}
    seed = new_seed()
    issuer = (ask.issuer or urlsplit(room.settings.site_url).hostname or "Undercroft")[:_LONGEST_NAME]
    address = uri(seed, issuer, user["email"] or user["phone"] or user["id"])
    return {"totp": {"qr_code": qr_svg(address), "secret": seed, "uri": address}}


def _replaced(rows: Rows, room: Room, user: Record, kind: str, name: str, phone: str | None) -> list[Record]:
    """The factors of somebody, without those that were begun and left: the like of this one, and old ones."""
    before = room.now() - timedelta(seconds=LIFETIME)
    kept = []
    for factor in rows.all(FACTORS, user_id=user["id"]):
        is_same = (factor["friendly_name"] or "") == name or (phone is not None and factor["phone"] == phone)
        alike = factor["factor_type"] == kind and is_same
        if factor["status"] == UNVERIFIED and (alike or factor["created_at"] < before):
            rows.remove(FACTORS, id=factor["id"], status=UNVERIFIED)
        else:
            kept.append(factor)
    return kept


def _check_room(room: Room, held: list[Record], name: str, phone: str | None) -> None:
    if name and any(factor["friendly_name"] == name for factor in held):
        raise AuthFault(
            "mfa_factor_name_conflict", f'A factor with the friendly name "{name}" for this user already exists'
        )
    if phone is not None and any(factor["phone"] == phone for factor in held):
        raise AuthFault(
            "mfa_verified_factor_exists",
            "A verified phone factor already exists, unenroll the existing factor to continue",
        )
    if len(held) >= room.settings.mfa.max_enrolled_factors:
        message = "Maximum number of verified factors reached, unenroll to continue"
        raise AuthFault("too_many_enrolled_mfa_factors", message)


# --- taking away ---


async def unenroll(room: Room, user: Record, session: Record | None, factor_id: str, caller: Caller) -> Shape:
    """`DELETE /factors/{id}`. Sessions that it had raised are of one proof again. Raises `AuthFault`."""
    here = own_session(user, session)

    def work(rows: Rows) -> None:
        require_aal(rows, locked(rows, user), here, status=403)
        gone(rows, room, user, factor_id, caller)

    await room.write(work)
    return {"id": factor_id}


def gone(rows: Rows, room: Room, user: Record, factor_id: str, caller: Caller) -> Record:
    """Take a factor away, and what was reached by it. Raises `AuthFault`."""
    found = rows.remove(FACTORS, id=factor_id, user_id=user["id"])
    if not found:
        raise AuthFault("mfa_factor_not_found", "Factor not found")
    factor, now = found[0], room.now()
    if rows.all(FACTORS, user_id=user["id"], status=VERIFIED):
        raised = [each["id"] for each in rows.all(SESSIONS, user_id=user["id"], factor_id=factor_id)]
        for session_id in raised:
            rows.change(SESSIONS, {"id": session_id}, aal="aal1", factor_id=None, updated_at=now)
        methods = [METHODS[factor["factor_type"]]]
    else:
        # Recovery codes stand in for a factor, and are none themselves.
        rows.remove(RECOVERY_CODES, user_id=user["id"])
        raised, methods = lowered(rows, user["id"], now), [*METHODS.values(), RECOVERY]
    for session_id in raised:
        for method in methods:
            rows.remove(AMR, session_id=session_id, authentication_method=method)
    traits = {"factor_id": factor_id, "factor_status": factor["status"], "factor_type": factor["factor_type"]}
    noted(rows, room, "factor_unenrolled", user, caller, kind="factor", traits=traits)
    return factor


def unsecured(rows: Rows, user: Record) -> None:
    """Take all factors, recovery codes and passkeys out of an account: somebody else may have put them there."""
    for table in (FACTORS, RECOVERY_CODES, CREDENTIALS, CREDENTIAL_CHALLENGES):
        rows.remove(table, user_id=user["id"])


def others_ended(rows: Rows, room: Room, user: Record, session: Record) -> list[str]:
    """End the sessions of somebody with a second factor that have not shown one: they were begun without it."""
    weaker = [each for each in rows.all(SESSIONS, user_id=user["id"], aal="aal1") if each["id"] != session["id"]]
    return ended(rows, room, weaker)
