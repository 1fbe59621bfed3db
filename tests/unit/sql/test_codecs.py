"""A caller's texts and JSON as values of each kind: what is taken, and PostgreSQL's refusal of the rest."""

from __future__ import annotations

import contextlib
import math
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercroft.catalog.kinds import Kind
from undercroft.sql.codecs import from_claim, from_json, from_text
from undercroft.sql.errors import ValueFault

U = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        *((Kind.BOOLEAN, text, True) for text in ("t", "TRUE", " yes ", "on", "1", "y")),
        *((Kind.BOOLEAN, text, False) for text in ("f", "False", "no", "off", "of", "0", "n")),
        (Kind.SMALLINT, "-32768", -32768),
        (Kind.INTEGER, " +7 ", 7),
        (Kind.BIGINT, "9223372036854775807", 2**63 - 1),
        (Kind.NUMERIC, "12345678901234567890.10", Decimal("12345678901234567890.10")),
        (Kind.NUMERIC, "1e3", Decimal("1E+3")),
        (Kind.DOUBLE, "1e300", 1e300),
        (Kind.DOUBLE, "-Infinity", -math.inf),
        (Kind.REAL, "16777217", 16777216.0),
        (Kind.REAL, "0.1", 0.1),
        (Kind.TEXT, "", ""),
        (Kind.UUID, str(U).upper(), U),
        (Kind.UUID, f"{{{U}}}", U),
        (Kind.UUID, U.hex, U),
        (Kind.DATE, "2024-02-29", date(2024, 2, 29)),
        (Kind.DATE, "2024-02-29T23:59:59", date(2024, 2, 29)),
        (Kind.TIME, "10:00", time(10)),
        (Kind.TIMESTAMP, "2024-01-02 03:04:05.12+02", datetime.fromisoformat("2024-01-02 03:04:05.120")),
        (Kind.TIMESTAMPTZ, "2024-01-02T03:04:05.12+02:00", datetime(2024, 1, 2, 1, 4, 5, 120_000, UTC)),
        (Kind.TIMESTAMPTZ, "2024-01-02 03:04:05", datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (Kind.INTERVAL, "1 day 02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        (Kind.INTERVAL, "-00:30:00", timedelta(minutes=-30)),
        (Kind.INTERVAL, "-2 days", timedelta(days=-2)),
        (Kind.BYTES, "\\xDEADbeef", b"\xde\xad\xbe\xef"),
        (Kind.BYTES, "é\\\\\\001", "é\\\x01".encode()),
        (Kind.BYTES, "", b""),
        (Kind.JSON, '{"a": [1, null]}', {"a": [1, None]}),
        (Kind.OTHER, "whatever", "whatever"),
    ],
)
def test_a_text_is_read(kind: Kind, text: str, value: object) -> None:
    found = from_text(kind)(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        *((Kind.BOOLEAN, text, "22P02") for text in ("", "o", "2", "maybe", "yess")),
        *((Kind.INTEGER, text, "22P02") for text in ("", "1.0", "1_0", "٣", "0x1", "1e2", "--1", "9" * 5000)),
        (Kind.SMALLINT, "32768", "22003"),
        (Kind.INTEGER, "-2147483649", "22003"),
        (Kind.BIGINT, "9223372036854775808", "22003"),
        *((Kind.NUMERIC, text, "22P02") for text in ("", "x", "1_0", "1,5", "9" * 5000)),
        *((Kind.NUMERIC, text, "22003") for text in ("NaN", "Infinity", "1e99999999")),
        *((Kind.DOUBLE, text, "22P02") for text in ("", "x", "1_0", "1,5")),
        *((Kind.DOUBLE, text, "22003") for text in ("1e400", "-1e400", "nan")),
        (Kind.REAL, "1e39", "22003"),
        *((Kind.UUID, text, "22P02") for text in ("", "x", f"urn:uuid:{U}", str(U) + "-", f"{{{U}", "-".join(str(U)))),
        *((Kind.DATE, text, "22008") for text in ("2023-02-29", "2024-13-01", "0000-01-01")),
        *((Kind.DATE, text, "22007") for text in ("", "tomorrow-ish", "29.2.2024")),
        (Kind.TIME, "25:00", "22008"),
        (Kind.TIMESTAMP, "2024-01-01 10:61", "22008"),
        (Kind.TIMESTAMPTZ, "0001-01-01T00:00:00+05:00", "22008"),
        (Kind.TIMESTAMPTZ, "9999-12-31T23:59:59-05:00", "22008"),
        (Kind.TIMESTAMPTZ, "soon", "22007"),
        *((Kind.INTERVAL, text, "22007") for text in ("", "nan:0:0", "1:1:inf", "one day", "99999999999999999999:0:0")),
        (Kind.INTERVAL, "900000000 days", "22008"),
        *((Kind.BYTES, text, "22P02") for text in ("\\xzz", "\\x1", "\\", "\\9", "\\08", "a\\q")),
        *((Kind.JSON, text, "22P02") for text in ("", "{", "{'a': 1}", "nul", "[" * 100_000)),
        *((kind, "a\0b", "22P05") for kind in (Kind.TEXT, Kind.VARCHAR, Kind.ENUM, Kind.OTHER)),
    ],
)
def test_a_text_is_refused_as_postgresql_does(kind: Kind, text: str, code: str) -> None:
    with pytest.raises(ValueFault) as raised:
        from_text(kind)(text)
    assert raised.value.code == code
    assert len(raised.value.message) < 300 or kind is Kind.INTEGER


