"""Sending a body as it is made: until it ends, the caller leaves, or making it fails.

Protocol: ASGI's HTTP messages; a body of unknown length is framed by the server (RFC 9112, 7.1).
"""

from __future__ import annotations

import asyncio

from undercroft.base.faults import Overloaded
from undercroft.web.types import Header, Receive, Send, Stream


class StreamCut(Exception):
    """What makes a body has failed when part of it was sent: the connection must break, so that nobody takes the part
    for the whole. Its cause is what failed; it has been told to the log.
    """


class StreamPlaces:
    """How many bodies may be sent as they are made, at once."""

    __slots__ = ("_most", "_taken")

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def take(self) -> None:
        """Raises `Overloaded` where there is none left."""
        if self._taken >= self._most:
            raise Overloaded("too many answers are being streamed", hint="Try again in a second.")
        self._taken += 1

    def leave(self) -> None:
        """Give one back."""
        self._taken -= 1


async def send_stream(
    stream: Stream, headers: list[Header], receive: Receive, send: Send, *, unsent: bool = False
) -> None:
    """Send a stream; `unsent` sends its headers only. Its generator runs in this task, and is closed at the end.

    Returns early where the caller leaves. Raises `StreamCut` where the generator fails.
    """
    watching: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(None) as presence:
            await send({"type": "http.response.start", "status": stream.status, "headers": headers})
            if not unsent:
                watching = asyncio.create_task(_watch(receive, presence))
                await _send_pieces(stream, send)
            await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        if not presence.expired():
            raise
    except OSError:  # how some servers say that he has left (the ASGI specification, "Send: Disconnected Client")
        pass
    finally:
        if watching is not None:
            watching.cancel()
        await stream.pieces.aclose()


async def _send_pieces(stream: Stream, send: Send) -> None:
    while True:
        try:
            piece = await stream.pieces.__anext__()
        except StopAsyncIteration:
            return
        except Exception as error:
            raise StreamCut from error
        if piece:
            await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _watch(receive: Receive, presence: asyncio.Timeout) -> None:
    """End the sending when the caller leaves. What he still sends is dropped: whoever wants it reads it before."""
    while (await receive())["type"] != "http.disconnect":
        pass
    presence.reschedule(asyncio.get_running_loop().time())
