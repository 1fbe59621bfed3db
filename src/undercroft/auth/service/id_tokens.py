"""Signing in by the ID token of another place, which an app got by itself."""

from __future__ import annotations

from undercroft.auth.backends.providers import ID_TOKENS
from undercroft.auth.backends.providers.openid import CUSTOM
from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.id_tokens import check_nonce
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.service.custom_providers import calls_of, client_of
from undercroft.auth.service.linking import linked, linking_disabled
from undercroft.auth.service.providers import arrive, entering
from undercroft.auth.service.room import Room
from undercroft.auth.service.sessions import tokens
from undercroft.auth.store import Record
from undercroft.auth.types import Caller
from undercroft.auth.types.people import Person
from undercroft.auth.types.provider_asks import IdTokenGrant

_ISSUERS = {
    "https://accounts.google.com": "google",
    "accounts.google.com": "google",
    "https://appleid.apple.com": "apple",
    "https://www.facebook.com": "facebook",
}
"""Places by their issuers, for asks that name no place."""


async def sign_in(room: Room, ask: IdTokenGrant, caller: Caller, redirect_to: str) -> Shape:
    """`POST /token?grant_type=id_token`. Raises `AuthFault`."""
    name, person = await _believed(room, ask)
    client = await client_of(room, name)
    grant = await arrive(room, client, person, caller, entering(room, caller), redirect_to=redirect_to)
    return await tokens(room, grant)


async def link(room: Room, ask: IdTokenGrant, user: Record, session: Record | None, caller: Caller) -> Shape:
    """The same, for another identity of somebody who is signed in. Raises `AuthFault`."""
    if not room.settings.enable_manual_linking:
        raise linking_disabled()
    if session is None:
        raise AuthFault("session_not_found", "A session is required for this")
    name, person = await _believed(room, ask)
    grant = await room.write(lambda rows: linked(rows, room, user["id"], session["id"], name, person, caller))
    return await tokens(room, grant)


async def _believed(room: Room, ask: IdTokenGrant) -> tuple[str, Person]:
    """Whose token it is, at which place. Raises `AuthFault`."""
    if not ask.id_token:
        raise validation_failed("id_token required")
    name = ask.provider or _ISSUERS.get(ask.issuer or "", "")
    if not name:
        raise validation_failed("provider or client_id and issuer required")
    if name not in ID_TOKENS and not name.startswith(CUSTOM):
        raise AuthFault("oauth_provider_not_supported", f"Provider {name[:64]} does not take ID tokens")
    client = await client_of(room, name)
    provider = client.provider
    if provider.issuer is None:
        raise AuthFault("oauth_provider_not_supported", f"Provider {name[:64]} does not take ID tokens")
    if ask.client_id and ask.client_id not in client.audiences:
        raise AuthFault("unexpected_audience", "client_id is none of this app's", status=400)
    claims = await calls_of(room).believed(client, ask.id_token, ask.access_token)
    check_nonce(claims, ask.nonce, hashed=True, skip=client.skip_nonce_check)
    return name, provider.reads(claims, {})
