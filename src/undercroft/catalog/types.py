"""The catalog's values. Everything above asks these, and SQLAlchemy's own objects stand inside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind

RelationKind = Literal["m2o", "o2m", "o2o", "m2m"]
Volatility = Literal["immutable", "stable", "volatile"]


@dataclass(frozen=True, slots=True)
class ObjectName:
    """An object of a database, by its schema and name."""

    schema: str
    name: str

    @property
    def quoted(self) -> str:
        """As it stands in SQL."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))


@dataclass(frozen=True, slots=True)
class Representation:
    """The functions by which a domain's values are shown and read, where it has them: casts from and to JSON, and
    from text.

    Protocol: PostgREST, "domain representations".
    """

    to_json: ObjectName | None = None
    from_json: ObjectName | None = None
    from_text: ObjectName | None = None


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
    type_name: str | None = None
    """The name of its type in an existing database, where that tells more than the kind."""
    default: str | None = None
    """The database's default, as SQL, where it was read from there."""
    length: int | None = None
    """The greatest number of characters, of an existing database's column."""
    representation: Representation | None = None
    function: ObjectName | None = None
    """The function that gives a computed field: it is called with the row, and `*` leaves it out."""
    domain: bool = False
    """Its type is a domain of an existing database: `kind` and `type_name` are those of what lies below it."""

    @property
    def pg_type(self) -> str:
        """PostgreSQL's name of the type, as messages and OpenAPI give it."""
        return self.type_name or self.kind.value


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
    computed: Mapping[str, Column] = field(default_factory=dict)
    """Fields that functions of the database make of a row."""
    insertable: bool = True
    updatable: bool = True
    deletable: bool = True
    """What the database lets anybody do: simple views may be written to, others not."""
    sealed: frozenset[str] = frozenset()
    """Columns of encrypted values: no protocol shows, takes or compares them, and they are not among `columns`."""

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
    function: ObjectName | None = None
    """The function that gives the rows of a computed relationship: it is called with the row of the source, and
    `constraint` is its name."""
    comment: str | None = field(default=None, compare=False)
    """Of the foreign key, or the function, in an existing database."""

    @property
    def to_one(self) -> bool:
        return self.kind in ("m2o", "o2o")

    @property
    def is_self(self) -> bool:
        return self.source == self.target

    def key_columns(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The tables that are compared along the relation, each with its columns of the keys."""
        if self.junction is None:
            yield self.source, tuple(own for own, _ in self.pairs)
            yield self.target, tuple(other for _, other in self.pairs)
        else:
            source, target = self.junction.source_pairs, self.junction.target_pairs
            yield self.source, tuple(own for own, _ in source)
            yield self.target, tuple(own for own, _ in target)
            yield self.junction.table, tuple(key for _, key in (*source, *target))


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a function of the database; an unnamed one has the empty name."""

    name: str
    type_: str
    """Its type as messages say it."""
    cast: str
    """Its type as values are cast to it: without the lengths that functions do not keep."""
    required: bool = True
    variadic: bool = False
    kind: Kind = Kind.OTHER


@dataclass(frozen=True, slots=True, eq=False)
class Routine:
    """A function of the database.

    `rows` describes what it gives when that is rows of a table, a composite type, or its own OUT arguments; None for a
    single value, of `kind`.
    """

    name: ObjectName
    arguments: tuple[Argument, ...]
    volatility: Volatility
    many: bool
    """It gives a set."""
    rows: Table | None
    kind: Kind
    type_name: str
    """The name of its result's type."""
    comment: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    """What `SET` in its declaration says."""

    @property
    def is_void(self) -> bool:
        return self.type_name == "void"

    @property
    def read_only(self) -> bool:
        """It says that it writes nothing."""
        return self.volatility != "volatile"

    @property
    def signature(self) -> str:
        """`test.add(a => integer, b => integer)`, as messages tell those that share a name apart."""
        arguments = ", ".join(f"{each.name} => {each.type_}" for each in self.arguments)
        return f"{self.name.schema}.{self.name.name}({arguments})"


@dataclass(frozen=True, slots=True)
class Handler:
    """How a database itself makes a body of some media type: by an aggregate over rows, or as a value that a function
    gives.

    Protocol: PostgREST, "media type handlers".
    """

    media: str
    """A media type, or `*/*` for all."""
    function: ObjectName | None
    """The aggregate; None where the value is the body already."""
    binary: bool = False
    """The body is of bytes."""
    any_row: bool = False
    """It takes rows of every table."""
    features: bool = False
    """`function` makes a feature of each row, and the body is the collection of them (RFC 7946)."""


@dataclass(frozen=True, slots=True, eq=False)
class Catalog:
    """What one role may know of: tables by name, and the relations that start at each.

    `schema` is the name under which the tables are spoken of in messages.
    """

    tables: Mapping[str, Table]
    relations: Mapping[str, tuple[Relation, ...]]
    schema: str = "public"
    comment: str | None = None
    routines: Mapping[str, tuple[Routine, ...]] = field(default_factory=dict)
    """The database's own functions by name, with all that share it."""
    handlers: Mapping[str, Mapping[str, Handler]] = field(default_factory=dict)
    """By the name of a table or function, and then by media type; those for rows of every kind stand under ""."""
    enumerations: Mapping[str, str] = field(default_factory=dict)
    """The comments on enumerations of an existing database, by their names."""
    hides_nothing: bool = False
    """It is the same for every role, so that a hint may name anything in it."""
