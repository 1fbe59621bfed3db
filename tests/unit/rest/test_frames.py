"""A request that is read by its frame is what it is when it is read from its beginning to its end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.rest.dialect import Query, reads
from undercroft.base.faults import Fault
from undercroft.query.ask import ReadAsk
from undercroft.rest.parts.frames import split
from undercroft.rest.parts.limits import Limits
from undercroft.rest.request import Reader, RestRequest

Headers = list[tuple[bytes, bytes]]

VALUES = [
    "5",
    "",
    "a.b",
    "eq.5",
    "=eq.5",
    "(1,2)",
    "{a,b}",
    "%20",
    "a+b",
    "~0~",
    "~1~",
    "%25",
    "%",
    "%zz",
    "%C3%A9",
    "é",
]


def fresh(method: str, path: str, query: str, headers: Headers | None = None) -> RestRequest:
    return Reader(Limits()).shape(method, path.encode(), query.encode(), headers or [])


def by_frame(reader: Reader, method: str, path: str, query: str, headers: Headers | None = None) -> RestRequest:
    """Read when its frame is known, by two requests of other values before it."""
    parts, values = split(query.encode())
    for number in range(2):
        other = [b"%d" % (number + place) for place in range(len(values))]
        text = b"".join(a + b + c for a, b, c in zip(parts[::2], parts[1::2], other, strict=False)) + parts[-1]
        reader.shape(method, path.encode(), text, headers or [])
    return reader.shape(method, path.encode(), query.encode(), headers or [])


@settings(max_examples=200, deadline=None)
@given(reads())
def test_reads_of_every_kind(case: tuple[ReadAsk, Query]) -> None:
    query = case[1].text()
    assert by_frame(Reader(Limits()), "GET", "/things", query) == fresh("GET", "/things", query)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(VALUES), min_size=4, max_size=4))
def test_values_of_every_kind(values: list[str]) -> None:
    query = "b=eq.{}&select=a,x%25y&a=lt.{}&a=not.gt.{}&limit=3&c.d=in.{}".format(*values)
    assert by_frame(Reader(Limits()), "GET", "/things", query) == fresh("GET", "/things", query)


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/things", "select=a=eq.1&a=eq.2"),
        ("GET", "/things", "select=~0~&a=eq.1"),
        ("GET", "/things", "a=eq.1&b=eq.~0~&c=not.eq.~1~"),
        ("GET", "/things", "order=x=eq.1"),
        ("GET", "/things", "&&a=eq.1&"),
        ("GET", "/things", "=eq.1"),
        ("GET", "/things", "a=eq.1=eq.2"),
        ("GET", "/things", "b=eq%2E1&c%5F=eq.1"),
        ("GET", "/things", "or=(a.eq.1,b.eq.2)&c=eq.1"),
        ("GET", "/rpc/f", "x=1&y=eq.1&z=eq"),
        ("HEAD", "/things", "a=eq.1"),
        ("PATCH", "/things", "a=eq.1"),
        ("PUT", "/things", "a=eq.1"),
        ("GET", "/caf%C3%A9%25", "a=eq.1"),
    ],
)
def test_what_looks_like_a_filter_and_what_is_one(method: str, path: str, query: str) -> None:
    assert by_frame(Reader(Limits()), method, path, query) == fresh(method, path, query)


def test_headers_are_part_of_a_frame() -> None:
    reader = Reader(Limits())
    for headers in ([], [(b"prefer", b"count=exact")], [(b"range", b"0-4")], [(b"accept", b"text/csv")]):
        for _ in range(3):
            assert reader.shape("GET", b"/things", b"a=eq.1", headers) == fresh("GET", "/things", "a=eq.1", headers)


def test_a_value_that_is_no_text_is_refused_by_the_frame_too() -> None:
    for value in (b"%00", b"%FF", b"\0"):
        reader = Reader(Limits())
        for known in (b"1", b"2", b"3"):
            reader.shape("GET", b"/things", b"a=eq." + known, [])
        with pytest.raises(Fault, match=r"null character|not UTF-8"):
            reader.shape("GET", b"/things", b"a=eq." + value, [])


def test_a_known_frame_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(Limits())
    by_frame(reader, "GET", "/things", "a=eq.1&select=b")
    monkeypatch.setattr(reader, "_shape", None)
    assert reader.shape("GET", b"/things", b"a=eq.77&select=b", []).values == ("77",)
