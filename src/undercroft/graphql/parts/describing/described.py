"""What the API is for one role: its types and fields, each beside the object of the catalog that it stands for.

Protocol: pg_graphql's "API", "Functions", "Views" and "Configuration" pages, for names and types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from undercroft.catalog.types import Column, Relation, Table

NODE_ID = "nodeId"
"""The field that names a record of any type."""
DEFAULT_ROWS = 30
"""Rows of a page, where nothing says how many."""


@dataclass(frozen=True, slots=True, eq=False)
class Enumeration:
    """An enumeration: its GraphQL name, and the database's word for each of its values."""

    name: str
    words: Mapping[str, str]
    """By GraphQL name."""
    description: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ColumnField:
    """A column, or a computed field."""

    name: str
    column: Column
    type_: str
    """The scalar or enumeration of its value; where it is a list, of the members."""
    many: bool = False
    nonnull: bool = False
    operators: tuple[str, ...] = ()
    """Of its filter; empty where it has none."""
    orderable: bool = False
    description: str | None = None
    enumeration: Enumeration | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RelationField:
    """Records of another type that belong to a record."""

    name: str
    relation: Relation
    target: str
    """The name of the table, a key of `Described.tables`."""
    many: bool
    nonnull: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TableType:
    """A table or view, and everything that its types are made of."""

    name: str
    """`Blog`; its other types are `BlogConnection`, `BlogFilter` and so on."""
    table: Table
    collection: str
    """`blogCollection`"""
    key: tuple[str, ...]
    """The columns that name a record."""
    columns: Mapping[str, ColumnField]
    """Those that may be read, by the names of their fields."""
    relations: Mapping[str, RelationField]
    readable: bool = True
    """Whether records may be asked for; where not, they may only be inserted."""
    inserts: Mapping[str, ColumnField] | None = None
    """What an insert may say; None where there is no insert."""
    updates: Mapping[str, ColumnField] | None = None
    deletes: bool = False
    constraints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Keys by which an insert may meet a record that is there, by the names of their constraints."""
    total_count: bool = False
    aggregate: bool = False
    max_rows: int = DEFAULT_ROWS
    description: str | None = None

    @property
    def orders(self) -> bool:
        """Whether its records may be put in order by any field."""
        return any(each.orderable for each in self.columns.values())


@dataclass(frozen=True, slots=True, eq=False)
class ArgumentField:
    """An argument of a function: `argument` is its own name, `name` that of the field."""

    name: str
    argument: str
    type_: str
    many: bool = False
    nonnull: bool = False
    default: object = None
    """Shown in the schema, where it has one."""


@dataclass(frozen=True, slots=True, eq=False)
class FunctionField:
    """A function as a field of `Query` or `Mutation`."""

    name: str
    function: str
    """Its own name."""
    kind: Literal["query", "mutation"]
    arguments: Mapping[str, ArgumentField]
    returns: Literal["scalar", "record", "records", "nothing"]
    type_: str
    """The scalar, or the name of the table, a key of `Described.tables`."""
    many: bool = False
    """A scalar's list."""
    nonnull: bool = False
    description: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """The API of one role."""

    tables: Mapping[str, TableType]
    """By the name of the table in the catalog."""
    functions: Mapping[str, FunctionField] = field(default_factory=dict)
    """By the name of the field."""
    enumerations: Mapping[str, Enumeration] = field(default_factory=dict)
    introspection: bool = True
    """Whether this role may ask for the schema."""
    schema: str = "public"
    """The first word of every `nodeId`."""
