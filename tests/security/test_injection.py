"""What callers write never becomes SQL, a header, a line of the log, or the name of something to call (rows C1 to C8)."""

from __future__ import annotations

import ast
import json
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.scenario import ANON, SERVICE, Place, Request, escaped, get, send
from tests.security.asking import Asker
from tests.security.world import BEA, TABLES, Base
from undercroft.catalog.kinds import Kind
from undercroft.engine.sqlite.session import LeasedCursor
from undercroft.sql.statement import Statement

MARK = "hx9q"
"""Stands in every hostile name: it must be in no SQL text."""
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
SIGNS = [
    "'",
    '"',
    "`",
    ";",
    "--",
    "/*",
    "*/",
    "%",
    ":",
    "{",
    "}",
    "\\",
    "?",
    ")",
    "(",
    "[",
    "]",
    ".",
    ",",
    "||",
    "\u2028",
    "ı",
    "＇",
    "\ufeff",
    "🦊",
]
HOSTILE = [f"{MARK}{sign}{MARK}" for sign in SIGNS] + [
    f"{MARK}' OR '1'='1",
    f'{MARK}" OR 1=1 --',
    f"{MARK}'); DROP TABLE notes; --",
    f"{MARK}\u0000'",
    f"id) FROM notes {MARK} --",
    f"%({MARK})s",
    f":{MARK}",
    f"{{{MARK}}}",
    f"{MARK} COLLATE NOCASE",
    f"__[POSTCOMPILE_{MARK}]",
    f"~~{MARK}~~",
]


