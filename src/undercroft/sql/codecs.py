"""A caller's texts and JSON values as Python values of a column's kind, with PostgreSQL's refusals.

Three doors: `from_text` for URLs and CSV, `from_json` for bodies, `from_claim` for tokens.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import msgspec

from undercroft.catalog.kinds import INTEGERS, TEXTS, Kind
from undercroft.sql.errors import ValueFault, invalid_text, out_of_range

_RANGES = {Kind.SMALLINT: 1 << 15, Kind.INTEGER: 1 << 31, Kind.BIGINT: 1 << 63}
_TRUE = {"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"}
_FALSE = {"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"}
_MAX_DIGITS = 1000
"""More digits than any number needs; int() and Decimal() of very long texts take quadratic time."""

json_encoder = msgspec.json.Encoder(decimal_format="number")


def from_text(kind: Kind) -> Callable[[str], Any]:
    """A reader of texts for a kind. It raises `ValueFault`: 22P02, 22003, or 22007 for dates."""
    return _TEXT_READERS.get(kind, _as_is)


def from_json(kind: Kind) -> Callable[[Any], Any]:
    """A reader of decoded JSON for a kind: None stays None, and scalars are taken as PostgreSQL casts them."""
    if kind in (Kind.JSON, Kind.JSONB):
        return lambda value: value
    if kind is Kind.OTHER:
        return _other_from_json
    read = from_text(kind)
    if kind in INTEGERS:
        limit = _RANGES[kind]
        name = kind.value

        def read_integer(value: Any) -> Any:
            if type(value) is int:
                if -limit <= value < limit:
                    return value
                raise out_of_range(name, _short(value))
            return None if value is None else read(_scalar_text(value))

        return read_integer
    if kind in TEXTS:
        return lambda value: read_text(value) if type(value) is str else None if value is None else _scalar_text(value)
    if kind is Kind.BOOLEAN:
        return lambda value: value if value is None or value is True or value is False else read(_scalar_text(value))
    return lambda value: None if value is None else read(_scalar_text(value))


def from_claim(kind: Kind, *, many: bool = False) -> Callable[[Any], Any]:
    """A reader of claims: lists only where a list is meant, scalars only elsewhere; anything else is None."""
    if many:
        return lambda value: json_encoder.encode(value).decode() if isinstance(value, list) else None
    read = from_json(kind)
    if kind in (Kind.JSON, Kind.JSONB):
        return read
    return lambda value: None if isinstance(value, (list, dict)) else read(value)


def _other_from_json(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        return json_encoder.encode(value).decode()
    return float(value) if isinstance(value, Decimal) else value


def _scalar_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json_encoder.encode(value).decode()
    return _short(value)


def _short(value: Any) -> str:
    """Python refuses to print integers of thousands of digits; nobody needs to read them."""
    try:
        return str(value)
    except ValueError:
        return "a very long number"


def _as_is(text: str) -> str:
    return read_text(text)


def read_text(text: str) -> str:
    """PostgreSQL has no text with NUL in it, and neither have we."""
    if "\0" in text:
        raise ValueFault(
            "unsupported Unicode escape sequence", code="22P05", details="\\u0000 cannot be converted to text."
        )
    return text


def _reader_of_integers(kind: Kind) -> Callable[[str], int]:
    limit, name = _RANGES[kind], kind.value

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
    return value


def _reader_of_floats(kind: Kind) -> Callable[[str], float]:
    def read(text: str) -> float:
        if "_" in text:
            raise invalid_text(kind.value, text)
        try:
            return float(text)
        except ValueError:
            raise invalid_text(kind.value, text[:100]) from None

    return read


def _read_boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise invalid_text("boolean", text)


def _read_uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise invalid_text("uuid", text) from None


def _reader_of_times(parse: Callable[[str], Any], name: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return parse(text.strip())
        except ValueError:
            raise ValueFault(f'invalid input syntax for type {name}: "{text}"', code="22007") from None

    return read


def _parse_date(text: str) -> date:
    return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text).date()


def _parse_instant(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _parse_local(text: str) -> datetime:
    # PostgreSQL ignores a zone that is given for a timestamp without one.
    return datetime.fromisoformat(text).replace(tzinfo=None)


def _parse_interval(text: str) -> timedelta:
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def _read_bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text[2:]) if text.startswith("\\x") else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise ValueFault(
            f'invalid input syntax for type bytea: "{text[:100]}"',
            hint="Give bytes as \\x and hex digits, or as base64.",
        ) from None


def _read_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueFault("invalid input syntax for type json", details=f'Token "{text[:100]}" is invalid.') from None


_TEXT_READERS: dict[Kind, Callable[[str], Any]] = {
    **{kind: _reader_of_integers(kind) for kind in _RANGES},
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
