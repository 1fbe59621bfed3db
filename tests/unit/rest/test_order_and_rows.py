"""order, limit, offset and the Range header."""

from __future__ import annotations

import pytest

from tests.unit.rest.reading import ask, refused, shaped
from undercroft.query.ask import EmbedAsk, Field, JsonStep, OrderTerm, Page
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.ranges import Rows

LOWER = "The lower boundary must be lower than or equal to the upper boundary in the Range header."


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("a", [OrderTerm(Field("a"))]),
        ("a.asc", [OrderTerm(Field("a"), "asc")]),
        ("a.desc.nullslast,b", [OrderTerm(Field("a"), "desc", "last"), OrderTerm(Field("b"))]),
        ("a.nullsfirst", [OrderTerm(Field("a"), None, "first")]),
        ("data->>k.desc", [OrderTerm(Field("data", (JsonStep("k", True),)), "desc")]),
        ("data->0", [OrderTerm(Field("data", (JsonStep(0, False),)))]),
        ("e(b).desc", [OrderTerm(Field("b"), "desc", None, "e")]),
        ("e(data->>k)", [OrderTerm(Field("data", (JsonStep("k", True),)), None, None, "e")]),
        ("a, b.desc ", [OrderTerm(Field("a")), OrderTerm(Field("b"), "desc")]),
        ('"x.desc".asc', [OrderTerm(Field("x.desc"), "asc")]),
    ],
)
def test_an_order_is_read(text: str, terms: list[OrderTerm]) -> None:
    assert list(ask("select=*,e(*)&order=" + text).order) == terms


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("a,", 3),
        (",a", 1),
        ("a.up", 3),
        ("a.asc.asc", 7),
        ("a.asc.x", 7),
        ("a.nullsfirst.desc", 3),
        ("a b;", 4),
        ("e(a", 4),
        ("e()", 3),
        ("a.", 3),
        ("data->", 7),
        ("a)", 2),
    ],
)
def test_a_malformed_order_is_told_with_its_place(text: str, column: int) -> None:
    told = refused("select=*,e(*)&order=" + text)
    assert told.code == "PGRST100"
    assert told.message == f'"failed to parse order ({text})" (line 1, column {column})'


def test_the_number_of_terms_is_bounded() -> None:
    assert "at most 2 terms" in refused("order=a,b,c", limits=Limits(order_terms=2)).message


def test_embeds_have_order_limit_and_offset_of_their_own() -> None:
    found = ask("select=*,e(*)&e.order=x.desc&e.limit=300&e.offset=4&order=y&limit=500")
    embed = found.select[1]
    assert isinstance(embed, EmbedAsk)
    assert embed.ask.order == (OrderTerm(Field("x"), "desc"),)
    assert (embed.ask.limit, embed.ask.offset, found.limit, found.offset) == (0, 1, 2, None)


def test_a_small_limit_is_part_of_the_shape() -> None:
    found = ask("select=*,e(*)&e.limit=3&limit=100&offset=1")
    embed = found.select[1]
    assert isinstance(embed, EmbedAsk)
    assert (embed.ask.limit, found.limit, found.offset) == (Page(3), Page(100), 0)
    keys = [shaped(f"limit={number}").key for number in (1, 2, 101, 102)]
    assert keys[0] != keys[1]
    assert keys[2] == keys[3] not in keys[:2]


@pytest.mark.parametrize(
    ("query", "span", "rows"),
    [
        ("", None, Rows(0, None)),
        ("limit=5", None, Rows(0, 5)),
        ("limit=0", None, Rows(0, 0)),
        ("offset=0", None, Rows(0, None)),
        ("offset=7", None, Rows(7, None)),
        ("limit=5&offset=7", None, Rows(7, 5)),
        ("", b"0-9", Rows(0, 10)),
        ("", b"5-", Rows(5, None)),
        ("", b"items=5-6", Rows(5, 2)),
        ("", b"bytes=0-4", Rows(0, None)),
        ("", b"-5", Rows(0, None)),
        ("", b"a-b", Rows(0, None)),
        ("limit=5", b"0-9", Rows(0, 5)),
        ("limit=50", b"0-9", Rows(0, 10)),
        ("limit=5&offset=3", b"4-20", Rows(4, 4)),
        ("offset=3", b"0-9", Rows(3, 7)),
        ("limit=0", b"5-9", Rows(0, 0)),
    ],
)
def test_limits_and_the_range_header_are_combined(query: str, span: bytes | None, rows: Rows) -> None:
    request = shaped(query, headers=[(b"range", span)] if span else [])
    assert request.rows == rows
    numbers, values = dict(zip(request.key[5::2], request.key[6::2], strict=True)), list(request.values)
    assert (numbers.get("limit") or (values.pop(0) if "limit" in numbers else None)) == (
        None if rows.limit is None else str(rows.limit)
    )
    assert ("offset" in numbers, values) == (bool(rows.offset), [str(rows.offset)] if rows.offset else [])


def test_only_get_heeds_a_range() -> None:
    for method in ("HEAD", "POST", "PATCH", "PUT", "DELETE"):
        assert shaped("", method, [(b"range", b"0-1")]).rows == Rows()


@pytest.mark.parametrize(
    ("query", "span", "code", "details"),
    [
        ("limit=-1", None, "PGRST103", "Limit should be greater than or equal to zero."),
        ("", b"5-4", "PGRST103", LOWER),
        ("limit=2", b"5-9", "PGRST103", "The Range header and the limit have no row in common."),
        ("offset=-1", None, "2201X", None),
        ("limit=x", None, "PGRST100", 'unexpected "x" expecting digit'),
        ("limit=", None, "PGRST100", "unexpected end of input expecting digit"),
        ("limit=1.5", None, "PGRST100", 'unexpected "." expecting digit or end of input'),
        ("offset=1e3", None, "PGRST100", 'unexpected "e" expecting digit or end of input'),
        ("limit=1234567890123456789", None, "PGRST100", 'unexpected "9" expecting end of input'),
        ("limit=" + "9" * 30, None, "PGRST100", None),
        ("limit=%D9%A3", None, "PGRST100", None),
        ("limit=1&limit=2", None, "PGRST100", None),
        ("order=a&order=b", None, "PGRST100", None),
        ("select=a&select=b", None, "PGRST100", None),
        ("select=e(*)&e.limit=-1", None, "2201W", None),
        ("select=e(*)&e.offset=-1", None, "2201X", None),
        ("select=e(*)&e.limit=1&e.limit=2", None, "PGRST100", None),
        ("select=e(*)&e.limit=x", None, "PGRST100", 'unexpected "x" expecting digit'),
    ],
)
def test_a_range_that_cannot_be_is_refused(query: str, span: bytes | None, code: str, details: str | None) -> None:
    told = refused(query, headers=[(b"range", span)] if span else [])
    assert told.code == code
    assert details is None or told.details == details
