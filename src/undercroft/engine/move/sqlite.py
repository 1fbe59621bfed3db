# ruff: noqa: S608  names are quoted or constant, and values are arguments
"""An SQLite file as one side of a move."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.schema import CreateIndex, CreateTable

from undercroft.catalog.kinds import Kind, kind_of
from undercroft.engine.migrate.errors import Busy
from undercroft.engine.migrate.facts import quoted, read_facts
from undercroft.engine.migrate.place import Place, held
from undercroft.engine.move.errors import CannotMove, Unreachable
from undercroft.engine.move.reflected import from_sqlite
from undercroft.engine.move.types import ONLY_POSTGRES, OURS, WORDS, Mark, Positioned, Shape, TextRow, Words
from undercroft.engine.move.values import NoPlace, reader, writer
from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect, dotted, undotted

JOURNAL = f"{OURS}move"
_ROWID_NAMES = ("rowid", "_rowid_", "oid")


class SqliteSide:
    """Reads one file, or writes it. A file that is only read must be there."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.dialect = UndercroftSQLiteDialect(place.library.module)
        self._connection: Any = None

    @property
    def name(self) -> str:
        return f"sqlite:///{self.place.path}"

    @property
    def identity(self) -> str:
        return f"sqlite:{self.place.path.resolve()}"

    # --- open ---

    @contextmanager
    def reading(self) -> Iterator[None]:
        if not self.place.path.is_file():
            raise Unreachable(f"there is no database {self.place.path}", hint="Give its path after sqlite:///.")
        with held(self.place), self._opened():
            try:
                self._run("PRAGMA query_only=ON")
                self._run("BEGIN")
                self._run("SELECT 1 FROM sqlite_master")  # only a read takes the snapshot
            except self.place.library.module.Error as error:
                raise Unreachable(f"{self.place.path} cannot be read: {error}") from error
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        with held(self.place), self._opened():
            try:
                self._run("PRAGMA locking_mode=EXCLUSIVE")
                self._run("PRAGMA cache_size=-65536")
                self._run("BEGIN EXCLUSIVE")
                self._run("COMMIT")
            except self.place.library.module.OperationalError as error:
                raise Busy(
                    f"{self.place.path.name} is in use by another process ({error})",
                    hint="Stop the server or the other move, then try again.",
                ) from error
            yield

    @contextmanager
    def _opened(self) -> Iterator[None]:
        self._connection = self.place.connect()
        try:
            yield
        finally:
            self._connection.close()
            self._connection = None

    def _run(self, text: str, args: Sequence[object] = ()) -> list[Any]:
        found: list[Any] = self._connection.execute(text, args).fetchall()
        return found

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            with suppress(self.place.library.module.Error):
                self._run("ROLLBACK")
            raise

    # --- what is there ---

    def schema(self) -> tuple[MetaData, list[str]]:
        return from_sqlite(self._run)

    def tables(self) -> set[str]:
        return {_title(name) for name in read_facts(self._run)}

    def count(self, shape: Shape) -> int:
        return int(self._run(f"SELECT count(*) FROM {_named(shape)}")[0][0])

    def is_empty(self, shape: Shape) -> bool:
        return not self._run(f"SELECT 1 FROM {_named(shape)} LIMIT 1")

    def counters(self, shape: Shape) -> dict[str, int]:
        if len(shape.key) != 1 or not self._has("sqlite_sequence"):
            return {}
        rows = self._run("SELECT seq FROM sqlite_sequence WHERE name = ?", (_dotted(shape),))
        return {shape.fields[shape.key[0]].name: int(rows[0][0])} if rows and isinstance(rows[0][0], int) else {}

    def _has(self, table: str) -> bool:
        return bool(self._run("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)))

    # --- rows out ---

    def scan(self, shape: Shape) -> Generator[TextRow, None, None]:
        cursor = self._connection.execute(f"SELECT {_columns(shape)} FROM {_named(shape)}")
        read = self._row_reader(shape)
        for row in self._each(cursor, shape):
            yield read(row)

    def rows(self, shape: Shape, after: tuple[str, ...] | None) -> Generator[Positioned, None, None]:
        names = self._position_names(shape)
        width = len(names)
        listed = ", ".join(names)
        args = [json.loads(each) for each in after or ()]
        args = [bytes.fromhex(each["hex"]) if isinstance(each, dict) else each for each in args]
        where = f" WHERE ({listed}) > ({', '.join('?' * width)})" if args else ""
        text = f"SELECT {listed}, {_columns(shape)} FROM {_named(shape)}{where} ORDER BY {listed}"
        read = self._row_reader(shape)
        for row in self._each(self._connection.execute(text, args), shape):
            yield tuple(_position(value) for value in row[:width]), read(row[width:])

    def _each(self, cursor: Any, shape: Shape) -> Iterator[Any]:
        try:
            yield from cursor
        except self.place.library.module.Error as error:
            raise CannotMove(f"{shape.title} cannot be read: {error}") from error

    def _position_names(self, shape: Shape) -> list[str]:
        """The columns by which a table is walked: the number of the row, or the key of a table without one."""
        without = [row[1] for row in self._run("PRAGMA main.table_list") if row[4]]
        if _dotted(shape) in without:
            return [quoted(shape.fields[place].name) for place in shape.key]
        taken = {column.name.lower() for column in shape.table.columns}
        return [next((name for name in _ROWID_NAMES if name not in taken), _ROWID_NAMES[0])]

    def _row_reader(self, shape: Shape) -> Callable[[Sequence[Any]], TextRow]:
        readers = [reader(field.type, field.kind, self.dialect) for field in shape.fields]

        def read(row: Sequence[Any]) -> TextRow:
            try:
                return tuple([None if value is None else each(value) for each, value in zip(readers, row, strict=True)])
            except NoPlace:
                _refuse(shape, readers, row)
                raise

        return read

    # --- rows in ---

    def journal(self) -> tuple[str, dict[str, Mark]] | None:
        if not self._has(JOURNAL):
            return None
        rows = self._run(f"SELECT title, rows, position, done FROM {JOURNAL}")
        marks = {
            title: Mark(count, tuple(json.loads(position)) if position else None, bool(done))
            for title, count, position, done in rows
        }
        identity = next(position for title, _, position, _ in rows if not title)
        marks.pop("")
        return json.loads(identity)[0], marks

    def begin(self, identity: str, shapes: Sequence[Shape], made: MetaData | None) -> list[str]:
        notes: list[str] = []
        with self._transaction():
            if made is not None:
                notes = self._make(made)
            self._run(
                f"CREATE TABLE {JOURNAL} (title TEXT PRIMARY KEY, rows INTEGER NOT NULL, position TEXT, "
                "done INTEGER NOT NULL)"
            )
            self._mark("", Mark(0, (identity,)))
        return notes

    def clear(self, shape: Shape) -> None:
        with self._transaction():
            self._run(f"DELETE FROM {_named(shape)}")
            self._run(f"DELETE FROM {JOURNAL} WHERE title = ?", (shape.title,))

    def empty(self, identity: str, shapes: Sequence[Shape]) -> None:
        with self._transaction():
            for shape in shapes:
                self._run(f"DELETE FROM {_named(shape)}")
            self._run(f"DELETE FROM {JOURNAL}")
            self._mark("", Mark(0, (identity,)))

    def write(self, shape: Shape, rows: Sequence[TextRow], mark: Mark) -> None:
        writers = [writer(field.type, field.kind, self.dialect) for field in shape.fields]
        holes = ", ".join("?" * len(writers))
        with self._transaction():
            try:
                self._connection.executemany(
                    f"INSERT INTO {_named(shape)} ({_columns(shape)}) VALUES ({holes})",
                    [
                        [None if value is None else each(value) for each, value in zip(writers, row, strict=True)]
                        for row in rows
                    ],
                )
            except NoPlace:
                for row in rows:
                    _refuse(shape, writers, row)
                raise
            except self.place.library.module.Error as error:
                raise CannotMove(
                    f"rows of {shape.title} do not fit: {error}",
                    hint="Change these values in the source, then run the same command again.",
                ) from error
            self._mark(shape.title, mark)

    def _mark(self, title: str, mark: Mark) -> None:
        position = None if mark.position is None else json.dumps(mark.position)
        self._run(f"INSERT OR REPLACE INTO {JOURNAL} VALUES (?, ?, ?, ?)", (title, mark.rows, position, mark.done))

    def finish(self, shapes: Sequence[Shape], counters: Mapping[str, Mapping[str, int]]) -> list[str]:
        broken = Counter((row[0], row[2]) for row in self._run("PRAGMA foreign_key_check"))
        if broken:
            details = [
                f"{count} rows of {table} point to no row of {parent}" for (table, parent), count in broken.items()
            ]
            raise CannotMove(
                f"foreign keys are broken: {'; '.join(details)}",
                details=details,
                hint="Mend these rows in the source, then run it again with --restart.",
            )
        with self._transaction():
            if self._has("sqlite_sequence"):
                for shape in shapes:
                    for last in counters.get(shape.title, {}).values():
                        self._count_on(_dotted(shape), last)
        self._run("ANALYZE")
        return []

    def _count_on(self, table: str, last: int) -> None:
        """Where the table numbers by AUTOINCREMENT; a table without rows is not in the list yet."""
        if "autoincrement" not in read_facts(self._run)[table].options:
            return
        if self._run("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)):
            self._run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table))
        else:
            self._run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, last))

    def forget(self) -> None:
        with self._transaction():
            self._run(f"DROP TABLE {JOURNAL}")

    # --- a reflected schema ---

    def _make(self, metadata: MetaData) -> list[str]:
        notes: list[str] = []
        for table in metadata.tables.values():
            self._table(table, notes)
        for table in metadata.tables.values():
            for index in sorted(table.indexes, key=lambda each: str(each.name)):
                self._try(str(CreateIndex(index).compile(dialect=self.dialect)), f"the index {index.name}", notes)
        notes += [f"{what} is left out" for what, _ in metadata.info.get(ONLY_POSTGRES, ())]
        return notes

    def _table(self, table: sa.Table, notes: list[str]) -> None:
        """With as many of its CHECKs as SQLite understands."""
        checks = [each for each in table.constraints if isinstance(each, sa.CheckConstraint)]
        for check in checks:
            table.constraints.discard(check)
        for check in sorted(checks, key=lambda each: (str(each.name), str(each.sqltext))):
            table.constraints.add(check)
            if not self._understands(table):
                table.constraints.discard(check)
                here = check.info[WORDS].here
                notes.append(f"{table.fullname}: the CHECK {here} is left out, since SQLite does not know it")
        for column in table.columns:
            self._told(column, notes)
        uniques = [each for each in table.constraints if isinstance(each, sa.UniqueConstraint)]
        for unique in uniques:
            if unique.dialect_options["postgresql"]["nulls_not_distinct"]:
                notes += [f"{table.fullname}: {unique.name} lets more than one NULL in now"]
        try:
            self._run(self._ddl(table))
        except self.place.library.module.Error as error:
            raise CannotMove(f"the table {table.fullname} cannot be made in {self.name}: {error}") from error

    def _told(self, column: sa.Column[Any], notes: list[str]) -> None:
        """What a column is on PostgreSQL and is not here; and its default."""
        place = f"{column.table.fullname}.{column.name}"
        if kind_of(column.type) is Kind.OTHER:
            notes.append(f"{place}: {column.type} becomes text")
        words: Words | None = column.info.get(WORDS)
        if words is None:
            return
        if words.sqlite is None:
            notes.append(f"{place}: the default {words.here} is left out")
        else:
            column.server_default = sa.DefaultClause(sa.literal_column(words.sqlite))

    def _understands(self, table: sa.Table) -> bool:
        scratch = self.place.library.module.connect(":memory:")
        try:
            scratch.execute(self._ddl(table))
        except self.place.library.module.Error:
            return False
        finally:
            scratch.close()
        return True

    def _ddl(self, table: sa.Table) -> str:
        return str(CreateTable(table).compile(dialect=self.dialect))

    def _try(self, statement: str, what: str, notes: list[str]) -> None:
        self._run("SAVEPOINT tried")
        try:
            self._run(statement)
        except self.place.library.module.Error as error:
            self._run("ROLLBACK TO tried")
            notes.append(f"{what} is left out: {error}")
        self._run("RELEASE tried")


def _title(name: str) -> str:
    schema, bare = undotted(name)
    return f"{schema}.{bare}" if schema else bare


def _dotted(shape: Shape) -> str:
    return dotted(shape.table.schema, shape.table.name)


def _named(shape: Shape) -> str:
    return quoted(_dotted(shape))


def _columns(shape: Shape) -> str:
    return ", ".join(quoted(field.name) for field in shape.fields)


def _position(value: object) -> str:
    return json.dumps({"hex": value.hex()} if isinstance(value, bytes) else value)


def _refuse(shape: Shape, codecs: Sequence[Callable[[Any], Any]], row: Sequence[Any]) -> None:
    """Say which value it was, if one of this row: the column, and the key. Raises `CannotMove`."""
    for field, codec, value in zip(shape.fields, codecs, row, strict=True):
        if value is None:
            continue
        try:
            codec(value)
        except NoPlace as reason:
            key = ", ".join(f"{shape.fields[place].name} = {row[place]!r:.60}" for place in shape.key)
            raise CannotMove(
                f"{shape.title}.{field.name} holds {reason}",
                details=[f"the row where {key}"] if key else None,
                hint="Change that value in the source, then run the same command again.",
            ) from None


__all__ = ["JOURNAL", "SqliteSide"]
