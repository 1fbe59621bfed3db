"""Passkeys, as auth-js calls them with `experimental: { passkey: true }`."""

from __future__ import annotations

from undercroft.auth.routes.asked import ADMIN, USER, Asked, Route, nothing, told
from undercroft.auth.service import passkeys
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import ChangePasskey, StartPasskey, VerifyPasskey
from undercroft.web.types import Answer


async def registration_options(room: Room, asked: Asked) -> Answer:
    """`POST /passkeys/registration/options`."""
    await asked.body(StartPasskey)
    return told(await passkeys.registration_options(room, asked.user, asked.session))


async def register(room: Room, asked: Asked) -> Answer:
    """`POST /passkeys/registration/verify`."""
    ask = await asked.body(VerifyPasskey)
    return told(await passkeys.registered(room, asked.user, asked.session, ask, asked.caller))


async def authentication_options(room: Room, asked: Asked) -> Answer:
    """`POST /passkeys/authentication/options`."""
    await asked.body(StartPasskey)
    return told(await passkeys.authentication_options(room))


async def sign_in(room: Room, asked: Asked) -> Answer:
    """`POST /passkeys/authentication/verify`."""
    return told(await passkeys.signed_in(room, await asked.body(VerifyPasskey), asked.caller))


async def list_own(room: Room, asked: Asked) -> Answer:
    """`GET /passkeys`."""
    return told(await passkeys.listed(room, asked.user["id"]))


async def rename(room: Room, asked: Asked) -> Answer:
    """`PATCH /passkeys/{id}`."""
    ask = await asked.body(ChangePasskey)
    return told(await passkeys.renamed(room, asked.user, asked.session, asked.id("passkey_id"), ask, asked.caller))


async def remove_own(room: Room, asked: Asked) -> Answer:
    """`DELETE /passkeys/{id}`."""
    await passkeys.removed(room, asked.user, asked.session, asked.id("passkey_id"), asked.caller)
    return nothing()


async def list_all(room: Room, asked: Asked) -> Answer:
    """`GET /admin/users/{id}/passkeys`."""
    return told(await passkeys.listed(room, asked.id("user_id")))


async def remove(room: Room, asked: Asked) -> Answer:
    """`DELETE /admin/users/{id}/passkeys/{id}`."""
    await passkeys.taken_away(room, asked.id("user_id"), asked.id("passkey_id"), asked.caller)
    return nothing()


ROUTES = [
    Route("POST", "/passkeys/registration/options", registration_options, USER),
    Route("POST", "/passkeys/registration/verify", register, USER),
    Route("POST", "/passkeys/authentication/options", authentication_options, limit="sign_in_sign_ups"),
    Route("POST", "/passkeys/authentication/verify", sign_in, limit="sign_in_sign_ups"),
    Route("GET", "/passkeys", list_own, USER),
    Route("PATCH", "/passkeys/{passkey_id}", rename, USER),
    Route("DELETE", "/passkeys/{passkey_id}", remove_own, USER),
    Route("GET", "/admin/users/{user_id}/passkeys", list_all, ADMIN),
    Route("DELETE", "/admin/users/{user_id}/passkeys/{passkey_id}", remove, ADMIN),
]
