"""Values as text on SQLite: JSON, CSV, paths, casts and aggregates, in PostgreSQL's spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from undercroft.catalog.kinds import FLOATS, INTEGERS, JSONS, TEXTS, Kind
from undercroft.query.ask import Aggregate, JsonStep
from undercroft.sql.conversions import cast_target, check_aggregate, check_cast, sum_kind
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.errors import not_supported
from undercroft.sql.sqlite.converting import CAST, READ_FROM_TEXT, STRIPPED
from undercroft.sql.sqlite.texts import (
    BASE64,
    DECIMAL_SUM,
    csv_field_of,
    float_of,
    hex_of,
    in_decimal_order,
    interval_of,
    without_trailing_zeros,
)
from undercroft.sql.text import concat, text_literal

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect as SqlDialect
    from sqlalchemy.types import TypeEngine

_EXACT = 15
"""Digits of a decimal that a float holds without loss."""


@dataclass(frozen=True, slots=True, eq=False)
class SqliteValues:
    """How SQLite writes a value into an answer."""

    sqlalchemy: SqlDialect
    name: str = "SQLite"
    exact: bool = False
    """Embeds have PostgREST's white space and order of keys: something depends on each byte."""

    # --- values as text ---

    def json_value(self, scalar: Scalar) -> Expression:
        x, kind = scalar.element, scalar.kind
        if kind is Kind.BOOLEAN:
            return sa.case(
                (x.is_(sa.null()), text_literal("null")), (_truth(x), text_literal("true")), else_=text_literal("false")
            )
        if kind in JSONS:
            # A column that somebody filled by hand may hold what is no JSON: it must not break the answer around it.
            return sa.case(
                (x.is_(sa.null()), text_literal("null")),
                (_truth(sa.func.json_valid(x)), x),
                else_=sa.func.json_quote(x),
            )
        if kind in FLOATS:
            return float_of(x)
        if kind is Kind.NUMERIC:
            return self._numeric_text(scalar)
        if kind in (Kind.BYTES, Kind.OTHER):
            hex_text = concat([text_literal('"\\\\x'), sa.func.lower(sa.func.hex(x)), text_literal('"')])
            return sa.case((sa.func.typeof(x) == text_literal("blob"), hex_text), else_=sa.func.json_quote(x))
        return sa.func.json_quote(self._text(scalar))

    def _numeric_text(self, scalar: Scalar) -> Expression:
        x = scalar.element
        scale = getattr(scalar.type_, "scale", None)
        if scale and not self._is_text(scalar.type_):
            fixed = sa.func.printf(text_literal(f"%.{int(scale)}f"), x)
            return sa.case(
                (x.is_(sa.null()), text_literal("null")),
                (sa.func.typeof(x) == text_literal("text"), sa.func.json_quote(x)),
                else_=fixed,
            )
        return sa.case(
            (sa.func.typeof(x) == text_literal("real"), float_of(x)),
            (_truth(sa.func.json_valid(x)), x),
            else_=sa.func.json_quote(x),
        )

    def _text(self, scalar: Scalar) -> Expression:
        """Kinds that JSON has as strings, in PostgreSQL's spelling."""
        x, kind = scalar.element, scalar.kind
        if kind is Kind.UUID and not self._stores_dashes(scalar.type_):
            parts = [
                sa.func.substr(x, number(start), number(length))
                for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
            ]
            dashed = concat([part for pair in zip(parts, [text_literal("-")] * 5, strict=True) for part in pair][:-1])
            return sa.case((sa.func.length(x) == number(32), sa.func.lower(dashed)), else_=x)
        if kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ):
            iso = without_trailing_zeros(sa.func.replace(x, text_literal(" "), text_literal("T")))
            zone = text_literal("+00:00" if kind is Kind.TIMESTAMPTZ else "")
            has_zone = x.bool_op("GLOB")(text_literal("*[+-]??:??")) | x.op("GLOB")(text_literal("*Z"))
            ours = sa.func.typeof(x) == text_literal("text")
            return sa.case(
                (sa.and_(ours, sa.not_(has_zone)), iso.concat(zone)),
                (ours, sa.func.replace(x, text_literal(" "), text_literal("T"))),
                else_=x,
            )
        if kind is Kind.INTERVAL:
            return interval_of(x)
        return without_trailing_zeros(x) if kind is Kind.TIME else x

    def _stores_dashes(self, type_: TypeEngine[Any] | None) -> bool:
        return type_ is None or (not isinstance(type_.dialect_impl(self.sqlalchemy), sa.Uuid) and self._is_text(type_))

    def _is_text(self, type_: TypeEngine[Any] | None) -> bool:
        impl = type_.dialect_impl(self.sqlalchemy) if type_ is not None else None
        bare = impl.impl_instance if isinstance(impl, sa.types.TypeDecorator) else impl
        return isinstance(bare, sa.String)

    def csv_value(self, scalar: Scalar) -> Expression:
        # As PostgreSQL writes a row: quoted where it must be, quotes and backslashes doubled, booleans t and f.
        if scalar.kind is Kind.BOOLEAN:
            return sa.case(
                (scalar.element.is_(sa.null()), text_literal("")),
                (_truth(scalar.element), text_literal("t")),
                else_=text_literal("f"),
            )
        if scalar.kind in (*INTEGERS, Kind.NUMERIC, *FLOATS):
            return sa.func.coalesce(self._as_text(scalar), text_literal(""))
        bare = self._text(scalar)
        if scalar.kind in (Kind.BYTES, Kind.OTHER):
            bare = sa.case((sa.func.typeof(bare) == text_literal("blob"), hex_of(bare)), else_=bare)
        return csv_field_of(sa.cast(bare, sa.Text()), scalar.element.is_(sa.null()))

    def without_nulls(self, json_text: Expression) -> Expression:
        text = text_literal("").concat(json_text)  # a number alone is stored as a number
        stripped: Expression = getattr(sa.func, STRIPPED)(text, type_=sa.Text())
        return stripped

    def token(self, text: Expression) -> Expression:
        coded: Expression = getattr(sa.func, BASE64)(text, type_=sa.Text())
        return coded

    def embedded(self, json_text: Expression) -> Expression:
        if not self.exact:
            return json_text
        words = text_literal(Kind.JSON.value), text_literal(Kind.JSONB.value)
        spelled: Expression = getattr(sa.func, CAST)(json_text, *words, type_=sa.Text())
        return spelled

    # --- paths, casts, aggregates ---

    def json_path(self, scalar: Scalar, path: Sequence[JsonStep]) -> Scalar:
        element = scalar.element
        for step in path[:-1]:
            element = element.op("->", return_type=sa.Text())(_json_key(step.key))
        last = path[-1]
        found = element.op("->", return_type=sa.Text())(_json_key(last.key))
        if not last.as_text:
            return Scalar(found, Kind.JSON)
        text = element.op("->>", return_type=sa.Text())(_json_key(last.key))
        kind_of_found = sa.func.json_type(found)
        # Numbers, booleans, lists and objects as JSON has them, strings bare, JSON's null as NULL.
        # Joined with nothing it is a bare text; SQLite remembers what a JSON function gave, and would not quote that.
        bare = found.concat(text_literal(""))
        as_text = sa.case((kind_of_found == text_literal("text"), text), (kind_of_found != text_literal("null"), bare))
        return Scalar(as_text, Kind.TEXT)

    def cast(self, scalar: Scalar, name: str) -> Scalar:
        source, target = scalar.kind, cast_target(name)
        check_cast(source, target)
        if source is target:
            return scalar
        if target is Kind.TEXT:
            return Scalar(self._as_text(scalar), target)
        if (source in TEXTS or source is Kind.OTHER) and target not in READ_FROM_TEXT:
            raise not_supported(f"the cast from {source.value} to {target.value}", self.name)
        if source in INTEGERS and target is Kind.DOUBLE:
            return Scalar(sa.cast(scalar.element, sa.REAL()), target)
        if source is Kind.INTEGER and target is Kind.BOOLEAN:
            return Scalar(sa.cast(_truth(scalar.element), sa.Integer()), target)
        if source is Kind.BOOLEAN or (source in INTEGERS and target in (Kind.BIGINT, Kind.NUMERIC)):
            return Scalar(scalar.element, target)
        words = text_literal(source.value), text_literal(target.value)
        converted = getattr(sa.func, CAST)(self._as_text(scalar), *words)
        return Scalar(converted, target, sa.Text() if target is Kind.NUMERIC else None)

    def _as_text(self, scalar: Scalar) -> Expression:
        if scalar.kind in (Kind.BOOLEAN, Kind.NUMERIC, *FLOATS):
            text = sa.func.nullif(self.json_value(scalar), text_literal("null"), type_=sa.Text())
            # Infinity stands between quotes.
            return text if scalar.kind is Kind.BOOLEAN else sa.func.trim(text, text_literal('"'), type_=sa.Text())
        if scalar.kind is Kind.BYTES:
            return sa.case((scalar.element.is_not(sa.null()), hex_of(scalar.element)))
        bare = sa.cast(self._text(scalar), sa.Text())
        # Joined with nothing it is a bare text: what a JSON function gave would not be quoted.
        return bare.concat(text_literal("")) if scalar.kind in JSONS else bare

    def aggregate(self, function: Aggregate, scalar: Scalar | None) -> Scalar:
        if function == "count":
            return Scalar(sa.func.count(scalar.element) if scalar else sa.func.count(), Kind.BIGINT)
        if scalar is None:
            raise AssertionError("the grammar gives every aggregate but count a column")
        check_aggregate(function, scalar.kind)
        if function in ("min", "max"):
            return Scalar(getattr(sa.func, function)(self.comparable(scalar)), scalar.kind, scalar.type_)
        if scalar.kind is Kind.INTERVAL:
            raise not_supported(f"{function}() of an interval", self.name)
        total, kind = self._sum(scalar)
        if function == "sum":
            return Scalar(total, kind, scalar.type_ if scalar.kind is Kind.NUMERIC else None)
        count = sa.func.nullif(sa.func.count(scalar.element), number(0))
        return Scalar(sa.cast(total, sa.REAL()).op("/")(count), Kind.DOUBLE)

    def _sum(self, scalar: Scalar) -> tuple[Expression, Kind]:
        x, kind = scalar.element, sum_kind(scalar.kind)
        if self._is_spelled_out(scalar) or scalar.kind is Kind.BIGINT:
            return getattr(sa.func, DECIMAL_SUM)(x, type_=sa.Text()), Kind.NUMERIC
        scale = getattr(scalar.type_, "scale", None)
        if scalar.kind is Kind.NUMERIC and scale is not None and scalar.type_.precision <= _EXACT:  # type: ignore[union-attr]  # has a scale
            # Whole numbers are added up without loss.
            unit: Expression = sa.literal_column(f"1e{scale}", sa.REAL())
            whole = sa.func.sum(sa.cast(sa.func.round(x.op("*")(unit)), sa.Integer()))
            return whole.op("/")(unit), kind
        return sa.func.sum(x), kind

    def comparable(self, scalar: Scalar) -> Expression:
        if scalar.kind in JSONS:
            return json_text(scalar.element)
        return in_decimal_order(scalar.element) if self._is_spelled_out(scalar) else scalar.element

    def ordered(self, scalar: Scalar) -> Expression:
        return self.comparable(scalar)

    def _is_spelled_out(self, scalar: Scalar) -> bool:
        """A decimal that is stored as text, since no number of SQLite holds its digits."""
        return scalar.kind is Kind.NUMERIC and scalar.type_ is not None and self._is_text(scalar.type_)

    def join_lines(self, text: Expression, separator: str) -> Expression:
        return sa.func.group_concat(text, text_literal(separator), type_=sa.Text())


def _json_key(key: str | int) -> Expression:
    if isinstance(key, int):
        return sa.literal(f"$[{key}]" if key >= 0 else f"$[#{key}]", sa.Text())
    # A key with a quote in it cannot be written as a path: NULL finds nothing.
    return sa.literal(None if '"' in key else f'$."{key}"', sa.Text())


def json_text(x: Expression) -> Expression:
    """JSON as a text: a number alone in a column is stored as a number."""
    return sa.cast(x, sa.Text())


def number(value: int) -> Expression:
    """A number of our own in the statement."""
    return sa.literal_column(str(value), sa.Integer())


def _truth(x: Expression) -> sa.ColumnElement[bool]:
    """SQLite takes any number for a condition."""
    return x.op("<>", is_comparison=True)(sa.literal_column("0"))
