"""Codes on paper for somebody whose second factor is lost: ten, shown once, each good for one time.

Protocol: auth-js 2.119 (`mfa.recoveryCodes.*`).
"""

from __future__ import annotations

import secrets
from uuid import UUID, uuid4, uuid5

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.codes import stored_of
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.challenges import raised, told_of
from undercroft.auth.service.factors import LIFETIME, RECOVERY, VERIFIED, locked, own_session, require_aal
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room, noted
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FACTORS, RECOVERY_CODES
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import RecoveryCode, RecoveryCodes

HOW_MANY = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look like another."""
_LENGTH = 16
"""79 bits, so that a plain hash of them is as good as any."""
_NAME = "Recovery codes"
_SETS = UUID("5d3f3a5e-5a0c-4c5c-9f0e-8d1c7c2b9a64")
"""By which a set has the same id for as long as its account is there."""


async def made(
    room: Room, user: Record, session: Record | None, ask: RecoveryCodes, caller: Caller, *, again: bool
) -> Shape:
    """`POST /factors/recovery-codes`, and with `again` `…/regenerate`: new ones, in place of those before.

    Raises `AuthFault`.
    """
    here = own_session(user, session)
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)) for _ in range(HOW_MANY)]

    def work(rows: Rows) -> None:
        account = locked(rows, user)
        require_aal(rows, account, here, status=403)
        if not rows.all(FACTORS, user_id=user["id"], status=VERIFIED):
            raise AuthFault("mfa_recovery_codes_sole_factor", "Recovery codes need a verified factor beside them")
        before = rows.remove(RECOVERY_CODES, user_id=user["id"])
        if again and not before:
            raise _missing()
        if before and not again:
            raise AuthFault("mfa_verified_factor_exists", "Recovery codes exist already, regenerate them instead")
        for code in codes:
            stored = stored_of(code)
            rows.add(RECOVERY_CODES, id=str(uuid4()), user_id=user["id"], code_hash=stored, created_at=room.now())
        noted(rows, room, "recovery_codes_generated", account, caller, kind="factor")

    await room.write(work)
    return {**_set(user), "friendly_name": (ask.friendly_name or _NAME)[:120], "total": len(codes), "codes": codes}


async def left(room: Room, user: Record) -> Shape:
    """`GET /factors/recovery-codes`: how many there are still. Raises `AuthFault` where none were made."""
    held = await room.read(lambda rows: rows.all(RECOVERY_CODES, user_id=user["id"]))
    if not held:
        raise _missing()
    return {**_set(user), "total": len(held), "remaining": sum(each["used_at"] is None for each in held)}


async def removed(room: Room, user: Record, session: Record | None, caller: Caller) -> Shape:
    """`DELETE /factors/recovery-codes`. Raises `AuthFault`."""
    here = own_session(user, session)

    def work(rows: Rows) -> None:
        account = locked(rows, user)
        require_aal(rows, account, here, status=403)
        if not rows.remove(RECOVERY_CODES, user_id=user["id"]):
            raise _missing()
        noted(rows, room, "recovery_codes_deleted", account, caller, kind="factor")

    await room.write(work)
    return {"id": _set(user)["id"]}


def _set(user: Record) -> Shape:
    return {"id": str(uuid5(_SETS, user["id"])), "type": "recovery_code"}


def _missing() -> AuthFault:
    return AuthFault("mfa_factor_not_found", "No recovery codes were made")


async def verify(room: Room, user: Record, session: Record | None, ask: RecoveryCode, caller: Caller) -> Shape:
    """`POST /factors/recovery-codes/verify`: tokens of `aal2` for one of them. Raises `AuthFault`."""
    here = own_session(user, session)
    if not ask.code:
        raise validation_failed("Code needs to be non-empty")
    await room.limits.take(
        Limit("mfa", room.settings.rate_limit.account_attempts, LIFETIME, "mfa_recovery_codes_locked"), user["id"]
    )
    stored = stored_of(_plain(ask.code))

    def work(rows: Rows) -> tuple[Granted, list[str]] | AuthFault:
        account = locked(rows, user)
        unused = {"user_id": user["id"], "code_hash": stored, "used_at": None}
        is_secured = bool(rows.all(FACTORS, user_id=user["id"], status=VERIFIED))
        if not is_secured or not rows.change(RECOVERY_CODES, unused, used_at=room.now()):
            return AuthFault("mfa_verification_failed", "Invalid recovery code entered")
        noted(rows, room, "recovery_code_used", account, caller, kind="factor")
        return raised(rows, room, account, here, RECOVERY, None)

    return await told_of(room, await room.write(work))


def _plain(code: str) -> str:
    """A code without what people add to it."""
    return "".join(each for each in code.lower() if each.isalnum())
