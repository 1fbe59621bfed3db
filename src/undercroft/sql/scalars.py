"""Texts as Python values, one reader a kind, with PostgreSQL's spellings and refusals."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec

from undercroft.catalog.kinds import Kind
from undercroft.sql.errors import ValueFault, invalid_text, nul_in_text, out_of_range

RANGES = {Kind.SMALLINT: 1 << 15, Kind.INTEGER: 1 << 31, Kind.BIGINT: 1 << 63}
TRUE_WORDS = {"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"}
FALSE_WORDS = {"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"}
_MAX_DIGITS = 1000
"""More digits than any number needs; int() and Decimal() of very long texts take quadratic time."""

_MOST_DAYS = 700_000
"""Where an engine has no intervals SQLAlchemy keeps them as moments around 1970, and the years begin at 1."""

_FIELDS = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{1,2}.*)?|\d{1,2}:\d{1,2}(?::\d{1,2}.*)?", re.ASCII | re.DOTALL
)
"""What looks like a date or a time: where it is none, one of its fields is out of range."""
_UUID = re.compile(r"(\{)?(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}(?(1)\})", re.IGNORECASE | re.ASCII)
_ESCAPED_BYTE = re.compile(r"\\(\\|[0-3][0-7]{2}|)", re.ASCII)
_INTERVAL = re.compile(
    r"(?:(?P<days>[+-]?\d{1,9}) days?)? ?(?:(?P<sign>[+-]?)(?P<hours>\d{1,9}):(?P<minutes>[0-5]?\d)"
    r"(?::(?P<seconds>[0-5]?\d(?:\.\d{1,6})?))?)?",
    re.ASCII,
)


def read_text(text: str) -> str:
    """PostgreSQL has no text with NUL in it, and neither have we."""
    if "\0" in text:
        raise nul_in_text()
    return text


def _reader_of_integers(kind: Kind) -> Callable[[str], int]:
    limit, name = RANGES[kind], kind.value

    def read(text: str) -> int:
        bare = text.strip()
        if len(bare) > _MAX_DIGITS or not bare.lstrip("+-").isascii() or "_" in bare:
            raise invalid_text(name, text[:100])
        try:
            value = int(bare)
        except ValueError:
            raise invalid_text(name, text) from None
        if not -limit <= value < limit:
            raise out_of_range(name, text)
        return value

    return read


def _read_decimal(text: str) -> Decimal:
    if len(text) > _MAX_DIGITS or "_" in text:
        raise invalid_text("numeric", text[:100])
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise invalid_text("numeric", text) from None
    if not value.is_finite() or abs(value.adjusted()) > _MAX_DIGITS:
        raise out_of_range("numeric", text)
    return value or abs(value)  # there is no negative zero


def _reader_of_floats(kind: Kind) -> Callable[[str], float]:
    def read(text: str) -> float:
        if "_" in text:
            raise invalid_text(kind.value, text)
        try:
            value = float(text)
        except ValueError:
            raise invalid_text(kind.value, text[:100]) from None
        if kind is Kind.REAL and math.isfinite(value):
            value = _single_precision(value)
        if value != value or (math.isinf(value) and "inf" not in text.lower()):
            # SQLite would store NaN as NULL.
            raise out_of_range(kind.value, text[:100])
        return value or 0.0  # without a sign

    return read


def _single_precision(value: float) -> float:
    """The shortest decimal among those that four bytes keep as the same number, as PostgreSQL prints it."""
    try:
        kept = struct.pack("f", value)
    except OverflowError:
        return math.inf
    (value,) = struct.unpack("f", kept)
    return next(each for digits in range(1, 18) if struct.pack("f", each := float(f"{value:.{digits}g}")) == kept)


def _read_boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise invalid_text("boolean", text)


def _read_uuid(text: str) -> UUID:
    if not _UUID.fullmatch(text.strip()):
        raise invalid_text("uuid", text[:100])
    return UUID(text.strip())


def _reader_of_times(parse: Callable[[str], Any], name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return parse(text.strip())
        except OverflowError:
            raise _field_out_of_range(text) from None
        except ValueError:
            if _FIELDS.fullmatch(text.strip()):
                raise _field_out_of_range(text) from None
            raise ValueFault(f'invalid input syntax for type {name}: "{text[:100]}"', code="22007") from None

    return read


def _field_out_of_range(text: str) -> ValueFault:
    return ValueFault(f'date/time field value out of range: "{text[:100]}"', code="22008")


def _parse_date(text: str) -> date:
    return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text).date()


def _parse_instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _parse_local(text: str) -> datetime:
    # PostgreSQL ignores a zone that is given for a timestamp without one.
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _parse_interval(text: str) -> timedelta:
    found = _INTERVAL.fullmatch(text)
    if not text or found is None:
        raise ValueError(text)
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    span = timedelta(hours=hours, minutes=minutes, microseconds=int(Decimal(found["seconds"] or 0) * 1_000_000))
    whole = timedelta(days=int(found["days"] or 0)) + (-span if found["sign"] == "-" else span)
    if abs(whole.days) > _MOST_DAYS:
        raise OverflowError(text)
    return whole


def _read_bytes(text: str) -> bytes:
    """`\\x` and hex digits, or PostgreSQL's escape format: the text itself, with `\\\\` and octal `\\001`."""
    try:
        if text.startswith("\\x"):
            return bytes.fromhex(text[2:])
        return b"".join(_unescaped(text))
    except ValueError:
        raise ValueFault(
            f'invalid input syntax for type bytea: "{text[:100]}"', hint="Give bytes as \\x and hex digits."
        ) from None


def _unescaped(text: str) -> Iterator[bytes]:
    place = 0
    for found in _ESCAPED_BYTE.finditer(text):
        yield text[place : found.start()].encode()
        if not found[1]:
            raise ValueError(text)
        yield b"\\" if found[1] == "\\" else bytes([int(found[1], 8)])
        place = found.end()
    yield text[place:].encode()


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueFault("invalid input syntax for type json", details=f'Token "{text[:100]}" is invalid.') from None


TEXT_READERS: dict[Kind, Callable[[str], Any]] = {
    **{kind: _reader_of_integers(kind) for kind in RANGES},
    Kind.NUMERIC: _read_decimal,
    Kind.REAL: _reader_of_floats(Kind.REAL),
    Kind.DOUBLE: _reader_of_floats(Kind.DOUBLE),
    Kind.BOOLEAN: _read_boolean,
    Kind.UUID: _read_uuid,
    Kind.DATE: _reader_of_times(_parse_date, "date"),
    Kind.TIME: _reader_of_times(time.fromisoformat, "time"),
    Kind.TIMESTAMP: _reader_of_times(_parse_local, "timestamp"),
    Kind.TIMESTAMPTZ: _reader_of_times(_parse_instant, "timestamp with time zone"),
    Kind.INTERVAL: _reader_of_times(_parse_interval, "interval"),
    Kind.BYTES: _read_bytes,
    Kind.JSON: _read_json,
    Kind.JSONB: _read_json,
}
