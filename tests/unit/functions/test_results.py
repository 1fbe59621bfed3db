"""What a function gives, as the bytes that are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, TypeAdapter

from undercroft.functions.parts.results import ANYTHING, render, write_piece
from undercroft.functions.types import Event, Reply
from undercroft.web.types import Answer, Stream

pytestmark = pytest.mark.anyio


JSON = "application/json"


class Cat(BaseModel):
    name: str


class Tiger(Cat):
    stripes: int = 9


async def rendered(value: Any, declared: TypeAdapter[Any] = ANYTHING) -> tuple[int, str | None, bytes]:
    answer = await render(value, declared)
    assert isinstance(answer, Answer)
    kind = dict(answer.headers).get(b"content-type")
    return answer.status, None if kind is None else kind.decode(), answer.body


@pytest.mark.parametrize(
    ("value", "status", "kind", "body"),
    [
        (None, 204, None, b""),
        ("ä", 200, "text/plain; charset=utf-8", "ä".encode()),
        ("", 200, "text/plain; charset=utf-8", b""),
        (b"\0", 200, "application/octet-stream", b"\0"),
        (bytearray(b"a"), 200, "application/octet-stream", b"a"),
        ({}, 200, JSON, b"{}"),
        (0, 200, JSON, b"0"),
        (False, 200, JSON, b"false"),
        ([Decimal("1.10"), 2**70], 200, JSON, b"[1.10,1180591620717411303424]"),
        ({"at": datetime(2026, 1, 2, tzinfo=UTC)}, 200, JSON, b'{"at":"2026-01-02T00:00:00+00:00"}'),
        (UUID(int=7), 200, JSON, b'"00000000-0000-0000-0000-000000000007"'),
        ([Tiger(name="T")], 200, JSON, b'[{"name":"T","stripes":9}]'),
        (Reply(None, 202), 202, None, b""),
        (Reply({"a": None}, 400), 400, JSON, b'{"a":null}'),
        (Reply("<p>", media_type="text/html"), 200, "text/html", b"<p>"),
        (Reply(b"%PDF", headers={"Content-Type": "application/pdf"}), 200, "application/pdf", b"%PDF"),
    ],
)
async def test_values(value: Any, status: int, kind: str | None, body: bytes) -> None:
    assert await rendered(value) == (status, f"{kind}; charset=utf-8" if kind == JSON else kind, body)


async def test_what_is_declared_is_what_is_shown() -> None:
    declared = TypeAdapter(Cat)
    assert (await rendered(Tiger(name="T"), declared))[2] == b'{"name":"T"}'
    assert (await rendered("text", declared))[1] == "text/plain; charset=utf-8", "texts are texts whatever was declared"


async def test_headers_are_its_own_before_ours() -> None:
    plain = dict((await render("x", ANYTHING)).headers)
    assert (plain[b"cache-control"], plain[b"x-content-type-options"]) == (b"no-store", b"nosniff")
    reply = Reply("x", headers=[("Cache-Control", "max-age=1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
    headers = (await render(reply, ANYTHING)).headers
    assert [pair for pair in headers if pair[0] == b"cache-control"] == [(b"cache-control", b"max-age=1")]
    assert [value for name, value in headers if name == b"set-cookie"] == [b"a=1", b"b=2"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=99),
        Reply(status=199),
        Reply(status=600),
        Reply(headers={"a b": "x"}),
        Reply(headers={"": "x"}),
        Reply(headers={"a": "x\r\ny: z"}),
        Reply(headers={"a": "x\0"}),
        Reply(headers={"a": "ж"}),
        Reply(headers={"content-length": "3"}),
        Reply(headers={"Transfer-Encoding": "chunked"}),
        Reply("x", media_type="text/plain\r\nx: y"),
    ],
)
async def test_what_cannot_be_sent_is_refused(reply: Reply) -> None:
    with pytest.raises(ValueError, match=r"status|header"):
        await render(reply, ANYTHING)


async def given(*pieces: Any) -> AsyncIterator[Any]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(
    ("pieces", "kind", "body"),
    [
        ((), "text/plain; charset=utf-8", b""),
        (("a", "b"), "text/plain; charset=utf-8", b"ab"),
        ((b"a", b"b"), "application/octet-stream", b"ab"),
        (({"a": 1}, [2]), "application/jsonl; charset=utf-8", b'{"a":1}\n[2]\n'),
        ((Event("x"), Event([1], id="1")), "text/event-stream; charset=utf-8", b"data: x\n\nid: 1\ndata: [1]\n\n"),
    ],
)
async def test_streams(pieces: tuple[Any, ...], kind: str, body: bytes) -> None:
    stream = await render(given(*pieces), ANYTHING)
    assert isinstance(stream, Stream)
    assert dict(stream.headers)[b"content-type"].decode() == kind
    written = b"".join([await stream.pieces.__anext__() for _ in pieces])
    assert written == body
    with pytest.raises(StopAsyncIteration):
        await stream.pieces.__anext__()


async def test_a_reply_may_stream() -> None:
    stream = await render(Reply(given("a"), 201, {"x": "y"}, "text/csv"), ANYTHING)
    assert isinstance(stream, Stream)
    assert (stream.status, dict(stream.headers)[b"content-type"], dict(stream.headers)[b"x"]) == (
        201,
        b"text/csv",
        b"y",
    )
    await stream.pieces.aclose()
    await stream.pieces.aclose()


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (Event(""), "data: \n\n"),
        (Event(None), "data: null\n\n"),
        (Event("x", event="e", id="", retry=0), "event: e\nid: \nretry: 0\ndata: x\n\n"),
    ],
)
def test_events(event: Event, text: str) -> None:
    assert write_piece(event).decode() == text


@pytest.mark.parametrize("event", [Event("x", event="a\nb"), Event("x", id="1\r2"), Event("x", id="a\0b")])
def test_an_event_cannot_be_forged(event: Event) -> None:
    with pytest.raises(ValueError, match="is one line"):
        write_piece(event)
