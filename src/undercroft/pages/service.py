"""The verbs of this room: who looks at a page, whether a form is genuine, and the page itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any

from markupsafe import Markup

from undercroft.access.actor import ANON, ANONYMOUS, Actor
from undercroft.base.clock import Clock
from undercroft.base.faults import Fault
from undercroft.pages.backends.templates import Templates
from undercroft.pages.errors import no_page, took_too_long
from undercroft.pages.parts.heads import heads, plain_fault
from undercroft.pages.parts.paths import Match, Paths, read_path
from undercroft.pages.settings import PageSettings
from undercroft.pages.types import Page, PageRoute, Redirect
from undercroft.pipeline.context import Caller, Context
from undercroft.pipeline.run import Pipeline
from undercroft.web.actor import Identify
from undercroft.web.cookies import ACCESS, REFRESH, VISITOR, Cookies, Renew
from undercroft.web.forgery import FIELD, HEADER, Stamps, check_origin, known_visitor, new_visitor
from undercroft.web.forms import MULTIPART, URLENCODED, FormLimits
from undercroft.web.headers import header, headers
from undercroft.web.methods import MethodFault, takes
from undercroft.web.received import WebRequest
from undercroft.web.types import Answer, Header, Request

_SAFE = frozenset({"GET", "HEAD"})
_ERROR_PAGE = "error.html"


@dataclass(slots=True, eq=False)
class Showing:
    """One page while it is made: what its template asks for decides about its headers."""

    visitor: str | None
    fresh_visitor: bool = False
    nonce: str | None = None
    token: str | None = None

    def csp_nonce(self) -> str:
        """The nonce of this answer, for inline scripts and styles."""
        self.nonce = self.nonce or token_urlsafe(16)
        return self.nonce


@dataclass(slots=True, eq=False)
class Pages:
    """The pages of an app."""

    pipeline: Pipeline
    routes: Paths[PageRoute]
    stamps: Stamps
    templates: Templates
    asset: Callable[[str], str]
    """The address of a static file; raises `FileNotFoundError`."""
    clock: Clock
    settings: PageSettings
    error_folders: Iterable[Any] = ()
    """Folders in which an error page of the app may be."""
    form_limits: FormLimits = field(default_factory=FormLimits)
    identify: Identify | None = None
    """The way that holds elsewhere; where cookies are renewed, it is asked again."""
    renew: Renew | None = None
    """None where nobody signs in on pages."""

    @property
    def cookies(self) -> Cookies:
        """How cookies are set."""
        return Cookies(self.settings.secure)

    def find(self, raw: bytes) -> Match[PageRoute] | None:
        """The page at a path as it was sent."""
        segments = read_path(raw)
        return None if segments is None else self.routes.find(segments)

    # --- who is there ---

    def who(self, request: Request, identify: Identify) -> Actor:
        """Who looks: by the headers, as elsewhere; without them by the cookie, which is worth nothing when it is not
        believed. Raises a `Fault` for a header that is not believed, and for nobody where the page is not public.
        """
        authorization, apikey = request.credential(b"authorization"), request.credential(b"apikey")
        match = self.find(request.path)
        lenient = match is None or match.found.public
        if authorization is not None or apikey is not None:
            request.authenticated = True
            return identify(authorization, apikey)
        if (token := self.cookies.of(request, ACCESS)) and (found := _believed(identify, token)):
            request.authenticated = True
            return found
        try:
            return identify(None, None)
        except Fault:
            # Who can renew what they have is told after that.
            if lenient or (self.renew is not None and self.cookies.of(request, REFRESH)):
                return ANONYMOUS
            raise

    async def stay_signed_in(self, request: Request) -> None:
        """Have somebody stay signed in whose access token ran out. Raises a `Fault` for nobody where the page is not
        public, and where it cannot be found out now.
        """
        if request.authenticated or self.renew is None or self.identify is None:
            return
        found = await self.renew(request)
        if found is None:
            return
        request.set_cookies = found.headers
        actor = _believed(self.identify, found.access) if found.access else None
        if actor is not None:
            request.authenticated, request.actor = True, actor
            return
        match = self.find(request.path)
        if match is not None and not match.found.public:
            self.identify(None, None)

    # --- showing ---

    async def answer(self, request: Request) -> Answer:
        """The page that a request means. Its transaction has committed when this returns.

        Raises:
            Fault: UC404, UC405; UC403 for a form that is not genuine; 57014 where it takes too long; what its arguments
                raise, and what it raises itself. Its transaction is then undone.
        """
        actor = request.actor
        match = self.find(request.path)
        if match is None or not match.found.allows(actor.role, self.pipeline.rules.bypass):
            raise no_page()
        route = match.found
        if not takes(route.methods, request.method):
            raise MethodFault("This page is asked for", route.methods)
        received = WebRequest(request, route.path, limits=self.form_limits)
        showing = self._showing(received)
        if request.method not in _SAFE:
            await self._check_genuine(received, showing.visitor, actor)
        async with self.pipeline.calling(actor) as (context, _):
            return await self._made(match, received, context, actor, showing)

    async def _check_genuine(self, request: WebRequest, visitor: str | None, actor: Actor) -> None:
        check_origin(
            request.header("sec-fetch-site"), request.header("origin"), request.header("host"), self.settings.origin
        )
        token = request.header(HEADER)
        if token is None and request.media_type in (URLENCODED, MULTIPART):
            token = (await request.form()).get(FIELD)
        self.stamps.check(token, visitor, actor, self.clock.timestamp())

    async def _made(
        self, match: Match[PageRoute], request: WebRequest, context: Context, actor: Actor, showing: Showing
    ) -> Answer:
        route = match.found
        seconds = route.timeout or self.settings.handler_seconds
        try:
            async with asyncio.timeout(seconds) as limit:
                # A form that is sent by GET has no token, and a page that changes something by it would not know.
                safe = request.method in _SAFE
                arguments = await route.handler.arguments(request, match.texts, bodiless=safe)
                found = await route.handler.run(context, **arguments)
        except TimeoutError as error:
            if limit.expired():
                raise took_too_long(seconds) from error
            raise
        if isinstance(found, Redirect):
            told = (header("location", found.to), (b"cache-control", b"no-store"))
            return Answer(found.status, (*headers(found.headers), *told))
        if not isinstance(found, Page):
            raise TypeError(f"{route.handler.source}: a page gives Page(…) or Redirect(…), not {type(found).__name__}")
        if context.opened is None:
            return self._rendered(route, found, context, actor, showing)
        # Within the session a template may walk along relationships, under the caller's policies.
        return await context.opened.run_sync(lambda _: self._rendered(route, found, context, actor, showing))

    def _rendered(self, route: PageRoute, page: Page, context: Context, actor: Actor, showing: Showing) -> Answer:
        text = self.templates.render(
            route.templates, page.template, page.data, self._ours(context.auth, actor, showing)
        )
        private = actor.role != ANON or showing.token is not None
        policy = self.settings.content_security_policy
        found = heads(page.headers, policy, private=private, nonce=showing.nonce)
        return Answer(page.status, (*found, *self._cookies(showing)), text.encode())

    def _showing(self, request: WebRequest) -> Showing:
        return Showing(known_visitor(request.cookies.get(self.cookies.name(VISITOR))))

    def _cookies(self, showing: Showing) -> tuple[Header, ...]:
        if not showing.fresh_visitor or showing.visitor is None:
            return ()
        return (self.cookies.set(VISITOR, showing.visitor),)

    def _ours(self, auth: Caller, actor: Actor, showing: Showing) -> Mapping[str, Any]:
        """What every template knows (`backends.templates.RESERVED`)."""

        def csrf_token() -> str:
            if showing.visitor is None:
                showing.visitor, showing.fresh_visitor = new_visitor(), True
            showing.token = showing.token or self.stamps.token(showing.visitor, actor, self.clock.timestamp())
            return showing.token

        def csrf_input() -> Markup:
            return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())

        return {
            "asset": self.asset,
            "auth": auth,
            "csp_nonce": showing.csp_nonce,
            "csrf_input": csrf_input,
            "csrf_token": csrf_token,
        }

    # --- faults ---

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """A fault as a page: the app's own `error.html`, where it has one, else a plain one."""
        kept = [pair for pair in answer.headers if pair[0] in (b"www-authenticate", b"retry-after")]
        if isinstance(fault, MethodFault):
            kept.append((b"allow", fault.allow.encode()))
        showing = self._showing(WebRequest(request, ""))
        page = self._fault_page(fault, answer.status, self._ours(Caller(request.actor), request.actor, showing))
        found = heads((), self.settings.content_security_policy, private=True, nonce=showing.nonce)
        return Answer(answer.status, (*kept, *found, *self._cookies(showing)), page.encode())

    def _fault_page(self, fault: Fault, status: int, ours: Mapping[str, Any]) -> str:
        told = {"status": status, "code": fault.code, "message": fault.message, "hint": fault.hint}
        try:
            for folder in self.error_folders:
                if self.templates.has(folder, _ERROR_PAGE):
                    return self.templates.render(folder, _ERROR_PAGE, told, ours)
        except Exception as error:  # the page about a fault must not fail
            self.pipeline.log.error("error page", template=_ERROR_PAGE, reason=repr(error))
        return plain_fault(fault, status)


def _believed(identify: Identify, token: str) -> Actor | None:
    """Whose token it is; None for one that is not believed."""
    try:
        return identify(b"Bearer " + token.encode("latin-1", "replace"), None)
    except Fault:
        return None
