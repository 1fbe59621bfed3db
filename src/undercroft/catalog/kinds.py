"""The kinds of data that the protocols distinguish, read off SQLAlchemy's types: how a value is written in a URL, in
JSON, in a row."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import types as sa

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine


class Kind(StrEnum):
    """A kind of data; the value is PostgreSQL's name for it, which messages and OpenAPI use on every engine."""

    BOOLEAN = "boolean"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    NUMERIC = "numeric"
    REAL = "real"
    DOUBLE = "double precision"
    TEXT = "text"
    VARCHAR = "character varying"
    UUID = "uuid"
    DATE = "date"
    TIME = "time without time zone"
    TIMESTAMP = "timestamp without time zone"
    TIMESTAMPTZ = "timestamp with time zone"
    INTERVAL = "interval"
    JSON = "json"
    JSONB = "jsonb"
    BYTES = "bytea"
    ENUM = "enum"
    ARRAY = "array"
    RANGE = "range"
    """Multiranges too."""
    COMPOSITE = "record"
    TSVECTOR = "tsvector"
    XML = "xml"
    OTHER = "unknown"
    """A type that we know nothing of: values are handed to the database as they are and shown as it stores them."""


INTEGERS = frozenset({Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT})
FLOATS = frozenset({Kind.REAL, Kind.DOUBLE})
NUMBERS = INTEGERS | FLOATS | {Kind.NUMERIC}
TEXTS = frozenset({Kind.TEXT, Kind.VARCHAR, Kind.ENUM})
JSONS = frozenset({Kind.JSON, Kind.JSONB})


class Named(sa.UserDefinedType[Any]):
    """A type of an existing database, by the name that it has there.

    Its values are handed over as texts, and the database reads them; `kind` says how they are shown. A domain has the
    kind of what lies below it.
    """

    cache_ok = True

    def __init__(self, name: str, kind: Kind, words: tuple[str, ...] = ()) -> None:
        self.name = name
        """As it stands in a cast: with its schema where it needs one, its modifiers and quotes."""
        self.kind = kind
        self.words = words
        """The values of an enumeration, in its order."""

    def get_col_spec(self, **_: Any) -> str:
        return self.name


class Sealed:
    """A type whose values only the program can read: to the database they are text without meaning."""


# The first match wins, so that subclasses stand before what they derive from.
_BY_TYPE: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (sa.Boolean, Kind.BOOLEAN),
    (sa.SmallInteger, Kind.SMALLINT),
    (sa.BigInteger, Kind.BIGINT),
    (sa.Integer, Kind.INTEGER),
    (sa.REAL, Kind.REAL),
    (sa.Float, Kind.DOUBLE),
    (sa.Numeric, Kind.NUMERIC),
    (sa.Uuid, Kind.UUID),
    (sa.Enum, Kind.ENUM),
    (sa.Date, Kind.DATE),
    (sa.Time, Kind.TIME),
    (sa.Interval, Kind.INTERVAL),
    (sa.JSON, Kind.JSON),
    (sa.LargeBinary, Kind.BYTES),
    (sa.VARCHAR, Kind.VARCHAR),
    (sa.String, Kind.TEXT),
)


def kind_of(type_: TypeEngine[Any]) -> Kind:
    """The kind of a column's type; `Kind.OTHER` for a type that has none of SQLAlchemy's generic types below it."""
    if isinstance(type_, sa.Interval):  # a decorated DateTime, which says nothing of what it means
        return Kind.INTERVAL
    if isinstance(type_, Named):
        return type_.kind
    bare = type_.impl_instance if isinstance(type_, sa.TypeDecorator) else type_
    if bare.__visit_name__ == "JSONB":
        return Kind.JSONB
    if isinstance(bare, sa.DateTime):
        return Kind.TIMESTAMPTZ if bare.timezone else Kind.TIMESTAMP
    for cls, kind in _BY_TYPE:
        if isinstance(bare, cls):
            return kind
    return Kind.OTHER
