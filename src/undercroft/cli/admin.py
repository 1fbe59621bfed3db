"""Whether a stand-in for PostgREST lives and is ready, on a port of its own: the API has every path of the other.

Protocol: PostgREST's "health check" page.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from undercroft.base.faults import SetupFault

_SECONDS = 5.0
"""For a request to come in."""
_LONGEST = 16 * 1024
_REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed", 503: b"Service Unavailable"}


async def serve_admin(host: str, port: int, is_ready: Callable[[], Awaitable[bool]]) -> asyncio.Server:
    """Answer `/live` and `/ready` there. Raises `SetupFault` for an address that cannot be had."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            status = await _status(head, is_ready)
            writer.write(
                b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, _REASONS[status])
            )
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, host, port, limit=_LONGEST)
    except OSError as error:
        raise SetupFault(f"the admin server cannot listen on {host}:{port}: {error.strerror or error}") from None


async def _status(head: bytes, is_ready: Callable[[], Awaitable[bool]]) -> int:
    """What is told of a request."""
    words = head.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3:
        return 400
    method, target, _ = words
    path = target.split(b"?", 1)[0]
    if path not in (b"/live", b"/ready"):
        return 404
    if method not in (b"GET", b"HEAD"):
        return 405
    return 200 if path == b"/live" or await is_ready() else 503
