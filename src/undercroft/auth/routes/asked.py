"""A request to `/auth/v1` as its routes read it, and what they answer with."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from undercroft.auth.errors import AuthFault, validation_failed
from undercroft.auth.parts.redirects import allowed_redirect
from undercroft.auth.service.limits import Limit, Take
from undercroft.auth.service.room import Room
from undercroft.auth.store import Record
from undercroft.auth.types import Caller
from undercroft.auth.types.asks import Ask
from undercroft.base.faults import Fault
from undercroft.web.types import Answer, Header, Request

S = TypeVar("S", bound=msgspec.Struct)
A = TypeVar("A", bound=Ask)

ANYONE, USER, ADMIN = "anyone", "user", "admin"
"""Who may call: whoever comes, somebody in a session, the service."""

_JSON: Header = (b"content-type", b"application/json; charset=utf-8")
_UNKEPT: Header = (b"cache-control", b"no-store")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(slots=True, eq=False)
class Asked:
    """One request: who asks, where from, and for what."""

    request: Request
    caller: Caller
    parameters: dict[str, str] = field(default_factory=dict)
    """Parts of the path, by name."""
    claims: dict[str, Any] = field(default_factory=dict)
    apps: bool = False
    """Whether this is for apps, too, that somebody let in."""
    _user: Record | None = None
    session: Record | None = None
    identify: Callable[[str], Awaitable[None]] | None = None

    @property
    def user(self) -> Record:
        """Who asks, on routes that ask for it."""
        if self._user is None:
            raise AssertionError("a route that needs a user says so in its table")
        return self._user

    async def identified(self, needs: str) -> None:
        """Find out who asks, on a route that asks for it only sometimes. Raises `AuthFault`."""
        if self.identify is None:
            raise AssertionError("requests come through the room")
        await self.identify(needs)

    def stands_for(self, user: Record, session: Record | None, claims: dict[str, Any]) -> None:
        """Set who asks."""
        self._user, self.session, self.claims = user, session, claims

    @property
    def is_app(self) -> bool:
        """Whether it is an app that asks, which somebody let in by `/oauth/authorize`."""
        return bool(self.claims.get("client_id") or (self.session and self.session["oauth_client_id"]))

    @property
    def query(self) -> dict[str, str]:
        """The query; of several of one name, the last."""
        text = self.request.query.decode("latin-1")
        if "%" in text or "+" in text:
            return dict(parse_qsl(text, keep_blank_values=True))
        # There is nothing to decode: most are one plain name and value.
        return {name: value for name, _, value in (each.partition("=") for each in text.split("&") if each)}

    async def body(self, kind: type[S]) -> S:
        """The body, of this kind. Raises `AuthFault` where it is none."""
        raw = await self.request.body()
        if not raw.strip():
            raw = b"{}"
        elif not _is_json(self.request.header(b"content-type")):
            # Also what keeps pages of other origins from posting a form in somebody's name.
            raise AuthFault("bad_json", "The body has to be JSON, and its Content-Type application/json", status=415)
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError as error:
            raise validation_failed(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise AuthFault("bad_json", "Could not parse request body as JSON") from None

    async def form(self, longest: int, most: int) -> dict[str, str]:
        """The form that the body is, of at most so many bytes and fields; of several of one name, the last. Raises
        `AuthFault`.
        """
        raw = await self.request.body()
        kind = (self.request.header(b"content-type") or b"").split(b";")[0].strip().lower()
        if kind != b"application/x-www-form-urlencoded" or len(raw) > longest:
            raise validation_failed("This takes a form")
        try:
            return dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=most))
        except ValueError:
            raise validation_failed("This takes a form") from None

    async def from_person(self, room: Room, kind: type[A]) -> A:
        """The body, with the captcha that comes with it where one is asked for. Raises `AuthFault`."""
        ask = await self.body(kind)
        if room.captcha is not None and not await self._is_service():
            await room.captcha.check(ask.captcha, self.caller.ip)
        return ask

    async def _is_service(self) -> bool:
        try:
            await self.identified(ADMIN)
        except Fault:
            return False
        return True

    async def limited(self, room: Room, setting: str) -> None:
        """Count this request under a setting of `[auth.rate_limit]`. Raises `AuthFault` where there were too many."""
        limit = _limit_of(room, setting)
        if limit.most:
            await room.limits.take(limit, self.caller.network)

    def taking(self, room: Room, setting: str) -> Take:
        """What counts this request as `limited` does, in the unit of work that answers it. Raises `AuthFault`."""
        return room.limits.taking(_limit_of(room, setting), self.caller.network)

    def redirect_to(self, room: Room, body: str | None = None) -> str:
        """Where to go afterwards: what the query or the body names, where that is allowed; else the site."""
        asked = self.query.get("redirect_to") or body
        return allowed_redirect(asked, room.settings.site_url, room.settings.additional_redirect_urls)

    def id(self, name: str) -> str:
        """A part of the path that is a UUID. Raises `AuthFault`."""
        text = self.parameters[name]
        if not _UUID.fullmatch(text):
            raise AuthFault("validation_failed", f"{name} must be an UUID", status=404)
        return text.lower()


def _limit_of(room: Room, setting: str) -> Limit:
    return Limit(setting, getattr(room.settings.rate_limit, setting), 300.0)


def _is_json(content_type: bytes | None) -> bool:
    kind = (content_type or b"").split(b";")[0].strip().lower()
    return kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json"))


Handler = Callable[[Room, Asked], Awaitable[Answer]]


class Route(NamedTuple):
    """One operation: `{name}` in its path is a part of it. `limit` is a setting of `[auth.rate_limit]`; `apps` is
    whether a token will do that an app was given by somebody, and not only their own.
    """

    method: str
    path: str
    handler: Handler
    needs: str = ANYONE
    limit: str | None = None
    apps: bool = False


def told(body: Any, status: int = 200, *headers: Header) -> Answer:
    """JSON."""
    return Answer(status, (_JSON, _UNKEPT, *headers), msgspec.json.encode(body))


def nothing() -> Answer:
    """204."""
    return Answer(204, (_UNKEPT,))


def sent_to(address: str, status: int = 302, *headers: Header) -> Answer:
    """To another address, where a browser goes by GET."""
    return Answer(status, ((b"location", address.encode("ascii", "replace")), _UNKEPT, *headers))
