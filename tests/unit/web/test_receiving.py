"""Waiting for a body: never for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from undercroft.base.faults import Fault
from undercroft.web.receiving import BYTES_A_SECOND
from undercroft.web.types import Request

pytestmark = pytest.mark.anyio


def arriving(*steps: float | bytes) -> Callable[[], Awaitable[Any]]:
    """A connection: seconds until something comes, and what comes; after the last piece, the end."""
    left = [*steps]

    async def receive() -> Any:
        step = left.pop(0)
        if isinstance(step, float):
            await asyncio.sleep(step)
            step = left.pop(0)
        return {"type": "http.request", "body": step, "more_body": bool(left)}

    return receive


def request(receive: Any, seconds: float) -> Request:
    return Request("POST", b"/x", b"", [], receive, 1_000_000, seconds)


async def pieces_of(asked: Request) -> bytes:
    return b"".join([piece async for piece in asked.pieces()])


@pytest.mark.parametrize("read", [Request.body, Request.body_kept, pieces_of])
@pytest.mark.parametrize("steps", [(60.0, b"x"), (b"a", 60.0, b"x"), (0.1, b"a", 0.1, b"b", 0.1, b"c")])
async def test_a_body_that_does_not_come_is_not_waited_for(
    read: Callable[[Request], Awaitable[bytes]], steps: tuple[float | bytes, ...]
) -> None:
    began = time.monotonic()
    with pytest.raises(Fault) as fault:
        await read(request(arriving(*steps), 0.2))
    assert fault.value.code == "UC408"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("read", [Request.body, pieces_of])
async def test_a_body_that_comes_in_time_is_whole(read: Callable[[Request], Awaitable[bytes]]) -> None:
    assert await read(request(arriving(0.0, b"a", 0.01, b"b", b"c"), 30.0)) == b"abc"


async def test_what_comes_brings_its_own_time() -> None:
    long = b"x" * BYTES_A_SECOND
    assert len(await request(arriving(0.01, long, 0.6, b"y"), 0.5).body()) == len(long) + 1


async def test_time_that_is_spent_on_a_piece_does_not_count() -> None:
    asked = request(arriving(b"a", b"b", b"c"), 0.05)
    found = b""
    async for piece in asked.pieces():
        await asyncio.sleep(0.1)
        found += piece
    assert found == b"abc"


async def test_nothing_is_left_of_a_limit_that_was_not_reached() -> None:
    asked = request(arriving(b"a", 0.01, b"b"), 0.1)
    assert await asked.body() == b"ab"
    await asyncio.sleep(0.2)  # a timer that still ran would cancel this task now


async def test_a_task_that_was_too_slow_can_be_cancelled_later() -> None:
    with pytest.raises(Fault):
        await request(arriving(60.0, b"x"), 0.01).body()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_task_that_is_cancelled_while_it_waits_ends() -> None:
    ended = asyncio.Event()

    async def receive() -> Any:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    waiting = asyncio.create_task(request(receive, 30.0).body())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()


async def test_a_server_that_ends_the_waiting_in_its_own_way_is_heard() -> None:
    async def receive() -> Any:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            return {"type": "http.disconnect"}

    waiting = asyncio.create_task(request(receive, 30.0).body())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(Fault) as fault:
        await waiting
    assert fault.value.code == "UC400"


class Bare:
    """What some servers give: it is waited for as a future is, and is no generator."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __await__(self) -> Any:
        return self

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        if self._future.cancelled():
            raise asyncio.CancelledError
        self._future._asyncio_future_blocking = True
        return self._future


async def test_a_server_whose_waiting_is_no_generator() -> None:
    with pytest.raises(Fault) as fault:
        await request(Bare, 0.05).body()
    assert fault.value.code == "UC408"


async def test_an_error_of_the_server_is_passed_on() -> None:
    async def receive() -> Any:
        await asyncio.sleep(0)
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await request(receive, 30.0).body()
