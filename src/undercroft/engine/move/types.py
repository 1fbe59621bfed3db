"""What the two sides of a move and the run between them speak of: shapes of tables, rows as texts, progress."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import MetaData, Table
from sqlalchemy.types import TypeEngine

from undercroft.catalog.kinds import Kind, kind_of

TextRow = tuple[str | None, ...]
"""One row, each value as the text that PostgreSQL would print for it; None is NULL."""

Positioned = tuple[tuple[str, ...] | None, TextRow]
"""A row with its place in the table; None where a table cannot be begun in the middle."""

OURS = "_undercroft_"
"""Tables of this prefix are bookkeeping of one database, and never moved."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column that is copied."""

    name: str
    kind: Kind
    type: TypeEngine[Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table as it is copied: without the columns that the database computes."""

    table: Table
    fields: tuple[Field, ...]
    key: tuple[int, ...]
    """Places of the primary key's columns in `fields`; empty where there is none."""

    @property
    def title(self) -> str:
        """`posts`, `auth.users`."""
        return self.table.fullname

    @classmethod
    def of(cls, table: Table) -> Shape:
        fields = tuple(Field(c.name, kind_of(c.type), c.type) for c in table.columns if c.computed is None)
        places = {field.name: place for place, field in enumerate(fields)}
        key = tuple(places[c.name] for c in table.primary_key.columns if c.name in places)
        return cls(table, fields, key if len(key) == len(table.primary_key.columns) else ())


@dataclass(frozen=True, slots=True)
class Words:
    """A default or a CHECK of a reflected schema, as each engine says it; None where it cannot."""

    here: str
    """As the source says it, for people."""
    sqlite: str | None
    postgresql: str | None


WORDS = "words"
"""The `Words` in the `info` of a column (its default) or of a CHECK."""
ONLY_POSTGRES = "only_postgres"
"""In the `info` of a reflected `MetaData`: what SQLite has no place for, and the statement that makes it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a table has come: the last row that is committed on the target, in the source's own words."""

    rows: int = 0
    position: tuple[str, ...] | None = None
    """None: from the beginning. Where the source cannot begin in the middle, a table is copied anew."""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Sum:
    """How many rows a table has, and a checksum of what is in them, whatever their order."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Progress:
    """For whoever watches: `stage` is copying or comparing; `total` is 0 where it is not known."""

    stage: str
    table: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class TableMoved:
    """A table that is on the other side now."""

    table: str
    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did. `notes` tell what was left behind, and what to see to."""

    tables: tuple[TableMoved, ...]
    notes: tuple[str, ...]
    resumed: bool
    seconds: float

    @property
    def rows(self) -> int:
        return sum(each.rows for each in self.tables)


class Origin(Protocol):
    """The side that is read, as it was at one moment."""

    @property
    def name(self) -> str:
        """What people call it; never with a password."""
        ...

    @property
    def identity(self) -> str:
        """The same for the same database, so that a resumed move goes on from the right one."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Everything that is read inside is of one moment. Raises `Unreachable`."""
        ...

    def schema(self) -> tuple[MetaData, list[str]]:
        """Tables, keys and indexes by reflection, in types that either side can make; and notes."""
        ...

    def tables(self) -> set[str]:
        """Titles of the tables that are there."""
        ...

    def count(self, shape: Shape) -> int:
        """Rows of a table, roughly."""
        ...

    def rows(self, shape: Shape, after: tuple[str, ...] | None) -> Generator[Positioned, None, None]:
        """Every row after a position, each with its own; None where a table cannot be begun in the middle.

        Raises `CannotMove` for a value that has no text.
        """
        ...

    def scan(self, shape: Shape) -> Generator[TextRow, None, None]:
        """Every row, in any order. Raises `CannotMove`."""
        ...

    def journal(self) -> tuple[str, dict[str, Mark]] | None:
        """Of a move into this database that was interrupted, as in `Goal`."""
        ...

    def counters(self, shape: Shape) -> dict[str, int]:
        """The last number that a column gave by itself, of those that do."""
        ...


class Goal(Protocol):
    """The side that is written."""

    @property
    def name(self) -> str:
        """What people call it; never with a password."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """The database, for this move alone. Raises `Unreachable` and `Busy`."""
        ...

    def tables(self) -> set[str]:
        """Titles of the tables that are there."""
        ...

    def journal(self) -> tuple[str, dict[str, Mark]] | None:
        """The source of an interrupted move, and how far each table has come; None where there was none."""
        ...

    def begin(self, identity: str, shapes: Sequence[Shape], made: MetaData | None) -> list[str]:
        """Make the tables of `made`, put foreign keys aside and open the journal, in one transaction.

        Gives notes about what of a reflected schema has no place here.
        """
        ...

    def is_empty(self, shape: Shape) -> bool:
        """Whether a table has no rows."""
        ...

    def clear(self, shape: Shape) -> None:
        """Delete every row of a table and its mark, in one transaction."""
        ...

    def empty(self, identity: str, shapes: Sequence[Shape]) -> None:
        """Begin an interrupted move anew: no rows, no marks, foreign keys aside, in one transaction."""
        ...

    def write(self, shape: Shape, rows: Sequence[TextRow], mark: Mark) -> None:
        """Append rows and note how far that is, in one transaction. Raises `CannotMove`."""
        ...

    def scan(self, shape: Shape) -> Generator[TextRow, None, None]:
        """Every row, in any order. Raises `CannotMove`."""
        ...

    def finish(self, shapes: Sequence[Shape], counters: Mapping[str, Mapping[str, int]]) -> list[str]:
        """Foreign keys back in force and checked, numbering going on where it was. Raises `CannotMove`."""
        ...

    def forget(self) -> None:
        """Drop the journal: the move is over."""
        ...
