"""SQLite's dialect for files that somebody else filled: any column may hold a value of any type, and every answer is
still right and well-formed.

Values are shown by what they are, row by row, rather than by what their column says. With our own models that is not
needed, since only values of a column's type are written, and it would cost time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from undercroft.catalog.kinds import JSONS, Kind
from undercroft.query.ask import JsonStep
from undercroft.query.plan import Compare
from undercroft.query.values import read_list
from undercroft.sql.codecs import json_encoder
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.sqlite.dialect import SqliteDialect
from undercroft.sql.sqlite.texts import csv_field_of, float_of, hex_of
from undercroft.sql.statement import Given, Handed
from undercroft.sql.text import concat, text_literal

_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True, eq=False)
class LooseSqliteDialect(SqliteDialect):
    """Declared differences of SQLite where columns hold what they like."""

    # --- what is shown ---

    def json_value(self, scalar: Scalar) -> Expression:
        x = scalar.element
        hexed = concat([text_literal('"\\'), hex_of(x), text_literal('"')])
        cases: list[Any] = [(is_a(x, "blob"), hexed), (is_a(x, "real"), float_of(x))]
        if scalar.kind is Kind.BOOLEAN:
            cases.append(
                (
                    is_a_truth(x),
                    sa.case((x == sa.literal_column("1"), text_literal("true")), else_=text_literal("false")),
                )
            )
        if scalar.kind in JSONS:
            cases.append((sa.and_(is_a(x, "text"), sa.func.json_valid(x) == sa.literal_column("1")), x))
        return sa.case(*cases, else_=sa.func.json_quote(x))

    def csv_value(self, scalar: Scalar) -> Expression:
        return csv_field_of(self.plain(scalar), scalar.element.is_(sa.null()))

    def plain(self, scalar: Scalar) -> Expression:
        """The value as bare text; NULL for NULL."""
        x = scalar.element
        number = sa.func.trim(float_of(x), text_literal('"'), type_=sa.Text())
        cases: list[Any] = [(is_a(x, "blob"), hex_of(x)), (is_a(x, "real"), number)]
        if scalar.kind is Kind.BOOLEAN:
            cases.append(
                (is_a_truth(x), sa.case((x == sa.literal_column("1"), text_literal("t")), else_=text_literal("f")))
            )
        return sa.case(*cases, else_=sa.cast(x, sa.Text()))

    def _as_text(self, scalar: Scalar) -> Expression:
        if scalar.kind is Kind.BOOLEAN:
            return sa.func.trim(sa.func.nullif(self.json_value(scalar), text_literal("null")), text_literal('"'))
        return self.plain(scalar)

    def _sum(self, scalar: Scalar) -> tuple[Expression, Kind]:
        return sa.func.sum(self.comparable(scalar)), scalar.kind if scalar.kind is Kind.NUMERIC else Kind.OTHER

    def json_path(self, scalar: Scalar, path: Sequence[JsonStep]) -> Scalar:
        x = scalar.element
        readable = sa.case((sa.func.json_valid(x) == sa.literal_column("1"), x))
        return super(LooseSqliteDialect, self).json_path(Scalar(readable, scalar.kind, scalar.type_), path)

    @property
    def numbers_nulls(self) -> bool:
        return False  # it does, and those who wrote the file may count on it

    # --- what is asked for ---

    def _value(self, scalar: Scalar, term: Compare) -> Expression:
        slot = term.value
        if scalar.kind is not Kind.OTHER or slot is None:
            return super(LooseSqliteDialect, self)._value(scalar, term)
        # Nothing says what is meant, so each row is compared by what it holds: texts as texts, numbers as numbers.
        text = Handed("text", lambda given: given.values[slot])
        number = Handed("number", lambda given: number_or_text(given.values[slot]))
        return sa.case((is_a(scalar.element, "text"), text), else_=number)

    def _list(self, scalar: Scalar, term: Compare, split: Callable[[str], list[Any]]) -> Expression:
        slot = term.value
        if scalar.kind is not Kind.OTHER or slot is None:
            return super(LooseSqliteDialect, self)._list(scalar, term, split)

        def members(given: Given) -> str:
            texts = split(given.values[slot])
            numbers = [None if text is None else number_or_text(text) for text in texts]
            # Both readings of a member may be in a list; a quantified operator takes each once.
            return json_encoder.encode([*numbers, *texts] if split is read_list else numbers).decode()

        return Handed("list", members)


def is_a(x: Expression, storage: str) -> sa.ColumnElement[bool]:
    """SQLite's storage class of a value: null, integer, real, text or blob."""
    return sa.func.typeof(x) == text_literal(storage)


def is_a_truth(x: Expression) -> sa.ColumnElement[bool]:
    """The number 0 or 1; a boolean column may hold others, and they are shown as they are."""
    return sa.and_(is_a(x, "integer"), x.in_((sa.literal_column("0"), sa.literal_column("1"))))


def number_or_text(text: str) -> int | float | str:
    """A text as the number that it spells, where it does."""
    if len(text) > 100 or "_" in text:
        return text
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite():
        return text
    return int(value) if value == value.to_integral_value() and abs(value) < _LARGEST else float(value)