@pytest.mark.parametrize("kind", list(Kind))
@settings(max_examples=40)
@given(text=st.text(max_size=30) | st.from_regex(r"\A[-+0-9:.eE {}xX\\TZ]{0,25}\Z"))
def test_whatever_the_text_a_value_or_a_fault_comes_out(kind: Kind, text: str) -> None:
    with contextlib.suppress(ValueFault):
        from_text(kind)(text)


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        *((kind, None, None) for kind in Kind),
        (Kind.BOOLEAN, True, True),
        (Kind.BOOLEAN, 1, True),
        (Kind.BOOLEAN, "no", False),
        (Kind.INTEGER, 5, 5),
        (Kind.INTEGER, "5", 5),
        (Kind.TEXT, 5, "5"),
        (Kind.TEXT, Decimal("1.50"), "1.50"),
        (Kind.TEXT, True, "true"),
        (Kind.TEXT, {"a": [1]}, '{"a":[1]}'),
        (Kind.NUMERIC, Decimal("1.10"), Decimal("1.10")),
        (Kind.NUMERIC, 12345678901234567890123, Decimal(12345678901234567890123)),
        (Kind.DOUBLE, Decimal("0.1"), 0.1),
        (Kind.DOUBLE, 3, 3.0),
        (Kind.JSON, {"a": Decimal("1.10")}, {"a": Decimal("1.10")}),
        (Kind.JSON, "text", "text"),
        (Kind.OTHER, [1], "[1]"),
        (Kind.OTHER, Decimal("1.5"), 1.5),
    ],
)
def test_json_is_read_as_postgresql_casts_it(kind: Kind, given_value: object, value: object) -> None:
    found = from_json(kind)(given_value)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "given_value", "code"),
    [
        (Kind.BOOLEAN, 2, "22P02"),
        (Kind.BOOLEAN, [True], "22P02"),
        (Kind.INTEGER, True, "22P02"),
        (Kind.INTEGER, Decimal("1.0"), "22P02"),
        (Kind.INTEGER, 2**31, "22003"),
        pytest.param(Kind.BIGINT, 10**5000, "22003", id="long"),
        (Kind.DATE, 5, "22007"),
        (Kind.UUID, {}, "22P02"),
        (Kind.TEXT, "\0", "22P05"),
    ],
)
def test_json_of_another_type_is_refused(kind: Kind, given_value: object, code: str) -> None:
    with pytest.raises(ValueFault) as raised:
        from_json(kind)(given_value)
    assert raised.value.code == code


def test_a_list_is_a_claim_only_where_a_list_is_meant() -> None:
    assert from_claim(Kind.TEXT)(["a"]) is None
    assert from_claim(Kind.INTEGER)({"a": 1}) is None
    assert from_claim(Kind.JSON)(["a"]) == ["a"]
    assert from_claim(Kind.UUID)(str(U)) == U


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_four_bytes_keep_what_was_read_and_no_digit_too_many(value: float) -> None:
    found: Any = from_text(Kind.REAL)(repr(value))
    assert struct.pack("f", found) == struct.pack("f", value or 0.0)  # zero without a sign
    assert len(f"{found!r}".partition("e")[0].replace("-", "").replace(".", "").strip("0")) <= 9


@given(st.timedeltas(min_value=timedelta(days=-600_000), max_value=timedelta(days=600_000)))
def test_intervals_come_back_from_postgresqls_spelling(value: timedelta) -> None:
    clock = str(timedelta(seconds=value.seconds, microseconds=value.microseconds))
    assert from_text(Kind.INTERVAL)(f"{value.days} days {clock}") == value