class Spy:
    """Collects the text of every statement that runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: set[str] = set()
        arguments, execute = Statement.arguments, LeasedCursor.execute

        def listen(statement: Statement, given: Any) -> list[object]:
            self.texts.add(statement.text)
            return arguments(statement, given)

        def listen_to_session(cursor: LeasedCursor, text: str, args: Any = ()) -> None:
            self.texts.add(text)
            execute(cursor, text, args)

        monkeypatch.setattr(Statement, "arguments", listen)
        monkeypatch.setattr(LeasedCursor, "execute", listen_to_session)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(monkeypatch)


def slots(name: str) -> Iterator[Request]:
    """Every place of a request that takes a name, with this one in it: as it is, and between double quotes."""
    undo = ("prefer", "tx=rollback, return=representation")
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    for text in (escaped(name), escaped(quoted)):
        yield get(f"/rest/v1/{text}")
        yield get(f"/rest/v1/rpc/{text}")
        yield get(f"/rest/v1/notes?select={text}")
        yield get(f"/rest/v1/notes?select={text}:id")
        yield get(f"/rest/v1/notes?select=id::{text}")
        yield get(f"/rest/v1/notes?select=meta-%3E{text}")
        yield get(f"/rest/v1/notes?select=meta-%3E%3E{text}&order=meta-%3E%3E{text}&meta-%3E%3E{text}=eq.x")
        yield get(f"/rest/v1/notes?select=x:meta-%3E{text}-%3E%3E{text}")
        yield get(f"/rest/v1/notes?{text}=eq.1")
        yield get(f"/rest/v1/notes?id={text}.1")
        yield get(f"/rest/v1/notes?id=not.{text}.1")
        yield get(f"/rest/v1/notes?id=is.{text}")
        yield get(f"/rest/v1/notes?title=fts({text}).x")
        yield get(f"/rest/v1/notes?title=like({text}).x")
        yield get(f"/rest/v1/notes?or=({text}.eq.1,id.eq.1)")
        yield get(f"/rest/v1/notes?{text}=(id.eq.1)")
        yield get(f"/rest/v1/notes?order={text}")
        yield get(f"/rest/v1/notes?order=id.{text}")
        yield get(f"/rest/v1/notes?order={text}(id)")
        yield get(f"/rest/v1/notes?select=id,{text}(id)")
        yield get(f"/rest/v1/notes?select=id,{text}:vaults(id)&{text}.id=eq.1&{text}.order=id")
        yield get(f"/rest/v1/notes?select=id,vaults!{text}(id)")
        yield get(f"/rest/v1/notes?select=id,vaults({text})")
        yield get(f"/rest/v1/notes?select=id,vaults({text}:id)")
        yield get(f"/rest/v1/notes?limit={text}")
        yield get(f"/rest/v1/notes?offset={text}")
        yield get(f"/rest/v1/rpc/one_note?id=10&{text}=1")
        yield get(f"/rest/v1/notes?select=x{text}:title", ("accept", "text/csv"))
        yield send("POST", f"/rest/v1/notes?columns={text}", {"title": "x"}, undo)
        yield send("POST", f"/rest/v1/notes?on_conflict={text}", {"title": "x"}, undo)
        yield send("POST", f"/rest/v1/notes?select={text}:title,x:meta-%3E{text}", {"title": "x"}, undo)
        yield send("PATCH", f"/rest/v1/notes?{text}=eq.1", {"title": "x"}, undo)
        yield send("DELETE", f"/rest/v1/notes?id=eq.90&select={text}:id", None, undo)
    yield send("POST", "/rest/v1/notes", {"title": "x", name: 1}, undo)
    yield send("PATCH", "/rest/v1/notes?id=eq.20", {name: 1}, undo)
    yield send("POST", "/rest/v1/rpc/one_note", {"id": 10, name: 1}, undo)
    csv = f'title,"{name.replace(chr(34), chr(34) * 2)}"\nx,1\n'.encode()
    yield Request("POST", "/rest/v1/notes", (("content-type", "text/csv"), undo), csv)
    for header in (
        "prefer",
        "accept",
        "content-type",
        "accept-profile",
        "content-profile",
        "range",
        "range-unit",
        "apikey",
        "origin",
        "x-request-id",
    ):
        method = "POST" if header.startswith("content") else "GET"
        yield Request(method, "/rest/v1/notes", ((header, name.encode("utf-8", "replace")),), b"{}")


def values(name: str) -> Iterator[Request]:
    """And every place that takes a value."""
    undo = ("prefer", "tx=rollback, return=representation")
    text = escaped(name)
    for operator in ("eq", "neq", "gt", "like", "ilike", "isdistinct"):
        yield get(f"/rest/v1/notes?title={operator}.{text}&meta-%3E%3Ek=not.{operator}.{text}")
    yield get(f"/rest/v1/notes?title=in.({text},%22{text}%22)")
    yield get(f"/rest/v1/notes?title=eq(any).%7B{text}%7D")
    yield get(f"/rest/v1/notes?title=like(any).%7B%22{text}%22%7D")
    yield get(f"/rest/v1/notes?id=eq.{text}")
    yield get(f"/rest/v1/notes?owner_id=eq.{text}")
    yield get(f"/rest/v1/notes?seen_at=gt.{text}")
    yield get(f"/rest/v1/rpc/one_note?id={text}")
    yield send("POST", "/rest/v1/notes", {"title": name, "meta": {name: name}, "slug": name}, undo)
    yield send("PATCH", "/rest/v1/notes?id=eq.20", {"body": name, "meta": [name]}, undo)
    yield send("PATCH", "/rest/v1/remarks?id=eq.10", {"text": name}, undo)
    yield send("POST", "/rest/v1/rpc/write_note", {"title": name}, undo)


def test_c1_no_name_or_value_becomes_sql(place: Place, spy: Spy, rounds: Callable[[int, int], int]) -> None:
    before = place.contents()
    asked = 0
    for name in (*HOSTILE, *(f"{MARK}{sign}{MARK}" for sign in CONTROLS[:: rounds(8, 1)])):
        for request in (*slots(name), *values(name)):
            reply = place.ask(request, BEA)
            assert reply.status < 500, f"{request}: {reply}"
            asked += 1
    assert asked > 4_000
    assert len(spy.texts) > 30
    for text in spy.texts:
        assert MARK not in text.lower(), text
    assert place.contents() == before


TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[A-Za-z_][A-Za-z_0-9]*|\d+(?:\.\d+)?(?:[eE]\d+)?|--|/\*|.""", re.DOTALL
)
WORDS = frozenset(
    [
        "select",
        "from",
        "where",
        "and",
        "or",
        "not",
        "in",
        "is",
        "english",
        "simple",
        "null",
        "exists",
        "as",
        "on",
        "left",
        "outer",
        "join",
        "inner",
        "case",
        "when",
        "then",
        "else",
        "end",
        "group",
        "by",
        "order",
        "limit",
        "offset",
        "asc",
        "desc",
        "nulls",
        "first",
        "last",
        "distinct",
        "like",
        "escape",
        "glob",
        "cast",
        "text",
        "integer",
        "real",
        "numeric",
        "union",
        "all",
        "values",
        "insert",
        "into",
        "update",
        "set",
        "delete",
        "returning",
        "conflict",
        "do",
        "nothing",
        "excluded",
        "default",
        "between",
        "count",
        "rowid",
        "1",
        "with",
        "recursive",
        "savepoint",
        "release",
        "rollback",
        "to",
    ]
)
FUNCTIONS = frozenset(
    [
        "coalesce",
        "group_concat",
        "json_quote",
        "json_valid",
        "json_each",
        "json_array",
        "json_group_array",
        "json_type",
        "json_patch",
        "json_extract",
        "nullif",
        "substr",
        "length",
        "lower",
        "replace",
        "rtrim",
        "ltrim",
        "hex",
        "typeof",
        "printf",
        "abs",
        "max",
        "min",
        "sum",
        "avg",
        "count",
        "instr",
        "upper",
        "trim",
        "round",
        "strftime",
        "format",
        "iif",
        "ifnull",
        "quote",
        "unixepoch",
        "datetime",
        "json",
        "json_object",
    ]
)
SIGN = frozenset("?,.()=<>|+-*/%!~")


