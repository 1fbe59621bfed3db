"""`/oauth/…` and what a provider tells of itself: other apps sign people in by this one.

Errors of the token endpoint are as RFC 6749 (5.2) has them; those of what people do are GoTrue's.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus, urlsplit

from msgspec.json import encode

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.auth.errors import AuthFault, OAuthFault, validation_failed
from undercroft.auth.parts.discovery import PLACES, openid_configuration, server_metadata
from undercroft.auth.routes.asked import USER, Asked, Route, nothing, sent_to, told
from undercroft.auth.service import authorizing, clients, granting
from undercroft.auth.service.room import Room
from undercroft.auth.types.oauth import Authorize, CodeAsk, Consent, Credentials
from undercroft.web.actor import Identify
from undercroft.web.types import Answer, Header, Hosting, Request

_PAGE: tuple[Header, ...] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_TOLD: tuple[Header, ...] = (
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"public, max-age=600"),
)
_FAILED = frozenset({"refresh_token_not_found", "refresh_token_already_used", "session_expired", "user_banned"})
"""Faults of a grant, in words that RFC 6749 does not have."""


# --- the app's browser ---


async def authorize(room: Room, asked: Asked) -> Answer:
    """`GET /oauth/authorize`: to the page that asks, or back to the app with an error."""
    clients.require_provider(room)
    if asked.request.method == "HEAD":
        return nothing()
    try:
        given = _single(asked.request.query)
        address = await authorizing.begin(room, _authorize(given))
    except authorizing.Turned as turned:
        address = turned.address
    except AuthFault as fault:
        if b"text/html" not in (asked.request.header(b"accept") or b""):
            raise
        return Answer(fault.status, _PAGE, _error_page(fault.message))
    return sent_to(address, 302, (b"referrer-policy", b"no-referrer"))


def _authorize(given: Mapping[str, str]) -> Authorize:
    return Authorize(**{name: given[name] for name in Authorize._fields if name in given})


def _single(text: bytes) -> dict[str, str]:
    """Parameters by name. Raises `OAuthFault`: none may come twice (RFC 6749, 3.1, 3.2)."""
    try:
        pairs = parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=64)
    except (UnicodeDecodeError, ValueError):
        raise OAuthFault("invalid_request", "The parameters cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthFault("invalid_request", "A parameter comes twice")
    if any("\x00" in value for value in found.values()):
        raise OAuthFault("invalid_request", "The parameters cannot be read")
    # One without a value is as good as none (RFC 6749, 3.1).
    return {name: value for name, value in found.items() if value}


def _error_page(message: str) -> bytes:
    """For a person whom an app sent here wrongly; the message is ours alone."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>This app cannot sign you in</title>'
        f"<h1>This app cannot sign you in</h1><p>{message}.</p><p>Close this page, and tell those who made the app.</p>"
    ).encode()


async def show(room: Room, asked: Asked) -> Answer:
    """`GET /oauth/authorizations/{authorization_id}`."""
    clients.require_provider(room)
    its_id = asked.parameters["authorization_id"]
    return told(await authorizing.details(room, asked.user, asked.session, its_id, asked.caller))


async def consent(room: Room, asked: Asked) -> Answer:
    """`POST /oauth/authorizations/{authorization_id}/consent`."""
    clients.require_provider(room)
    its_id, ask = asked.parameters["authorization_id"], await asked.body(Consent)
    return told(await authorizing.decide(room, asked.user, asked.session, its_id, ask.action, asked.caller))


async def grants(room: Room, asked: Asked) -> Answer:
    """`GET /user/oauth/grants`."""
    clients.require_provider(room)
    return told(await authorizing.grants(room, asked.user))


async def revoke_grant(room: Room, asked: Asked) -> Answer:
    """`DELETE /user/oauth/grants?client_id=…`."""
    clients.require_provider(room)
    client_id = asked.query.get("client_id")
    if not client_id:
        raise validation_failed("client_id query parameter is required")
    asked.parameters["client_id"] = client_id
    try:
        client_id = asked.id("client_id")
    except AuthFault:
        raise validation_failed("client_id must be an UUID") from None
    await authorizing.revoke(room, asked.user, client_id, asked.caller)
    return nothing()


# --- the app itself ---


async def token(room: Room, asked: Asked) -> Answer:
    """`POST /oauth/token`."""
    clients.require_provider(room)
    try:
        form = await _form(asked)
        client = await clients.authenticated(room, _credentials(asked, form))
        kind = form.get("grant_type")
        if kind == "authorization_code":
            ask = CodeAsk(
                form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", ""), form.get("resource")
            )
            return told(await granting.exchange(room, client, ask, asked.caller))
        if kind == "refresh_token":
            text, scope = form.get("refresh_token", ""), form.get("scope", "")
            return told(await granting.refresh(room, client, text, scope, asked.caller))
        raise OAuthFault("unsupported_grant_type", "grant_type is one of authorization_code and refresh_token")
    except AuthFault as fault:
        return _refused(fault)


async def revoke(room: Room, asked: Asked) -> Answer:
    """`POST /oauth/revoke` (RFC 7009)."""
    clients.require_provider(room)
    try:
        form = await _form(asked)
        client = await clients.authenticated(room, _credentials(asked, form))
        if "token" not in form:
            raise OAuthFault("invalid_request", "token is required")
        await granting.revoke(room, client, form["token"], asked.caller)
    except AuthFault as fault:
        return _refused(fault)
    return told({})


