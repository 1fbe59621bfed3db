"""Requests made to break the whole app: no fault of the program, no trace of one, and a code in every refusal.

Four kinds, 10,000 in all and ten times as many with `make soak`: sensible requests with bytes changed, a grammar
of wrong ones, raw bytes in every place, and bodies. `Place` looks at every header, log line and canary meanwhile.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.scenario import ANON, SERVICE, Persona, Place, Reply, Request
from tests.security.asking import Asker
from tests.security.batched import as_part
from tests.security.world import AUDITOR, BEA, NOBODY, STRANGER, TABLES

CALLERS = (ANON, BEA, SERVICE, AUDITOR, NOBODY, STRANGER)
NASTY = [
    b"'", b'"', b"\\", b"%", b"%00", b"%0", b"%zz", b"%ff", b"%c3%28", b"\x00", b"\xff", b"\xc3\xa9", b"&", b"=", b"==", b",", b",,", b".", b"..", b"(", b")",
    b"()", b"{", b"}", b"[", b"]", b"*", b"->", b"->>", b"::", b":", b"!", b"...", b"not.", b"eq.", b"is.", b"in.(", b"or=(", b"and=", b"select=", b"order=",
    b"limit=-1", b"offset=-1", b"columns=", b"on_conflict=", b"#", b"?", b";", b"--", b"/*", b"/", b"//", b"/../", b"+", b" ", b"\t", b"\n", b"9" * 30, b"-0", b"1e9", b"NaN",
    b"null", b"true", b"count()", b"id.sum()", b"rowid", b"!inner", b"!left", b"notes(*)", b"vaults(notes(id))",
]  # fmt: skip
HEADERS = {
    "prefer": [b"count=exact", b"return=representation", b"tx=rollback", b"handling=strict", b"max-affected=0", b"missing=default", b"resolution=merge-duplicates", b"resolution=ignore-duplicates", b"timezone=X", b"return=", b"=", b",,,", b"count=exact,count=planned"],
    "accept": [b"text/csv", b"application/json", b"*/*", b"application/vnd.pgrst.object+json", b"application/vnd.pgrst.plan", b"application/geo+json", b"q", b";;", b"text/csv;q=0", b"a/b;q=x", b"application/vnd.pgrst.array+json;nulls=stripped"],
    "content-type": [b"application/json", b"text/csv", b"application/x-www-form-urlencoded", b"text/plain", b"application/octet-stream", b"multipart/form-data; boundary=x", b"", b"x", b"application/json; charset=latin-1"],
    "range": [b"0-1", b"1-", b"5-2", b"-1", b"x", b"0-99999999999999999999", b"items=0-1"],
    "range-unit": [b"items", b"x"],
    "accept-profile": [b"public", b"private", b"auth", b"\xff"],
    "content-profile": [b"public", b"private"],
    "authorization": [b"Bearer x", b"Basic eDp5", b"Bearer", b"bearer \xff", b"Bearer a.b.c"],
    "apikey": [b"x", b"\xff\xfe"],
    "origin": [b"http://x", b"null", b"\xff"],
    "x-request-id": [b"a" * 500, b"\x1b[31m"],
}  # fmt: skip
BODIES = [
    b"", b"{", b"}", b"[]", b"{}", b"[{}]", b"[[]]", b"null", b"1", b'"x"', b"\xff", b"\xef\xbb\xbf[]", b'{"title":"x"}', b'[{"title":"x"},{"body":"y"}]', b'{"title":null}', b'{"id":{}}', b'{"id":[1]}',
    b'{"meta":{"a":[1,2,{"b":null}]},"title":"x"}', b'{"title":"x","owner_id":"nope"}', b'{"":""}', b'{"title":"\\u0000"}', b"title\nx\n", b"title,body\nx\n", b'"title\nx', b"title=x&title=y", b"id,title\n1,\n", b'{"text":" x "}',
    b'{"label":"x"}', b'{"id":1e5,"title":"x"}', b'{"seen_at":"x","title":"y"}', b'{"rating":"1e400","title":"y"}',
]  # fmt: skip


def check(place: Place, request: Request, who: Persona) -> Reply:
    """Ask, and hold the answer to what every answer must be."""
    started = time.process_time()
    reply = place.ask(request, who)
    took = time.process_time() - started
    assert reply.status < 500, f"{request} as {who.role}: {reply.status} {reply.body!r}"
    assert took < 2, f"{request}: {took:.2f} s"
    for word in (b"Traceback", b'File "', b"sqlite3", b"sqlalchemy"):
        assert word not in reply.body, f"{request}: {reply.body[:500]!r}"
    if reply.status >= 400 and request.method != "HEAD":
        fault = json.loads(reply.body)
        assert fault["code"], request
        assert fault.keys() - {"request"} == {"code", "message", "details", "hint"}, request
        assert len(reply.body) < 20_000, request
    return reply


def of_all(place: Place, requests: Iterator[Request], chance: random.Random, number: int) -> None:
    refused = 0
    for _ in range(number):
        refused += check(place, next(requests), chance.choice(CALLERS)).status >= 400
    assert 0 < refused < number, "requests of one kind only prove little"


def undone(request: Request) -> Request:
    """The same request, whose writes leave nothing behind."""
    return request._replace(headers=(*request.headers, ("prefer", "tx=rollback")))


# ---------------------------------------------------------------- sensible requests with bytes changed


def changed(chance: random.Random) -> Iterator[Request]:
    asker = Asker(chance, ["x", 10, "zqx7"], odd=0.1)
    while True:
        request = asker.request()
        method, target, headers, body = request
        raw = bytearray(target.encode() if isinstance(target, str) else target)
        for _ in range(chance.choice((0, 1, 1, 2, 5))):
            _change(chance, raw, 9)
        payload = bytearray(body)
        for _ in range(chance.choice((0, 0, 1, 3))):
            _change(chance, payload, 0)
        if chance.random() < 0.3:
            headers = (*headers, _header(chance))
        if chance.random() < 0.1:
            method = chance.choice(
                ("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "X", "CONNECT")
            )
        yield undone(Request(method, bytes(raw), headers, bytes(payload)))


def _change(chance: random.Random, raw: bytearray, first: int) -> None:
    place = chance.randint(min(first, len(raw)), len(raw))
    match chance.randrange(4):
        case 0:
            raw[place:place] = chance.choice(NASTY)
        case 1:
            del raw[place : place + chance.randint(1, 5)]
        case 2 if place < len(raw):
            raw[place] = chance.randrange(256)
        case _:
            end = min(len(raw), place + chance.randint(1, 20))
            raw[place:place] = raw[place:end]


def _header(chance: random.Random) -> tuple[str, bytes]:
    name = chance.choice([*HEADERS])
    value = chance.choice(HEADERS[name])
    return name, value if chance.random() < 0.9 else value + bytes(chance.randrange(1, 256) for _ in range(3)).replace(
        b"\n", b""
    ).replace(b"\r", b"")


def test_fuzz_sensible_requests_with_bytes_changed(place: Place, rounds: Callable[[int, int], int]) -> None:
    before = place.contents()
    chance = random.Random(41)
    of_all(place, changed(chance), chance, rounds(1_500, 40_000))
    assert place.contents() == before


# ---------------------------------------------------------------- bodies


def bodies(chance: random.Random) -> Iterator[Request]:
    while True:
        table = chance.choice(
            ["notes", "remarks", "inbox", "codes", "members", *TABLES, "rpc/write_note", "rpc/one_note"]
        )
        body = bytearray(chance.choice(BODIES))
        for _ in range(chance.choice((0, 1, 2, 8))):
            _change(chance, body, 0)
        query = chance.choice(
            (
                "",
                "",
                "?id=eq.20",
                "?id=not.is.null",
                "?columns=title,body",
                "?on_conflict=id",
                "?on_conflict=slug,id",
                "?select=id",
            )
        )
        headers = [_header(chance) for _ in range(chance.randint(0, 2))] + [
            ("content-type", chance.choice(HEADERS["content-type"][:3]))
        ]
        yield undone(
            Request(
                chance.choice(("POST", "POST", "PATCH", "PUT", "DELETE")),
                f"/rest/v1/{table}{query}",
                headers,
                bytes(body),
            )
        )


def test_fuzz_bodies(place: Place, rounds: Callable[[int, int], int]) -> None:
    before = place.contents()
    chance = random.Random(42)
    of_all(place, bodies(chance), chance, rounds(1_000, 30_000))
    assert place.contents() == before


# ---------------------------------------------------------------- a grammar, and raw bytes

NAMES = st.sampled_from(
    [
        "id",
        "title",
        "meta",
        "owner_id",
        "secret",
        "notes",
        "vaults",
        "team",
        "nope",
        '"a b"',
        "a.b",
        "é",
        "",
        "*",
        "seen_at",
    ]
)
OPERATORS = st.sampled_from(
    [
        "eq",
        "neq",
        "gt",
        "like",
        "ilike",
        "match",
        "in",
        "is",
        "isdistinct",
        "fts",
        "cs",
        "cd",
        "ov",
        "sl",
        "adj",
        "not.eq",
        "not.not",
        "eq(any)",
        "in(all)",
        "x",
        "",
    ]
)
VALUES = st.one_of(
    st.sampled_from(["1", "null", "true", "(1,2)", "()", "{a,b}", "{", "*a*", "%", "2026-01-01", "1e5", "-", '"']),
    st.text(max_size=8),
)
FILTERS = st.builds(lambda n, o, v: (n, f"{o}.{v}"), NAMES, OPERATORS, VALUES)
ITEMS = st.recursive(
    st.builds(lambda a, n, p, c: f"{a}{n}{p}{c}", st.sampled_from(["", "x:", "...", ":"]), NAMES, st.sampled_from(["", "->a", "->>0", "->", "->>a->b"]), st.sampled_from(["", "::text", "::int", "::x", ".sum()", ".count()", "!inner"])),
    lambda inner: st.builds(lambda n, j, items: f"{n}{j}({','.join(items)})", NAMES, st.sampled_from(["", "!inner", "!left", "!x", "!note_id"]), st.lists(inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
TREES = st.recursive(
    st.builds(lambda f: f"{f[0]}.{f[1]}", FILTERS),
    lambda inner: st.builds(
        lambda w, parts: f"{w}({','.join(parts)})",
        st.sampled_from(["and", "or", "not.and", "not.or", "x"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=6,
)
PARAMETERS = st.one_of(
    FILTERS,
    st.builds(lambda items: ("select", ",".join(items)), st.lists(ITEMS, max_size=4)),
    st.builds(lambda w, parts: (w, f"({','.join(parts)})"), st.sampled_from(["and", "or", "not.and", "notes.or", "vaults.not.and"]), st.lists(TREES, max_size=3)),
    st.builds(lambda n, d: ("order", f"{n}{d}"), NAMES, st.sampled_from(["", ".asc", ".desc.nullsfirst", ".x", "(id)", "(id).desc", ",", ".asc.desc"])),
    st.builds(lambda n, v: (n, v), st.sampled_from(["limit", "offset", "columns", "on_conflict", "vaults.limit", "notes.order", "vaults.offset", "nope.id"]), VALUES),
)  # fmt: skip
PATHS = st.sampled_from(
    [
        "notes",
        "vaults",
        "labels",
        "codes",
        "inbox",
        "members",
        "tokens",
        "nope",
        "rpc/all_notes",
        "rpc/one_note",
        "rpc/nope",
        "",
        "rpc",
        "notes/1",
        "rpc/a/b",
    ]
)
ANY_TEXT = st.text(st.characters(blacklist_categories=()), max_size=12).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)
PLAIN_BYTES = st.binary(max_size=40).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b""))
HEADER = st.one_of(
    st.sampled_from([*HEADERS]).flatmap(
        lambda name: st.tuples(st.just(name), st.one_of(st.sampled_from(HEADERS[name]), PLAIN_BYTES))
    ),
)
REQUESTS = st.builds(
    lambda method, path, parameters, headers, body: Request(method, f"/rest/v1/{path}?".encode() + "&".join(f"{n}={v}" for n, v in parameters).encode("utf-8", "replace").replace(b"#", b"%23"), headers, body),
    st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]), PATHS, st.lists(PARAMETERS, max_size=4), st.lists(HEADER, max_size=2), st.sampled_from(BODIES),
)  # fmt: skip
RAW = st.builds(
    lambda method, path, query, headers, body: Request(method, b"/rest/v1/" + path + b"?" + query, headers, body),
    st.one_of(st.sampled_from(["GET", "POST", "PATCH", "DELETE"]), st.text(max_size=8)), st.one_of(PLAIN_BYTES, st.just(b"notes"), ANY_TEXT).map(lambda raw: raw.replace(b"?", b"")),
    st.one_of(st.binary(max_size=60), st.lists(st.sampled_from(NASTY), max_size=12).map(b"".join)), st.lists(HEADER, max_size=3), st.one_of(st.binary(max_size=60), st.sampled_from(BODIES)),
)  # fmt: skip
BATCH = 20
"""Requests in one example: an example costs more than a request."""


@pytest.mark.parametrize(("kind", "requests"), [("grammar", REQUESTS), ("bytes", RAW)])
def test_fuzz_grammar_and_raw_bytes(
    place: Place, rounds: Callable[[int, int], int], kind: str, requests: st.SearchStrategy[Request]
) -> None:
    before = place.contents()

    @settings(
        max_examples=rounds(40, 750),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(requests, st.sampled_from(CALLERS)), min_size=BATCH, max_size=BATCH))
    def ask(batch: list[tuple[Request, Persona]]) -> None:
        for request, who in batch:
            check(place, undone(request), who)

    ask()
    assert place.contents() == before


FOUND = [
    Request("POST", "/rest/v1/labels", (("prefer", "return=headers-only"), ("accept", "text/csv")), b'{"name":"x","is_open":true}'),
    Request("POST", "/rest/v1/labels", (("prefer", "return=headers-only"), ("accept", "application/vnd.pgrst.object+json")), b'{"name":"x","is_open":true}'),
    Request("POST", "/rest/v1/inbox", (("prefer", "resolution=ignore-duplicates"),), b"{}"),
    Request("POST", "/rest/v1/inbox", (("prefer", "resolution=merge-duplicates"),), b"{}"),
    Request("DELETE", "/rest/v1/codes?label=eq.x", (("prefer", "return=headers-only"), ("accept", "text/csv"))),
    Request("GET", "/rest/v1/vaults?select=notes()", (("accept", "text/csv"),)),
]  # fmt: skip
"""What once was a fault of the program."""


@pytest.mark.parametrize("request_", FOUND, ids=lambda request: f"{request.method} {request.target}")
def test_fuzz_what_was_found(place: Place, request_: Request) -> None:
    for who in CALLERS:
        check(place, undone(request_), who)


def test_fuzz_the_rows_are_still_there(place: Place) -> None:
    assert len(place.ask(Request("GET", "/rest/v1/notes?select=id"), SERVICE).json()) == 10


# ---------------------------------------------------------------- batches

REFERENCES = (
    "$1",
    "$1.id",
    "$2.0.title",
    "$1.nope",
    "$0",
    "$$",
    "$9",
    "$1.0.0.0",
    "$1..id",
    "$",
    "$1.id'--",
    "$1.body",
)


def batches(chance: random.Random) -> Iterator[Request]:
    asker = Asker(chance, ["x", 10, "zqx7"], odd=0.1)

    def sprinkled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: sprinkled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [sprinkled(each) for each in value]
        return chance.choice(REFERENCES) if chance.random() < 0.1 else value

    def part() -> Any:
        request = asker.request()
        if isinstance(request.target, str) and chance.random() < 0.1:
            request = request._replace(target=request.target.replace("eq.", f"eq.{chance.choice(REFERENCES)}", 1))
        try:
            told, _ = as_part(request)
        except (ValueError, AssertionError):
            return {"method": "GET", "path": "/notes"}
        if chance.random() < 0.1:
            told[chance.choice(("method", "path", "headers", "body", "x"))] = chance.choice(
                (None, 1, [], {}, "", "/", "x")
            )
        return {**told, "body": sprinkled(told["body"])} if "body" in told else told

    while True:
        body = bytearray(json.dumps([part() for _ in range(chance.choice((1, 1, 2, 3, 6)))]).encode())
        if chance.random() < 0.15:
            _change(chance, body, 0)
        keyed = (
            (("idempotency-key", chance.choice((b"a", b"b", b"", b"\xff", b'"c"'))),) if chance.random() < 0.1 else ()
        )
        yield undone(Request("POST", "/rest/v1/batch", (("content-type", "application/json"), *keyed), bytes(body)))


def test_fuzz_batches(place: Place, rounds: Callable[[int, int], int]) -> None:
    before = place.contents()
    chance = random.Random(47)
    of_all(place, batches(chance), chance, rounds(500, 15_000))
    assert place.contents() == before
