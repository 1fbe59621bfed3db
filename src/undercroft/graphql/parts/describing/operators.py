"""What a filter may say of each scalar, and what an aggregate may be made of.

Protocol: pg_graphql, "API": filtering, aggregates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from undercroft.graphql.parts.describing.described import ColumnField, TableType

_EQUAL = ("eq", "neq", "in", "is")
_ORDERED = ("eq", "neq", "gt", "gte", "lt", "lte", "in", "is")
_PATTERNS = ("startsWith", "like", "ilike")
REGULAR = ("regex", "iregex")
"""Where the engine has regular expressions."""
LISTS = ("eq", "neq", "gt", "gte", "lt", "lte", "contains", "containedBy", "overlaps", "is")
"""Of a column of lists."""
OF_A_LIST = frozenset({"eq", "neq", "gt", "gte", "lt", "lte", "contains", "containedBy", "overlaps"})
"""Those among them that take a list; `in` of a scalar takes one, too."""

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "ID": ("eq",),
    "Int": _ORDERED,
    "BigInt": _ORDERED,
    "Float": _ORDERED,
    "BigFloat": _ORDERED,
    "String": (*_ORDERED, *_PATTERNS),
    "Boolean": ("eq", "is"),
    "UUID": _EQUAL,
    "Date": _ORDERED,
    "Time": _ORDERED,
    "Datetime": _ORDERED,
    "JSON": (),
    "Opaque": ("eq", "is"),
}
"""By scalar."""
ENUMERATION = _EQUAL
UNORDERED = frozenset({"JSON", "Opaque"})
"""Scalars by which nothing is put in order."""

Aggregated = Literal["sum", "avg", "min", "max"]
_NUMBERS = frozenset({"Int", "BigInt", "Float", "BigFloat"})
_COMPARED = _NUMBERS | {"String", "Boolean", "Date", "Time", "Datetime"}


def operators_of(scalar: str, *, many: bool, regular: bool) -> tuple[str, ...]:
    """What a filter may say of a column of a scalar, or (`many`) of lists of it."""
    if many:
        return LISTS
    return (*OPERATORS[scalar], *REGULAR) if scalar == "String" and regular else OPERATORS[scalar]


def aggregated(table: TableType) -> dict[Aggregated, dict[str, tuple[ColumnField, str]]]:
    """What may be made of which columns, by the names of their fields, with the scalar of the result."""
    found: dict[Aggregated, dict[str, tuple[ColumnField, str]]] = {}
    single = {name: each for name, each in table.columns.items() if not each.many and each.enumeration is None}
    numbers = {name: each for name, each in single.items() if each.type_ in _NUMBERS}
    compared = {name: each for name, each in single.items() if each.type_ in _COMPARED}
    found["sum"] = {name: (each, _sum(each.type_)) for name, each in numbers.items()}
    found["avg"] = {name: (each, "BigFloat") for name, each in numbers.items()}
    found["min"] = {name: (each, each.type_) for name, each in compared.items()}
    found["max"] = {name: (each, each.type_) for name, each in compared.items()}
    return {kind: fields for kind, fields in found.items() if fields}


def _sum(scalar: str) -> str:
    return "BigInt" if scalar in ("Int", "BigInt") else "BigFloat"
