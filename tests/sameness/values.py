"""What may be asked for and written, kind by kind: as texts of a URL, and as values of a body."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

from tests.sameness.market import BEA_ID, CARL_ID, TABLES
from undercroft.base.faults import Fault
from undercroft.catalog.kinds import JSONS, Kind, kind_of
from undercroft.sql.codecs import from_json, from_text

Kinds = Enum(
    "Kinds", ["flag", "number", "decimal", "float", "text", "user", "uuid", "moment", "day", "hour", "span", "bytes", "json", "colour", "word"]
)  # fmt: skip
"""Kinds of values, by what they are asked with."""
_OF: dict[Kind, Kinds] = {
    Kind.BOOLEAN: Kinds.flag, Kind.SMALLINT: Kinds.number, Kind.INTEGER: Kinds.number, Kind.BIGINT: Kinds.number, Kind.NUMERIC: Kinds.decimal,
    Kind.REAL: Kinds.float, Kind.DOUBLE: Kinds.float, Kind.UUID: Kinds.uuid, Kind.DATE: Kinds.day, Kind.TIME: Kinds.hour,
    Kind.TIMESTAMP: Kinds.moment, Kind.TIMESTAMPTZ: Kinds.moment, Kind.INTERVAL: Kinds.span, Kind.BYTES: Kinds.bytes,
}  # fmt: skip


@cache
def kinds_of(table: str) -> dict[str, Kinds]:
    """The columns of a table, with what each is asked with."""
    return {} if table not in TABLES else {column.name: _kind(column) for column in TABLES[table].__table__.columns}


def _kind(column: Any) -> Kinds:
    if column.name in ("colour", "word"):
        return Kinds[column.name]
    if column.name in ("owner_id", "author_id"):
        return Kinds.user
    kind = kind_of(column.type)
    return Kinds.json if kind in JSONS else _OF.get(kind, Kinds.text)


PATHS: dict[str, Sequence[str]] = {
    "doc": ("->a", "->>a", "->k", "->>k", "->list", "->>list", "->list->0", "->list->>-1", "->deep->x->0->>y", "->>nope", "->é", "->0", "->>0", "->list->>5"),
    "their_doc": ("->0", "->>0", "->>1", "->-1", "->a", "->a->>0", "->0->>a"),
    "tags": ("->0", "->>0", "->>-1", "->5"),
    "meta": ("->a", "->>a"),
}  # fmt: skip
TEXT_VALUES: dict[Kinds, Sequence[str]] = {
    Kinds.flag: ("true", "false", "t", "off", "1", "0", "yes", "x", ""),
    Kinds.number: ("0", "1", "2", "3", "7", "10", "42", "-1", "9007199254740993", "1.0", "x", "", " 5 ", "+3", "99999999999999999999", "2147483647", "1e2", "0x1"),
    Kinds.decimal: ("0", "9", "9.99", "10", "10.00", "-1.5", "1e1", "12345678901234567890.123", "9.9900000001", "0.00000000001", "NaN", "x", "1.125", "Infinity", ".5", "1e400"),
    Kinds.float: ("0", "0.1", "3", "-1e300", "1e300", "1e-5", "16777216", "3.4e38", "-2.5", "NaN", "Infinity", "-Infinity", "x", "0.10000000149011612", "1e400"),
    Kinds.text: ("hello", "Hello World", "", "abc", "ABC", "é", "a,b", 'a "quoted", \\ one', "h", "zoë\nÅngström\t%_*", "Z", "a", "null", "NULL", "at", "Ö", "1", "x"),
    Kinds.user: (BEA_ID, CARL_ID, BEA_ID.upper(), "x"),
    Kinds.uuid: ("00000000-0000-0000-0000-000000000005", "00000010000000000000000000000005", "7fffffff-ffff-ffff-ffff-ffffffffffff", BEA_ID, "x", "{00000000-0000-0000-0000-000000000005}"),
    Kinds.moment: ("2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05", "2024-01-02", "2024-01-02 04:04:05+01", "1969-12-31T23:59:59.5Z", "2024-13-01", "never", "9999-12-31T23:59:59Z", "0001-01-02T00:00:00Z", "infinity", "now", "2024-07-01T10:00:00Z", "2024-01-02T03:04:05.9999999"),
    Kinds.day: ("2024-02-29", "0001-01-01", "9999-12-31", "1969-12-31", "2023-02-29", "x", "2026-01-01", "20260101", "2024-03-01T12:00:00"),
    Kinds.hour: ("00:00:00", "10:20", "10:20:30.5", "23:59:59.999999", "25:00", "x", "24:00", "10:20:30+02"),
    Kinds.span: ("1 day", "24:00:00", "-01:00", "00:00:01.5", "100 days 01:02:03", "x", "1 month", "P1D", "00:00"),
    Kinds.bytes: ("\\x", "\\x00ff", "hello", "\\xdeadbeef", "\\xzz", "\\x68656C6C6F", "\\134", "\\"),
    Kinds.json: ("1", '"v"', "null", '{"a":1}', '{"a": 1}', "[]", "[1,2,3]", '["x"]', "x", "true", '{"k":"v"}', "1.0", '"text"', "{}", "12.0"),
    Kinds.colour: ("red", "green", "blue", "r", "nope", ""),
    Kinds.word: ("a", "b", "c", ""),
}  # fmt: skip
BODY_VALUES: dict[Kinds, Sequence[Any]] = {
    Kinds.flag: (True, False, None, "yes", "x", 1, 0, 2),
    Kinds.number: (0, 1, 7, -5, 2**31, 2**63, -(2**63), None, "12", "x", 1.5, True, 32767, 32768, {}, [1], ""),
    Kinds.decimal: (0, 1, Decimal("9.99"), Decimal("1.005"), "2.50", None, "x", Decimal("1e5"), Decimal("12345678901234567890.5"), 99999999.994, 99999999.995, -0.001, True, "NaN", Decimal("1.500")),
    Kinds.float: (0, 1, 0.1, 1e300, -1e-300, "2.5", None, "x", 1e15, 123456789012345680, 0.1 + 0.2, "Infinity", "NaN", -0.0, 3.5e38, 1e-40),
    Kinds.text: ("", "x", "é", 'q"\\', None, 5, 1.50, True, {"a": [1]}, "tab\there", "\x01", "too long for five", "abcde   ", "\u0000", "😀", [1, "x"]),
    Kinds.user: (BEA_ID, CARL_ID, None),
    Kinds.uuid: (BEA_ID, BEA_ID.upper(), "0000000a00004000800000000000000a", None, "x", 1),
    Kinds.moment: ("2024-01-02T03:04:05+02:00", "2024-01-02 03:04:05.120", "2024-02-30", None, "x", 5, "2024-01-02", "0001-01-01T00:00:00+05:00", "2024-01-02T03:04:05.1234567Z", "infinity", "2024-01-02T24:00:00Z"),
    Kinds.day: ("2024-02-29", "2023-02-29", None, "x", "0001-01-01", "2024-02-29T10:00:00", 20240101, "2026-01-01", "2026-01-03"),
    Kinds.hour: ("10:00", "10:20:30.120000", "25:00", None, "x", "24:00:00", "10:20:30.1234567"),
    Kinds.span: ("1 day 00:00:01.50", "-01:00", "2 days", None, "soon", 5, "1 month", "00:00"),
    Kinds.bytes: ("\\xDEADbeef", "hello", "", None, "\\xzz", "é", 5, "\\134a"),
    Kinds.json: ({"a": [1, Decimal("2.50"), None, "x", True]}, [], {}, None, "null", "text", 1, 7, True, {"a": {"b": {"c": []}}}, ["y"], {"z": 1, "a": 2}, {"é": "\u2028"}, 1e300),
    Kinds.colour: ("red", "blue", None, "nope", "r", 1),
    Kinds.word: ("a", "b", None, "c", True),
}  # fmt: skip


def _is_read(kind: Kinds, value: Any, read: Any) -> bool:
    """Whether a value is one of its kind."""
    if kind in (Kinds.colour, Kinds.word):
        return value in (None, "red", "green", "blue", "a", "b")
    known = next((each for each, of in _OF.items() if of is kind), Kind.UUID if kind is Kinds.user else Kind.TEXT)
    try:
        read(Kind.JSON if kind is Kinds.json else Kind.INTEGER if kind is Kinds.number else known)(value)
    except Fault:
        return False
    return True


GOOD_TEXTS = {kind: [each for each in found if _is_read(kind, each, from_text)] for kind, found in TEXT_VALUES.items()}
GOOD_BODY_VALUES = {
    kind: [each for each in found if _is_read(kind, each, from_json)] for kind, found in BODY_VALUES.items()
}
"""Those that are of their kind."""
