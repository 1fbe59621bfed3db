"""What a function gives, as an answer: the head and a body, or the pieces of one.

A plain value is JSON, written as the functions under `/rest/v1/rpc` write it; a text is text/plain, bytes are an octet
stream, nothing is 204, and what iterates is streamed. functions-js reads the body by its Content-Type.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from pydantic import TypeAdapter

from undercroft.functions.types import Event, Reply
from undercroft.pipeline.results import write_result
from undercroft.web.headers import header, headers
from undercroft.web.types import Answer, Header, Stream

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
EVENTS = "text/event-stream; charset=utf-8"
LINES = "application/jsonl; charset=utf-8"

ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
"""For values of which no type is declared."""

_LINES = re.compile(r"\r\n|\r|\n")
_OURS: tuple[tuple[bytes, bytes], ...] = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


async def render(result: Any, declared: TypeAdapter[Any]) -> Answer | Stream:
    """The answer. Of a stream the first piece is made here: what fails before it is an ordinary fault.

    Raises:
        PydanticSerializationError: for a result that is not of the declared type, or cannot be JSON.
        ValueError: for a status or a header that cannot be sent.
    """
    reply = result if isinstance(result, Reply) else Reply(result, 204 if result is None else 200)
    if not 200 <= reply.status <= 599:
        raise ValueError(f"{reply.status} is no status of an answer")
    declared = ANYTHING if isinstance(result, Reply) else declared
    if isinstance(reply.body, AsyncIterator):
        return await _streamed(reply, reply.body)
    kind, body = _whole(reply.body, declared)
    return Answer(reply.status, _headers(reply, kind), body)


def _whole(value: Any, declared: TypeAdapter[Any]) -> tuple[str | None, bytes]:
    if value is None:
        return None, b""
    if isinstance(value, str):
        return TEXT, value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return BYTES, bytes(value)
    return JSON, write_result(declared, value)


async def _streamed(reply: Reply, pieces: AsyncIterator[Any]) -> Stream:
    begun = Begun(pieces)
    try:
        kind = _kind_of(await begun.begin())
        return Stream(reply.status, _headers(reply, kind), begun)
    except BaseException:
        await begun.aclose()
        raise


class Begun:
    """An iterator whose first piece is there; what it gives is written as bytes. See `web.types.Pieces`."""

    def __init__(self, pieces: AsyncIterator[Any]) -> None:
        self._pieces = pieces
        self._first: list[bytes] = []

    async def begin(self) -> Any:
        """Make the first piece; None where there is none."""
        async for piece in self._pieces:
            self._first.append(write_piece(piece))
            return piece
        return None

    async def __anext__(self) -> bytes:
        return self._first.pop() if self._first else write_piece(await anext(self._pieces))

    async def aclose(self) -> None:
        """Close the iterator, also where nothing more was asked of it."""
        if isinstance(self._pieces, AsyncGenerator):
            await self._pieces.aclose()


def _kind_of(piece: Any) -> str:
    if isinstance(piece, Event):
        return EVENTS
    if piece is None or isinstance(piece, str):
        return TEXT
    return BYTES if isinstance(piece, (bytes, bytearray, memoryview)) else LINES


def write_piece(piece: Any) -> bytes:
    """One piece of a stream: an event, a text, bytes, or any other value as a line of JSON."""
    if isinstance(piece, Event):
        return _event(piece)
    kind, body = _whole(piece, ANYTHING)
    return body + b"\n" if kind == JSON else body


def _event(event: Event) -> bytes:
    lines = []
    for name, value in (("event", event.event), ("id", event.id), ("retry", event.retry)):
        if value is not None:
            if _LINES.search(str(value)) or "\0" in str(value):
                raise ValueError(f"the {name} of an event is one line")
            lines.append(f"{name}: {value}")
    data = event.data if isinstance(event.data, str) else write_result(ANYTHING, event.data).decode()
    lines += [f"data: {line}" for line in _LINES.split(data)]
    return ("\n".join(lines) + "\n\n").encode()


def _headers(reply: Reply, kind: str | None) -> tuple[Header, ...]:
    media = reply.media_type or kind
    return headers(reply.headers, _OURS if media is None else (header("content-type", media), *_OURS))
