"""A caller's texts and JSON values as Python values of a column's kind, with PostgreSQL's refusals.

Three doors: `from_text` for URLs and CSV, `from_json` for bodies, `from_claim` for tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from undercroft.catalog.kinds import INTEGERS, TEXTS, Kind
from undercroft.sql.errors import nul_in_text, out_of_range
from undercroft.sql.scalars import RANGES, TEXT_READERS, read_text

json_encoder = msgspec.json.Encoder(decimal_format="number")
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def from_text(kind: Kind) -> Callable[[str], Any]:
    """A reader of texts for a kind. It raises `ValueFault`: 22P02, 22003, or 22007 for dates."""
    return TEXT_READERS.get(kind, read_text)


def from_json(kind: Kind) -> Callable[[Any], Any]:
    """A reader of decoded JSON for a kind: None stays None, and scalars are taken as PostgreSQL casts them."""
    if kind in (Kind.JSON, Kind.JSONB):
        return lambda value: value
    if kind is Kind.OTHER:
        return _other_from_json
    read = from_text(kind)
    if kind in INTEGERS:
        limit = RANGES[kind]
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


def from_claim(kind: Kind) -> Callable[[Any], Any]:
    """A reader of claims: scalars only, but for a column of JSON; anything else is None."""
    read = _other_from_claim if kind is Kind.OTHER else from_json(kind)
    if kind in (Kind.JSON, Kind.JSONB):
        return read
    return lambda value: None if isinstance(value, (list, dict)) else read(value)


def write_json(value: Any) -> str:
    """A value of a JSON column as it is written, on every engine.

    Raises `ValueFault` 22P05 for a NUL in one of its texts: PostgreSQL would keep it, and then refuse whoever asks for
    a part of it.
    """
    text = json_encoder.encode(value).decode()
    if "\\u0000" in text and _NUL.search(text):
        raise nul_in_text()
    return text


def _other_from_claim(value: Any) -> Any:
    """A claim that is compared with nothing of a known type; a number that no database holds is a text."""
    is_vast = type(value) is int and not -RANGES[Kind.BIGINT] <= value < RANGES[Kind.BIGINT]
    return _short(value) if is_vast else _other_from_json(value)


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


__all__ = ["from_claim", "from_json", "from_text", "json_encoder", "read_text", "write_json"]
