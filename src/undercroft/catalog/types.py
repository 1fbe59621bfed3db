"""The catalog's values. Everything above asks these, and SQLAlchemy's own objects stand inside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind

RelationKind = Literal["m2o", "o2m", "o2o", "m2m"]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column of a table; `element` is SQLAlchemy's."""

    name: str
    element: sa.Column[Any]
    kind: Kind
    nullable: bool
    has_default: bool
    """A value is found for it when an insert leaves it out: a default of the model, of the database, or a row
    number."""
    generated: bool = False
    comment: str | None = None

    @property
    def pg_type(self) -> str:
        """PostgreSQL's name of the type, as messages and OpenAPI give it."""
        return self.kind.value


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table or view that a protocol may name."""

    name: str
    schema: str
    element: sa.Table
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    is_view: bool = False
    has_rowid: bool = True
    """On SQLite: the table has a rowid, which names a row of it even where there is no primary key."""
    entity: type[Any] | None = None
    """The mapped class, when the table is a model's."""
    comment: str | None = None

    @property
    def qualified(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Junction:
    """The table between the two ends of a many-to-many relation, and the columns that pair it with each end."""

    table: str
    source_constraint: str
    target_constraint: str
    source_pairs: tuple[tuple[str, str], ...]
    """(column of the source, column of the junction)"""
    target_pairs: tuple[tuple[str, str], ...]
    """(column of the target, column of the junction)"""


@dataclass(frozen=True, slots=True)
class Relation:
    """How the rows of `source` lead to rows of `target`: along a foreign key, against it, or through a junction."""

    kind: RelationKind
    source: str
    target: str
    constraint: str
    pairs: tuple[tuple[str, str], ...] = ()
    """(column of the source, column of the target); empty with a junction"""
    junction: Junction | None = None
    holds_key: bool = False
    """The foreign key stands in the source (always for m2o, for one of the two sides of o2o)."""
    names: frozenset[str] = field(default=frozenset())
    """Names that the models give to it: the attributes of `relationship()`."""

    @property
    def to_one(self) -> bool:
        return self.kind in ("m2o", "o2o")

    @property
    def is_self(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What one role may know of: tables by name, and the relations that start at each.

    `schema` is the name under which the tables are spoken of in messages.
    """

    tables: Mapping[str, Table]
    relations: Mapping[str, tuple[Relation, ...]]
    schema: str = "public"
