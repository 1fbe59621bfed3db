"""Values as text on SQLite: JSON, CSV, paths, casts and aggregates, in PostgreSQL's spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import FLOATS, INTEGERS, JSONS, Kind
from undercroft.query.ask import Aggregate, JsonStep
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.errors import not_supported
from undercroft.sql.sqlite.texts import (
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

_CASTS: dict[str, tuple[str, Kind]] = {
    **dict.fromkeys(("int", "int4", "integer"), ("INTEGER", Kind.INTEGER)),
    **dict.fromkeys(("int2", "smallint"), ("INTEGER", Kind.SMALLINT)),
    **dict.fromkeys(("int8", "bigint"), ("INTEGER", Kind.BIGINT)),
    **dict.fromkeys(("text", "varchar", "character varying", "bpchar", "char", "name"), ("TEXT", Kind.TEXT)),
    **dict.fromkeys(("numeric", "decimal"), ("NUMERIC", Kind.NUMERIC)),
    **dict.fromkeys(("float", "float8", "double precision", "double"), ("REAL", Kind.DOUBLE)),
    **dict.fromkeys(("float4", "real"), ("REAL", Kind.REAL)),
}


@dataclass(frozen=True, slots=True, eq=False)
class SqliteValues:
    """How SQLite writes a value into an answer."""

    sqlalchemy: SqlDialect
    name: str = "SQLite"

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
            return sa.func.coalesce(sa.func.nullif(self.json_value(scalar), text_literal("null")), text_literal(""))
        bare = self._text(scalar)
        if scalar.kind in (Kind.BYTES, Kind.OTHER):
            bare = sa.case((sa.func.typeof(bare) == text_literal("blob"), hex_of(bare)), else_=bare)
        return csv_field_of(sa.cast(bare, sa.Text()), scalar.element.is_(sa.null()))

    def without_nulls(self, json_text: Expression) -> Expression:
        return sa.case(
            (json_text.bool_op("GLOB")(text_literal("{*")), sa.func.json_patch(text_literal("{}"), json_text)),
            else_=json_text,
        )

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
        word = name.strip().lower()
        if word in ("json", "jsonb"):
            return Scalar(scalar.element, Kind.JSON)
        if word in ("bool", "boolean"):
            low = sa.func.lower(sa.cast(scalar.element, sa.Text()))
            truth = sa.case(
                (low.in_(("t", "true", "yes", "on", "1")), 1), (low.in_(("f", "false", "no", "off", "0")), 0)
            )
            return Scalar(truth, Kind.BOOLEAN)
        target = _CASTS.get(word)
        if target is None:
            if word in ("uuid", "date", "time", "timestamp", "timestamptz", "bytea", "interval"):
                raise not_supported(f"the cast ::{word}", self.name)
            raise Fault(f'type "{name}" does not exist', code="42704")
        if target[1] is Kind.TEXT:
            return Scalar(self._as_text(scalar), Kind.TEXT)
        return Scalar(sa.cast(scalar.element, _sql_type(target[0])), target[1])

    def _as_text(self, scalar: Scalar) -> Expression:
        if scalar.kind in (Kind.BOOLEAN, Kind.NUMERIC, *FLOATS):
            return sa.func.nullif(self.json_value(scalar), text_literal("null"))
        return sa.cast(self._text(scalar), sa.Text())

    def aggregate(self, function: Aggregate, scalar: Scalar | None) -> Scalar:
        if function == "count":
            return Scalar(sa.func.count(scalar.element) if scalar else sa.func.count(), Kind.BIGINT)
        if scalar is None:
            raise AssertionError("the grammar gives every aggregate but count a column")
        if function == "sum" and self._is_spelled_out(scalar):
            return Scalar(getattr(sa.func, DECIMAL_SUM)(scalar.element, type_=sa.Text()), Kind.NUMERIC)
        result = getattr(sa.func, function)(self.comparable(scalar))
        if function == "avg":
            return Scalar(result, Kind.DOUBLE)
        keeps_type = function in ("min", "max") or scalar.kind is Kind.NUMERIC
        return Scalar(result, scalar.kind, scalar.type_ if keeps_type else None)

    def comparable(self, scalar: Scalar) -> Expression:
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


def number(value: int) -> Expression:
    """A number of our own in the statement."""
    return sa.literal_column(str(value), sa.Integer())


def _truth(x: Expression) -> sa.ColumnElement[bool]:
    """SQLite takes any number for a condition."""
    return x.op("<>", is_comparison=True)(sa.literal_column("0"))


def _sql_type(name: str) -> TypeEngine[Any]:
    types: dict[str, TypeEngine[Any]] = {"INTEGER": sa.Integer(), "NUMERIC": sa.Numeric(), "REAL": sa.REAL()}
    return types[name]
