"""Streams through the door: sent piece by piece, ended with their caller, cut where they fail, and bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import pytest

from undercroft.access.actor import ANONYMOUS
from undercroft.base.faults import Fault
from undercroft.web.door import Door, DoorSettings
from undercroft.web.streaming import StreamCut
from undercroft.web.types import Answer, Hosting, Request, Stream

pytestmark = pytest.mark.anyio


class Told:
    """Keeps what the log is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **told: self.events.append((event, told))


class Line:
    """One connection: what was sent to it, and when it hangs up."""

    def __init__(self, *, method: str = "GET", body: tuple[bytes, ...] = (b"",)) -> None:
        self.scope: dict[str, Any] = {
            "method": method,
            "path": "/f/x",
            "query_string": b"",
            "headers": [(b"origin", b"http://x")],
        }
        self.sent: list[Any] = []
        self.gone = asyncio.Event()
        self._body = [*body]
        self.refuses = False

    async def receive(self) -> Any:
        if self._body:
            part = self._body.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(self._body)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.refuses and message["type"] == "http.response.body":
            raise OSError("he is gone")
        self.sent.append(message)

    @property
    def bodies(self) -> list[tuple[bytes, bool]]:
        return [(each["body"], each.get("more_body", False)) for each in self.sent[1:]]


class Tap:
    """A room whose stream is told what to give."""

    def __init__(self, *pieces: Any, status: int = 200) -> None:
        self._pieces = pieces
        self._status = status
        self.closed = 0
        self.pause = asyncio.Event()
        self.began = asyncio.Event()

    async def __call__(self, request: Request) -> Stream:
        return Stream(self._status, ((b"content-type", b"text/plain"),), self._give())

    async def _give(self) -> AsyncGenerator[bytes]:
        try:
            for piece in self._pieces:
                if piece is None:
                    self.began.set()
                    await self.pause.wait()
                elif isinstance(piece, Exception):
                    raise piece
                else:
                    yield piece
        finally:
            self.closed += 1


def door(room: Any, **settings: Any) -> tuple[Door, Told]:
    told = Told()
    known = lambda authorization, apikey: ANONYMOUS  # noqa: E731
    return Door({b"/f": room}, known, DoorSettings(**settings), told, fault_headers=lambda fault: ()), told


async def ask(entrance: Door, line: Line) -> None:
    found = entrance.room_of(b"/f/x")
    assert found is not None
    await entrance(line.scope, line.receive, line.send, *found)


async def test_pieces_are_sent_as_they_are_made() -> None:
    entrance, _ = door(Tap(b"one", b"", b"two"))
    line = Line()
    await ask(entrance, line)
    head = dict(line.sent[0]["headers"])
    assert line.sent[0]["status"] == 200
    assert b"content-length" not in head
    assert head[b"access-control-allow-origin"] == b"*"
    assert line.bodies == [(b"one", True), (b"two", True), (b"", False)]


async def test_head_sends_no_body_and_makes_none() -> None:
    room = Tap(b"one")
    entrance, _ = door(room)
    line = Line(method="HEAD")
    await ask(entrance, line)
    assert line.bodies == [(b"", False)]


async def test_a_caller_that_leaves_ends_the_stream() -> None:
    room = Tap(b"one", None, b"two")
    entrance, told = door(room)
    line = Line(body=(b"what", b"nobody", b"reads"))
    asking = asyncio.create_task(ask(entrance, line))
    await room.began.wait()
    line.gone.set()
    async with asyncio.timeout(5):
        await asking
    assert room.closed == 1
    assert line.bodies == [(b"one", True)]
    assert not [event for event, _ in told.events if event == "crash"]


async def test_a_server_that_says_it_by_an_error_is_understood() -> None:
    room = Tap(b"one", b"two")
    entrance, told = door(room)
    line = Line()
    line.refuses = True
    await ask(entrance, line)
    assert room.closed == 1
    assert not [event for event, _ in told.events if event == "crash"]


@pytest.mark.parametrize("error", [ValueError("inside"), TimeoutError("its own"), Fault("no", code="P0001")])
async def test_a_stream_that_fails_breaks_the_connection(error: Exception) -> None:
    entrance, told = door(Tap(b"one", error))
    line = Line()
    with pytest.raises(StreamCut):
        await ask(entrance, line)
    assert line.bodies == [(b"one", True)], "nothing may say that this was all"
    ((_, crash),) = [each for each in told.events if each[0] == "crash"]
    assert str(error) in crash["exception"]


async def test_a_stream_that_is_cancelled_is_closed() -> None:
    room = Tap(None)
    entrance, _ = door(room)
    asking = asyncio.create_task(ask(entrance, Line()))
    await room.began.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert room.closed == 1


async def test_streams_never_take_every_place() -> None:
    room = Tap(b"one", None)
    entrance, _ = door(room, max_requests=2, max_streams=1)
    first, second = Line(), Line()
    asking = asyncio.create_task(ask(entrance, first))
    await room.began.wait()
    await ask(entrance, second)
    assert second.sent[0]["status"] == 503
    assert json.loads(second.sent[1]["body"])["code"] == "UC503"
    room.pause.set()
    await asking
    third = Line()
    await ask(entrance, third)
    assert third.sent[0]["status"] == 200, "the place is free again"


async def test_a_stream_holds_its_place_until_its_end() -> None:
    room = Tap(b"one", None)
    entrance, _ = door(room, max_requests=1, max_queue=0)
    asking = asyncio.create_task(ask(entrance, Line()))
    await room.began.wait()
    refused = Line()
    await ask(entrance, refused)
    assert refused.sent[0]["status"] == 503
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    served = Line(method="HEAD")
    await ask(entrance, served)
    assert served.sent[0]["status"] == 200


class Shy(Hosting):
    """A room with manners of its own."""

    cross_origin = False

    def who(self, request: Request, identify: Any) -> Any:
        request.cors_told = True
        return super().who(request, identify)

    def show(self, request: Request, fault: Fault, answer: Answer) -> Answer:
        return Answer(answer.status, ((b"content-type", b"text/html"),), f"<p>{fault.message}</p>".encode())

    def __call__(self, request: Request) -> Answer:
        if request.method == "POST":
            raise ValueError("its inside")
        raise Fault("not so", code="P0001")


async def test_a_room_may_show_faults_in_its_own_way() -> None:
    entrance, _ = door(Shy())
    refused, broken = Line(), Line(method="POST")
    await ask(entrance, refused)
    await ask(entrance, broken)
    assert (refused.sent[0]["status"], refused.sent[1]["body"]) == (400, b"<p>not so</p>")
    assert (broken.sent[0]["status"], broken.sent[1]["body"]) == (500, b"<p>Internal server error</p>")
    assert b"access-control-allow-origin" not in dict(refused.sent[0]["headers"])


async def test_a_room_may_know_no_other_origins() -> None:
    entrance, _ = door(Shy())
    line = Line(method="OPTIONS")
    line.scope["headers"].append((b"access-control-request-method", b"POST"))
    await ask(entrance, line)
    assert line.sent[0]["status"] == 400
    assert b"access-control-allow-methods" not in dict(line.sent[0]["headers"])