def test_c1_every_statement_is_made_of_known_words(place: Place, spy: Spy) -> None:
    """Each token is a keyword, a function that we use, a name of the catalog or of ours, or a literal of ours."""
    asker = Asker(random.Random(11), ["x", "zqx7"], odd=0.05)
    place.ask_all([asker.request() for _ in range(250)], BEA)
    place.ask_all([asker.request() for _ in range(150)], SERVICE)
    names = {name for table in Base.metadata.tables.values() for name in (table.name, table.fullname, *table.c.keys())}
    assert len(spy.texts) > 150
    for text in spy.texts:
        for token in TOKEN.findall(text):
            if token.startswith("'"):
                assert is_ours(token[1:-1].replace("''", "'"), names), f"{token}\n{text}"
            elif token.startswith('"') and len(token) > 1:
                assert token[1:-1] in names | {"key"}, f"{token}\n{text}"
            elif re.fullmatch(r"[A-Za-z_]\w*", token):
                word = token.lower()
                ours = re.fullmatch(r"t\d+|[rjkn]|key|value|(anon|json_each|[a-z_]+)_\d+|undercroft_\w+|shown", word)
                assert word in WORDS or word in FUNCTIONS or token in names or ours, f"{token}\n{text}"
            else:
                assert token.isspace() or token in SIGN or re.fullmatch(r"[\d.eE]+", token), f"{token!r}\n{text}"


TYPE_NAMES = {word for kind in Kind for word in re.findall(r"\w+", kind.value)}
"""Of what a cast is from, and to."""


def is_ours(literal: str, names: set[str]) -> bool:
    """Pieces of JSON around names of the catalog, patterns and formats of our own."""
    bare = re.sub(r'"(\w+)":', lambda found: "" if found[1] in names else found[0], literal)
    words = set(re.findall(r"[A-Za-z]\w*", bare)) - TYPE_NAMES
    return words <= {
        "english",
        "simple",
        "null",
        "true",
        "false",
        "text",
        "real",
        "blob",
        "t",
        "T",
        "x",
        "Z",
        "f",
        "r",
        "n",
        "d",
        "e",
        "inf",
        "object",
        "array",
        "integer",
        "NaN",
        "Infinity",
        "u",
        "g",
        "H",
        "M",
        "S",
        "Y",
        "m",
    }


