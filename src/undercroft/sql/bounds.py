"""What a column's own type asks of a value beyond its kind: its length, its digits, its words.

SQLite asks none of it; PostgreSQL refuses the write, and so do we.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from undercroft.base.decimals import rounded
from undercroft.catalog.kinds import INTEGERS, TEXTS, Kind, kind_of
from undercroft.sql.errors import ValueFault
from undercroft.sql.scalars import RANGES

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


def bounded(kind: Kind, type_: TypeEngine[Any], read: Convert) -> Convert:
    """`read`, and then the bounds of a type on what is stored.

    It raises `ValueFault`: 22001 for a text that is too long, 22003 for a number with too many digits before the point,
    22P02 for a word that is none of an enumeration's. Digits behind the point are rounded, as PostgreSQL rounds them.
    """
    if kind is Kind.ENUM:
        return one_of_its_words(type_, read)
    if kind is Kind.NUMERIC and getattr(type_, "precision", None) is not None:
        return _and_then(read, _digits(type_.precision, type_.scale or 0))  # type: ignore[attr-defined]  # just asked
    length = getattr(_bare(type_), "length", None) if kind in TEXTS else None
    return read if length is None else _and_then(read, _length(length))


def one_of_its_words(type_: TypeEngine[Any], read: Convert) -> Convert:
    """`read`, and then a refusal of what is no word of an enumeration. It raises `ValueFault` 22P02."""
    bare = _bare(type_)
    if not isinstance(bare, sa.Enum):
        return read
    words, name = frozenset(bare.enums), bare.name or "enum"

    def check(word: str) -> str:
        if word not in words:
            raise ValueFault(f'invalid input value for enum {name}: "{word[:100]}"')
        return word

    return _and_then(read, check)


def stored_check(type_: TypeEngine[Any]) -> Callable[[Any], object] | None:
    """What a value that the app's own code gives a column must be, in PostgreSQL's words; None where anything goes.

    It raises `ValueFault`: 22001 for a text that is too long, 22003 for a number out of range.
    """
    kind = kind_of(type_)
    if kind in INTEGERS:
        return _in_range(kind)
    if kind is Kind.NUMERIC and getattr(type_, "precision", None) is not None:
        fit = _digits(type_.precision, type_.scale or 0)  # type: ignore[attr-defined]  # just asked
        return lambda value: fit(value if isinstance(value, Decimal) else Decimal(str(value)))
    length = getattr(_bare(type_), "length", None) if kind in TEXTS and kind is not Kind.ENUM else None
    return None if length is None else lambda value: _length(length)(value) if isinstance(value, str) else None


def _in_range(kind: Kind) -> Callable[[Any], None]:
    limit = RANGES[kind]

    def check(value: Any) -> None:
        if isinstance(value, int) and not -limit <= value < limit:
            raise ValueFault(f"{kind.value} out of range", code="22003")

    return check


def _and_then(read: Convert, check: Callable[[Any], Any]) -> Convert:
    def both(value: Any) -> Any:
        found = read(value)
        return None if found is None else check(found)

    return both


def _digits(precision: int, scale: int) -> Callable[[Decimal], Decimal]:
    def fit(value: Decimal) -> Decimal:
        fitted = rounded(value, scale)
        if fitted and fitted.adjusted() >= precision - scale:
            raise ValueFault(
                "numeric field overflow",
                code="22003",
                details=f"A field with precision {precision}, scale {scale} must round to an absolute value less than "
                f"{'1' if precision == scale else f'10^{precision - scale}'}.",
            )
        return fitted

    return fit


def _length(most: int) -> Callable[[str], str]:
    def fit(text: str) -> str:
        if len(text) <= most:
            return text
        if text[most:].strip(" "):
            raise ValueFault(f"value too long for type character varying({most})", code="22001")
        return text[:most]

    return fit


def _bare(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    return type_.impl_instance if isinstance(type_, sa.TypeDecorator) else type_
