"""Status and headers of answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from undercroft.rest.errors import RangeFault, SchemaFault, SingularFault
from undercroft.rest.parts.asks import Renamed
from undercroft.rest.parts.media import CSV, JSON, JSON_STRIPPED, OBJECT, Media
from undercroft.rest.parts.places import content_location, row_location
from undercroft.rest.parts.prefer import NO_PREFERENCES, read_prefer
from undercroft.rest.parts.ranges import Rows, beyond
from undercroft.rest.response import (
    Head,
    Writer,
    allow,
    allow_function,
    content_range,
    fault_headers,
)

ALL = Rows()


def header(head: Head, name: str) -> str | None:
    found = [value.decode() for each, value in head.headers if each == name.encode()]
    assert len(found) < 2, name
    return found[0] if found else None


@pytest.mark.parametrize(
    ("offset", "returned", "total", "text"),
    [(0, 20, None, b"0-19/*"), (40, 20, 500, b"40-59/500"), (0, 0, None, b"*/*"), (0, 0, 0, b"*/0"), (5, 0, 5, b"*/5"),
     (0, 1, 1, b"0-0/1")],
)  # fmt: skip
def test_content_range(offset: int, returned: int, total: int | None, text: bytes) -> None:
    assert content_range(offset, returned, total) == text


@pytest.mark.parametrize(
    ("rows", "returned", "total", "status"),
    [
        (ALL, 3, None, 200),
        (ALL, 3, 3, 200),
        (ALL, 0, 0, 200),
        (Rows(0, 2), 2, None, 200),
        (Rows(0, 2), 2, 3, 206),
        (Rows(2, 2), 1, 3, 206),
        (Rows(3, 2), 0, 3, 206),
    ],
)
def test_the_status_of_a_read(rows: Rows, returned: int, total: int | None, status: int) -> None:
    assert Writer().read(JSON, NO_PREFERENCES, rows, returned, total).status == status


def test_an_offset_behind_the_total_is_refused() -> None:
    with pytest.raises(RangeFault) as raised:
        Writer().read(JSON, NO_PREFERENCES, Rows(1), 0, 0)
    assert raised.value.details == "An offset of 1 was requested, but there are only 0 rows."
    assert (b"content-range", b"*/0") in fault_headers(raised.value)
    Writer().read(JSON, NO_PREFERENCES, Rows(100), 0, None)


def test_the_headers_of_a_read() -> None:
    head = Writer().read(JSON, read_prefer(b"count=exact, tx=commit"), Rows(0, 2), 2, 9, location=b"/a?b=eq.1")
    assert header(head, "content-type") == "application/json; charset=utf-8"
    assert header(head, "content-range") == "0-1/9"
    assert header(head, "content-location") == "/a?b=eq.1"
    assert header(head, "preference-applied") == "count=exact"
    assert header(head, "vary") == "Accept, Prefer, Range"
    assert header(head, "content-profile") is None
    assert header(head, "warning") is None


@pytest.mark.parametrize(
    ("media", "text"),
    [
        (CSV, "text/csv; charset=utf-8"),
        (JSON_STRIPPED, "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8"),
        (OBJECT, "application/vnd.pgrst.object+json; charset=utf-8"),
    ],
)
def test_the_content_type_is_the_media_type(media: Media, text: str) -> None:
    assert header(Writer().read(media, NO_PREFERENCES, ALL, 1), "content-type") == text


def test_the_schema_is_told_where_there_are_several() -> None:
    writer = Writer(schemas=("public", "api"))
    assert header(writer.read(JSON, NO_PREFERENCES, ALL, 1), "content-profile") == "public"
    assert header(writer.read(JSON, NO_PREFERENCES, ALL, 1, schema="api"), "content-profile") == "api"


def test_one_object_is_one_row() -> None:
    writer = Writer()
    assert writer.read(OBJECT, NO_PREFERENCES, ALL, 1).status == 200
    for rows in (0, 2):
        makers: list[Callable[[], Head]] = [
            partial(writer.read, OBJECT, NO_PREFERENCES, ALL, rows),
            partial(writer.insert, OBJECT, NO_PREFERENCES, rows),
            partial(writer.update, OBJECT, NO_PREFERENCES, rows),
            partial(writer.delete, OBJECT, NO_PREFERENCES, rows),
            partial(writer.replace, OBJECT, NO_PREFERENCES, rows, 0),
        ]
        for make in makers:
            with pytest.raises(SingularFault) as raised:
                make()
            assert raised.value.code == "PGRST116"
            assert raised.value.details == f"The result contains {rows} rows"


FULL = read_prefer(b"return=representation")
MERGE = read_prefer(b"resolution=merge-duplicates, return=representation")


def test_an_insert() -> None:
    writer = Writer()
    head = writer.insert(JSON, NO_PREFERENCES, 1)
    assert (head.status, head.bodied) == (201, False)
    assert header(head, "content-type") is None
    assert header(head, "location") is None
    assert header(head, "content-range") == "*/*"
    head = writer.insert(JSON, read_prefer(b"return=representation,count=exact"), 2)
    assert (head.status, head.bodied) == (201, True)
    assert header(head, "content-range") == "*/2"
    assert header(head, "preference-applied") == "return=representation, count=exact"


def test_an_upsert_that_only_updates_is_no_creation() -> None:
    writer = Writer()
    assert writer.insert(JSON, MERGE, 3, 0).status == 200
    assert writer.insert(JSON, MERGE, 3, 1).status == 201
    assert writer.insert(JSON, read_prefer(b"resolution=ignore-duplicates"), 0, 0).status == 201
    applied = header(writer.insert(JSON, MERGE, 3, 1), "preference-applied")
    assert applied == "resolution=merge-duplicates, return=representation"
    assert header(writer.insert(JSON, MERGE, 3, 1, resolved=False), "preference-applied") == "return=representation"


def test_the_place_of_one_inserted_row_is_told_where_headers_are_wanted() -> None:
    writer, only = Writer(), read_prefer(b"return=headers-only")
    assert header(writer.insert(JSON, only, 1, location=b"/a?id=eq.1"), "location") == "/a?id=eq.1"
    assert header(writer.insert(JSON, only, 2, location=b"/a?id=eq.1"), "location") is None
    assert header(writer.insert(JSON, FULL, 1, location=b"/a?id=eq.1"), "location") is None


def test_an_update() -> None:
    writer = Writer(tx_override=True)
    head = writer.update(JSON, read_prefer(b"tx=commit"), 2)
    assert (head.status, head.bodied, header(head, "content-range")) == (204, False, "0-1/*")
    assert header(head, "preference-applied") == "tx=commit"
    assert header(writer.update(JSON, NO_PREFERENCES, 0), "content-range") == "*/*"
    head = writer.update(JSON, read_prefer(b"return=representation,count=exact"), 1)
    assert (head.status, header(head, "content-range")) == (200, "0-0/1")


def test_a_replacement() -> None:
    writer = Writer()
    assert writer.replace(JSON, FULL, 1, 1).status == 201
    assert writer.replace(JSON, FULL, 1, 0).status == 200
    assert writer.replace(JSON, NO_PREFERENCES, 1, 0).status == 204
    assert writer.replace(JSON, NO_PREFERENCES, 1, 1).status == 201


def test_a_delete() -> None:
    writer = Writer()
    head = writer.delete(JSON, NO_PREFERENCES, 2)
    assert (head.status, head.bodied, header(head, "content-range")) == (204, False, "*/*")
    head = writer.delete(JSON, read_prefer(b"return=representation,count=exact"), 2)
    assert (head.status, head.bodied, header(head, "content-range")) == (200, True, "*/2")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        (b"handling=lenient, max-affected=10", "handling=lenient"),
        (b"handling=strict, max-affected=10", "handling=strict, max-affected=10"),
        (b"tx=commit", None),
        (b"missing=default, resolution=merge-duplicates", None),
        (b"", None),
    ],
)
def test_what_of_the_preferences_is_applied(prefer: bytes, applied: str | None) -> None:
    assert header(Writer().delete(JSON, read_prefer(prefer), 1), "preference-applied") == applied


def test_answers_with_other_preferences_are_not_mixed_up() -> None:
    """Preferences of one shape share a hash: the cache of headers must still tell them apart."""
    writer = Writer(tx_override=True)
    for word in ("commit", "rollback", "commit"):
        head = writer.read(JSON, read_prefer(f"tx={word}".encode()), ALL, 1)
        assert header(head, "preference-applied") == f"tx={word}"


def test_a_deprecated_name_is_warned_of() -> None:
    head = Writer(agent="x/1").read(JSON, NO_PREFERENCES, ALL, 1, renamed=[Renamed("tasks", "the_tasks")])
    assert header(head, "warning") == (
        '299 x/1 "Embedded resource was referenced by relation name even though it has an alias. '
        "This is deprecated and will stop working in a future release. "
        'Update `tasks` to `the_tasks` in query string filters, orders or limits."'
    )


@pytest.mark.parametrize("name", ["a\r\nx: y", 'a"b', "a\x00b", "圍", "a" * 5_000, "\x1b[31m"])
def test_no_name_can_break_a_header(name: str) -> None:
    head = Writer().read(JSON, NO_PREFERENCES, ALL, 1, renamed=[Renamed(name, name)])
    text = header(head, "warning") or ""
    assert text.isprintable()
    assert text.isascii() or "圍" not in text
    assert text.count('"') == 2
    assert len(text) < 1_000


def test_faults_are_told_to_proxies() -> None:
    assert (b"proxy-status", b"PostgREST; error=PGRST106") in fault_headers(SchemaFault("x"))
    assert (b"content-range", b"*/15") in fault_headers(beyond(100, 15))


def test_allow() -> None:
    assert allow() == b"OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"
    assert allow(keyed=False) == b"OPTIONS,GET,HEAD,POST,PATCH,DELETE"
    assert allow(insertable=False, updatable=False, deletable=False) == b"OPTIONS,GET,HEAD"
    assert allow_function(read_only=True) == b"OPTIONS,GET,HEAD,POST"
    assert allow_function(read_only=False) == b"OPTIONS,POST"


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        (b"/no_pk", b"b=eq.1&a=eq.1", b"/no_pk?a=eq.1&b=eq.1"),
        (b"/simple_pk", b"", b"/simple_pk"),
        (b"/a/", b"&&", b"/a"),
        (b"/a", b"x=eq.2&x=eq.1", b"/a?x=eq.2&x=eq.1"),
        (b"/a", b"select=id,b(c)", b"/a?select=id%2Cb%28c%29"),
        (b"/a", b"select=id%2cb%28c)", b"/a?select=id%2Cb%28c%29"),
        (b"/Server%20Today", b"x+y=eq.a%20b", b"/Server%20Today?x%20y=eq.a%20b"),
        (b"/rpc/f", b"a", b"/rpc/f?a="),
        (b"/a\r\nx", b"b=\r\nc: d", b"/a%0D%0Ax?b=%0D%0Ac%3A%20d"),
    ],
)
def test_the_place_of_a_read_is_canonical(path: bytes, query: bytes, place: bytes) -> None:
    assert content_location(path, query) == place


def test_the_place_of_a_row() -> None:
    assert row_location("simple_pk2", [("k", "圍棋")]) == b"/simple_pk2?k=eq.%E5%9C%8D%E6%A3%8B"
    assert row_location("a b", [("x", "1"), ("y&", None)]) == b"/a%20b?x=eq.1&y%26=is.null"
