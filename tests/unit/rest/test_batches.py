"""The body of a batch, before anything in it is carried out."""

from __future__ import annotations

from typing import Any

import pytest

from undercroft.rest.errors import BodyFault, TooLarge
from undercroft.rest.parts.batches import Part, read_batch, read_part
from undercroft.rest.parts.limits import Limits

LIMITS = Limits()


@pytest.mark.parametrize("body", [b'{"requests":[1,2]}', b"[1,2]"])
def test_an_object_or_a_list(body: bytes) -> None:
    assert read_batch(body, LIMITS, 2) == [1, 2]


@pytest.mark.parametrize("body", [b"", b"1", b"{}", b'{"requests":{}}', b'{"requests":[],"x":1}', b"[1", b'"[]"'])
def test_anything_else_is_refused(body: bytes) -> None:
    with pytest.raises(BodyFault):
        read_batch(body, LIMITS, 2)


@pytest.mark.parametrize(
    ("body", "limits"),
    [(b"[1,2,3]", LIMITS), (b"[1     ]", Limits(body_bytes=7)), (b"[[[1]]]", Limits(json_depth=2))],
)
def test_its_bounds(body: bytes, limits: Limits) -> None:
    with pytest.raises(TooLarge):
        read_batch(body, limits, 2)


def test_a_request() -> None:
    value = {"method": "PATCH", "path": "/a%20b?id=eq.1?&x=ä", "headers": {"Prefer": "return=minimal"}, "body": [1]}
    expected = Part("PATCH", b"/a%20b", "id=eq.1?&x=ä".encode(), ((b"prefer", b"return=minimal"),), [1])
    assert read_part(value) == expected
    assert read_part({"method": "GET", "path": "/"}) == Part("GET", b"/", b"", (), None)
    assert read_part({"method": "GET", "path": "/a", "headers": None}).headers == ()


@pytest.mark.parametrize(
    "change",
    [
        {"method": None}, {"method": "get"}, {"method": "TRACE"}, {"method": ["GET"]}, {"path": None}, {"path": "a"},
        {"path": ""}, {"path": "/a b"}, {"path": "/a\r\nx: y"}, {"path": "/a\0"}, {"path": ["/a"]}, {"headers": []},
        {"headers": {"a": 1}}, {"headers": {"a": "b\nc"}}, {"headers": {"a\n": "b"}}, {"token": "x"},
        {"headers": {"AUTHORIZATION": "x"}}, {"headers": {"apikey": "x"}}, {"headers": {"Idempotency-Key": "x"}},
    ],
)  # fmt: skip
def test_a_request_of_another_form(change: dict[str, Any]) -> None:
    with pytest.raises(BodyFault):
        read_part({"method": "GET", "path": "/a", **change})


@pytest.mark.parametrize("value", [None, 1, "GET /a", [], ["GET", "/a"]])
def test_no_request(value: Any) -> None:
    with pytest.raises(BodyFault):
        read_part(value)
