"""Casts that SQLite does not have, or has in another sense: from a value's text to what the target type stores.

PostgreSQL refuses what cannot be converted, and so do these, in its words. Source: "Type Conversion" and "Data Types"
in PostgreSQL's manual.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from undercroft.catalog.kinds import FLOATS, INTEGERS, JSONS, TEXTS, Kind
from undercroft.sql.codecs import json_encoder
from undercroft.sql.errors import ValueFault
from undercroft.sql.scalars import RANGES, TEXT_READERS

CAST = "undercroft_cast"
"""(text, from, to): a value of a type, spelled as that type spells it, as another type stores it."""
STRIPPED = "undercroft_stripped"
"""(JSON): the same without the null members of its objects."""
TOLD = "undercroft_told"
"""(): what the last call of `CAST` refused, as a list in JSON (code, message, details, hint)."""

READ_FROM_TEXT = INTEGERS | FLOATS | JSONS | {Kind.NUMERIC, Kind.BOOLEAN, Kind.UUID}
"""What a text becomes here. Dates and times are not among them: PostgreSQL reads more spellings of those than we do."""
_SINGLE = struct.Struct("<f")


def convert(text: str, source: Kind, target: Kind) -> object:
    """A value as SQLite stores it. Raises `ValueFault`: 22P02 or 22003."""
    if source in TEXTS or source is Kind.OTHER:
        return _stored(TEXT_READERS[target](text), target, text)
    if target in INTEGERS:
        return _integer(text, source, target)
    if target in JSONS:
        return jsonb_text(text) if target is Kind.JSONB else text
    if target is Kind.NUMERIC:
        exact = format(float(text), ".15g") if source in FLOATS else text
        return _stored(Decimal(exact), target, text)
    if target in FLOATS:
        return _single(float(text)) if target is Kind.REAL else float(text)
    if target is Kind.TIME:
        return _time(text, source)
    return _stored(TEXT_READERS[target](text), target, text)


def _integer(text: str, source: Kind, target: Kind) -> int:
    name, exact = target.value, Decimal(text)
    if not exact.is_finite() or abs(exact) > RANGES[Kind.BIGINT]:
        raise ValueFault(f"{name} out of range", code="22003")
    # PostgreSQL rounds halves of floats to the even number, and those of decimals away from zero.
    value = int(exact.to_integral_value(ROUND_HALF_EVEN if source in FLOATS else ROUND_HALF_UP))
    if not -RANGES[target] <= value < RANGES[target]:
        raise ValueFault(f"{name} out of range", code="22003")
    return value


def _single(value: float) -> float:
    try:
        _SINGLE.pack(value)
    except OverflowError:
        raise ValueFault("value out of range: overflow", code="22003") from None
    found: float = TEXT_READERS[Kind.REAL](repr(value))
    if value and not found:
        raise ValueFault("value out of range: underflow", code="22003")
    return found


def _time(text: str, source: Kind) -> str:
    if source is not Kind.INTERVAL:
        return text.partition("T")[2].partition("+")[0]
    span: timedelta = TEXT_READERS[Kind.INTERVAL](text)
    return (datetime(1, 1, 1) + span % timedelta(days=1)).time().isoformat("microseconds")  # noqa: DTZ001  # only its clock is asked


def _stored(value: Any, target: Kind, text: str) -> object:
    write = _WRITERS.get(target)
    if target in JSONS:
        return jsonb_text(text) if target is Kind.JSONB else text
    return value if write is None else write(value)


def _moment(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(" ", "microseconds")


_WRITERS: dict[Kind, Callable[[Any], object]] = {
    Kind.BOOLEAN: int,
    Kind.NUMERIC: lambda value: format(value, "f"),
    Kind.UUID: str,
    Kind.DATE: lambda value: value.isoformat(),
    Kind.TIMESTAMP: _moment,
    Kind.TIMESTAMPTZ: _moment,
    Kind.INTERVAL: lambda value: _moment(datetime(1970, 1, 1) + value),  # noqa: DTZ001  # as SQLAlchemy stores them
}


def without_nulls(text: str | None) -> str | None:
    """JSON as PostgreSQL's json_strip_nulls leaves it: no null members in objects at any depth, and no white space.

    Digits of numbers stay as they are. None is SQL's NULL.
    """
    if text is None:
        return None
    try:
        found = json.loads(text, parse_float=_raw, parse_int=_raw, object_pairs_hook=_present)
        return json_encoder.encode(found).decode()
    except (ValueError, RecursionError):
        return text  # somebody stored by hand what is JSON to SQLite alone


def _raw(digits: str) -> msgspec.Raw:
    return msgspec.Raw(digits.encode())


def _present(members: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in members if value is not None}


def jsonb_text(text: str) -> str:
    """JSON as PostgreSQL's jsonb spells it: the last of equal keys, the shorter ones first, a space after signs."""
    return _jsonb(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def _jsonb(value: Any) -> str:
    match value:
        case dict():
            # In the order of their lengths, in bytes, and then of their bytes.
            ordered = sorted(value.items(), key=lambda item: (len(item[0].encode()), item[0].encode()))
            return "{" + ", ".join(f"{_jsonb(key)}: {_jsonb(each)}" for key, each in ordered) + "}"
        case list():
            return "[" + ", ".join(_jsonb(each) for each in value) + "]"
        case Decimal():
            return format(value, "f") if value else format(abs(value), "f")
        case _:
            return json.dumps(value, ensure_ascii=False)