# ---------------------------------------------------------------- C2


def test_c2_no_body_is_expanded_into_a_call(root: Path) -> None:
    """`f(**payload)` lets a caller name arguments; the calls that do expand something are known, and none takes a body."""
    # Arguments that pydantic has made, under names that the function's own signature gave; and rows of our own making.
    known = {("service.py", "arguments"), ("attempt.py", "arguments"), ("outbox.py", "arguments"), ("keys.py", "arguments"),
             ("outbox.py", "row"), ("service.py", "{name: row[name] for name in NEW}"),
             ("turn.py", "self._taking(request)"), ("custom_providers.py", "row")}  # fmt: skip
    found = set()
    for file in sorted((root / "src/undercroft").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                found |= {(file.name, ast.unparse(word.value)) for word in node.keywords if word.arg is None}
    suspicious = {
        each for each in found if re.search(r"payload|body|row|argument|json|request|query|param|patch", each[1])
    }
    assert suspicious == known
    assert ("call.py", "values") in found  # what pydantic has validated, by the function's own names


# ---------------------------------------------------------------- C3

ODD_VALUES = [
    [],
    {},
    ["a"],
    {"$ne": ""},
    {"a": {"b": []}},
    0,
    -1,
    1.5,
    1e300,
    10**30,
    True,
    False,
    None,
    "",
    "x" * 10_000,
    [[[]]],
    "NULL",
    "\u0000",
    "\ud800",
]


@pytest.mark.parametrize("table", ["notes", "remarks", "members", "labels", "teams"])
def test_c3_a_value_of_another_type_is_stored_as_its_column_has_it_or_refused(fresh: Place, table: str) -> None:
    kinds = {
        "notes": {
            "title": "text",
            "body": "text",
            "rating": "real",
            "is_public": "integer",
            "owner_id": "text",
            "seen_at": "text",
            "id": "integer",
        }
    }
    own = {
        "members": "team_id=eq.1",
        "labels": "id=eq.1",
        "teams": "id=eq.1",
        "remarks": "id=eq.10",
        "notes": "id=eq.20",
    }[table]
    for column in TABLES[table].__table__.c.keys():  # noqa: SIM118
        for value in ODD_VALUES:
            body = json.dumps({column: value}).encode()
            headers = (("content-type", "application/json"), ("prefer", "tx=rollback, return=representation"))
            for request in (
                Request("PATCH", f"/rest/v1/{table}?{own}", headers, body),
                Request("POST", f"/rest/v1/{table}", headers, body),
            ):
                reply = fresh.ask(request, SERVICE)
                assert reply.status < 500, f"{request}: {reply}"
                assert reply.status < 300 or reply.code is not None
        if column in kinds.get(table, {}):
            found = {kind for (kind,) in fresh.sql(f"select distinct typeof({column}) from {table}")}
            assert found <= {kinds[table][column], "null"}


@pytest.mark.parametrize(
    "body",
    [
        b'{"title":NaN}',
        b'{"title":Infinity}',
        b'{"rating":1e400}',
        b'{"rating":-1e999}',
        b'{"id":1e400}',
        b'{"title":"\\ud800"}',
        b'{"title":"\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"title":"x"} x',
        b"[1]",
        b"[[]]",
        b'[{"title":"x"},null]',
        b'{"title":"x","title":"y"}',
    ],
)
def test_c3_numbers_and_texts_that_are_none(place: Place, body: bytes) -> None:
    for request in (
        Request("POST", "/rest/v1/notes", (("content-type", "application/json"), ("prefer", "tx=rollback")), body),
        Request(
            "PATCH", "/rest/v1/notes?id=eq.20", (("content-type", "application/json"), ("prefer", "tx=rollback")), body
        ),
    ):
        reply = place.ask(request, BEA)
        assert reply.status < 500, reply
        assert reply.status == 400 or b'"title":"x","title":"y"' in body, f"{body!r}: {reply}"


@pytest.mark.parametrize("body", [b'"x"', b"1", b"true", b"null", b"[]"])
def test_c3_a_body_without_a_row_writes_none(place: Place, body: bytes) -> None:
    headers = (("content-type", "application/json"), ("prefer", "tx=rollback, return=representation"))
    reply = place.ask(Request("POST", "/rest/v1/notes", headers, body), BEA)
    assert reply.status == 400 or reply.json() == [], f"{body!r}: {reply}"


def test_c3_arguments_of_functions(place: Place) -> None:
    for value in ODD_VALUES:
        reply = place.ask(send("POST", "/rest/v1/rpc/one_note", {"id": value}), BEA)
        # Only a whole number is one; true is 1 to Python, and to nobody else.
        assert reply.status < 500, f"{value!r}: {reply}"
        assert reply.code in (None, "22P02", "22003", "PGRST102"), f"{value!r}: {reply}"
        reply = place.ask(send("POST", "/rest/v1/rpc/write_note", {"title": value}, ("prefer", "tx=rollback")), BEA)
        assert reply.status == 200 if isinstance(value, str) and value.isprintable() else reply.status < 500, (
            f"{value!r}: {reply}"
        )


# ---------------------------------------------------------------- C4


def test_c4_patterns_are_matched_in_bounded_time(fresh: Place) -> None:
    long = "a" * 60_000
    assert fresh.ask(send("PATCH", "/rest/v1/notes?id=eq.20", {"body": long}), BEA).status == 204
    for pattern in (
        "*a" * 2_000 + "b",
        "%25a" * 1_000 + "b",
        "_" * 5_000 + "*b",
        "*" * 6_000 + "b",
        "*aaaaaaaaab*aaaaaaaaab",
        "[" * 5_000,
        "\\" * 5_001,
    ):
        for operator in ("like", "ilike", "not.like"):
            started = time.process_time()
            reply = fresh.ask(get(f"/rest/v1/notes?select=id&body={operator}.{pattern}"), BEA)
            assert reply.status < 500, reply
            assert time.process_time() - started < 1, f"{operator} {pattern[:20]}"


def test_c4_regular_expressions_are_bounded(fresh: Place) -> None:
    """Patterns over which an engine that tries again would take for ever, over a text of their making."""
    fresh.sql("update notes set body = ?", "a" * 50_000 + "!")
    for operator in ("match", "imatch", "not.match", "match(any)"):
        for pattern in ("(a+)+$", "(a|aa)+$", "(.*)*b", "^(a?){200}a{200}$"):
            started = time.process_time()
            written = f"{{{escaped(pattern)}}}" if "any" in operator else escaped(pattern)
            reply = fresh.ask(get(f"/rest/v1/notes?select=id&body={operator}.{written}"), BEA)
            assert reply.status < 500, reply
            assert time.process_time() - started < 1, f"{operator} {pattern}"
        for pattern in ("(", "[", "*", "a{3,1}", "\\", "(?=a)", "(a)\\1"):
            reply = fresh.ask(get(f"/rest/v1/notes?title={operator}.{escaped(pattern)}"), BEA)
            assert reply.status == 400, (operator, pattern, reply)


# ---------------------------------------------------------------- C5, C6

ENDINGS = ["\r\nset-cookie: a=b", "\n\n<script>", "\r", "\u0000", "\u0085x", "\u2028x", "é", "\x1b[31mred", "\u202etxt"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_c5_nothing_that_is_asked_ends_a_header(place: Place, ending: str) -> None:
    """`Place` looks at every header: none may hold a line's end, whatever stood in the request."""
    text = escaped("x" + ending)
    raw = ("x" + ending).encode()
    undo = ("prefer", "tx=rollback, return=headers-only")
    requests = [
        get(f"/rest/v1/{text}"),
        get(f"/rest/v1/notes?title=eq.{text}"),
        get(f"/rest/v1/notes?select=id,{escaped(chr(34))}{text}{escaped(chr(34))}:vaults(id)&vaults.id=eq.1"),
        get(b"/rest/v1/notes?title=eq." + raw),
        get(b"/rest/v1/notes/" + raw),
        send("POST", "/rest/v1/codes", {"code": "x" + ending, "label": "x"}, undo),
        Request(
            "OPTIONS",
            "/rest/v1/notes",
            (("origin", raw), ("access-control-request-method", raw), ("access-control-request-headers", raw)),
        ),
        *(
            Request("GET", "/rest/v1/notes", ((name, raw),))
            for name in (
                "origin",
                "prefer",
                "accept",
                "range",
                "x-request-id",
                "accept-profile",
                "host",
                "x-forwarded-host",
            )
        ),
        Request("GET", "/rest/v1/notes", (("prefer", b"count=exact, timezone=" + raw),)),
    ]
    for request in requests:
        for who in (ANON, SERVICE):
            reply = place.ask(request, who)
            assert reply.status < 500, f"{request}: {reply}"
            assert reply.header("set-cookie") is None


def test_c6_a_log_has_one_valid_line_for_each_event(fresh: Place) -> None:
    """Every line that `Place` sees is an object of JSON; here with everything that could end or colour one."""
    lines: list[str] = []
    sweep = fresh.sweep_logs

    def keep(given: bytes = b"") -> None:
        lines.extend(fresh.logs)
        sweep(given)

    fresh.sweep_logs = keep  # type: ignore[method-assign]
    for ending in ENDINGS:
        text = escaped("x" + ending)
        for request in (
            get(f"/rest/v1/{text}"),
            Request(
                "GET",
                "/rest/v1/notes",
                (("x-request-id", ("x" + ending).encode()), ("user-agent", ("x" + ending).encode())),
            ),
            Request("x" + ending, "/rest/v1/notes"),
            send("POST", "/rest/v1/rpc/write_note", {"title": "x" + ending}),
        ):
            fresh.ask(request, BEA)
    assert len(lines) >= 2 * len(ENDINGS)
    for line in lines:
        assert isinstance(json.loads(line), dict)
        assert not re.search(r"[\x00-\x1f\x7f]", line), f"a control character stands in {line!r}"


# ---------------------------------------------------------------- C7


@pytest.mark.parametrize(
    "name",
    [
        "__class__",
        "__init__",
        "_x",
        "run",
        "known",
        "find",
        "pipeline",
        "all_notes.__call__",
        "all_notes.run",
        "ctx.session",
        "а" + "ll_notes",
        "ALL_NOTES",
        "all_notes ",
        "all_notes%00",
        "all-notes",
        "auth.users",
        "sqlite_version",
        "load_extension",
        "json_each",
        "rpc",
        "",
    ],
)
def test_c7_only_registered_names_can_be_called(place: Place, name: str) -> None:
    for request in (
        get(f"/rest/v1/rpc/{escaped(name)}"),
        send("POST", f"/rest/v1/rpc/{escaped(name)}", {}),
        Request("OPTIONS", f"/rest/v1/rpc/{escaped(name)}"),
    ):
        reply = place.ask(request, SERVICE)
        assert reply.status == 404, f"{request}: {reply}"


@pytest.mark.parametrize(
    "name", ["ctx", "self", "context", "__class__", "args", "kwargs", "model_config", "model_fields", "session"]
)
def test_c7_arguments_are_the_declared_ones(place: Place, name: str) -> None:
    for request in (
        send("POST", "/rest/v1/rpc/one_note", {"id": 10, name: 1}),
        get(f"/rest/v1/rpc/one_note?id=10&{name}=1"),
    ):
        assert place.ask(request, SERVICE).code in ("PGRST202", "PGRST100"), request


# ---------------------------------------------------------------- C8


def deep() -> Iterator[tuple[str, Request]]:
    """Requests that would break a parser that calls itself, or one that takes long over large things."""
    depth, kind = 100_000, (("content-type", "application/json"), ("prefer", "tx=rollback"))
    for name, body in {
        "lists": b"[" * depth + b"]" * depth,
        "open lists": b"[" * depth,
        "objects": b'{"a":' * depth + b"1" + b"}" * depth,
        "in a column": b'{"title":"x","meta":' + b"[" * depth + b"]" * depth + b"}",
        "a long number": b'{"rating":' + b"9" * 1_000_000 + b"}",
        "a long fraction": b'{"rating":0.' + b"9" * 1_000_000 + b"}",
        "a long exponent": b'{"rating":1e' + b"9" * 100_000 + b"}",
        "a long key number": b'{"id":' + b"9" * 1_000_000 + b',"title":"x"}',
        "a number as text": b'{"rating":"' + b"9" * 1_000_000 + b'"}',
        "many keys": json.dumps({f"k{n}": 1 for n in range(20_000)}).encode(),
        "many rows": b"[" + b",".join([b'{"nope":1}'] * 60_000) + b"]",
        "one key often": b"{" + b",".join([b'"title":"x"'] * 50_000) + b',"nope":1}',
    }.items():
        yield f"body: {name}", Request("POST", "/rest/v1/notes", kind, body)
    csv = (("content-type", "text/csv"), ("prefer", "tx=rollback"))
    yield (
        "csv: columns",
        Request("POST", "/rest/v1/notes", csv, b",".join(b"c%d" % n for n in range(50_000)) + b"\n1\n"),
    )
    yield "csv: quotes", Request("POST", "/rest/v1/notes", csv, b"title\n" + b'"' * 1_000_001)
    for size in (7_000, 100_000):
        for name, query in {
            "or": "or=" + "(or" * (size // 3) + ")" * 10,
            "nots": "id=" + "not." * (size // 4) + "eq.1",
            "select": "select=" + "vaults(notes(" * (size // 13),
            "closed select": "select=" + "notes(" * (size // 12) + "id" + ")" * (size // 12),
            "brackets": "or=(" + "(" * size,
            "path": "select=meta" + "->a" * (size // 3),
            "quotes": 'id=in.("' + '"' * size,
            "backslashes": 'id=in.("' + "\\" * size,
            "list": "id=in.(" + "1," * (size // 2) + "1)",
            "array": "id=eq(any).{" + "1," * (size // 2) + "1}",
            "array of braces": "id=eq(any)." + "{" * size,
            "order": "order=" + "id," * (size // 3) + "id",
            "digits": "id=eq." + "9" * size,
            "limit": "limit=" + "9" * size,
            "offset": "offset=" + "1" * size,
            "decimal": "rating=eq.1e" + "9" * size,
            "parameters": "&".join(["id=eq.1"] * (size // 8)),
            "dots": "." * size + "=eq.1",
            "names": "select=" + "a" * size,
            "percents": "title=eq." + "%" * size,
        }.items():
            yield f"query: {name} {size}", get(f"/rest/v1/notes?{query}")
    for text in (
        "inf",
        "-inf",
        "infinity",
        "nan",
        "1e999",
        "0x10",
        "99999-01-01",
        "0000-00-00",
        "-0001-01-01",
        "24:00",
        "2026-13-01",
        "2026-01-01T99:99:99Z",
        "now",
        "epoch",
    ):
        for column in ("seen_at", "rating", "id"):
            yield f"{column}={text}", get(f"/rest/v1/notes?{column}=eq.{escaped(text)}")
            yield (
                f"{column}={text} in a body",
                send("POST", "/rest/v1/notes", {"title": "x", column: text}, ("prefer", "tx=rollback")),
            )


DEEP = dict(deep())


@pytest.mark.parametrize("name", [*DEEP])
def test_c8_deep_and_huge_input_is_refused_at_once(place: Place, name: str) -> None:
    started = time.process_time()
    reply = place.ask(DEEP[name], BEA)
    took = time.process_time() - started
    assert reply.status < 500, reply.status
    assert len(reply.body) < 20_000 or reply.status == 200
    if reply.status >= 400:
        assert reply.code is not None
    assert took < 0.75, f"{took:.2f} s"


def test_c8_the_server_is_alive_afterwards(place: Place) -> None:
    assert place.ask(get("/rest/v1/notes?select=id&id=eq.10")).json() == [{"id": 10}]
