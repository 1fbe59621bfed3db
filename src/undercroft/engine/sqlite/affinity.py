"""From the type that somebody declared for a column to the one by which requests' values are read.

SQLite keeps the words of a declaration and stores by affinity: https://sqlite.org/datatype3.html, section 3.1.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

_LENGTH = re.compile(r"\(\s*(\d+)\s*\)")
_TEXTS = ("CHAR", "CLOB", "TEXT")
_FLOATS = ("REAL", "FLOA", "DOUB")
_NUMBERS = ("NUMERIC", "DECIMAL", "NUMBER", "MONEY")
_LARGEST = 1 << 63


class StoredNumber(TypeDecorator[Any]):
    """NUMERIC as SQLite stores it: an integer where it is whole, else a float."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return sa.types.NullType()

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if not isinstance(value, Decimal):
            return value
        return int(value) if value == value.to_integral_value() and abs(value) < _LARGEST else float(value)


def type_of(declared: str) -> TypeEngine[Any]:
    """The type for the words of a declaration. Moments and everything unknown are text, in whatever form is stored."""
    words = declared.upper()
    if not words:
        return sa.types.NullType()
    if "INT" in words:
        return sa.BigInteger()
    if any(word in words for word in _TEXTS):
        length = _LENGTH.search(words)
        return sa.VARCHAR(int(length[1])) if length and "CHAR" in words else sa.Text()
    if "BLOB" in words:
        return sa.LargeBinary()
    if any(word in words for word in _FLOATS):
        return sa.Double()
    if any(word in words for word in _NUMBERS):
        return StoredNumber()
    if words in ("BOOL", "BOOLEAN"):
        return sa.Boolean()
    if words in ("JSON", "JSONB"):
        return sa.JSON(none_as_null=True)
    return sa.Text()
