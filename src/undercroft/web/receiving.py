"""Receiving a body: within limits of its length and of the time that is waited for it.

Waiting is counted only where there is something to wait for: a body that is there when it is asked for costs no timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from typing import Any

from undercroft.base.faults import Fault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BYTES_A_SECOND = 64 * 1024
"""What a body brings with it of time: a long one may take longer, and one that trickles may not."""


class Incoming:
    """A body on its way: what has come of it, and for how many seconds more it may be waited for. What is done between
    two pieces does not count.
    """

    __slots__ = ("_left", "_limit", "_receive", "_size")

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0
        self._left = seconds

    async def next(self) -> tuple[bytes, bool]:
        """The next piece, and whether more follow. Raises `Fault`: UC413 over the limit, UC400 where it breaks off,
        UC408 where it does not come in time.
        """
        waiting = self._receive().__await__()
        try:
            step = next(waiting)
        except StopIteration as done:
            message: Message = done.value
        else:
            message = await self._waited(waiting, step)
        if message["type"] == "http.disconnect":
            raise body_broken_off()
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > self._limit:
            raise body_too_large(self._limit)
        self._left += len(piece) / BYTES_A_SECOND
        return piece, message.get("more_body", False)

    async def _waited(self, waiting: Generator[Any, Any, Message], step: Any) -> Message:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._left) as limit:
                return await _Begun(waiting, step)
        except TimeoutError:
            if not limit.expired():
                raise
            raise body_too_slow() from None
        finally:
            self._left -= loop.time() - began


class _Begun:
    """What was awaited to its first stop, from there to its end."""

    __slots__ = ("_step", "_waiting")

    def __init__(self, waiting: Generator[Any, Any, Message], step: Any) -> None:
        self._waiting = waiting
        self._step = step

    def __await__(self) -> Generator[Any, Any, Message]:
        waiting, step = self._waiting, self._step
        while True:
            thrown: BaseException | None = None
            try:
                yield step
            except BaseException as error:  # that the task is cancelled, as a rule: it is for what waits inside
                if not hasattr(waiting, "throw"):  # Granian's is no generator, and was cancelled by the task itself
                    raise
                thrown = error
            try:
                step = next(waiting) if thrown is None else waiting.throw(thrown)
            except StopIteration as done:
                found: Message = done.value
                return found


def body_broken_off() -> Fault:
    """The caller went away, or framed its body so that it has no end: nothing of it may count."""
    return Fault("The body ended before it was complete", code="UC400")


def body_too_large(limit: int) -> Fault:
    """The body is longer than the server takes."""
    return Fault(f"The body may be at most {limit} bytes long", code="UC413")


def body_too_slow() -> Fault:
    """The body does not come, or comes too slowly to be waited for."""
    return Fault("The body did not come in time", code="UC408", hint="Send the request again.")
