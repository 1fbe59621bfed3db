"""An existing SQLite file as SQLAlchemy's MetaData: tables, views, keys and indexes, read and never changed.

SQLite lets a column hold what it likes, so types here say how a request's values are read, not what is stored.
Everything comes from pragmas; names of constraints, which those do not tell, from the text of CREATE TABLE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from undercroft.base.faults import SetupFault
from undercroft.engine.migrate.ddltext import TableText, parse_table
from undercroft.engine.sqlite.affinity import type_of
from undercroft.engine.sqlite.dialect import undotted
from undercroft.engine.sqlite.engine import SQLiteEngine

OLDEST = (3, 37, 0)
"""PRAGMA table_list came with this one."""
_NOT_SERVED = ("sqlite_", "_undercroft_")


@dataclass(frozen=True, slots=True)
class Reflected:
    """What a file holds, and in words what of it cannot be served."""

    metadata: sa.MetaData
    notices: tuple[str, ...]


def reflect_file(engine: SQLiteEngine) -> Reflected:
    """Read the schema of an existing file through the engine that will serve it, while that is not started.

    Raises `SetupFault` where there is no such file, where it is no database, and for an SQLite that is too old.
    """
    path = engine.settings.path
    if not path.is_file():
        raise SetupFault(
            f"there is no database {path}", hint="Without an app file, [database] url names an existing one."
        )
    try:
        with engine.migration_connection() as connection:
            return reflect(connection)
    except (engine.library.module.Error, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise SetupFault(f"the database {path.name} cannot be read: {reason}") from error


def reflect(connection: Connection) -> Reflected:
    """Read the schema of the file behind `connection`. Raises `SetupFault` for an SQLite that is too old."""
    if (connection.dialect.server_version_info or OLDEST) < OLDEST:
        raise SetupFault(
            f"to read the schema of an existing database takes SQLite {'.'.join(map(str, OLDEST))} or later",
            hint="Install pysqlite3, which carries a current SQLite.",
        )
    reader = _Reader(connection)
    for row in reader.rows("PRAGMA main.table_list"):
        reader.take(name=row[1], kind=row[2], without_rowid=bool(row[4]))
    reader.join()
    return Reflected(reader.metadata, tuple(reader.notices))


def any_text(connection: Any) -> None:
    """Have a DB-API connection give every text, with U+FFFD for bytes that are not UTF-8: a text that somebody stored
    wrongly must not make its whole table unreadable.
    """
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")


@dataclass(slots=True)
class _Reader:
    connection: Connection
    metadata: sa.MetaData = field(default_factory=sa.MetaData)
    notices: list[str] = field(default_factory=list)
    tables: dict[str, sa.Table] = field(default_factory=dict)
    """By SQLite's name in lower case, since it does not tell cases apart."""
    names: dict[str, str] = field(default_factory=dict)

    def rows(self, text: str) -> Sequence[Any]:
        return self.connection.exec_driver_sql(text).fetchall()

    def take(self, name: str, kind: str, *, without_rowid: bool) -> None:
        """One line of the list of tables."""
        if name.lower().startswith(_NOT_SERVED):
            return
        if kind == "table":
            self._table(name, without_rowid=without_rowid)
        elif kind == "view":
            self._view(name)
        elif kind == "virtual":
            self.notices.append(f"the virtual table {name} is not served")

    def _table(self, name: str, *, without_rowid: bool) -> None:
        facts = self.rows(f"PRAGMA main.table_xinfo({quoted(name)})")
        indexes = [_IndexFact.read(self, row) for row in self.rows(f"PRAGMA main.index_list({quoted(name)})")]
        key = [fact[1] for fact in sorted((fact for fact in facts if fact[5]), key=lambda fact: fact[5])]
        alias = _rowid_alias(facts, key, indexes, without_rowid=without_rowid)
        text = self._text(name)
        columns = [_column(fact, alias, without_rowid, text) for fact in facts if fact[6] != 1]
        table = self._made(name, columns, without_rowid=without_rowid)
        if key:
            table.append_constraint(sa.PrimaryKeyConstraint(*key))
        for index in indexes:
            index.add_to(table)

    def _view(self, name: str) -> None:
        try:
            facts = self.rows(f"PRAGMA main.table_xinfo({quoted(name)})")
        except DBAPIError as error:
            self.notices.append(f"the view {name} is not served, since SQLite cannot read it: {error.orig}")
            return
        table = self._made(name, [sa.Column(fact[1], type_of(fact[2])) for fact in facts], without_rowid=True)
        table.info["is_view"] = True

    def _made(self, name: str, columns: list[sa.Column[Any]], *, without_rowid: bool) -> sa.Table:
        schema, bare = undotted(name)
        options: dict[str, Any] = {"sqlite_with_rowid": False} if without_rowid else {}
        table: sa.Table = sa.Table(bare, self.metadata, *columns, schema=schema, **options)
        self.tables[name.lower()] = table
        self.names[name.lower()] = name
        return table

    def _text(self, name: str) -> TableText:
        found = self.connection.exec_driver_sql(
            "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ?", (name,)
        )
        return parse_table(found.scalar() or "")

    # --- foreign keys, once every table is known ---

    def join(self) -> None:
        for lower, table in self.tables.items():
            if not table.info.get("is_view"):
                self._foreign_keys(self.names[lower], table)

    def _foreign_keys(self, name: str, table: sa.Table) -> None:
        given = {foreign.columns: foreign.name for foreign in self._text(name).foreigns}
        taken: set[str] = set()
        for own, target_name, referred in _grouped(self.rows(f"PRAGMA main.foreign_key_list({quoted(name)})")):
            target = self.tables.get(target_name.lower())
            pairs = _paired(table, own, target, referred) if target is not None else None
            if pairs is None:
                self.notices.append(f"the foreign key of {name} to {target_name} leads nowhere")
                continue
            label = given.get(tuple(own)) or _free(f"{table.name}_{'_'.join(own)}_fkey", taken)
            taken.add(label)
            columns, others = zip(*pairs, strict=True)
            table.append_constraint(sa.ForeignKeyConstraint(list(columns), list(others), name=label))


