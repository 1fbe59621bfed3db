"""A real HTTP server on loopback for tests of what goes out: it keeps what it got, and answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Got:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answered = tuple[int, dict[str, str], bytes]
Handler = Callable[[Got], Awaitable[Answered] | Answered]


@dataclass
class Receiver:
    """Where it listens, and what came."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    connections: int = 0
    handler: Handler = lambda got: (200, {}, b"ok")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while (got := await read_request(reader)) is not None:
            self.got.append(got)
            answer = self.handler(got)
            status, headers, body = answer if isinstance(answer, tuple) else await answer
            writer.write(head(status, {"content-length": str(len(body)), **headers}) + body)
            await writer.drain()


def head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode()


async def read_request(reader: asyncio.StreamReader) -> Got | None:
    first = (await reader.readline()).decode().split()
    if not first:
        return None
    headers: dict[str, str] = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Got(first[0], first[1], headers, body)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
    """A server on loopback that speaks whatever `serve` does; its port, which is any free one for 0.

    Every connection is closed at the end.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side went away, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def receiving(handler: Handler | None = None) -> AsyncIterator[Receiver]:
    """A receiver while the block runs."""
    receiver = Receiver()
    if handler is not None:
        receiver.handler = handler
    async with listening(receiver.serve) as port:
        receiver.port = port
        yield receiver
