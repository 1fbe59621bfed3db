"""The statements of this room: rows found, added, changed and taken by the columns that a verb names.

Tables and columns are named by the code, values are bound. Each statement is compiled when it is first used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.engine.types import Cursor
from undercroft.models.base import Timestamp, Uuid
from undercroft.sql.prepared import Prepared, prepare

Record = dict[str, Any]
"""A row by column: ids as text, moments as `datetime` with a zone, JSON decoded."""


class Rows:
    """The rows of this room within one unit of work."""

    __slots__ = ("_cursor", "_dialect", "made")

    def __init__(self, cursor: Cursor, dialect: Dialect) -> None:
        self._cursor = cursor
        self._dialect = dialect
        self.made: list[Record] = []
        """Accounts that came to be in it."""

    def one(self, table: sa.Table, *, locked: bool = False, **where: object) -> Record | None:
        """The row in which these columns have these values; `locked` keeps others from changing it until the commit."""
        found = self.all(table, locked=locked, **where)
        return found[0] if found else None

    def all(self, table: sa.Table, *, locked: bool = False, **where: object) -> list[Record]:
        """Every such row, the oldest first."""
        return self.asked(_select(table, _named(where), locked, self._dialect), table, where)

    def asked(self, statement: Prepared, table: sa.Table, values: Mapping[str, object]) -> list[Record]:
        """The rows of a statement that gives the columns of a table."""
        read = reader(table)
        return [read(row) for row in self.raw(statement, values)]

    def raw(self, statement: Prepared, values: Mapping[str, object]) -> Sequence[tuple[Any, ...]]:
        """The rows of a statement as the engine gives them."""
        return self._cursor.all(statement.text, statement.args(**values))

    def add(self, table: sa.Table, **values: object) -> None:
        """A new row. Raises `DatabaseFault` 23505 where it is there already."""
        self.raw(_insert(table, tuple(values), self._dialect), values)

    def change(self, table: sa.Table, where: Mapping[str, object], **values: object) -> int:
        """Change the rows that are as `where` says at that moment; how many there were."""
        given = {f"w_{name}": value for name, value in where.items()} | values
        return len(self.raw(_update(table, _named(where), tuple(values), self._dialect), given))

    def remove(self, table: sa.Table, **where: object) -> list[Record]:
        """Take out the rows that are so; what they were. Of many who try, one gets each."""
        return self.asked(_delete(table, _named(where), self._dialect), table, where)

    def prepared(self, statement: sa.ClauseElement) -> Prepared:
        """A statement of a verb's own, compiled once for as long as that object lives."""
        return _prepared(statement, self._dialect)


def _named(where: Mapping[str, object]) -> tuple[tuple[str, bool], ...]:
    """The columns of a condition, and whether each is to be null."""
    return tuple((name, value is None) for name, value in where.items())


def given(column: sa.Column[Any], name: str | None = None) -> sa.BindParameter[Any]:
    """A value for a column, by its name or another."""
    return sa.bindparam(name or column.name, type_=column.type)


def _where(table: sa.Table, named: tuple[tuple[str, bool], ...], prefix: str = "") -> list[Any]:
    columns = [(table.c[name], is_null) for name, is_null in named]
    return [
        column.is_(None) if is_null else column == given(column, prefix + column.name) for column, is_null in columns
    ]


@lru_cache(512)
def _select(table: sa.Table, named: tuple[tuple[str, bool], ...], locked: bool, dialect: Dialect) -> Prepared:
    found = sa.select(table).where(*_where(table, named))
    if "created_at" in table.c:
        found = found.order_by(table.c.created_at, *table.primary_key)
    return prepare(found.with_for_update() if locked else found, dialect)


@lru_cache(256)
def _insert(table: sa.Table, names: tuple[str, ...], dialect: Dialect) -> Prepared:
    return prepare(sa.insert(table).values({name: given(table.c[name]) for name in names}), dialect)


@lru_cache(256)
def _update(table: sa.Table, named: tuple[tuple[str, bool], ...], names: tuple[str, ...], dialect: Dialect) -> Prepared:
    changed = sa.update(table).where(*_where(table, named, "w_")).values({name: given(table.c[name]) for name in names})
    return prepare(changed.returning(*table.primary_key), dialect)


@lru_cache(256)
def _delete(table: sa.Table, named: tuple[tuple[str, bool], ...], dialect: Dialect) -> Prepared:
    return prepare(sa.delete(table).where(*_where(table, named)).returning(*table.c), dialect)


@lru_cache(256)
def _prepared(statement: sa.ClauseElement, dialect: Dialect) -> Prepared:
    return prepare(statement, dialect)


# --- what an engine gives, as values ---


@lru_cache(64)
def reader(table: sa.Table) -> Callable[[Sequence[Any]], Record]:
    """What makes a row of a table, given in the order of its columns, a record."""
    names = [column.name for column in table.c]
    changes = [(name, change) for name, column in table.c.items() if (change := _read_of(column.type)) is not None]

    def read(row: Sequence[Any]) -> Record:
        found = dict(zip(names, row, strict=True))
        for name, change in changes:
            value = found[name]
            if value is not None:
                found[name] = change(value)
        return found

    return read


def _read_of(kind: sa.types.TypeEngine[Any]) -> Any:
    if isinstance(kind, Timestamp):
        return moment
    if isinstance(kind, sa.JSON):
        return _decoded
    if isinstance(kind, sa.Boolean):
        return bool
    return str if isinstance(kind, Uuid) else None


_SECOND, _MICROSECOND = 19, 26
"""Letters of a moment of SQLite's. PostgreSQL's has a zone, and is as long as the latter with thousandths."""


def moment(value: str | datetime) -> datetime:
    """A moment as an engine spells it."""
    if isinstance(value, str):
        # SQLite's texts are UTC and do not say so; to add it costs less than to replace the zone afterwards.
        size = len(value)
        is_bare = size == _SECOND or (size == _MICROSECOND and value[-3] not in "+-")
        found = datetime.fromisoformat(value + "+00:00" if is_bare else value)
        return found if found.tzinfo is UTC else found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    found = value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _decoded(value: Any) -> Any:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value