@dataclass(frozen=True, slots=True)
class _IndexFact:
    name: str
    unique: bool
    origin: str
    """c: CREATE INDEX, u: a UNIQUE constraint, pk: the primary key."""
    partial: bool
    columns: tuple[str | None, ...]
    """None stands for an expression."""

    @classmethod
    def read(cls, reader: _Reader, row: Sequence[Any]) -> _IndexFact:
        facts = reader.rows(f"PRAGMA main.index_xinfo({quoted(row[1])})")
        columns = tuple(fact[2] if fact[1] >= 0 else None for fact in facts if fact[5])
        return cls(row[1], bool(row[2]), row[3], bool(row[4]), columns)

    def add_to(self, table: sa.Table) -> None:
        """The constraint or index that it is; of one with expressions, what stands before the first."""
        if self.origin == "pk":
            return
        if self.origin == "u" and None not in self.columns:
            table.append_constraint(sa.UniqueConstraint(*[name for name in self.columns if name is not None]))
            return
        plain = self.columns[: self.columns.index(None)] if None in self.columns else self.columns
        if plain:
            options: dict[str, Any] = {"sqlite_where": sa.true()} if self.partial else {}
            unique = self.unique and len(plain) == len(self.columns)
            sa.Index(self.name, *(table.c[str(name)] for name in plain), unique=unique, **options)


def _column(fact: Sequence[Any], alias: str | None, without_rowid: bool, text: TableText) -> sa.Column[Any]:
    _, name, declared, not_null, default, key, hidden = fact
    extra: list[Any] = []
    if hidden in (2, 3):
        declared = declared.upper().replace("GENERATED ALWAYS", "").strip()
        extra.append(sa.Computed(sa.literal_column(text.generated.get(name, "NULL")), persisted=hidden == 3))
    elif default is not None and name != alias:
        extra.append(sa.DefaultClause(sa.literal_column(default)))
    # Of a primary key, only the number of the row and the keys of WITHOUT ROWID tables are never NULL.
    certain = bool(not_null) or name == alias or (bool(key) and without_rowid)
    return sa.Column(name, type_of(declared), *extra, nullable=not certain, autoincrement=name == alias)


def _rowid_alias(
    facts: Sequence[Any], key: Sequence[str], indexes: Sequence[_IndexFact], *, without_rowid: bool
) -> str | None:
    """The column that is another name of the rowid: SQLite numbers it by itself, and keeps no index for it."""
    if without_rowid or len(key) != 1 or any(index.origin == "pk" for index in indexes):
        return None
    declared: Mapping[str, str] = {fact[1]: fact[2] for fact in facts}
    return key[0] if declared[key[0]].upper() == "INTEGER" else None


def _grouped(rows: Sequence[Any]) -> Iterator[tuple[list[str], str, list[str | None]]]:
    """(own columns, table, its columns or None) of each key, in the order of their declaration."""
    by_id: dict[int, list[Any]] = {}
    for row in sorted(rows, key=lambda row: (-row[0], row[1])):
        by_id.setdefault(row[0], []).append(row)
    for group in by_id.values():
        yield [row[3] for row in group], group[0][2], [row[4] for row in group]


def _paired(
    table: sa.Table, own: Sequence[str], target: sa.Table, referred: Sequence[str | None]
) -> list[tuple[sa.Column[Any], sa.Column[Any]]] | None:
    """The columns of both ends; None where one is missing. Columns that are left out are the other's primary key."""
    names = list(referred) if all(referred) else [column.name for column in target.primary_key.columns]
    here = [_named(table, name) for name in own]
    there = [_named(target, str(name)) for name in names]
    if len(here) != len(there):
        return None
    pairs = [(one, other) for one, other in zip(here, there, strict=True) if one is not None and other is not None]
    return pairs if len(pairs) == len(own) else None


def _named(table: sa.Table, name: str) -> sa.Column[Any] | None:
    lowered = name.lower()
    return next((column for column in table.columns if column.name.lower() == lowered), None)


def _free(name: str, taken: set[str]) -> str:
    """As PostgreSQL names a second key on the same columns: `..._fkey1`."""
    number = 0
    while (found := f"{name}{number or ''}") in taken:
        number += 1
    return found


def quoted(name: str) -> str:
    """A name as SQLite takes any name."""
    return '"' + name.replace('"', '""') + '"'
