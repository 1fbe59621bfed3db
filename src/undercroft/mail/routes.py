"""The page of caught mails at `/mail`, in `undercroft dev` only, and only for a browser on this very machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from undercroft.mail.parts.inbox import MAIL_POLICY, PAGE_POLICY, list_page, mail_page
from undercroft.mail.parts.letters import attachments_of
from undercroft.mail.service import Mailer

SHOWN = 200
"""Mails in the list."""

_Page = Callable[[Request], Awaitable[Response]]


def inbox_routes(mailer: Mailer) -> list[BaseRoute]:
    """The list, one mail, and its HTML, source and attachments."""
    inbox = _Inbox(mailer)
    return [
        Route("/mail", _here_only(inbox.list)),
        Route("/mail/{id:int}", _here_only(inbox.mail)),
        Route("/mail/{id:int}/html", _here_only(inbox.html)),
        Route("/mail/{id:int}/source", _here_only(inbox.source)),
        Route("/mail/{id:int}/attachments/{number:int}", _here_only(inbox.attachment)),
    ]


class _Inbox:
    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    async def list(self, request: Request) -> Response:
        return HTMLResponse(list_page(await self._mailer.latest(SHOWN)), headers=_headers(PAGE_POLICY))

    async def mail(self, request: Request) -> Response:
        mail = await self._found(request)
        if mail is None:
            return _nothing()
        return HTMLResponse(mail_page(mail, attachments_of(mail["attachments"])), headers=_headers(PAGE_POLICY))

    async def html(self, request: Request) -> Response:
        mail = await self._found(request)
        return _nothing() if mail is None else HTMLResponse(mail["html"], headers=_headers(MAIL_POLICY))

    async def source(self, request: Request) -> Response:
        mail = await self._found(request)
        if mail is None:
            return _nothing()
        return PlainTextResponse(self._mailer.message(mail).content, headers=_headers(PAGE_POLICY))

    async def attachment(self, request: Request) -> Response:
        mail = await self._found(request)
        files = () if mail is None else attachments_of(mail["attachments"])
        number = request.path_params["number"]
        if number >= len(files):
            return _nothing()
        name = quote(files[number].name, safe="")
        headers = {**_headers(MAIL_POLICY), "content-disposition": f"attachment; filename*=UTF-8''{name}"}
        # Never by its own type: a browser is not to run what somebody attached.
        return Response(files[number].content, media_type="application/octet-stream", headers=headers)

    async def _found(self, request: Request) -> Mapping[str, Any] | None:
        number: int = request.path_params["id"]
        return await self._mailer.one(number) if number < 2**63 else None


def _here_only(page: _Page) -> _Page:
    """The page for a browser on this machine that asked for this machine by name.

    Somebody else's name that points here would let a page of theirs read the answer (DNS rebinding).
    """

    async def shown(request: Request) -> Response:
        if not is_loopback(request.client.host if request.client else "") or not is_local(request.headers.get("host")):
            return _nothing()
        return await page(request)

    return shown


def is_loopback(address: str) -> bool:
    """Whether it is an address of this machine to itself."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def is_local(host: str | None) -> bool:
    """Whether a Host header names this machine to itself."""
    try:
        name = urlsplit(f"//{host or ''}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or name.endswith(".localhost") or is_loopback(name)


def _nothing() -> Response:
    return PlainTextResponse("Not Found", status_code=404)


def _headers(policy: str) -> dict[str, str]:
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
    }
