"""Pages and files over HTTP: everything beside the API that an app serves to browsers.

Protocol: RFC 9110 (conditional requests, ranges), RFC 8246 (`immutable`), Content Security Policy level 3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.websockets import WebSocketClose

from undercroft.access.actor import Actor
from undercroft.base.faults import Fault
from undercroft.pages.backends.folder import Folder, Found
from undercroft.pages.parts.media import encodings_of, media_type
from undercroft.pages.parts.paths import read_path
from undercroft.pages.service import Pages
from undercroft.pages.types import Files
from undercroft.web.actor import Identify
from undercroft.web.door import raw_path
from undercroft.web.types import Answer, ASGIApp, Hosting, Receive, Request, Room, Scope, Send

FOREVER = "public, max-age=31536000, immutable"
_INDEX = "index.html"
_APPLICATION_POLICY = "object-src 'none'; base-uri 'self'; frame-ancestors 'none'"
"""For the HTML of a single-page application, which knows itself what it loads."""

Enter = Callable[[Scope, Receive, Send, Room, bytes], Awaitable[None]]
"""The door: it takes a request for a room, and the path in it."""


class PagesRoom(Hosting):
    """The room of pages behind the door."""

    cross_origin = False

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def who(self, request: Request, identify: Identify) -> Actor:
        """Who looks; see `Pages.who`."""
        request.cors_told = True
        return self._pages.who(request, identify)

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """The fault as a page."""
        request.cors_told = True
        return _with_cookies(self._pages.show(request, fault, answer), request)

    async def __call__(self, request: Request) -> Answer:
        """The page. Raises `Fault`."""
        await self._pages.stay_signed_in(request)
        return _with_cookies(await self._pages.answer(request), request)


def _with_cookies(answer: Answer, request: Request) -> Answer:
    """The answer with the cookies that were set on the way, which no cache may keep for others."""
    if not request.set_cookies:
        return answer
    kept = [pair for pair in answer.headers if pair[0] != b"cache-control"]
    return answer._replace(headers=(*kept, (b"cache-control", b"private, no-store"), *request.set_cookies))


class FileServer:
    """One folder of files under a path."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.prefix = tuple(part for part in files.prefix.split("/") if part)
        self.folder = Folder(files.folder)

    async def answer(
        self, segments: tuple[str, ...], method: str, headers: Headers, *, folder: bool
    ) -> Response | None:
        """The file at a path; None where there is none, and the path is not that of an application.

        `folder`: the path ended with a slash, and is no file's.
        """
        if segments[: len(self.prefix)] != self.prefix or (folder and not self.files.fallback):
            return None
        inner = segments[len(self.prefix) :]
        found, cache = None if folder else self.folder.find(inner), "no-cache"
        if found is not None and "/".join(inner).startswith(self.files.immutable):
            cache = FOREVER
        if found is None and not folder and (hashed := await self.folder.unhashed(inner)) is not None:
            found, is_current = hashed
            cache = FOREVER if is_current else "no-cache"
        if found is None and self.files.fallback and _navigates(inner, method, headers):
            found = self.folder.find((_INDEX,))
        if found is None:
            return None
        if method not in ("GET", "HEAD"):
            return PlainTextResponse("Method Not Allowed", 405, {"allow": "GET, HEAD"})
        return self._file(found, cache, headers)

    def _file(self, found: Found, cache: str, headers: Headers) -> Response:
        kind = media_type(found.path.name)
        told = {"cache-control": cache, "x-content-type-options": "nosniff"}
        if kind.startswith("text/html"):
            told |= {"content-security-policy": _APPLICATION_POLICY, "referrer-policy": "same-origin"}
        sent, encoding = found, None
        for name, suffix in encodings_of(headers.get("accept-encoding")):
            beside = self.folder.find(
                found.path.with_name(found.path.name + suffix).relative_to(self.folder.root).parts
            )
            if beside is not None:
                sent, encoding = beside, name
                break
        told |= {"vary": "accept-encoding", "etag": sent.etag}
        if encoding is not None:
            told["content-encoding"] = encoding
        if _is_known(headers, sent):
            return Response(status_code=304, headers=told)
        return FileResponse(sent.path, headers=told, media_type=kind, stat_result=sent.stat)

    def address(self, path: str) -> str | None:
        """The address of a file, with the hash of its content in its name; None where it is not here."""
        hashed = self.folder.hashed(path.removeprefix("/"))
        return None if hashed is None else f"{self.files.prefix}/{hashed}"


def _navigates(inner: tuple[str, ...], method: str, headers: Headers) -> bool:
    """Whether a browser goes somewhere, and does not load a file that is missing."""
    page = not inner or "." not in inner[-1]
    return page and method in ("GET", "HEAD") and "text/html" in headers.get("accept", "")


def _is_known(headers: Headers, found: Found) -> bool:
    """Whether the browser has it already (RFC 9110, 13.1.2: compared weakly)."""
    given = headers.get("if-none-match")
    if given is None:
        return False
    return given.strip() == "*" or found.etag in [each.strip().removeprefix("W/") for each in given.split(",")]


class Site:
    """An ASGI application for everything beside the API: pages first, then files, the longest path first."""

    def __init__(self, room: PagesRoom, pages: Pages, servers: Sequence[FileServer], enter: Enter) -> None:
        """`enter` is the door, which every page passes."""
        self._room = room
        self._pages = pages
        self._servers = sorted(servers, key=lambda each: len(each.prefix), reverse=True)
        self._enter = enter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await WebSocketClose()(scope, receive, send)
            return
        path = raw_path(scope)
        if self._pages.find(path) is None:
            found = await self._file_at(path, scope)
            if found is not None:
                await found(scope, receive, send)
                return
        await self._enter(scope, receive, send, self._room, path)

    async def _file_at(self, path: bytes, scope: Scope) -> ASGIApp | None:
        folder = path.endswith(b"/") and path != b"/"
        segments = read_path(path[:-1] if folder else path)
        if segments is None:
            return None
        headers = Headers(scope=scope)
        for server in self._servers:
            found = await server.answer(segments, scope["method"], headers, folder=folder)
            if found is not None:
                return found
        return None


def address_in(servers: Sequence[FileServer]) -> Callable[[str], str]:
    """`asset("site.css")` of templates: the address of a static file, under which it may be kept for ever."""

    def asset(path: str) -> str:
        for server in servers:
            found = server.address(path)
            if found is not None:
                return found
        raise FileNotFoundError(f"no static folder has {path}")

    return asset
