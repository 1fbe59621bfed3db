"""Codes on paper for somebody whose second factor is lost: ten, shown once, each good for one time."""

from __future__ import annotations

import secrets
from uuid import uuid4

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.codes import stored_of
from undercroft.auth.parts.shapes import Shape, told_moment
from undercroft.auth.service.challenges import raised, told_of
from undercroft.auth.service.factors import LIFETIME, RECOVERY, VERIFIED, locked, own_session, require_aal
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room, noted
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FACTORS, RECOVERY_CODES
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import RecoveryCode

HOW_MANY = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without those that look like another."""
_GROUPS, _OF = 4, 4
"""Sixteen letters: 79 bits, so that a plain hash of them is as good as any."""


async def made(room: Room, user: Record, session: Record | None, caller: Caller) -> Shape:
    """`POST /factors/recovery_codes`: new ones, in place of those before. Raises `AuthFault`."""
    here = own_session(user, session)
    codes = [_code() for _ in range(HOW_MANY)]

    def work(rows: Rows) -> None:
        account = locked(rows, user)
        require_aal(rows, account, here, status=403)
        if not rows.all(FACTORS, user_id=user["id"], status=VERIFIED):
            raise AuthFault("mfa_factor_not_found", "A verified factor is required first", status=422)
        rows.remove(RECOVERY_CODES, user_id=user["id"])
        for code in codes:
            stored = stored_of(_plain(code))
            rows.add(RECOVERY_CODES, id=str(uuid4()), user_id=user["id"], code_hash=stored, created_at=room.now())
        noted(rows, room, "recovery_codes_generated", account, caller, kind="factor")

    await room.write(work)
    return {"codes": codes}


async def left(room: Room, user: Record) -> Shape:
    """`GET /factors/recovery_codes`: how many there are still, and since when."""
    held = await room.read(lambda rows: rows.all(RECOVERY_CODES, user_id=user["id"]))
    unused = [each for each in held if each["used_at"] is None]
    return {"left": len(unused), "created_at": told_moment(held[0]["created_at"]) if held else None}


async def removed(room: Room, user: Record, session: Record | None, caller: Caller) -> None:
    """`DELETE /factors/recovery_codes`. Raises `AuthFault`."""
    here = own_session(user, session)

    def work(rows: Rows) -> None:
        account = locked(rows, user)
        require_aal(rows, account, here, status=403)
        rows.remove(RECOVERY_CODES, user_id=user["id"])
        noted(rows, room, "recovery_codes_deleted", account, caller, kind="factor")

    await room.write(work)


async def verify(room: Room, user: Record, session: Record | None, ask: RecoveryCode, caller: Caller) -> Shape:
    """`POST /factors/recovery_codes/verify`: tokens of `aal2` for one of them. Raises `AuthFault`."""
    here = own_session(user, session)
    if not ask.code:
        raise validation_failed("Code needs to be non-empty")
    await room.limits.take(Limit("mfa", room.settings.rate_limit.account_attempts, LIFETIME), user["id"])
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


def _code() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(_OF)) for _ in range(_GROUPS))


def _plain(code: str) -> str:
    """A code without what people add to it."""
    return "".join(each for each in code.lower() if each.isalnum())
