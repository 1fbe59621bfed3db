"""Second factors: GoTrue's OpenAPI, and under `recovery-codes` what auth-js 2.119 calls."""

from __future__ import annotations

from undercroft.auth.routes.asked import USER, Asked, Route, told
from undercroft.auth.service import challenges, factors, recovery_codes
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import Challenge, Enroll, RecoveryCode, RecoveryCodes, VerifyFactor
from undercroft.web.types import Answer


async def enroll(room: Room, asked: Asked) -> Answer:
    """`POST /factors`."""
    return told(await factors.enroll(room, asked.user, asked.session, await asked.body(Enroll), asked.caller))


async def challenge(room: Room, asked: Asked) -> Answer:
    """`POST /factors/{id}/challenge`."""
    ask = await asked.body(Challenge)
    return told(await challenges.challenge(room, asked.user, asked.session, asked.id("factor_id"), ask, asked.caller))


async def verify(room: Room, asked: Asked) -> Answer:
    """`POST /factors/{id}/verify`."""
    ask = await asked.body(VerifyFactor)
    return told(await challenges.verify(room, asked.user, asked.session, asked.id("factor_id"), ask, asked.caller))


async def unenroll(room: Room, asked: Asked) -> Answer:
    """`DELETE /factors/{id}`."""
    return told(await factors.unenroll(room, asked.user, asked.session, asked.id("factor_id"), asked.caller))


async def make_codes(room: Room, asked: Asked) -> Answer:
    """`POST /factors/recovery-codes`."""
    ask = await asked.body(RecoveryCodes)
    return told(await recovery_codes.made(room, asked.user, asked.session, ask, asked.caller, again=False))


async def make_codes_again(room: Room, asked: Asked) -> Answer:
    """`POST /factors/recovery-codes/regenerate`."""
    made = recovery_codes.made(room, asked.user, asked.session, RecoveryCodes(), asked.caller, again=True)
    return told(await made)


async def count_codes(room: Room, asked: Asked) -> Answer:
    """`GET /factors/recovery-codes`."""
    return told(await recovery_codes.left(room, asked.user))


async def remove_codes(room: Room, asked: Asked) -> Answer:
    """`DELETE /factors/recovery-codes`."""
    return told(await recovery_codes.removed(room, asked.user, asked.session, asked.caller))


async def verify_code(room: Room, asked: Asked) -> Answer:
    """`POST /factors/recovery-codes/verify`."""
    ask = await asked.body(RecoveryCode)
    return told(await recovery_codes.verify(room, asked.user, asked.session, ask, asked.caller))


ROUTES = [
    Route("POST", "/factors", enroll, USER),
    # Before those with an id in their path, which would take the name for one.
    Route("POST", "/factors/recovery-codes", make_codes, USER),
    Route("POST", "/factors/recovery-codes/regenerate", make_codes_again, USER),
    Route("GET", "/factors/recovery-codes", count_codes, USER),
    Route("DELETE", "/factors/recovery-codes", remove_codes, USER),
    Route("POST", "/factors/recovery-codes/verify", verify_code, USER, limit="token_verifications"),
    Route("POST", "/factors/{factor_id}/challenge", challenge, USER),
    Route("POST", "/factors/{factor_id}/verify", verify, USER, limit="token_verifications"),
    Route("DELETE", "/factors/{factor_id}", unenroll, USER),
]
