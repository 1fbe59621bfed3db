"""Every type through the front door: exact in JSON and CSV, both ways, in filters, in order, and as a key."""

from __future__ import annotations

import csv
import enum
import io
import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Mapped, mapped_column

from tests.api.scenario import SERVICE, Persona, Place, Reply, Request, escaped, get, send
from undercroft import App, Model
from undercroft.models.base import NAMES, Numeric


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Colour(enum.Enum):
    red = "r"
    blue = "b"


class Thing(Base):
    """One column of each type, ours and SQLAlchemy's own."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    flag: Mapped[bool | None]
    small: Mapped[int | None] = mapped_column(sa.SmallInteger)
    whole: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    money: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    exact: Mapped[Decimal | None]
    plain: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 3))
    wide: Mapped[float | None]
    narrow: Mapped[float | None] = mapped_column(sa.REAL)
    said: Mapped[str | None]
    short: Mapped[str | None] = mapped_column(sa.String(5))
    at: Mapped[datetime | None]
    local: Mapped[datetime | None] = mapped_column(sa.DateTime)
    zoned: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    day: Mapped[date | None]
    hour: Mapped[time | None]
    span: Mapped[timedelta | None]
    uid: Mapped[UUID | None]
    their_uid: Mapped[UUID | None] = mapped_column(sa.Uuid)
    raw: Mapped[bytes | None]
    doc: Mapped[dict[str, Any] | None]
    their_doc: Mapped[Any | None] = mapped_column(sa.JSON)
    colour: Mapped[Colour | None]
    word: Mapped[str | None] = mapped_column(sa.Enum("a", "b", name="words"))


def keyed(name: str, type_: Any) -> Any:
    """A table whose key is of that type."""
    columns = {"k": mapped_column(type_, primary_key=True, autoincrement=False), "v": mapped_column(sa.Text)}
    return type(f"By{name}", (Base,), {"__tablename__": f"by_{name}", **columns})


KEYS: dict[str, tuple[Any, list[Any]]] = {
    "big": (sa.BigInteger(), [2**53 + 1, -(2**63)]),
    "text": (sa.Text(), ['a"b\\c\n', ""]),
    "uuid": (sa.Uuid(), ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000"]),
    "moment": (Base.type_annotation_map[datetime], ["2024-01-02T03:04:05.12+00:00", "1969-12-31T23:59:59+00:00"]),
    "day": (sa.Date(), ["2024-02-29", "0001-01-01"]),
    "exact": (Numeric(), [Decimal("12345678901234567890.123"), Decimal("-0.1")]),
    "word": (sa.Enum("a", "b", name="keys"), ["a", "b"]),
    "flag": (sa.Boolean(), [True, False]),
}
for name, (type_, _) in KEYS.items():
    keyed(name, type_)

FULL = ("prefer", "return=representation")
JSON = ("content-type", "application/json")
NOBODY = Persona("n", "authenticated")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    with Place(App(Base), tmp_path_factory.mktemp("types"), server=server, UNDERCROFT_API_AGGREGATES="true") as place:
        yield place


def ask(place: Place, request: Request) -> Reply:
    return place.ask(request, SERVICE)


def stored(place: Place, column: str, raw: str) -> tuple[int, bytes]:
    """The status and the body for one value, written as it stands and read back."""
    body = f'{{"{column}":{raw}}}'.encode("utf-8", "surrogatepass")
    reply = ask(place, Request("POST", f"/rest/v1/things?select={column}", (JSON, FULL), body))
    return reply.status, reply.body


ACCEPTED = [
    ("flag", "true", "true"),
    ("flag", '"no"', "false"),
    ("small", "-32768", "-32768"),
    ("big", "9007199254740993", "9007199254740993"),
    ("big", "-9223372036854775808", "-9223372036854775808"),
    ("big", '"9223372036854775807"', "9223372036854775807"),
    ("money", "1.1", "1.10"),
    ("money", "0.005", "0.01"),
    ("money", "-1.005", "-1.01"),
    ("money", "99999999.99", "99999999.99"),
    ("money", "1e2", "100.00"),
    ("exact", "1.10", "1.10"),
    ("exact", "12345678901234567890123.123456789", "12345678901234567890123.123456789"),
    ("exact", "1e-20", "0.00000000000000000001"),
    ("exact", "-0.0", "0.0"),
    ("exact", '"1.50"', "1.50"),
    ("plain", "0.0005", "0.001"),
    ("plain", "123456789.123", "123456789.123"),
    ("wide", "0.1", "0.1"),
    ("wide", "0.30000000000000004", "0.30000000000000004"),
    ("wide", "0.7999999999999999", "0.7999999999999999"),
    ("wide", "1e300", "1e+300"),
    ("wide", "1e15", "1e+15"),
    ("wide", "100000000000000", "100000000000000"),
    ("wide", "0.00001", "1e-05"),
    ("wide", "3.0", "3"),
    ("wide", "-0.0", "0"),
    ("wide", '"-Infinity"', '"-Infinity"'),
    ("narrow", "16777217", "16777216"),
    ("narrow", "0.1", "0.1"),
    ("said", '""', '""'),
    ("said", r'"\u0001\u001f\t\n\r\b\f\"\\\/"', r'"\u0001\u001f\t\n\r\b\f\"\\/"'),
    ("said", r'"\ud83d\ude00"', '"😀"'),
    ("said", "1.50", '"1.50"'),
    ("said", '{"a":[1]}', r'"{\"a\":[1]}"'),
    ("short", '"abcde   "', '"abcde"'),
    ("at", '"2024-01-02T03:04:05.120+02:00"', '"2024-01-02T01:04:05.12+00:00"'),
    ("at", '"2024-01-02 03:04:05"', '"2024-01-02T03:04:05+00:00"'),
    ("at", '"2024-01-02T03:00:00.000001Z"', '"2024-01-02T03:00:00.000001+00:00"'),
    ("zoned", '"2024-01-02T03:00:00-01:00"', '"2024-01-02T04:00:00+00:00"'),
    ("local", '"2024-01-02T03:04:05.120+02:00"', '"2024-01-02T03:04:05.12"'),
    ("local", '"2024-01-02"', '"2024-01-02T00:00:00"'),
    ("day", '"2024-02-29"', '"2024-02-29"'),
    ("hour", '"10:00"', '"10:00:00"'),
    ("hour", '"10:20:30.120000"', '"10:20:30.12"'),
    ("span", '"1 day 00:00:01.50"', '"1 day 00:00:01.5"'),
    ("span", '"2 days"', '"2 days"'),
    ("span", '"-01:00"', '"-1 days +23:00:00"'),
    ("span", '"00:00"', '"00:00:00"'),
    ("uid", '"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
    ("their_uid", '"a0eebc999c0b4ef8bb6d6bb9bd380a11"', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
    ("raw", r'"\\xDEADbeef"', r'"\\xdeadbeef"'),
    ("raw", '"hello"', r'"\\x68656c6c6f"'),
    ("raw", '""', r'"\\x"'),
    ("doc", '{"a":[1,2.50,null,"x",true],"b":{}}', '{"a":[1,2.50,null,"x",true],"b":{}}'),
    ("doc", "[]", "[]"),
    ("doc", '{"n":12345678901234567890}', '{"n":12345678901234567890}'),
    ("doc", r'{"a\\u0000":"\\\\u0000"}', r'{"a\\u0000":"\\\\u0000"}'),
    ("their_doc", '"null"', '"null"'),
    ("colour", '"red"', '"red"'),
    ("word", '"b"', '"b"'),
]
REFUSED = [
    ("flag", "2", "22P02"),
    ("small", "32768", "22003"),
    ("whole", "2147483648", "22003"),
    ("whole", "1.0", "22P02"),
    ("whole", '""', "22P02"),
    ("big", "9223372036854775808", "22003"),
    ("big", "12345678901234567890123", "22003"),
    ("money", "100000000", "22003"),
    ("money", "1e400", "22003"),
    ("exact", '"NaN"', "22003"),
    ("wide", "1e400", "22003"),
    ("wide", '"NaN"', "22003"),
    ("narrow", "1e39", "22003"),
    ("said", r'"\ud800"', "PGRST102"),
    ("said", '"\ud800"', "PGRST102"),
    ("said", r'"\u0000"', "22P05"),
    ("doc", r'{"a":["x\u0000"]}', "22P05"),
    ("doc", r'{"a\\\u0000":1}', "22P05"),
    ("their_doc", r'"\u0000"', "22P05"),
    ("short", '"abcdef"', "22001"),
    ("at", '"2024-13-01"', "22008"),
    ("at", '"0001-01-01T00:00:00+05:00"', "22008"),
    ("at", "1", "22007"),
    ("hour", '"25:00"', "22008"),
    ("span", '"soon"', "22007"),
    ("uid", '"x"', "22P02"),
    ("raw", r'"\\xzz"', "22P02"),
    ("colour", '"green"', "22P02"),
    ("word", '"c"', "22P02"),
]


@pytest.mark.parametrize(("column", "raw", "shown"), ACCEPTED)
def test_a_value_is_shown_as_postgresql_shows_it(place: Place, column: str, raw: str, shown: str) -> None:
    assert stored(place, column, raw) == (201, f'[{{"{column}":{shown}}}]'.encode())


@pytest.mark.parametrize("column", [column.name for column in Thing.__table__.columns if column.name != "id"])
def test_null_is_null(place: Place, column: str) -> None:
    assert stored(place, column, "null") == (201, f'[{{"{column}":null}}]'.encode())
    last = "things?select=id&order=id.desc&limit=1"
    (number,) = [row["id"] for row in ask(place, get(f"/rest/v1/{last}")).json()]
    assert ask(place, get(f"/rest/v1/things?select=id&{column}=is.null&id=eq.{number}")).json() == [{"id": number}]
    assert place.sql(f"select {column} is null from things where id = ?", number) == [(1,)]


@pytest.mark.parametrize("index", [2**31 - 1, 2**31, -(2**31) - 1, 99_999_999_999])
def test_no_list_has_a_member_so_far_behind(place: Place, index: int) -> None:
    assert stored(place, "doc", "[1,2]")[0] == 201
    reply = ask(place, get(f"/rest/v1/things?select=found:doc->{index}&doc->>1=eq.2"))
    assert reply.status == 200, reply.body
    assert {row["found"] for row in reply.json()} == {None}
    assert ask(place, get(f"/rest/v1/things?select=id&doc->>{index}=eq.1")).json() == []


@pytest.mark.parametrize(("column", "raw", "code"), REFUSED)
def test_a_value_that_is_none_is_refused(place: Place, column: str, raw: str, code: str) -> None:
    before = place.sql("select count(*) from things")
    status, body = stored(place, column, raw)
    assert (status, json.loads(body)["code"]) == (400, code)
    assert place.sql("select count(*) from things") == before


# ---------------------------------------------------------------- there and back

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
MOMENTS = st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))  # noqa: DTZ001 # Hypothesis wants these


def shortened(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def local(value: datetime) -> str:
    return shortened(value.isoformat())


ROWS = st.fixed_dictionaries(
    {},
    optional={
        "flag": st.booleans(),
        "small": st.integers(-(2**15), 2**15 - 1),
        "whole": st.integers(-(2**31), 2**31 - 1),
        "big": st.integers(-(2**63), 2**63 - 1),
        "money": st.integers(-(10**10) + 1, 10**10 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
        "exact": st.decimals(allow_nan=False, allow_infinity=False).filter(lambda each: abs(each.adjusted()) < 200),
        "wide": st.floats(allow_nan=False, allow_infinity=False),
        "said": TEXTS,
        "at": MOMENTS.map(lambda each: local(each) + "+00:00"),
        "local": MOMENTS.map(local),
        "day": st.dates().map(str),
        "hour": st.times().map(lambda each: shortened(each.isoformat())),
        "uid": st.uuids().map(str),
        "their_uid": st.uuids().map(str),
        "raw": st.binary(max_size=20).map(lambda each: "\\x" + each.hex()),
        "doc": st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS, max_size=3),
        "colour": st.sampled_from(["red", "blue"]),
    },
)


def dumped(row: dict[str, Any]) -> str:
    """JSON with decimals as numbers of all their digits."""
    members = (
        f"{json.dumps(name)}:{format(v, 'f') if isinstance(v, Decimal) else json.dumps(v)}" for name, v in row.items()
    )
    return "{" + ",".join(members) + "}"


def test_a_number_without_end_stands_bare_in_csv(place: Place) -> None:
    csv_ = ("accept", "text/csv")
    for column in ("wide", "narrow"):
        assert stored(place, column, '"-Infinity"')[0] == 201
        for shown in (f"{column}::numeric", f"{column}::numeric.min()", f"{column}::text"):
            reply = ask(place, get(f"/rest/v1/things?select={shown}&{column}=eq.-Infinity&limit=1", csv_))
            assert (reply.status, reply.body.split(b"\n")[1]) == (200, b"-Infinity"), shown


@pytest.mark.parametrize("column", ["their_doc", "doc"])
def test_json_without_nulls(place: Place, column: str) -> None:
    stripped = ("accept", "application/vnd.pgrst.array+json;nulls=stripped")
    sent = b'{"%s":{"a":null,"b":[null,{"c":null,"d":1.50}],"e":{"f":null}}}' % column.encode()
    target = f"/rest/v1/things?select={column},twin:{column}::jsonb,flag"
    reply = ask(place, Request("POST", target, (JSON, FULL, stripped), sent))
    kept = b'{"b":[null,{"d":1.50}],"e":{}}'
    assert (reply.status, reply.body) == (201, b'[{"%s":%s,"twin":%s}]' % (column.encode(), kept, kept))


@pytest.mark.parametrize("column", ["their_doc", "doc"])
def test_json_is_no_key_to_meet_a_row_by(place: Place, column: str) -> None:
    merge = ("prefer", "resolution=merge-duplicates")
    reply = ask(place, Request("POST", f"/rest/v1/things?on_conflict={column}", (JSON, merge), b'{"flag":true}'))
    assert (reply.status, reply.code) == (400, "42P10")
    body = b'{"%s":{}}' % column.encode()
    reply = ask(place, Request("POST", f"/rest/v1/things?on_conflict={column}", (JSON, merge), body))
    assert (reply.status, reply.code) == (400, "42P10")


@settings(max_examples=60, deadline=None)
@given(row=ROWS)
def test_a_row_comes_back_as_it_was_sent(place: Place, row: dict[str, Any]) -> None:
    columns = ",".join(row)
    request = Request("POST", f"/rest/v1/things?select={columns or 'id'}", (JSON, FULL), dumped(row).encode())
    reply = ask(place, request)
    assert reply.status == 201, reply.body
    found = json.loads(reply.body, parse_float=Decimal)[0]
    for name, value in row.items():
        if name == "wide":
            assert float(found[name]) == value
        else:
            assert found[name] == value, name


@settings(max_examples=40, deadline=None)
@given(row=ROWS.filter(lambda row: not {"doc"} & row.keys() and len(row) > 1))
def test_a_row_comes_back_through_csv(place: Place, row: dict[str, Any]) -> None:
    """What CSV says of a row, CSV takes back; a null is the empty field one way and NULL the other."""
    names = list(row)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerow(
        [
            "NULL" if row[name] == "NULL" else format(v, "f") if isinstance(v := row[name], Decimal) else v
            for name in names
        ]
    )
    target = f"/rest/v1/things?select={','.join(names)}"
    sent = Request("POST", target, (("content-type", "text/csv"), FULL), text.getvalue().encode())
    reply = ask(place, sent)
    assert reply.status == 201, reply.body
    found = json.loads(reply.body, parse_float=Decimal)[0]
    for name, value in row.items():
        if value == "NULL":
            assert found[name] is None
        else:
            assert (float(found[name]) if name == "wide" else found[name]) == value, name
    number = place.sql("select max(id) from things")[0][0]
    shown = ask(place, Request("GET", f"{target}&id=eq.{number}", (("accept", "text/csv"),)))
    header, line = csv.reader(io.StringIO(shown.body.decode(), newline=""), strict=True)
    assert header == names
    for name, field in zip(names, line, strict=True):
        value = found[name]
        if name == "said" and value is not None:
            field = field.replace("\\\\", "\\")
        told = {True: "t", False: "f", None: ""}.get(value) if value is None or isinstance(value, bool) else None
        if told is not None:
            assert field == told
        elif isinstance(value, (int, float, Decimal)):
            assert Decimal(field) == Decimal(str(value)), name
        elif name == "raw":
            assert field.replace("\\\\", "\\") == value
        else:
            assert field == value, name


# ---------------------------------------------------------------- filters and order


@pytest.fixture(scope="module")
def ordered(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    """Three rows, each column of which grows from one to the next, and one of nulls."""
    grows: dict[str, list[Any]] = {
        "flag": [False, True, True],
        "small": [-5, 9, 10],
        "big": [-(2**63), 2**53, 2**53 + 1],
        "money": [-1.5, 9, 10.25],
        "exact": [-1.5, 9, Decimal("10.000000000000000000001")],
        "plain": [-1.5, 9, 10.125],
        "wide": [-1e300, 0.1, 1e300],
        "said": ["", "a", "b"],
        "at": ["2023-12-31T23:59:59.9+00:00", "2024-01-01T00:00:00+00:00", "2024-01-01T00:00:00.000001+00:00"],
        "local": ["1999-01-01T00:00:00", "2024-01-01T00:00:00", "2024-01-01T00:00:00.5"],
        "day": ["0999-01-01", "2024-01-01", "2024-01-02"],
        "hour": ["00:00:00", "10:00:00", "10:00:00.5"],
        "span": ["-1 days +23:00:00", "00:00:01", "1 day"],
        "uid": [str(UUID(int=1)), str(UUID(int=2**64)), str(UUID(int=2**127))],
        "their_uid": [str(UUID(int=1)), str(UUID(int=2**64)), str(UUID(int=2**127))],
        "raw": ["\\x", "\\x00", "\\xff"],
        "colour": ["blue", "red", "red"],
    }
    with Place(App(Base), tmp_path_factory.mktemp("ordered"), server=server) as place:
        rows = [dumped({"id": i + 1, **{name: values[i] for name, values in grows.items()}}) for i in range(3)]
        body = "[" + ",".join(rows) + "]"
        assert ask(place, Request("POST", "/rest/v1/things", (JSON,), body.encode())).status == 201
        assert ask(place, send("POST", "/rest/v1/things", {"id": 4})).status == 201
        place.grows = grows  # type: ignore[attr-defined]  # for the tests below
        yield place


def ids(place: Place, query: str) -> list[int]:
    reply = ask(place, get(f"/rest/v1/things?select=id&{query}"))
    assert reply.status == 200, (query, reply.body)
    return [row["id"] for row in reply.json()]


COLUMNS = [
    "flag", "small", "big", "money", "exact", "plain", "wide", "said", "at", "local", "day", "hour", "span", "uid",
    "their_uid", "raw", "colour",
]  # fmt: skip


@pytest.mark.parametrize("column", COLUMNS)
def test_every_comparison_on_every_type(ordered: Place, column: str) -> None:
    values = ordered.grows[column]  # type: ignore[attr-defined]  # set above
    same = 2 if column in ("flag", "colour") else 1
    middle = escaped(str(values[1]).lower() if column == "flag" else str(values[1]))
    equal = [2, 3][:same]
    others = [each for each in (1, 2, 3) if each not in equal]
    assert ids(ordered, f"{column}=eq.{middle}&order=id") == equal
    assert ids(ordered, f"{column}=neq.{middle}&order=id") == others
    assert ids(ordered, f"{column}=not.eq.{middle}&order=id") == others
    assert ids(ordered, f"{column}=isdistinct.{middle}&order=id") == [*others, 4]
    assert ids(ordered, f"{column}=gt.{middle}&order=id") == [3][: 2 - same]
    assert ids(ordered, f"{column}=gte.{middle}&order=id") == [2, 3]
    assert ids(ordered, f"{column}=lt.{middle}&order=id") == [1]
    assert ids(ordered, f"{column}=lte.{middle}&order=id") == [1, *equal]
    if column != "raw":
        both = f'"{escaped(str(values[0]).lower() if column == "flag" else str(values[0]))}","{middle}"'
        assert ids(ordered, f"{column}=in.({both})&order=id") == [1, *equal]
        assert ids(ordered, f"{column}=not.in.({both})&order=id") == [each for each in (2, 3) if each not in equal]
        assert ids(ordered, f"{column}=eq(any).%7B{both}%7D&order=id") == [1, *equal]
        assert ids(ordered, f"{column}=gt(all).%7B{both}%7D&order=id") == [3][: 2 - same]


@pytest.mark.parametrize("column", COLUMNS)
def test_every_type_in_order(ordered: Place, column: str) -> None:
    if column == "raw":
        assert ids(ordered, "order=raw.nullsfirst") == [4, 1, 2, 3]
    assert ids(ordered, f"order={column},id") == [1, 2, 3, 4]
    assert ids(ordered, f"order={column}.desc.nullslast,id.desc") == [3, 2, 1, 4]


def test_a_filter_is_not_rounded_to_the_columns_digits(ordered: Place) -> None:
    assert ids(ordered, "money=eq.9.004") == []
    assert ids(ordered, "money=gt.9.004") == [3]
    assert ids(ordered, "money=lt.9.004&order=id") == [1, 2]
    assert ids(ordered, "exact=eq.9.00") == [2]
    assert ids(ordered, "exact=lt.10.000000000000000000001&order=id") == [1, 2]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("colour=eq.green", "22P02"),
        ("word=in.(a,c)", "22P02"),
        ("at=gt.never", "22007"),
        ("day=eq.2023-02-29", "22008"),
        ("big=eq.9223372036854775808", "22003"),
        ("wide=eq.NaN", "22003"),
        ("flag=is.maybe", "PGRST100"),
        ("small=is.true", "42804"),
        ("raw=in.(\\xz)", "22P02"),
    ],
)
def test_a_filter_of_another_type_is_refused(ordered: Place, query: str, code: str) -> None:
    reply = ask(ordered, get(f"/rest/v1/things?{query}"))
    assert (reply.status, reply.code) == (400, code), reply.body


def test_aggregates_of_decimals_are_exact(tmp_path: Path) -> None:
    with Place(App(Base), tmp_path, UNDERCROFT_API_AGGREGATES="true") as place:
        rows = [
            {"id": i, "money": m, "plain": m, "exact": e}
            for i, m, e in ((1, "0.1", "9"), (2, "0.2", "10"), (3, "0.3", "9.0"))
        ]
        assert ask(place, send("POST", "/rest/v1/things", rows)).status == 201
        found = ask(
            place, get("/rest/v1/things?select=a:money.sum(),b:plain.sum(),c:exact.sum(),d:exact.max(),e:exact.min()")
        )
        assert found.body == b'[{"a":0.60,"b":0.600,"c":28.0,"d":10,"e":9}]'
        grouped = ask(place, get("/rest/v1/things?select=exact,count()&order=exact"))
        assert [row["count"] for row in grouped.json()] == [2, 1]


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize("name", KEYS)
def test_upserts_meet_their_row_by_a_key_of_every_type(place: Place, name: str) -> None:
    keys = KEYS[name][1]
    target = f"/rest/v1/by_{name}"
    both = ("prefer", "return=representation,resolution=merge-duplicates")

    def upsert(value: str, *chosen: Any) -> Reply:
        body = "[" + ",".join(dumped({"k": key, "v": value}) for key in chosen) + "]"
        return ask(place, Request("POST", target, (JSON, both), body.encode()))

    assert upsert("one", *keys).status == 201
    again = upsert("two", *keys)
    assert again.status == 200, again.body
    found = json.loads(again.body, parse_float=Decimal)
    assert [(row["k"], row["v"]) for row in found] == [(key, "two") for key in keys]
    text = {True: "true", False: "false"}.get(keys[0], str(keys[0])) if isinstance(keys[0], bool) else str(keys[0])
    put = Request("PUT", f"{target}?k=eq.{escaped(text)}", (JSON, FULL), dumped({"k": keys[0], "v": "three"}).encode())
    assert ask(place, put).status == 200
    assert ask(place, get(f"{target}?k=eq.{escaped(text)}")).json()[0]["v"] == "three"
    assert len(ask(place, get(target)).json()) == len(keys)
    assert ask(place, Request("DELETE", f"{target}?k=eq.{escaped(text)}")).status == 204
    assert len(ask(place, get(target)).json()) == len(keys) - 1
