"""A request as an app's own code sees it."""

from __future__ import annotations

from typing import Any

import pytest

from undercroft.base.faults import Fault
from undercroft.web.received import WebRequest
from undercroft.web.types import Header, Request

pytestmark = pytest.mark.anyio


def received(*parts: bytes, headers: tuple[Header, ...] = (), query: bytes = b"", limit: int = 100) -> WebRequest:
    left = [*(parts or (b"",))]

    async def receive() -> dict[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or part == b"broken"}

    return WebRequest(Request("PUT", b"/x", query, list(headers), receive, limit), "/x")


async def test_headers_and_cookies() -> None:
    headers = (
        (b"accept", b"a"),
        (b"accept", b"b"),
        (b"cookie", b'a=1; b="2"; a=3;c'),
        (b"cookie", b"d=4=5"),
        (b"x", b"\xe9"),
    )
    request = received(headers=headers)
    assert request.headers == {"accept": "a, b", "cookie": 'a=1; b="2"; a=3;c, d=4=5', "x": "é"}
    assert (request.header("ACCEPT"), request.header("none"), request.header("ж")) == ("a", None, None)
    assert request.cookies == {"a": "1", "b": "2", "c": "", "d": "4=5"}
    assert (request.method, request.media_type, request.id) == ("PUT", "", "")


@pytest.mark.parametrize(
    ("query", "pairs"),
    [(b"", []), (b"a=1&a=2&b", [("a", "1"), ("a", "2"), ("b", "")]), (b"a=%C3%B6+x", [("a", "ö x")]), (b"&&", [])],
)
async def test_queries(query: bytes, pairs: list[tuple[str, str]]) -> None:
    assert received(query=query).query == pairs


@pytest.mark.parametrize("query", [b"a=%ff", b"a=\xff", b"a&" * 1001])
async def test_queries_that_cannot_be_read(query: bytes) -> None:
    with pytest.raises(Fault) as fault:
        _ = received(query=query).query
    assert fault.value.code == "PGRST100"


async def test_a_body_is_read_once_and_kept() -> None:
    request = received(b'{"a":', b" 1}")
    assert [await request.body(), await request.text(), await request.json()] == [b'{"a": 1}', '{"a": 1}', {"a": 1}]
    assert [piece async for piece in request.stream()] == [b'{"a": 1}']


async def test_a_body_piece_by_piece() -> None:
    request = received(b"one", b"", b"two")
    assert [piece async for piece in request.stream()] == [b"one", b"two"]
    with pytest.raises(RuntimeError, match="was read by stream"):
        await request.body()
    with pytest.raises(RuntimeError, match="was read by stream"):
        _ = [piece async for piece in request.stream()]


@pytest.mark.parametrize(("parts", "code"), [((b"x" * 60, b"x" * 60), "UC413"), ((b"broken",), "UC400")])
async def test_bodies_that_are_too_long_or_break_off(parts: tuple[bytes, ...], code: str) -> None:
    with pytest.raises(Fault) as whole:
        await received(*parts).body()
    with pytest.raises(Fault) as pieces:
        _ = [piece async for piece in received(*parts).stream()]
    assert (whole.value.code, pieces.value.code) == (code, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 10_000, b"\xff"])
async def test_bodies_that_are_no_json(body: bytes) -> None:
    with pytest.raises(Fault) as fault:
        await received(body, limit=100_000).json()
    assert fault.value.code == "PGRST102"


async def test_when_the_answer_begins_nothing_more_is_read() -> None:
    request = received(b"late")
    request.close()
    with pytest.raises(RuntimeError, match="or the answer has begun"):
        await request.body()
