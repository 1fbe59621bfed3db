"""Signing up, in and out, and one's own account."""

from __future__ import annotations

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.shapes import TOLD_TO_APPS
from undercroft.auth.routes.asked import USER, Asked, Route, nothing, told
from undercroft.auth.routes.providers import id_token
from undercroft.auth.service import changing, flows, passwords, sessions, signing_up, users, web3
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room
from undercroft.auth.types.asks import ChangeUser, CodeGrant, PasswordGrant, RefreshGrant, SignUp, Web3Grant
from undercroft.web.types import Answer

_HOUR = 3600.0


async def sign_up(room: Room, asked: Asked) -> Answer:
    """`POST /signup`."""
    ask = await asked.from_person(room, SignUp)
    if not ask.email and not ask.phone:
        limit = Limit("anonymous_users", room.settings.rate_limit.anonymous_users, _HOUR)
        await room.limits.take(limit, asked.caller.network)
    return told(await signing_up.sign_up(room, ask, asked.caller, asked.redirect_to(room)))


async def token(room: Room, asked: Asked) -> Answer:
    """`POST /token`: a session by what the query's `grant_type` names."""
    kind = asked.query.get("grant_type")
    if kind == "refresh_token":
        take = asked.taking(room, "token_refresh")
        return told(await sessions.refresh(room, (await asked.body(RefreshGrant)).refresh_token, asked.caller, take))
    if kind == "password":
        await asked.limited(room, "sign_in_sign_ups")
        return told(await passwords.sign_in(room, await asked.from_person(room, PasswordGrant), asked.caller))
    if kind == "pkce":
        ask = await asked.body(CodeGrant)
        return told(await flows.exchange(room, ask.auth_code, ask.code_verifier, asked.caller))
    if kind == "id_token":
        return await id_token(room, asked)
    if kind == "web3":
        await asked.limited(room, "web3")
        return told(await web3.sign_in(room, await asked.from_person(room, Web3Grant), asked.caller))
    raise AuthFault("invalid_credentials", "unsupported_grant_type")


async def log_out(room: Room, asked: Asked) -> Answer:
    """`POST /logout`."""
    session = asked.session["id"] if asked.session else None
    # An app signs itself out, and nobody else.
    scope = "local" if asked.is_app else asked.query.get("scope", "global")
    await sessions.log_out(room, asked.user, session, scope, asked.caller)
    return nothing()


async def show_user(room: Room, asked: Asked) -> Answer:
    """`GET /user`; to an app, no more than its token tells."""
    shape = await users.show(room, asked.user)
    return told({name: shape[name] for name in TOLD_TO_APPS if name in shape} if asked.is_app else shape)


async def change_user(room: Room, asked: Asked) -> Answer:
    """`PUT /user`."""
    ask = await asked.body(ChangeUser)
    return told(await changing.change(room, asked.user, asked.session, ask, asked.caller, asked.redirect_to(room)))


ROUTES = [
    Route("POST", "/signup", sign_up, limit="sign_in_sign_ups"),
    Route("POST", "/token", token),
    Route("POST", "/logout", log_out, USER, apps=True),
    Route("GET", "/user", show_user, USER, apps=True),
    Route("PUT", "/user", change_user, USER),
]
