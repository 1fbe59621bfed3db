"""Pages at `/auth/ui`, on which people sign up and in and look after their account, in a browser without scripts.

They call the services that `/auth/v1` calls. Every form is marked as ours (`web.forgery`), and cookies count here and
on the app's own pages alone.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.words import said
from undercroft.auth.routes.hosted import account, codes, consent, second_factor, signing_in, signing_up
from undercroft.auth.routes.hosted.renewing import Renewing, caller_of, over
from undercroft.auth.routes.hosted.visit import (
    ANYONE,
    FIRST_PROOF,
    HALF,
    PREFIX,
    VISITOR,
    Hosted,
    Shown,
    Visit,
)
from undercroft.auth.service.hooks import CALLER
from undercroft.auth.service.users import person_of
from undercroft.auth.store import Record
from undercroft.base.faults import Fault
from undercroft.web.actor import Identify
from undercroft.web.callers import Network
from undercroft.web.cookies import ACCESS, REFRESH
from undercroft.web.forgery import FIELD, check_origin, known_visitor
from undercroft.web.forms import FormLimits
from undercroft.web.received import WebRequest
from undercroft.web.types import Answer, Hosting, Request

PAGES: list[Shown] = [
    *signing_in.PAGES,
    *signing_up.PAGES,
    *codes.PAGES,
    *second_factor.PAGES,
    *account.PAGES,
    *consent.PAGES,
]
_LIMITS = FormLimits(fields=40, files=0, field_bytes=32 * 1024, urlencoded_bytes=128 * 1024)
_TITLES = {
    403: "This form was not accepted", 404: "There is no such page", 405: "This page is not sent to",
    413: "This is too much", 429: "Too many tries", 503: "Try again in a moment",
}  # fmt: skip


class HostedRoom(Hosting):
    """The room behind the door."""

    cross_origin = False

    def __init__(self, hosted: Hosted, renew: Renewing, proxies: tuple[Network, ...], log: Any) -> None:
        self._hosted = hosted
        self._identify = hosted.identify
        self._renew = renew
        self._proxies = proxies
        self._log = log
        self._pages = {page.path: page for page in PAGES}

    def who(self, request: Request, identify: Identify) -> Actor:
        """Nobody yet: cookies are looked at here, and headers are not."""
        request.cors_told = request.authenticated = True
        return ANONYMOUS

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """A fault as a page."""
        request.cors_told = True
        kept = [pair for pair in answer.headers if pair[0] == b"retry-after"]
        page = self._fault_page(self._visit(request), answer.status, fault.message, fault.hint)
        return page._replace(headers=(*request.set_cookies, *page.headers, *kept))

    async def __call__(self, request: Request) -> Answer:
        """The page. Raises `Fault` that is no person's mistake."""
        path = unquote(request.path.decode("ascii", "replace"))
        if (asset := self._asset(request, path)) is not None:
            return asset
        visit = self._visit(request)
        CALLER.set(visit.caller)
        try:
            page = self._pages.get(path.rstrip("/"))
            if page is None:
                raise AuthFault("not_found", "Look at its address again.", status=404)
            await self._recognised(visit)
            answer = await self._answered(page, visit)
        except AuthFault as fault:
            visit.fault = None
            answer = self._fault_page(visit, fault.status, said(fault), None)
        # The cookies of this very answer come last, and are what holds.
        return answer._replace(headers=(*request.set_cookies, *answer.headers))

    def _fault_page(self, visit: Visit, status: int, message: str, hint: str | None) -> Answer:
        title = _TITLES.get(status, "Something went wrong")
        return visit.page("fault.html", status=status, heading=title, message=message, hint=hint)

    async def _answered(self, page: Shown, visit: Visit) -> Answer:
        is_sent = visit.request.method == "POST"
        if is_sent and page.send is not None:
            await self._check_genuine(visit)
        elif visit.request.method not in ("GET", "HEAD"):
            raise AuthFault("validation_failed", "This page is not sent to", status=405)
        if page.needs != ANYONE and visit.person is None:
            return visit.go(f"{PREFIX}/sign-in?{_back(visit)}")
        if visit.is_half and page.needs not in (ANYONE, HALF):
            return visit.go(visit.at("/mfa"))
        if not is_sent or page.send is None:
            return await page.show(visit)
        try:
            if page.limit is not None:
                await visit.limited(page.limit)
            return await page.send(visit)
        except AuthFault as fault:
            visit.fault = fault
            if fault.status >= 500:
                self._log.error("page", path=page.path, code=fault.code, message=fault.message)
            return await page.show(visit)

    async def _check_genuine(self, visit: Visit) -> None:
        """Raises `ForgedFault` for a form that is none of ours."""
        request = WebRequest(visit.request, "", limits=_LIMITS)
        check_origin(
            request.header("sec-fetch-site"), request.header("origin"), request.header("host"), self._hosted.origin
        )
        form = await request.form()
        visit.form = {name: value for name, value in form if isinstance(value, str)}
        self._hosted.stamps.check(
            visit.form.get(FIELD), visit.visitor, visit.actor, self._hosted.clock.timestamp()
        )  # fmt: skip

    # --- who comes ---

    def _visit(self, request: Request) -> Visit:
        visitor = known_visitor(self._hosted.cookies.of(request, VISITOR))
        try:
            query = dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True, max_num_fields=40))
        except ValueError:  # so many that none of them is meant
            query = {}
        try:
            nobody = self._identify(None, None)
        except Fault:
            nobody = ANONYMOUS
        return Visit(self._hosted, request, caller_of(request, self._proxies), nobody, query, visitor)

    async def _recognised(self, visit: Visit) -> None:
        """Find out who comes, by the cookies: somebody who is in, or who has shown one proof."""
        request, cookies = visit.request, self._hosted.cookies
        found = await self._person(cookies.of(request, ACCESS))
        if found is None and cookies.of(request, REFRESH) is not None:
            renewed = await self._renew(request)
            if renewed is not None:
                request.set_cookies = renewed.headers
                found = await self._person(renewed.access)
        if found is None and cookies.of(request, ACCESS) is not None and not request.set_cookies:
            request.set_cookies = over(cookies)
        if found is None and (first := cookies.of(request, FIRST_PROOF)) is not None:
            found = await self._person(first)
            visit.is_half = found is not None
        if found is not None:
            visit.actor, visit.person, visit.session = found
            request.actor = visit.actor

    async def _person(self, token: str | None) -> tuple[Actor, Record, Record] | None:
        """Whose token it is; None for one that is not believed, and for one that an app was given."""
        if not token:
            return None
        try:
            actor = self._identify(b"Bearer " + token.encode("latin-1", "replace"), None)
            user, session = await self._hosted.room.read(lambda rows: person_of(rows, actor))
        except Fault as fault:
            if fault.code in ("UC503", "53300") or fault.code.startswith("08"):
                raise
            return None
        if session is None or session["oauth_client_id"] or actor.claims.get("client_id"):
            return None
        return actor, user, session

    # --- files ---

    def _asset(self, request: Request, path: str) -> Answer | None:
        found = self._hosted.files.asset(path.removeprefix("/"))
        if found is None or request.method not in ("GET", "HEAD"):
            return None
        heads = (
            (b"content-type", found.kind.encode()),
            (b"etag", found.etag.encode()),
            (b"cache-control", b"public, max-age=3600"),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"same-origin"),
        )
        if request.header(b"if-none-match") == found.etag.encode():
            return Answer(304, heads)
        return Answer(200, heads, found.body)


def _back(visit: Visit) -> str:
    """The page that was asked for, as where to go after signing in."""
    path = unquote(visit.request.path.decode("ascii", "replace"))
    query = visit.request.query.decode("latin-1")
    here = f"{PREFIX}{path}" + (f"?{query}" if query and visit.request.method == "GET" else "")
    return urlencode({"redirect_to": here})
