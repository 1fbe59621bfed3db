"""What pg_catalog says, as values: one class for each kind of line, decoded from JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

Oid = int


class ColumnFact(msgspec.Struct, frozen=True, array_like=True):
    """A column of a relation, or an attribute of a composite type."""

    number: int
    name: str
    type_: Oid
    type_name: str
    not_null: bool
    identity: bool
    generated: bool
    default: str | None
    comment: str | None
    length: int | None


class RelationFact(msgspec.Struct, frozen=True, array_like=True):
    """A table, view, materialized view, foreign or partitioned table, or a composite type."""

    oid: Oid
    schema: str
    name: str
    kind: str
    """pg_class.relkind"""
    comment: str | None
    writable: int
    """4: rows can be updated, 8: inserted, 16: deleted; the sum of those."""
    columns: tuple[ColumnFact, ...]

    @property
    def is_view(self) -> bool:
        return self.kind in ("v", "m")


class ConstraintFact(msgspec.Struct, frozen=True, array_like=True):
    """A primary key, a unique or a foreign key constraint; columns are told by their numbers."""

    name: str
    kind: Literal["p", "u", "f"]
    table: Oid
    columns: tuple[int, ...]
    target: Oid
    target_columns: tuple[int, ...] | None
    comment: str | None = None


class ViewFact(msgspec.Struct, frozen=True, array_like=True):
    """A view and what it selects, as the server keeps it."""

    oid: Oid
    tree: str


class RoutineFact(msgspec.Struct, frozen=True, array_like=True):
    """A function."""

    schema: str
    name: str
    comment: str | None
    volatility: Literal["i", "s", "v"]
    many: bool
    estimated_rows: float
    result: Oid
    variadic: bool
    types: tuple[Oid, ...]
    """Of all arguments, OUT ones too."""
    modes: tuple[str, ...] | None
    names: tuple[str, ...] | None
    defaults: int
    """How many of the last arguments for input have a default."""
    settings: tuple[str, ...] | None


class TypeFact(msgspec.Struct, frozen=True, array_like=True):
    """A type."""

    oid: Oid
    schema: str
    name: str
    spelled: str
    """As it is written in SQL."""
    kind: str
    """pg_type.typtype: b, c, d, e, p, r or m"""
    category: str
    element: Oid
    base: Oid
    relation: Oid
    words: tuple[str, ...] | None
    comment: str | None = None
    """Of an enumeration."""


class CastFact(msgspec.Struct, frozen=True, array_like=True):
    """An implicit cast between a domain and JSON or text."""

    source: Oid
    target: Oid
    schema: str
    function: str


class AggregateFact(msgspec.Struct, frozen=True, array_like=True):
    """An aggregate of one argument that gives a domain."""

    schema: str
    name: str
    argument: Oid
    result: Oid


class SchemaFact(msgspec.Struct, frozen=True, array_like=True):
    """A served schema."""

    name: str
    comment: str | None


class TypeFacts(msgspec.Struct, frozen=True):
    """What is known of types, and of schemas."""

    types: tuple[TypeFact, ...]
    casts: tuple[CastFact, ...]
    schemas: tuple[SchemaFact, ...]
    aggregates: tuple[AggregateFact, ...] = ()
    geojson: str | None = None
    """The schema of PostGIS' function that makes a feature of a row."""


class Facts(msgspec.Struct, frozen=True):
    """Everything that was asked."""

    relations: tuple[RelationFact, ...]
    constraints: tuple[ConstraintFact, ...]
    views: tuple[ViewFact, ...]
    routines: tuple[RoutineFact, ...]
    types: TypeFacts
