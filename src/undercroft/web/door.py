"""The door to every room of the API: identity, admission, CORS, faults, request ids, timing and the log, once for all.

It is raw ASGI, since it is on the path of every request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from traceback import format_exception
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from undercroft.access.actor import ANON
from undercroft.base.faults import Fault, Overloaded
from undercroft.base.trace import CAUSE, Trace
from undercroft.web.actor import Identify
from undercroft.web.cors import cors, preflight
from undercroft.web.faults import body_of, status_of
from undercroft.web.streaming import StreamCut, StreamPlaces, send_stream
from undercroft.web.types import Answer, Header, Hosting, Receive, Request, Room, Scope, Send, Stream

FaultHeaders = Callable[[Fault], tuple[Header, ...]]
Given = dict[bytes, bytes]
"""A request's headers by name; of several of one name, the last."""

_BODILESS = frozenset({204, 304})
"""Statuses that end with their headers, also where a function of a database chose them (RFC 9110, 6.4.1)."""
_SAFE_ID = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/=+")


@dataclass(frozen=True, slots=True)
class DoorSettings:
    """What the door allows and tells."""

    body_limit: int = 10 * 1024 * 1024
    body_seconds: float = 30.0
    """For how long a body is waited for: see `web.receiving`."""
    max_requests: int = 256
    max_queue: int = 1024
    max_streams: int = 128
    """Bodies that are sent as they are made, at once; each holds one of the places of `max_requests` until its end."""
    cors_origins: frozenset[bytes] = frozenset()
    trace_header: bytes | None = None
    timing: bool = False
    log_all: bool = False
    slow_seconds: float = 0.5


