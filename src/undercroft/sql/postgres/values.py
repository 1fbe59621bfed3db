"""Values as text on PostgreSQL: JSON, CSV, paths, casts and aggregates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import UserDefinedType

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import INTEGERS, JSONS, Kind
from undercroft.query.ask import Aggregate, JsonStep
from undercroft.sql.conversions import CAST_NAMES
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.postgres.compiling import TextDialect
from undercroft.sql.text import text_literal

_TYPE_NAME = re.compile(r"[A-Za-z_][\w$]*(?:[ .][A-Za-z_][\w$]*)*(?: ?\(\d+(?:, ?\d+)?\))?(?:\[\])*", re.ASCII)

_LONGEST_LIST = 2**31 - 1
"""No list in JSON has a member behind this place; PostgreSQL has no operator for a greater number."""


class Named(UserDefinedType[Any]):
    """A type of PostgreSQL by its name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


TEXT_ARRAY = Named("text[]")


@dataclass(frozen=True, slots=True, eq=False)
class PostgresValues:
    """How PostgreSQL writes a value into an answer."""

    sqlalchemy: TextDialect
    name: str = "PostgreSQL"
    exact: bool = False
    """Embeds have PostgREST's white space and order of keys: something depends on each byte."""

    # --- values as text ---

    def json_value(self, scalar: Scalar) -> Expression:
        return sa.func.coalesce(self._json_text(scalar), text_literal("null"))

    def _json_text(self, scalar: Scalar) -> Expression:
        """The same with NULL for NULL."""
        if scalar.kind is Kind.BOOLEAN or scalar.kind in INTEGERS or scalar.kind in JSONS:
            return as_text(scalar.element)  # as JSON has it, and cheaper
        return as_text(sa.func.to_json(scalar.element))

    def csv_value(self, scalar: Scalar) -> Expression:
        return csv_of(scalar.element)

    def without_nulls(self, json_text: Expression) -> Expression:
        return as_text(sa.func.json_strip_nulls(sa.cast(json_text, Named("json"))))

    def token(self, text: Expression) -> Expression:
        coded = sa.func.encode(sa.func.convert_to(text, text_literal("UTF8")), text_literal("base64"))
        return sa.func.replace(coded, text_literal("\n"), text_literal(""), type_=sa.Text())

    def embedded(self, json_text: Expression) -> Expression:
        return as_text(sa.cast(json_text, Named("jsonb"))) if self.exact else json_text

    # --- paths, casts, aggregates ---

    def json_path(self, scalar: Scalar, path: Sequence[JsonStep]) -> Scalar:
        # What is no JSON (a composite value, an array) is looked into as the JSON that it would be.
        element = scalar.element if scalar.kind in JSONS else sa.func.to_jsonb(scalar.element)
        kind = scalar.kind if scalar.kind in JSONS else Kind.JSONB
        for step in path:
            element = element.op("->>" if step.as_text else "->", return_type=sa.Text())(_json_key(step.key))
        return Scalar(element, Kind.TEXT if path[-1].as_text else kind)

    def cast(self, scalar: Scalar, name: str) -> Scalar:
        word = " ".join(name.split())
        if not _TYPE_NAME.fullmatch(word):
            raise Fault(f'type "{name[:100]}" does not exist', code="42704")
        return Scalar(sa.cast(scalar.element, Named(word)), CAST_NAMES.get(word.lower(), Kind.OTHER))

    def aggregate(self, function: Aggregate, scalar: Scalar | None) -> Scalar:
        if function == "count":
            return Scalar(sa.func.count(scalar.element) if scalar else sa.func.count(), Kind.BIGINT)
        if scalar is None:
            raise AssertionError("the grammar gives every aggregate but count a column")
        found: Expression = getattr(sa.func, function)(scalar.element)
        # Sums and averages are of another type than what they are of, as a cast says whose name is not known.
        return Scalar(found, scalar.kind if function in ("min", "max") else Kind.OTHER)

    def comparable(self, scalar: Scalar) -> Expression:
        return scalar.element

    def ordered(self, scalar: Scalar) -> Expression:
        return scalar.element

    def join_lines(self, text: Expression, separator: str) -> Expression:
        return sa.func.string_agg(text, text_literal(separator), type_=sa.Text())


def as_text(x: Expression) -> Expression:
    """`x::text`."""
    return sa.cast(x, sa.Text())


def csv_of(x: Expression) -> Expression:
    """A value as PostgreSQL writes it into a row, which is how PostgREST makes CSV of it."""
    row = as_text(sa.func.row(x))
    return sa.func.substr(row, sa.literal_column("2"), sa.func.length(row) - sa.literal_column("2"), type_=sa.Text())


def _json_key(key: str | int) -> Expression:
    if isinstance(key, int):
        place = max(-_LONGEST_LIST, min(key, _LONGEST_LIST))
        return sa.literal_column(str(place) if place >= 0 else f"({place})", sa.Integer())
    # One name for one key: what a query groups by must be the very parameter that it shows.
    return sa.bindparam("key_" + key.encode("utf-8", "surrogatepass").hex(), key, type_=sa.Text())
