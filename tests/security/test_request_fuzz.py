"""Requests made to break the parser: whatever comes, a request or a fault comes out, soon, and with a short text.

A fault has a code and a message; anything else that is raised, a recursion error above all, is a failure.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from undercroft.base.faults import Fault
from undercroft.query.ask import SelectField
from undercroft.rest.parts.limits import Limits
from undercroft.rest.parts.media import BodyKind, read_accept, read_content_type
from undercroft.rest.parts.payload import read_payload
from undercroft.rest.parts.prefer import read_prefer
from undercroft.rest.request import Reader
from undercroft.rest.response import fault_headers

LIMITS = Limits()
WIDE = Limits(
    url_bytes=10**7,
    parameters=10**6,
    select_items=10**6,
    embeds=10**6,
    order_terms=10**6,
    logic_terms=10**6,
    columns=10**6,
)

PIECES = [
    *["select=", "order=", "or=", "and=", "not.or=", "not.and=", "limit=", "offset=", "columns=", "on_conflict=", "a="],
    *[
        "a.b=",
        "a.order=",
        "a.limit=",
        "a.or=",
        "a",
        "b",
        "*",
        ",",
        ".",
        ":",
        "::",
        "->",
        "->>",
        "-",
        "(",
        ")",
        "{",
        "}",
    ],
    *['"', "\\", '\\"', "!", "!inner", "...", "eq.", "not.", "in.(", "is.", "null", "any", "all", "(any).", "count()"],
    *["fts(english).", ".sum()", "asc", ".desc", ".nullsfirst", "&", "=", "+", "%", "%20", "%00", "%22", "%2C", "%FF"],
    *["%E5%9C%8D", "%zz", "0", "1", "-1", "9999999999999999999999", " ", "\t", "\n", "\r\n", ";", "--", "/*", "$", "'"],
    *["\x7f", "é", "圍"],
]

queries = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
methods = st.sampled_from(["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"])
known_paths = st.sampled_from([b"/things", b"/rpc/f", b"/", b"/a/b", b"/%FF"])
paths = known_paths | st.binary(max_size=20).map(lambda raw: b"/" + raw)
names = st.sampled_from([b"prefer", b"accept", b"range", b"content-type", b"accept-profile", b"content-profile", b"x"])
words = st.sampled_from(
    [b"count=exact", b"return=representation", b"handling=strict", b"0-9", b"9-0", b"text/csv", b"*/*"]
)
headers = st.lists(st.tuples(names, st.binary(max_size=30) | words), max_size=4)


def read_and_place(
    method: str, path: bytes, query: bytes, given: Iterable[tuple[bytes, bytes]], limits: Limits = LIMITS
) -> bytes:
    """Read a request as the room does; if it is short, again by its frame. The place of the answer."""
    reader = Reader(limits)
    request = reader.shape(method, path, query, given)
    if len(query) < limits.cached_text:
        assert [reader.shape(method, path, query, given) for _ in range(2)] == [request, request]
    hash(request.key)
    reader.parse(request, ("a", "b"))
    return request.place


def survive(
    method: str, path: bytes, query: bytes, given: Iterable[tuple[bytes, bytes]], limits: Limits = LIMITS
) -> Fault | None:
    """Read a request, and look at what came of it: a place, or a fault that is fit to be shown."""
    told: Fault | None = None
    place = b""
    try:
        place = read_and_place(method, path, query, given, limits)
    except Fault as fault:
        told = fault
    assert place.isascii()
    assert not re.search(rb"[\r\n]", place)
    if told is not None:
        assert told.code
        assert told.message
        assert len(told.message) + len(str(told.details)) < 2_000
        assert not any(b"\n" in name + value for name, value in fault_headers(told))
    return told


def seconds(work: Callable[[], object], enough: float = 0.0) -> float:
    """The least processor time of three runs: other processes of the machine do not count.

    A run that took less than `enough` is the last one.
    """
    best = 60.0
    for _ in range(3):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
        if best < enough:
            break
    return best


def code_of(read: Callable[[], object]) -> str | None:
    """The code of the fault that reading raises, if it does."""
    try:
        read()
    except Fault as fault:
        return fault.code
    return None


@settings(max_examples=1_500, deadline=None)
@given(methods, paths, queries, headers)
@example("GET", b"/things", "or=(((", [])
@example("GET", b"/things", 'a=in.("', [])
@example("PUT", b"/things", "a=eq.1&limit=0", [])
def test_a_query_of_the_grammars_own_pieces(
    method: str, path: bytes, query: str, given_headers: list[tuple[bytes, bytes]]
) -> None:
    survive(method, path, query.encode(), given_headers)


@settings(max_examples=500, deadline=None)
@given(methods, st.binary(max_size=60), headers)
def test_a_query_of_raw_bytes(method: str, query: bytes, given_headers: list[tuple[bytes, bytes]]) -> None:
    survive(method, b"/things", query, given_headers)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=80) | st.text(alphabet='{}[]",:\\ntruefalse0123456789.eE- ', max_size=60).map(str.encode))
def test_a_body_of_raw_bytes(body: bytes) -> None:
    kinds: list[BodyKind] = ["json", "csv", "form"]
    for kind in kinds:
        assert code_of(partial(read_payload, kind, body, LIMITS)) in (None, "PGRST102", "UC413")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_headers_of_raw_bytes(header: bytes) -> None:
    assert code_of(partial(read_prefer, header)) in (None, "PGRST122")
    assert code_of(partial(read_accept, header)) in (None, "PGRST107")
    assert code_of(partial(read_content_type, header)) in (None, "PGRST102")


NAMES = ["a,", "a(", "a(b),", 'x"', '"a",', '"a\\', "a->", "a->>b", "a-", "a ", "...", "!a", "::a", ".sum()", "\\", '"']
TERMS = [
    *[
        "a.eq.1,",
        "or(",
        "not.and(",
        'a.eq.",',
        'a.eq.{",',
        "a.eq.{x,",
        "a.in.(",
        'a.in.("',
        'a.in.("b",',
        "a.in.(),",
        ")",
    ],
    *["or(a.eq.1),", 'a.eq."x",', "a.eq.{x},", "a.is.null,", "a->", "a.not."],
]
SHAPES = [
    *[("select=", piece) for piece in NAMES],
    *[("select=a(", piece) for piece in NAMES],
    *[("order=", piece) for piece in NAMES],
    *[("columns=", piece) for piece in NAMES],
    *[
        ("", piece)
        for piece in ("a.", 'a"', '"a".', "a->b", "a ", "a-", "%", "%20", "+", "&", "=", "a=eq.1&", "a.limit=1&")
    ],
    *[("or=(", piece) for piece in TERMS],
    *[("or=(a.in.(", piece) for piece in TERMS],
    *[("a=in.", piece) for piece in ("(", '"', '",', "\\", '("')],
    *[("a=", piece) for piece in ("not.", "is.", "fts(", "eq(", "eq.", "a")],
    *[("limit=", piece) for piece in ("1", "-", "+")],
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("start", "piece"), SHAPES)
def test_reading_is_linear(start: str, piece: str, method: str) -> None:
    """A text ten times as long takes about ten times as long; quadratic time would take a hundred times."""

    def reading(length: int, enough: float = 0.0) -> float:
        query = (start + piece * (length // len(piece))).encode()
        return seconds(partial(survive, method, b"/things", query, [], WIDE), enough)

    limit = max(35 * reading(6_000), 0.03)
    assert reading(60_000, limit) < limit


@pytest.mark.parametrize("start", ["select=", "order=", "or=(", "and=(", "a=in.("])
@pytest.mark.parametrize("piece", ["a(", "or(", "not.and(", "(", "...a(", "{", '"', "[", "a->"])
def test_a_hundred_thousand_levels_take_no_time(start: str, piece: str) -> None:
    for limits in (LIMITS, WIDE):
        query = (start + piece * 100_000).encode()
        assert seconds(partial(survive, "GET", b"/things", query, [], limits), 0.1) < 0.1


@pytest.mark.parametrize("header", [b"prefer", b"accept", b"range", b"content-type", b"accept-profile"])
@pytest.mark.parametrize("piece", [b",", b"a,", b"a;q=0.1,", b"=", b"count=exact,", b"1", b"-", b"\xff", b";", b"a/b;"])
def test_a_long_header_takes_no_time(header: bytes, piece: bytes) -> None:
    value = (piece * 8_000)[:8_000]
    method = "POST" if header == b"content-type" else "GET"
    assert seconds(partial(survive, method, b"/things", b"", [(header, value)]), 0.1) < 0.1


def test_a_hundred_thousand_parameters_take_no_time() -> None:
    query = b"&".join([b"a=eq.5"] * 100_000)
    for limits in (LIMITS, Limits(url_bytes=10**7)):
        assert survive("GET", b"/things", query, [], limits) is not None
        assert seconds(partial(survive, "GET", b"/things", query, [], limits), 0.1) < 0.1


@pytest.mark.parametrize(
    "name", ["__class__", "self", "__dict__", "0", "None", "{0}", "%s", "\u202e", "ſelect", "ＳＥＬＥＣＴ"]
)
def test_a_name_is_only_a_name(name: str) -> None:
    """No name is looked up as an attribute or a format: it comes out as it went in."""
    reader = Reader(LIMITS)
    request = reader.shape("GET", b"/things", f'select="{name}"'.encode(), [])
    (column,) = reader.parse(request).ask.ask.select
    assert isinstance(column, SelectField)
    assert column.field is not None
    assert column.field.name == name
