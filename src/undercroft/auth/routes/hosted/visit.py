"""One visit of a page: who comes, what they typed, and what they are answered with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from markupsafe import Markup

from undercroft.access.actor import Actor
from undercroft.auth.backends.page_files import SCRIPT, STYLE, PageFiles
from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.page_heads import CAPTCHAS, page_heads
from undercroft.auth.parts.redirects import is_allowed, is_own_path
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.words import said
from undercroft.auth.routes.hosted.renewing import kept, over
from undercroft.auth.service.limits import Limit
from undercroft.auth.service.room import Room
from undercroft.auth.service.users import session_of
from undercroft.auth.store import Record
from undercroft.auth.types import Caller
from undercroft.base.clock import Clock
from undercroft.web.actor import Identify
from undercroft.web.cookies import Cookies
from undercroft.web.forgery import FIELD, Stamps, new_visitor
from undercroft.web.types import Answer, Header, Request

PREFIX = "/auth/ui"
FIRST_PROOF = "undercroft-first-proof"
"""The cookie of somebody who has shown one proof and is asked for the second. The app's pages do not know it: there,
nobody is in before they are in."""
_PATIENCE = 900
VISITOR = "undercroft-visitor"
_PLAIN = frozenset({400, 403, 404, 409, 422, 429, 500, 503, 504})


@dataclass(frozen=True, slots=True, eq=False)
class Hosted:
    """What all pages share."""

    room: Room
    files: PageFiles
    identify: Identify
    stamps: Stamps
    cookies: Cookies
    clock: Clock
    title: str
    origin: str | None
    """That of the settings; None where they name none."""


@dataclass(slots=True, eq=False)
class Visit:
    """A request for a page."""

    hosted: Hosted
    request: Request
    caller: Caller
    actor: Actor
    query: Mapping[str, str]
    visitor: str | None
    form: Mapping[str, str] = field(default_factory=dict)
    person: Record | None = None
    session: Record | None = None
    is_half: bool = False
    """They have shown one proof of two."""
    fault: AuthFault | None = None
    """Why a form was not taken, as its page is shown again."""
    set_cookies: list[Header] = field(default_factory=list)

    @property
    def room(self) -> Room:
        return self.hosted.room

    @property
    def user(self) -> Record:
        """Who it is, on pages that ask for it."""
        if self.person is None:
            raise AssertionError("a page that needs somebody says so in its table")
        return self.person

    @property
    def is_in(self) -> bool:
        """Whether somebody is signed in, whole."""
        return self.person is not None and not self.is_half

    # --- what was asked ---

    def typed(self, name: str) -> str:
        """A field of the form, without blanks around it; of no form, "" ."""
        return self.form.get(name, "").strip()

    def made(self, name: str) -> dict[str, Any]:
        """What a browser's script put into a field. Raises `AuthFault` where it is none."""
        try:
            found = msgspec.json.decode(self.form.get(name, "").encode())
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            found = None
        if not isinstance(found, dict):
            raise AuthFault("webauthn_verification_failed", "No credential came")
        return found

    def id(self, name: str) -> str:
        """A field that is a UUID. Raises `AuthFault`."""
        try:
            return str(UUID(self.typed(name)))
        except ValueError:
            raise AuthFault("validation_failed", "That is not here any more.", status=404) from None

    async def session_now(self) -> Record | None:
        """Their session, read anew."""
        if self.session is None:
            return None
        session_id = self.session["id"]
        return await self.room.read(lambda rows: session_of(rows, session_id))

    @property
    def asked_to(self) -> str:
        """Where they want to go afterwards, where that is allowed; else ""."""
        asked = self.form.get("redirect_to") or self.query.get("redirect_to") or ""
        return asked if self._is_allowed(asked) else ""

    @property
    def leads_to(self) -> str:
        """Where they go afterwards."""
        room = self.room
        return self.asked_to or room.settings.ui.redirect_to or f"{PREFIX}/account"

    def _is_allowed(self, asked: str) -> bool:
        settings = self.room.settings
        return is_own_path(asked) or is_allowed(asked, settings.site_url, settings.additional_redirect_urls)

    async def limited(self, setting: str) -> None:
        """Count this under a setting of `[auth.rate_limit]`. Raises `AuthFault`."""
        most = getattr(self.room.settings.rate_limit, setting)
        await self.room.limits.take(Limit(setting, most, 300.0), self.caller.network)

    async def from_person(self) -> None:
        """Ask whether a person sent this, where a captcha is asked for. Raises `AuthFault`."""
        if self.room.captcha is not None:
            token = self.form.get("cf-turnstile-response") or self.form.get("h-captcha-response")
            await self.room.captcha.check(token, self.caller.ip)

    # --- what is answered ---

    def page(self, name: str, *, status: int = 200, to: str = "", **data: Any) -> Answer:
        """A page. `to` is where its form may lead in the end, where that is another place than `leads_to`."""
        settings, hosted = self.room.settings, self.hosted
        if self.fault is not None:
            status = self.fault.status if self.fault.status in _PLAIN else 400
        problem = None if self.fault is None else said(self.fault)
        captcha = settings.captcha.provider if data.get("captcha") and settings.captcha.enabled else ""
        ours = {
            "title": hosted.title,
            "ui": settings.ui,
            "problem": problem,
            "person": self.person,
            "is_in": self.is_in,
            "redirect_to": self.asked_to,
            "typed": self.typed,
            "at": self.at,
            "csrf_input": self._csrf_input,
            "style": f"{PREFIX}/{STYLE}?v={hosted.files.version(STYLE)}",
            "script": f"{PREFIX}/{SCRIPT}?v={hosted.files.version(SCRIPT)}",
            "settings": settings,
            "widget": CAPTCHAS[captcha][0] if captcha else "",
        }
        body = hosted.files.render(name, {**ours, **data}).encode()
        heads = page_heads(leads_to=to or self.leads_to, logo=settings.ui.logo, captcha=captcha)
        wait = self.fault.retry_after if self.fault is not None else None
        more = ((b"retry-after", b"%d" % wait),) if wait is not None else ()
        return Answer(status, (*heads, *more, *self.set_cookies), body)

    def at(self, path: str, **query: str) -> str:
        """The address of one of our pages, from which people go on to where they wanted to."""
        asked = {name: value for name, value in {"redirect_to": self.asked_to, **query}.items() if value}
        return f"{PREFIX}{path}" + (f"?{urlencode(asked)}" if asked else "")

    def go(self, to: str) -> Answer:
        """To another page, where a browser goes by GET."""
        told = ((b"location", to.encode("ascii", "replace")), (b"cache-control", b"no-store"))
        return Answer(303, (*told, (b"referrer-policy", b"same-origin"), *self.set_cookies))

    def _csrf_input(self) -> Markup:
        if self.visitor is None:
            self.greeted()
        token = self.hosted.stamps.token(self.visitor or "", self.actor, self.hosted.clock.timestamp())
        return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)

    # --- who they are from now on ---

    def greeted(self) -> None:
        """Give them another visitor's cookie: forms of before are good no more."""
        self.visitor = new_visitor()
        self.set_cookies.append(self.hosted.cookies.set(VISITOR, self.visitor))

    def enters(self, told: Shape, *, to: str = "") -> Answer:
        """Signed in: where they go, by default where they wanted to. Who has a second factor is asked for it before
        anything else is theirs.

        Every cookie is a new one, so that none that somebody else put there is worth anything.
        """
        cookies = self.hosted.cookies
        self.greeted()
        factors = told["user"].get("factors") or ()
        is_secured = any(each["status"] == "verified" for each in factors)
        claims = self.hosted.identify(b"Bearer " + told["access_token"].encode(), None).claims
        if is_secured and claims.get("aal") != "aal2":
            self.set_cookies += over(cookies)
            self.set_cookies.append(cookies.set(FIRST_PROOF, told["access_token"], _PATIENCE))
            return self.go(self.at("/mfa", **({"redirect_to": to} if to else {})))
        self.keeps(told)
        return self.go(to or self.leads_to)

    def keeps(self, told: Shape) -> None:
        """Stay signed in with these tokens."""
        self.set_cookies += [*kept(self.hosted.cookies, told), self.hosted.cookies.taken(FIRST_PROOF)]

    def leaves(self) -> None:
        """Signed out."""
        self.set_cookies += [*over(self.hosted.cookies), self.hosted.cookies.taken(FIRST_PROOF)]
        self.greeted()


Handler = Callable[[Visit], Awaitable[Answer]]
ANYONE, HALF, SOMEBODY = "anyone", "half", "somebody"
"""Who may see a page: whoever comes, who has shown one proof, who is in."""


class Shown(NamedTuple):
    """A page: what shows it, and what takes its form. A form that is not taken has its page shown again."""

    path: str
    show: Handler
    send: Handler | None = None
    needs: str = ANYONE
    limit: str | None = None
    """A setting of `[auth.rate_limit]`, for its form."""
