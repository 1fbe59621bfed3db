"""The drain counts what is in work, waits for it, and cuts off what does not end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from undercroft.cli.drain import Drain
from undercroft.web.streaming import StreamCut

pytestmark = pytest.mark.anyio


def scope(version: str = "1.1") -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/x", "http_version": version}


async def receive() -> dict[str, Any]:
    return {"type": "http.request"}


class Slow:
    """Answers when told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.undone = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.undone = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})


async def test_it_waits_for_what_is_in_work() -> None:
    slow, sent = Slow(), []

    async def send(message: Any) -> None:
        sent.append(message)

    drain = Drain(slow, structlog.get_logger())
    assert await Drain(slow, structlog.get_logger()).wait(0)
    request = asyncio.create_task(drain(scope(), receive, send))
    await asyncio.sleep(0)
    assert drain.running == 1
    assert not await drain.wait(0.01)
    waiting = asyncio.create_task(drain.wait(5))
    late = asyncio.create_task(drain(scope(), receive, send))
    late2 = asyncio.create_task(drain(scope("2"), receive, send))
    await asyncio.sleep(0)
    slow.go.set()
    assert await waiting
    await asyncio.gather(request, late, late2)
    closing = (b"connection", b"close")
    # Those that came after the drain began are asked to close; HTTP/2 has no such header.
    assert [closing in message["headers"] for message in sent] == [False, True, False]


async def test_it_cuts_off_what_does_not_end() -> None:
    slow = Slow()
    drain = Drain(slow, structlog.get_logger())

    async def send(message: Any) -> None:
        raise AssertionError

    request = asyncio.create_task(drain(scope(), receive, send))
    await asyncio.sleep(0)
    assert await drain.cut_off() == 1
    assert slow.undone
    assert request.cancelled()
    assert drain.running == 0
    assert await drain.cut_off() == 0


async def test_an_escaped_error_is_told_to_the_log() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("oh")

    async def send(message: Any) -> None:
        raise AssertionError

    with capture_logs() as lines, pytest.raises(RuntimeError):
        await Drain(broken, structlog.get_logger())(scope(), receive, send)
    assert [(line["event"], line["path"]) for line in lines] == [("crash", "/x")]


async def test_a_stream_that_broke_was_told_already() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise StreamCut from ValueError("inside")

    async def send(message: Any) -> None: ...

    with capture_logs() as told:
        await Drain(broken, structlog.get_logger())(scope(), receive, send)
    assert told == []