async def user_info(room: Room, asked: Asked) -> Answer:
    """`GET /oauth/userinfo`, and by POST."""
    clients.require_provider(room)
    return told(await granting.user_info(room, asked.user, asked.session, asked.claims))


async def _form(asked: Asked) -> dict[str, str]:
    kind = (asked.request.header(b"content-type") or b"").split(b";")[0].strip().lower()
    if kind != b"application/x-www-form-urlencoded":
        raise OAuthFault("invalid_request", "The body has to be application/x-www-form-urlencoded")
    return _single(await asked.request.body())


def _credentials(asked: Asked, form: Mapping[str, str]) -> Credentials:
    """Who the app says it is, in one of the ways of RFC 6749 (2.3.1). Raises `OAuthFault`."""
    kind, _, text = (asked.request.header(b"authorization") or b"").partition(b" ")
    if kind.lower() != b"basic":
        if "client_id" not in form:
            raise OAuthFault("invalid_client", "client_id is required", status=401)
        return Credentials(form["client_id"], form.get("client_secret"))
    if "client_secret" in form:
        raise OAuthFault("invalid_request", "The client's secret comes in two ways")
    try:
        name, _, secret = b64decode(text.strip(), validate=True).decode("ascii").partition(":")
    except (Error, ValueError):
        raise OAuthFault("invalid_client", "Client authentication failed", status=401) from None
    client_id = unquote_plus(name)
    if form.get("client_id", client_id) != client_id:
        raise OAuthFault("invalid_request", "client_id comes in two ways, and differs")
    # Some send a public client's id alone in this way.
    return Credentials(client_id, unquote_plus(secret) or None)


def _refused(fault: AuthFault) -> Answer:
    """A fault as RFC 6749 (5.2) has it."""
    error = fault.error if isinstance(fault, OAuthFault) else "invalid_grant" if fault.code in _FAILED else None
    if error is None:
        raise fault
    headers: list[Header] = [(b"pragma", b"no-cache")]
    if error == "invalid_client":
        headers.append((b"www-authenticate", b'Basic realm="oauth"'))
    status = fault.status if isinstance(fault, OAuthFault) else 400
    return told({"error": error, "error_description": fault.message}, status, *headers)


# --- discovery ---


async def metadata(room: Room, asked: Asked) -> Answer:
    """`GET /.well-known/oauth-authorization-server` (RFC 8414)."""
    return _metadata(room)


async def openid(room: Room, asked: Asked) -> Answer:
    """`GET /.well-known/openid-configuration`."""
    return _openid(room)


def _metadata(room: Room) -> Answer:
    clients.require_provider(room)
    registers = room.settings.oauth_server.allow_dynamic_registration
    return Answer(200, _TOLD, encode(server_metadata(room.address, registers=registers)))


def _openid(room: Room) -> Answer:
    clients.require_provider(room)
    registers = room.settings.oauth_server.allow_dynamic_registration
    found = openid_configuration(room.address, registers=registers, keys=room.public_keys())
    return Answer(200, _TOLD, encode(found))


class DiscoveryRoom(Hosting):
    """The same at the root of the host, where RFC 8414 (3.1) looks for it: the issuer's path behind it, or nothing."""

    def __init__(self, room: Room, place: bytes) -> None:
        self._room = room
        self._tell = _metadata if place == PLACES[0] else _openid
        self._paths = (b"", urlsplit(room.address).path.encode())

    def who(self, request: Request, identify: Identify) -> Actor:
        """Whoever it is."""
        return ANONYMOUS

    async def __call__(self, request: Request) -> Answer:
        """What the provider tells of itself; 404 anywhere else."""
        if request.path.rstrip(b"/") not in self._paths or request.method not in ("GET", "HEAD"):
            return told({"code": 404, "error_code": "not_found", "msg": "404: page not found"}, 404)
        return self._tell(self._room)


def discovery_rooms(room: Room) -> dict[bytes, DiscoveryRoom]:
    """The rooms of the door, by where they stand; none where this is no provider."""
    if not room.settings.oauth_server.enabled:
        return {}
    return {place: DiscoveryRoom(room, place) for place in PLACES}


_ONE = "/oauth/authorizations/{authorization_id}"
ROUTES = [
    Route("GET", "/oauth/authorize", authorize, limit="oauth_requests"),
    Route("GET", _ONE, show, USER),
    Route("POST", f"{_ONE}/consent", consent, USER),
    Route("POST", "/oauth/token", token, limit="oauth_requests"),
    Route("POST", "/oauth/revoke", revoke, limit="oauth_requests"),
    Route("GET", "/oauth/userinfo", user_info, USER, apps=True),
    Route("POST", "/oauth/userinfo", user_info, USER, apps=True),
    Route("GET", "/user/oauth/grants", grants, USER),
    Route("DELETE", "/user/oauth/grants", revoke_grant, USER),
    Route("GET", "/.well-known/oauth-authorization-server", metadata),
    Route("GET", "/.well-known/openid-configuration", openid),
]
