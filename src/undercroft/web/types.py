"""A request and an answer as the rooms see them: no framework, no socket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, Protocol

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault
from undercroft.web.actor import Identify
from undercroft.web.receiving import Incoming

Header = tuple[bytes, bytes]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class Places(Protocol):
    """A number of places."""

    def take(self) -> None:
        """Raises `Overloaded` where there is none left."""
        ...


class Request:
    """One request behind the door: who asks is known, the body is not yet read."""

    __slots__ = (
        "_body_seconds",
        "_receive",
        "_stream_places",
        "actor",
        "authenticated",
        "body_limit",
        "cors_told",
        "headers",
        "holds_stream",
        "id",
        "marks",
        "method",
        "path",
        "peer",
        "query",
        "set_cookies",
    )

    def __init__(
        self,
        method: str,
        path: bytes,
        query: bytes,
        headers: list[Header],
        receive: Receive,
        body_limit: int,
        body_seconds: float = 30.0,
        stream_places: Places | None = None,
    ) -> None:
        """`stream_places`: where there are only so many for answers that are streams."""
        self.method = method
        self.path = path
        """What follows the room's mount point, percent-encoded."""
        self.query = query
        self.headers = headers
        self.actor: Actor = ANONYMOUS
        self.authenticated = False
        """A credential of some kind was given."""
        self.cors_told = False
        """The answer has its cross-origin headers already."""
        self.id = ""
        self.peer: tuple[str, int] | None = None
        """Address and port of the machine that spoke to us, where there is one."""
        self.marks: list[tuple[str, float]] | None = None
        """(stage, moment at its end), where timing is told."""
        self.holds_stream = False
        self.set_cookies: tuple[Header, ...] = ()
        """Cookies that go with the answer of a page, whatever comes of it."""
        self.body_limit = body_limit
        self._body_seconds = body_seconds
        self._stream_places = stream_places
        self._receive = receive

    async def body(self) -> bytes:
        """The whole body. Raises a `Fault`: UC413 as soon as it is over the limit, UC400 where it breaks off, UC408
        where it does not come in time.
        """
        incoming = self._incoming()
        piece, more = await incoming.next()
        if not more:
            return piece
        parts = [piece]
        while more:
            piece, more = await incoming.next()
            parts.append(piece)
        return b"".join(parts)

    async def body_kept(self) -> bytes:
        """The whole body, which may be read again. Raises as `body` does."""
        body = await self.body()
        self._receive = as_received(body)
        return body

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The body as it arrives, in place of `body`. Raises a `Fault` as that does, between two pieces."""
        incoming, more = self._incoming(), True
        while more:
            piece, more = await incoming.next()
            if piece:
                yield piece

    def _incoming(self) -> Incoming:
        return Incoming(self._receive, self.body_limit, self._body_seconds)

    def take_stream(self) -> None:
        """Take a place for an answer that is a stream, before what makes it has an effect; it is held until the answer
        has been sent. Raises `Overloaded` where there is none left.
        """
        if self._stream_places is not None and not self.holds_stream:
            self._stream_places.take()
            self.holds_stream = True

    def header(self, name: bytes) -> bytes | None:
        """The first header of this (lower case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def credential(self, name: bytes) -> bytes | None:
        """The header by which callers say who they are, `authorization` or `apikey`; of several, the last counts, in
        every room, as PostgREST reads them: nobody is somebody here and another there.
        """
        return dict(self.headers).get(name)


class Answer(NamedTuple):
    """What a room gives back."""

    status: int
    headers: tuple[Header, ...]
    body: bytes = b""


class Pieces(Protocol):
    """A body that is being made, such as an asynchronous generator that has begun."""

    async def __anext__(self) -> bytes: ...

    async def aclose(self) -> None:
        """Make no more of it. May be called at any time, and again."""
        ...


class Stream(NamedTuple):
    """What a room gives back where the body is sent as it is made. Nothing more of it is made when the caller leaves,
    and it is closed in any case.
    """

    status: int
    headers: tuple[Header, ...]
    pieces: Pieces


class Room(Protocol):
    """A protocol behind the door."""

    def __call__(self, request: Request) -> Answer | Awaitable[Answer | Stream]:
        """The answer, at once where nothing has to be waited for. Raises `Fault`, at once or when it is awaited."""
        ...


class Hosting:
    """What a room inherits that receives callers in its own way: who they are, and how a fault is shown to them."""

    cross_origin = True
    """Whether browsers may call it from pages of other origins; where not, the room sets `cors_told` as well."""

    def who(self, request: Request, identify: Identify) -> Actor:
        """Who asks; `identify` is the way that holds elsewhere. Raises as that does."""
        return identify(request.credential(b"authorization"), request.credential(b"apikey"))

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        """A fault's answer as this room shows it; `answer` is as others do."""
        return answer


def as_received(body: bytes) -> Receive:
    """A body that is there already, handed over as often as it is asked for."""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body}

    return receive
