"""Receiving a body: within limits of its length and of the time that is waited for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
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

        The waiting is `asyncio.timeout` in the few steps that one receiver needs: every write comes by here.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is None:
            raise AssertionError("a coroutine runs in a task")
        began, before = loop.time(), task.cancelling()
        late = False

        def expire() -> None:
            nonlocal late
            late = True
            task.cancel()

        timer = loop.call_later(self._left, expire)
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            if late and task.cancelling() == before + 1:
                raise body_too_slow() from None
            raise
        finally:
            timer.cancel()
            if late:
                task.uncancel()
            self._left -= loop.time() - began
        return self._taken(message)

    def _taken(self, message: Message) -> tuple[bytes, bool]:
        if message["type"] == "http.disconnect":
            raise body_broken_off()
        piece: bytes = message.get("body", b"")
        self._size += len(piece)
        if self._size > self._limit:
            raise body_too_large(self._limit)
        self._left += len(piece) / BYTES_A_SECOND
        return piece, message.get("more_body", False)


def body_broken_off() -> Fault:
    """The caller went away, or framed its body so that it has no end: nothing of it may count."""
    return Fault("The body ended before it was complete", code="UC400")


def body_too_large(limit: int) -> Fault:
    """The body is longer than the server takes."""
    return Fault(f"The body may be at most {limit} bytes long", code="UC413")


def body_too_slow() -> Fault:
    """The body does not come, or comes too slowly to be waited for."""
    return Fault("The body did not come in time", code="UC408", hint="Send the request again.")
