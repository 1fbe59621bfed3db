"""`/auth/v1`, as GoTrue's clients call it.

Protocol: Supabase Auth's published OpenAPI, and auth-js 2, which tells by `X-Supabase-Api-Version` how it reads faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property, partial
from typing import Any
from urllib.parse import unquote

import msgspec

from undercroft.access.actor import ANONYMOUS, SERVICE_ROLE, Actor
from undercroft.auth.errors import AuthFault, EndedFault
from undercroft.auth.routes import (
    about,
    accounts,
    admin,
    factors,
    inviting,
    oauth_clients,
    oauth_server,
    passkeys,
    providers,
    sso,
    verifying,
)
from undercroft.auth.routes.asked import ADMIN, ANYONE, USER, Asked, Route
from undercroft.auth.service.hooks import CALLER
from undercroft.auth.service.room import Room
from undercroft.auth.service.users import person_of
from undercroft.auth.types import Caller
from undercroft.base.faults import Fault
from undercroft.web.actor import Identify
from undercroft.web.callers import Network, address_of
from undercroft.web.types import Answer, Header, Hosting, Request

ROUTES: list[Route] = [
    *accounts.ROUTES,
    *admin.ROUTES,
    *verifying.ROUTES,
    *oauth_server.ROUTES,
    *oauth_clients.ROUTES,
    *inviting.ROUTES,
    *factors.ROUTES,
    *passkeys.ROUTES,
    *providers.ROUTES,
    *sso.ROUTES,
    *about.ROUTES,
]

VERSION = b"2024-01-01"
"""From when on faults are told as `code` and `message`."""
_VERSION_HEADER = b"x-supabase-api-version"
_JSON: Header = (b"content-type", b"application/json; charset=utf-8")
_TOKENS = frozenset({"PGRST301", "PGRST303"})


class AuthRoom(Hosting):
    """The room behind the door."""

    def __init__(self, room: Room, identify: Identify, proxies: tuple[Network, ...] = ()) -> None:
        self._room = room
        self._identify = identify
        self._proxies = proxies

    def who(self, request: Request, identify: Identify) -> Actor:
        """Whoever it is: clients bring tokens that are over to routes that ask for none. Each route says its needs."""
        return ANONYMOUS

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """A fault of the house, as GoTrue's clients read it."""
        code = "over_request_rate_limit" if answer.status == 429 else fault.code
        headers = [header for header in answer.headers if header[0] != b"content-type"]
        return _told(request, answer.status, code, fault.message, {}, headers)

    async def __call__(self, request: Request) -> Answer:
        """Answer a request. Raises `Fault` that is none of this room's."""
        request.authenticated = True
        try:
            answer = await self._answered(request)
        except AuthFault as fault:
            headers = [(b"retry-after", b"%d" % fault.retry_after)] if fault.retry_after is not None else []
            return _told(request, fault.status, fault.code, fault.message, fault.more, headers)
        if _version(request) >= VERSION:
            return answer._replace(headers=(*answer.headers, (_VERSION_HEADER, VERSION)))
        return answer

    async def _answered(self, request: Request) -> Answer:
        route, parameters = self._found(request)
        agent = (request.header(b"user-agent") or b"").decode("latin-1")
        asked = Asked(request, Caller(address_of(request, self._proxies), agent), parameters, apps=route.apps)
        CALLER.set(asked.caller)
        if route.limit is not None:
            await asked.limited(self._room, route.limit)
        asked.identify = partial(self._identified, asked)
        if route.needs != ANYONE:
            await self._identified(asked, route.needs)
        return await route.handler(self._room, asked)

    def _found(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The operation that a request means, and the parts of its path. Raises `AuthFault`."""
        try:
            path = unquote(request.path.decode("ascii"), errors="strict").rstrip("/") or "/"
        except UnicodeDecodeError:
            raise AuthFault("not_found", "404: page not found", status=404) from None
        method = "GET" if request.method == "HEAD" else request.method
        fixed = self._fixed.get(path, {})
        if method in fixed:
            return fixed[method], {}
        allowed = {*fixed}
        for route, pattern in self._patterns:
            if found := pattern.fullmatch(path):
                if route.method == method:
                    return route, found.groupdict()
                allowed.add(route.method)
        if allowed:
            raise AuthFault("validation_failed", f"This is called by {', '.join(sorted(allowed))}", status=405)
        raise AuthFault("not_found", "404: page not found", status=404)

    @cached_property
    def _fixed(self) -> dict[str, dict[str, Route]]:
        """Operations by path and method, where no part of the path is a value."""
        found: dict[str, dict[str, Route]] = {}
        for route in ROUTES:
            if "{" not in route.path:
                found.setdefault(route.path, {}).setdefault(route.method, route)
        return found

    @cached_property
    def _patterns(self) -> list[tuple[Route, re.Pattern[str]]]:
        return list(_compiled(route for route in ROUTES if "{" in route.path))

    async def _identified(self, asked: Asked, needs: str) -> None:
        """Find out who asks. Raises `AuthFault`."""
        request = asked.request
        given = request.credential(b"authorization")
        if given is None and needs == USER:
            raise AuthFault("no_authorization", "This endpoint requires a valid Bearer token")
        try:
            actor = self._identify(given, request.credential(b"apikey"))
        except EndedFault:
            raise AuthFault("session_not_found", "Session from session_id claim in JWT does not exist") from None
        except Fault as fault:
            if fault.code in _TOKENS:
                raise AuthFault("bad_jwt", f"invalid JWT: {fault.message}") from None
            raise
        request.actor = actor
        if needs == ADMIN:
            if actor.role not in (SERVICE_ROLE, "supabase_admin"):
                raise AuthFault("not_admin", "User not allowed")
            return
        user, session = await self._room.read(lambda rows: person_of(rows, actor))
        asked.stands_for(user, session, dict(actor.claims))
        if asked.is_app and not asked.apps:
            raise AuthFault("insufficient_scope", "A token that was given to an app does not do this")


def _compiled(routes: Iterable[Route]) -> Iterable[tuple[Route, re.Pattern[str]]]:
    for route in routes:
        parts = re.split(r"\{(\w+)\}", route.path)
        written = "".join(f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts))
        yield route, re.compile(written)


def _version(request: Request) -> bytes:
    return request.header(_VERSION_HEADER) or b""


def _told(request: Request, status: int, code: str, message: str, more: Any, headers: Iterable[Header]) -> Answer:
    if _version(request) >= VERSION:
        body = {"code": code, "message": message, **more}
        headers = [*headers, (_VERSION_HEADER, VERSION)]
    else:
        body = {"code": status, "error_code": code, "msg": message, **more}
    return Answer(status, (_JSON, (b"cache-control", b"no-store"), *headers), msgspec.json.encode(body))
