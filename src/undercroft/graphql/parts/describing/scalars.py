"""Kinds of data as scalars of GraphQL.

Protocol: pg_graphql, "API": custom scalars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Column

SCALARS: Mapping[Kind, str] = {
    Kind.BOOLEAN: "Boolean",
    Kind.SMALLINT: "Int",
    Kind.INTEGER: "Int",
    Kind.BIGINT: "BigInt",
    Kind.NUMERIC: "BigFloat",
    Kind.REAL: "Float",
    Kind.DOUBLE: "Float",
    Kind.TEXT: "String",
    Kind.VARCHAR: "String",
    Kind.UUID: "UUID",
    Kind.DATE: "Date",
    Kind.TIME: "Time",
    Kind.TIMESTAMP: "Datetime",
    Kind.TIMESTAMPTZ: "Datetime",
    Kind.JSON: "JSON",
    Kind.JSONB: "JSON",
}
"""What is not among them is `Opaque`."""

_BY_NAME: Mapping[str, str] = {
    **{kind.value: scalar for kind, scalar in SCALARS.items()},
    "character": "String",
    "name": "String",
    "timestamp with time zone": "Datetime",
}


class Typed(NamedTuple):
    """A scalar, or (`many`) a list of it."""

    scalar: str
    many: bool = False


def scalar_of(column: Column) -> Typed:
    """The scalar of a column's values; an enumeration's is `Opaque` where nothing names its words."""
    if column.kind is Kind.ARRAY:
        return scalar_of_list(column.pg_type)
    if column.kind is Kind.OTHER and _bare(column.pg_type) == "citext":
        return Typed("String")
    return Typed(SCALARS.get(column.kind, "Opaque"))


def scalar_of_list(spelled: str) -> Typed:
    """The scalar of an array's members, by the name of its type in the database: `character varying(20)[]`."""
    inner = spelled.removesuffix("[]")
    if inner == spelled or inner.endswith("[]"):
        return Typed("Opaque")
    bare = inner.partition("(")[0].strip() + inner.partition(")")[2]
    scalar = _BY_NAME.get(bare, "Opaque")
    return Typed("Opaque") if scalar in ("Opaque", "JSON") else Typed(scalar, many=True)


def _bare(spelled: str) -> str:
    """The name of a type without its schema and quotes."""
    return spelled.rpartition(".")[2].strip('"')


def words_of(column: Column) -> tuple[str, ...]:
    """The words of an enumeration, as the database has them."""
    type_ = column.element.type
    found: Any = getattr(type_, "words", None) or getattr(type_, "enums", None)
    return tuple(found or getattr(getattr(type_, "impl", None), "enums", None) or ())