class Door:
    """Takes ASGI requests under the rooms' prefixes; answers each exactly once."""

    def __init__(
        self,
        rooms: Mapping[bytes, Room],
        identify: Identify,
        settings: DoorSettings,
        log: Any,
        *,
        fault_headers: FaultHeaders,
        fault_body: Callable[[Fault], bytes] = body_of,
    ) -> None:
        self._rooms = rooms
        self._identify = identify
        self._settings = settings
        self._log = log
        self._fault_headers = fault_headers
        self._fault_body = fault_body
        self._id_header = settings.trace_header or b"x-request-id"
        self._plain_cors = cors(None, settings.cors_origins)
        self._told_seconds = -1.0 if settings.log_all else settings.slow_seconds
        """Answers that took longer are told to the log."""
        self._active = 0
        self._streams = StreamPlaces(settings.max_streams)
        self._waiting: deque[asyncio.Future[None]] = deque()

    def room_of(self, path: bytes) -> tuple[Room, bytes] | None:
        """The room that serves a path, and what follows its mount point."""
        for prefix, room in self._rooms.items():
            if path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] == 47):
                return room, path[len(prefix) :]
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send, room: Room, path: bytes) -> None:
        """Serve one request of a room."""
        started = perf_counter()
        headers = scope["headers"]
        settings = self._settings
        limit, patience = settings.body_limit, settings.body_seconds
        request = Request(
            scope["method"], path, scope["query_string"], headers, receive, limit, patience, self._streams
        )
        request.peer = scope.get("client")
        given: Given = dict(headers)
        try:
            if request.method == "OPTIONS" and _is_preflight(given, room):
                answer = self._preflight(request, given.get(b"origin"))
            else:
                if self._active < settings.max_requests:
                    self._active += 1
                else:
                    await self._queue()
                try:
                    self._identified(request, given, started, room)
                    found = room(request)
                    if isinstance(found, Answer):
                        answer = found
                    else:
                        made = await found
                        if isinstance(made, Stream):
                            await self._stream(scope, request, made, given, receive, send, started)
                            return
                        answer = made
                finally:
                    if request.holds_stream:
                        self._streams.leave()
                    self._leave()
        except Fault as fault:
            answer = self._fault(fault, request, room)
        except StreamCut:
            raise
        except Exception as error:
            answer = self._crash(error, request, room)
        headers = self._headers(request, answer, given)
        # Of a read that was asked for by HEAD no body is made, and how long it would be is not known (RFC 9110, 8.6).
        if answer.status not in _BODILESS and (answer.body or request.method != "HEAD"):
            headers.append((b"content-length", b"%d" % len(answer.body)))
        seconds = perf_counter() - started
        if answer.status >= 500 or seconds > self._told_seconds:
            self._tell(scope, request, answer.status, seconds)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        unsent = request.method == "HEAD" or answer.status in _BODILESS
        await send({"type": "http.response.body", "body": b"" if unsent else answer.body})

    async def _stream(
        self,
        scope: Scope,
        request: Request,
        stream: Stream,
        given: Given,
        receive: Receive,
        send: Send,
        started: float,
    ) -> None:
        """Send a body as it is made; its place is held meanwhile. Raises `Overloaded` where too many are sent,
        `StreamCut` where it breaks off.
        """
        try:
            request.take_stream()
        except Overloaded:
            await stream.pieces.aclose()
            raise
        try:
            headers = self._headers(request, stream, given)
            unsent = request.method == "HEAD" or stream.status in _BODILESS
            await send_stream(stream, headers, receive, send, unsent=unsent)
        except Exception as error:
            inside = error.__cause__ if isinstance(error, StreamCut) else error
            self._log.error("crash", exception="".join(format_exception(inside)), id=self._id_of(request))
            raise (error if isinstance(error, StreamCut) else StreamCut) from inside
        finally:
            seconds = perf_counter() - started
            if seconds > self._told_seconds:
                self._tell(scope, request, stream.status, seconds)

    def _identified(self, request: Request, given: Given, started: float, room: Room) -> None:
        """Find out who asks. Raises a `Fault` for a credential that is none."""
        authorization, apikey = given.get(b"authorization"), given.get(b"apikey")
        request.authenticated = authorization is not None or apikey is not None
        if self._settings.timing:
            request.marks = [("", started)]
        if isinstance(room, Hosting):
            request.actor = room.who(request, self._identify)
        else:
            request.actor = self._identify(authorization, apikey)
        if request.marks is not None:
            request.marks.append(("jwt", perf_counter()))
        if b"traceparent" in given or self._id_header in given:
            parent = given.get(b"traceparent")
            CAUSE.set(Trace(None if parent is None else parent.decode("latin-1"), self._id_of(request)))
        elif CAUSE.get() is not None:  # of a request that this task served before
            CAUSE.set(None)

    # --- answering ---

    def _headers(self, request: Request, answer: Answer | Stream, given: Given) -> list[Header]:
        """The room's headers and our own, less the length."""
        headers = [*answer.headers]
        if not request.cors_told:
            headers += self._cors_of(given.get(b"origin"))
        trace_header = self._settings.trace_header
        if trace_header is not None and trace_header in given:
            headers.append((trace_header, given[trace_header]))
        if request.marks is not None:
            if request.marks[-1][0] != "response":
                request.marks.append(("response", perf_counter()))
            headers.append((b"server-timing", _timing(request.marks)))
        return headers

    def _tell(self, scope: Scope, request: Request, status: int, seconds: float) -> None:
        tell = self._log.warning if status >= 500 else self._log.info
        path, whole = request.path.decode("latin-1"), raw_path(scope).decode("latin-1")
        tell(
            "request",
            method=request.method,
            mount=whole.removesuffix(path)[:300],  # the path of a question in GraphQL is empty
            path=path[:300],
            status=status,
            ms=round(seconds * 1000, 2),
            role=request.actor.role,
            id=self._id_of(request),
        )

    def _id_of(self, request: Request) -> str:
        """The request's id: its own, where it brought a harmless one."""
        if not request.id:
            given = request.header(self._id_header)
            harmless = given is not None and len(given) <= 128 and _SAFE_ID.issuperset(given)
            request.id = given.decode() if given is not None and harmless else uuid4().hex
        return request.id

    def _fault(self, fault: Fault, request: Request, room: Room) -> Answer:
        anonymous = not request.authenticated or request.actor.role == ANON
        status = status_of(fault, anonymous=anonymous)
        headers = self._fault_headers(fault)
        if status == 401:
            headers = (*headers, (b"www-authenticate", _challenge(fault)))
        if fault.retry_after is not None or status == 503:
            headers = (*headers, (b"retry-after", b"%d" % (fault.retry_after or 1)))
        if status >= 500:
            cause = repr(fault.__cause__) if fault.__cause__ else None
            self._log.error(
                "fault",
                code=fault.code,
                message=fault.message,
                details=fault.details,
                cause=cause,
                id=self._id_of(request),
            )
            if status == 500 and not fault.is_told:
                fault = self._secretive(fault, request)
        return self._shown(fault, Answer(status, headers, self._fault_body(fault)), request, room)

    def _crash(self, error: Exception, request: Request, room: Room) -> Answer:
        """A fault of the program: told in full to the log, and to nobody else."""
        # As text: a log that somebody else set up might print every frame's variables, the token among them.
        self._log.error("crash", exception="".join(format_exception(error)), id=self._id_of(request))
        fault = self._secretive(Fault("Internal server error"), request)
        answer = Answer(500, self._fault_headers(fault), self._fault_body(fault))
        return self._shown(fault, answer, request, room)

    def _shown(self, fault: Fault, answer: Answer, request: Request, room: Room) -> Answer:
        return room.show(request, fault, answer) if isinstance(room, Hosting) else answer

    def _secretive(self, fault: Fault, request: Request) -> Fault:
        told = Fault(
            "Internal server error", code=fault.code, hint=f"The log has the details, under id {self._id_of(request)}."
        )
        told.request = fault.request
        return told

    def _preflight(self, request: Request, origin: bytes | None) -> Answer:
        request.cors_told = True
        asked = request.header(b"access-control-request-headers")
        return Answer(200, preflight(origin, asked, self._settings.cors_origins))

    def _cors_of(self, origin: bytes | None) -> tuple[Header, ...]:
        # Also where nobody asked: a cache may hand the answer to a browser later.
        return self._plain_cors if origin is None else cors(origin, self._settings.cors_origins)

    # --- admission ---

    async def _queue(self) -> None:
        """Wait for a place, in order. Raises `Overloaded` when too many wait already."""
        if len(self._waiting) >= self._settings.max_queue:
            raise Overloaded("the server is busy", hint="Try again in a second.")
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)  # the place changes hands
                return
        self._active -= 1


def _is_preflight(given: Given, room: Room) -> bool:
    asked = b"origin" in given and b"access-control-request-method" in given
    return asked and not (isinstance(room, Hosting) and not room.cross_origin)


def _challenge(fault: Fault) -> bytes:
    """WWW-Authenticate (RFC 6750, 3): why a token was not believed, or that one is wanted."""
    if fault.code not in ("PGRST301", "PGRST303"):
        return b"Bearer"
    told = fault.message.replace("\\", "").replace('"', "'")
    return f'Bearer error="invalid_token", error_description="{told}"'.encode("latin-1", "replace")


def _timing(marks: list[tuple[str, float]]) -> bytes:
    """Server-Timing: each stage's milliseconds."""
    spans = ((name, (end - start) * 1000) for (_, start), (name, end) in pairwise(marks))
    return ", ".join(f"{name};dur={span:.1f}" for name, span in spans).encode()


def raw_path(scope: Scope) -> bytes:
    """The path as it was sent, less what an outer application has taken of it."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    root = quote(scope.get("root_path", "")).encode()
    return path[len(root) :] if root and path.startswith(root) else path
