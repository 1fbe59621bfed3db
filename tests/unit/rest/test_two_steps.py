"""The two steps agree with one: a shape and its ask are what a naive parser reads in one go, and what was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.unit.rest.dialect import Query, read_naively, reads
from undercroft.query.ask import ReadAsk
from undercroft.rest.parts.limits import Limits
from undercroft.rest.request import Reader


@settings(max_examples=150, deadline=None)
@given(reads())
def test_what_was_written_is_what_is_read(case: tuple[ReadAsk, Query]) -> None:
    ask, query = case
    reader = Reader(Limits())
    request = reader.shape("GET", b"/things", query.text().encode(), [])
    assert reader.parse(request).ask == ask
    assert sorted(request.values) == sorted(query.values)


@settings(max_examples=150, deadline=None)
@given(reads())
def test_two_steps_agree_with_one(case: tuple[ReadAsk, Query]) -> None:
    _, query = case
    reader = Reader(Limits())
    request = reader.shape("GET", b"/things", query.text().encode(), [])
    ask, values = read_naively(query.text())
    assert reader.parse(request).ask == ReadAsk("things", ask)
    assert list(request.values) == values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("id=eq.5", "id=eq.6"),
        ("id=in.(1,2)", "id=in.(3)"),
        ("a=like(any).{a*}&b=not.gt.1", "a=like(any).{b*,c*}&b=not.gt.2.5"),
        ("or=(a.eq.1,b.not.in.(1,2))", "or=(a.eq.%22x,y%22,b.not.in.(%22)%22))"),
        ("select=*,c(*)&c.limit=101&limit=500&offset=2", "select=*,c(*)&c.limit=900&limit=600&offset=3"),
    ],
)
def test_requests_that_differ_in_values_have_one_key(one: str, other: str) -> None:
    reader = Reader(Limits())
    first, second = (reader.shape("GET", b"/things", text.encode(), []) for text in (one, other))
    assert first.key == second.key
    assert first.values != second.values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("id=eq.5", "id=neq.5"),
        ("id=eq.5", "id=not.eq.5"),
        ("id=eq.5", "ID=eq.5"),
        ("a=is.null", "a=is.true"),
        ("a=like.x", "a=like(any).x"),
        ("a=fts.x", "a=fts(english).x"),
        ("or=(a.eq.1,b.eq.2)", "and=(a.eq.1,b.eq.2)"),
        ("or=(a.eq.1,b.eq.2)", "or=(a.eq.1,b.neq.2)"),
        ("or=(a.eq.1,b.is.null)", "or=(a.eq.1,b.is.true)"),
        ("a=eq.1&b=eq.2", "b=eq.2&a=eq.1"),
        ("limit=1", "offset=1"),
        ("limit=1", "limit=2"),
        ("select=a", "select=b"),
        ("", "select="),
    ],
)
def test_requests_of_different_shape_have_different_keys(one: str, other: str) -> None:
    reader = Reader(Limits())
    first, second = (reader.shape("GET", b"/things", text.encode(), []).key for text in (one, other))
    assert first != second


def test_method_schema_preferences_and_media_are_part_of_the_key() -> None:
    reader = Reader(Limits(), schemas=("public", "api"))
    requests = [
        ("GET", []),
        ("POST", []),
        ("PATCH", []),
        ("DELETE", []),
        ("GET", [(b"accept-profile", b"api")]),
        ("GET", [(b"prefer", b"count=exact")]),
        ("GET", [(b"accept", b"text/csv")]),
        ("POST", [(b"prefer", b"resolution=merge-duplicates")]),
        ("POST", [(b"prefer", b"return=representation")]),
        ("POST", [(b"prefer", b"missing=default")]),
    ]
    keys = {reader.shape(method, b"/things", b"", headers).key for method, headers in requests}
    assert len(keys) == len(requests)
