"""A value on its way between engines: the text that PostgreSQL prints for it, at UTC and ISO.

`reader(field, dialect)` gives that text for what SQLite stores, `writer` what SQLite stores for that text; PostgreSQL
reads and prints it by itself. Both refuse, naming the value, what the other side could not hold: nothing is rounded or
cut on the way. `spelled` is the one spelling that checksums are made of, where two texts mean one value.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import FLOATS, INTEGERS, JSONS, Kind
from undercroft.engine.move.declared import Declared
from undercroft.sql.codecs import from_text

Read = Callable[[Any], str]
Write = Callable[[str], Any]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # intervals are stored as moments without a zone
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII)
_SPAN = re.compile(
    r"(?:(?P<days>-?\d+) days?)? ?(?:(?P<sign>[+-]?)(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d(?:\.\d{1,6})?))?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_DAY_MICROSECONDS = 86_400_000_000


class NoPlace(ValueError):
    """A value that the other side cannot hold; the text says why."""


# ---------------------------------------------------------------- what SQLite stores, as text


def reader(field_type: TypeEngine[Any], kind: Kind, dialect: Dialect) -> Read:
    """For a column on SQLite; not called with None. It raises `NoPlace`."""
    if kind is Kind.UUID:
        return _read_uuid
    if kind is Kind.NUMERIC:
        return _numeric_reader(field_type, dialect)
    if kind is Kind.REAL:
        return _read_single
    if kind in FLOATS:
        return _read_float
    if kind in INTEGERS:
        return _read_integer
    if kind in JSONS:
        return lambda raw: raw if type(raw) is str else _other(raw)
    if kind is Kind.INTERVAL:
        return _read_text if isinstance(_bare(field_type, dialect), Declared) else _read_interval
    return _READERS.get(kind, _read_text)


def _read_text(raw: Any) -> str:
    if type(raw) is str:
        if "\0" in raw:
            raise NoPlace("a text with a NUL character, which PostgreSQL does not store")
        return raw
    return _other(raw)


def _other(raw: Any) -> str:
    if isinstance(raw, bytes):
        raise NoPlace("bytes in a column of text")
    return repr(raw) if isinstance(raw, float) else str(raw)


def _read_integer(raw: Any) -> str:
    if type(raw) is int:
        return str(raw)
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 2**53:
        return str(int(raw))
    raise NoPlace(f"{raw!r:.60} in a column of integers")


def _read_boolean(raw: Any) -> str:
    if raw == 1:
        return "t"
    if raw == 0:
        return "f"
    raise NoPlace(f"{raw!r:.60} in a column of booleans")


def _read_float(raw: Any) -> str:
    if isinstance(raw, (int, float)):
        return repr(float(raw) + 0.0)
    raise NoPlace(f"{raw!r:.60} in a column of floats")


def _read_single(raw: Any) -> str:
    # PostgreSQL keeps four bytes of it, and prints the shortest decimal that means the same four.
    _read_float(raw)
    return _read_float(from_text(Kind.REAL)(repr(float(raw))))


def _read_bytes(raw: Any) -> str:
    return "\\x" + (raw.encode() if isinstance(raw, str) else raw).hex()


def _read_uuid(raw: Any) -> str:
    try:
        return str(from_text(Kind.UUID)(str(raw)))
    except Fault:
        raise NoPlace(f"{raw!r:.60} in a column of UUIDs") from None


def _read_moment(raw: Any) -> str:
    return _moment(raw)[0]


def _read_instant(raw: Any) -> str:
    text, value = _moment(raw)
    if value is not None and value.tzinfo is not None:
        at_utc = (value - (value.utcoffset() or timedelta())).replace(tzinfo=None)
        text = _trimmed(at_utc.isoformat(" "))
    return text + "+00"


def _moment(raw: Any) -> tuple[str, datetime | None]:
    if isinstance(raw, str):
        if _MOMENT.fullmatch(raw):
            return _trimmed(raw), None
        try:
            value = datetime.fromisoformat(raw)
        except ValueError:
            pass
        else:
            return _trimmed(value.replace(tzinfo=None).isoformat(" ")), value
    raise NoPlace(f"{raw!r:.60} in a column of moments")


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read_day(raw: Any) -> str:
    try:
        return date.fromisoformat(raw[:10]).isoformat()
    except (TypeError, ValueError):
        raise NoPlace(f"{raw!r:.60} in a column of dates") from None


def _read_time(raw: Any) -> str:
    if isinstance(raw, str) and _TIME.fullmatch(raw):
        return _trimmed(raw)
    raise NoPlace(f"{raw!r:.60} in a column of times")


def _read_interval(raw: Any) -> str:
    try:
        span = datetime.fromisoformat(raw) - _EPOCH
    except (TypeError, ValueError):
        raise NoPlace(f"{raw!r:.60} in a column of intervals") from None
    return _span_text(span // timedelta(microseconds=1))


def _numeric_reader(type_: TypeEngine[Any], dialect: Dialect) -> Read:
    scale = getattr(type_, "scale", None)

    def read(raw: Any) -> str:
        text = repr(raw) if isinstance(raw, float) else str(raw)
        if not isinstance(raw, (int, float, str)) or not _NUMBER.fullmatch(text):
            raise NoPlace(f"{raw!r:.60} in a column of decimals")
        value = Decimal(text)
        if isinstance(raw, str):
            return text
        if scale is not None:
            kept = round(value, scale)
            # A float beside the decimal that was meant is noise; anything further from it is a value of its own.
            value = kept if math.isclose(float(kept), float(raw), rel_tol=1e-15, abs_tol=0) else value
        return format(value, "f")

    return read


_READERS: dict[Kind, Read] = {
    Kind.BOOLEAN: _read_boolean,
    Kind.BYTES: _read_bytes,
    Kind.TIMESTAMP: _read_moment,
    Kind.TIMESTAMPTZ: _read_instant,
    Kind.DATE: _read_day,
    Kind.TIME: _read_time,
}


# ---------------------------------------------------------------- text, as SQLite stores it


def writer(field_type: TypeEngine[Any], kind: Kind, dialect: Dialect) -> Write:
    """For a column on SQLite; not called with None. It raises `NoPlace`."""
    bare = _bare(field_type, dialect)
    declared = isinstance(bare, Declared)
    if kind is Kind.UUID:
        dashes = declared or not isinstance(bare, sa.Uuid)
        return (lambda text: text) if dashes else (lambda text: text.replace("-", ""))
    if kind is Kind.NUMERIC:
        return _decimal_as_text if isinstance(bare, sa.String) or getattr(bare, "exact", False) else _decimal_as_number
    if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
        return _moment_writer(kind, iso=declared)
    if kind is Kind.INTERVAL:
        return _write_text if declared else _write_interval
    return _WRITERS.get(kind, _write_text)


def _bare(type_: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    impl = type_.dialect_impl(dialect)
    return impl.impl_instance if isinstance(impl, TypeDecorator) else impl


def _write_text(text: str) -> str:
    return text


def _write_float(text: str) -> float:
    value = float(text)
    if value != value:
        raise NoPlace("NaN, which SQLite does not store")
    return value


def _decimal_as_text(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise NoPlace(f"the decimal {text}, which SQLite does not store")
    return format(Decimal(text), "f")


def _decimal_as_number(text: str) -> int | float:
    value = Decimal(_decimal_as_text(text))
    if value == value.to_integral_value() and abs(value) < 2**63:
        return int(value)
    stored = float(value)
    if Decimal(repr(stored)) != value:
        raise NoPlace(f"the decimal {text}, of which SQLite would keep {stored!r}")
    return stored


def _moment_writer(kind: Kind, *, iso: bool) -> Write:
    zone = "+00" if kind is Kind.TIMESTAMPTZ else ""

    def write(text: str) -> str:
        bare = text.removesuffix(zone) if zone else text
        if not _MOMENT.fullmatch(bare):
            raise NoPlace(f"the moment {text}, which SQLite does not store here")
        if iso:
            return bare.replace(" ", "T") + ("+00:00" if zone else "")
        whole, _, fraction = bare.partition(".")
        return f"{whole}.{fraction:0<6}"

    return write


def _write_day(text: str) -> str:
    if not _DAY.fullmatch(text):
        raise NoPlace(f"the date {text}, which SQLite does not store here")
    return text


def _write_time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise NoPlace(f"the time {text}, which SQLite does not store here")
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<6}"


def _write_interval(text: str) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=_microseconds(text))
    except OverflowError:
        raise NoPlace(f"the interval {text}, which is too long for SQLite") from None
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")


_WRITERS: dict[Kind, Write] = {
    **dict.fromkeys(INTEGERS, int),
    **dict.fromkeys(FLOATS, _write_float),
    Kind.BOOLEAN: lambda text: int(text == "t"),
    Kind.BYTES: lambda text: bytes.fromhex(text[2:]),
    Kind.DATE: _write_day,
    Kind.TIME: _write_time,
}


# ---------------------------------------------------------------- one spelling for one value


def speller(kind: Kind) -> Callable[[str], str] | None:
    """The spelling that is summed up; None where a text is its own."""
    if kind is Kind.NUMERIC:
        return _plain_number
    if kind in FLOATS:
        return lambda text: repr(float(text) + 0.0)
    if kind in JSONS:
        return _plain_json
    if kind is Kind.INTERVAL:
        return lambda text: text if "mon" in text or "year" in text else str(_microseconds(text))
    return None


def _plain_number(text: str) -> str:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    plain = format(value, "f")
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain


def _plain_json(text: str) -> str:
    """Equal for what `jsonb` holds equal: keys in one order, numbers by value."""
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number)
    except (ValueError, RecursionError):
        return text
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)


class _Number(str):
    """A number of a document, told from a text by its first character."""

    __slots__ = ()

    def __new__(cls, text: str) -> _Number:
        return super().__new__(cls, f"\0{_plain_number(text)}")


def _microseconds(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if not text or found is None:
        raise NoPlace(f"the interval {text}: months and years have no fixed length")
    seconds = int(found["hours"] or 0) * 3600 + int(found["minutes"] or 0) * 60
    micros = seconds * 1_000_000 + int(Decimal(found["seconds"] or 0) * 1_000_000)
    return int(found["days"] or 0) * _DAY_MICROSECONDS + (-micros if found["sign"] == "-" else micros)


def _span_text(micros: int) -> str:
    days, rest = divmod(micros, _DAY_MICROSECONDS)
    seconds, fraction = divmod(rest, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days} days {clock}" + (f".{fraction:06}".rstrip("0") if fraction else "")
