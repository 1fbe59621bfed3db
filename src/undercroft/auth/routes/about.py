"""What the room tells of itself: its health, its settings, its keys."""

from __future__ import annotations

from msgspec.json import encode

from undercroft.auth.backends.providers import PROVIDERS
from undercroft.auth.routes.asked import Asked, Route, told
from undercroft.auth.service.room import Room
from undercroft.web.types import Answer, Header

_KEPT: tuple[Header, ...] = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"public, max-age=600"),
)
"""Keys may be kept for ten minutes: a new one is told that long before it signs."""


async def health(room: Room, asked: Asked) -> Answer:
    """`GET /health`."""
    return told({"version": "v2", "name": "GoTrue", "description": "Undercroft speaks GoTrue's protocol"})


async def settings(room: Room, asked: Asked) -> Answer:
    """`GET /settings`."""
    given = room.settings
    return told(
        {
            "external": {
                "anonymous_users": given.enable_anonymous_sign_ins,
                "email": given.email.enable_signup,
                "phone": given.sms.enable_signup,
                **{name: name in given.external and given.external[name].enabled for name in PROVIDERS},
            },
            "disable_signup": not given.enable_signup,
            "mailer_autoconfirm": not given.email.enable_confirmations,
            "phone_autoconfirm": not given.sms.enable_confirmations,
            "sms_provider": "",
            "saml_enabled": given.saml.enabled,
            "mfa_enabled": given.mfa.totp.verify_enabled,
        }
    )


async def jwks(room: Room, asked: Asked) -> Answer:
    """`GET /.well-known/jwks.json`: public keys. A secret has none."""
    return Answer(200, _KEPT, encode({"keys": room.public_keys()}))


ROUTES = [
    Route("GET", "/health", health),
    Route("GET", "/settings", settings),
    Route("GET", "/.well-known/jwks.json", jwks),
]
