"""A PostgreSQL database as one side of a move: rows by COPY, everything else by plain statements."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import NullPool

from undercroft.base.faults import SetupFault
from undercroft.base.postgres_url import check_url, shown
from undercroft.engine.migrate.errors import Busy
from undercroft.engine.move.errors import CannotMove, Unreachable
from undercroft.engine.move.from_postgres import from_postgres
from undercroft.engine.move.making import Making, first_line
from undercroft.engine.move.types import OURS, Mark, Positioned, Shape, TextRow
from undercroft.sql.rls import OWNER

if TYPE_CHECKING:
    import psycopg

JOURNAL = f"{OURS}move"
KEYS = f"{OURS}move_keys"
_LOCK = 0x756E6465
"""Of a move; migrations have another one."""
_SESSION = (
    "SET client_encoding = 'UTF8'", "SET timezone = 'UTC'", "SET datestyle = 'ISO, YMD'",
    "SET intervalstyle = 'postgres'", "SET bytea_output = 'hex'", "SET extra_float_digits = 1",
    "SET statement_timeout = 0", "SET idle_in_transaction_session_timeout = 0",
    f"SET {OWNER} = 'on'",  # where policies are row-level security too, the owner of the tables sees no row otherwise
)  # fmt: skip
_TABLES = """
SELECT CASE WHEN n.nspname = current_schema() THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '_undercroft') AND c.relname !~ '^_undercroft_'
"""
_SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', '_undercroft')
ORDER BY 1
"""
_FOREIGN = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND conrelid = ANY (%s::regclass[]) ORDER BY 1, 2
"""
_SEQUENCES = """
SELECT a.attname, s.seq FROM pg_attribute a,
LATERAL (SELECT pg_get_serial_sequence(%s, a.attname) AS seq) s
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND s.seq IS NOT NULL
"""


class PostgresSide:
    """Reads one database, or writes it, on one connection. `schemas` bounds what is reflected; None takes all."""

    def __init__(self, url: str, schemas: Iterable[str] | None = None) -> None:
        self.url = url
        self._schemas = list(schemas) if schemas is not None else None
        self._open: psycopg.Connection[Any] | None = None
        # Nothing is bound by its statements, so that a % in a name or a text stands for itself.
        self.dialect = postgresql.psycopg.dialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy's has no annotations
        check_url(url)
        self.identity = self.name = shown(url)

    # --- open ---

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._opened():
            self._run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._opened():
            if not self._run("SELECT pg_try_advisory_lock(%s)", (_LOCK,))[0][0]:
                raise Busy(f"another move is writing to {self.name}", hint="Wait for it, or stop it.")
            yield

    @contextmanager
    def _opened(self) -> Iterator[None]:
        try:
            import psycopg
        except ImportError as error:
            raise SetupFault(
                "moving to or from PostgreSQL takes its driver", hint="pip install 'undercroft[postgres]'"
            ) from error
        try:
            # No prepared statements: a pooler may stand in between.
            self._open = psycopg.connect(self.url, autocommit=True, prepare_threshold=None)
            for statement in _SESSION:
                self._run(statement)
        except psycopg.Error as error:
            raise Unreachable(f"{self.name} cannot be opened: {first_line(error)}") from error
        try:
            yield
        except psycopg.Error as error:
            if self._open.broken:
                raise Unreachable(
                    f"the connection to {self.name} was lost: {first_line(error)}",
                    hint="Run the same command again: it goes on where it was.",
                ) from error
            if isinstance(error, psycopg.OperationalError) and error.sqlstate is None:
                raise  # it is the other side's
            raise CannotMove(
                f"PostgreSQL refused what the move asked of it: {first_line(error)}",
                hint="When that is mended, run the same command again.",
            ) from error
        finally:
            self._open.close()
            self._open = None

    @property
    def _connection(self) -> psycopg.Connection[Any]:
        if self._open is None:
            raise RuntimeError("this side is not open")
        return self._open

    def _run(self, text: str, args: Sequence[object] = ()) -> list[Any]:
        cursor = self._connection.execute(text.encode(), args or None)
        return cursor.fetchall() if cursor.description else []

    # --- what is there ---

    def schema(self) -> tuple[MetaData, list[str]]:
        # SQLAlchemy ends transactions as it likes, so it asks on a connection of its own.
        with self._sqlalchemy() as engine, engine.connect() as connection:
            return from_postgres(connection, self._schemas or [name for (name,) in self._run(_SCHEMAS)])

    @contextmanager
    def _sqlalchemy(self) -> Iterator[sa.Engine]:
        import psycopg

        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(self.url),
            poolclass=NullPool,
            use_native_hstore=False,
        )
        try:
            yield engine
        except (psycopg.OperationalError, sa.exc.OperationalError) as error:
            raise Unreachable(f"{self.name} cannot be opened: {first_line(error)}") from error
        except sa.exc.DBAPIError as error:
            raise CannotMove(f"the schema of {self.name} cannot be read: {first_line(error.orig or error)}") from error

    def tables(self) -> set[str]:
        return {name for (name,) in self._run(_TABLES)}

    def count(self, shape: Shape) -> int:
        return int(self._run(f"SELECT count(*) FROM {self._rows_of(shape)}")[0][0])  # noqa: S608  # quoted

    def is_empty(self, shape: Shape) -> bool:
        return not self._run(f"SELECT 1 FROM {self._named(shape)} LIMIT 1")  # noqa: S608  # quoted

    def counters(self, shape: Shape) -> dict[str, int]:
        found = {}
        for column, sequence in self._sequences(shape):
            for last, called in self._run(f"SELECT last_value, is_called FROM {sequence}"):  # noqa: S608  # quoted
                if called:
                    found[column] = int(last)
        return found

    def _sequences(self, shape: Shape) -> list[tuple[str, str]]:
        return self._run(_SEQUENCES, (self._named(shape), self._named(shape)))

    def _named(self, shape: Shape) -> str:
        return self._table(shape.table)

    def _rows_of(self, shape: Shape) -> str:
        """Without the rows of tables that inherit from it, which are moved by themselves; with those of its parts."""
        named = self._named(shape)
        parted = self._run("SELECT 1 FROM pg_class WHERE oid = %s::regclass AND relkind = 'p'", (named,))
        return named if parted else f"ONLY {named}"

    def _table(self, table: sa.Table) -> str:
        return self.dialect.identifier_preparer.format_table(table)

    def _quoted(self, name: str) -> str:
        return self.dialect.identifier_preparer.quote_identifier(name)

    def _columns(self, shape: Shape) -> str:
        return ", ".join(self._quoted(field.name) for field in shape.fields)

    # --- rows out ---

    def scan(self, shape: Shape) -> Generator[TextRow, None, None]:
        yield from self._copied(f"SELECT {self._columns(shape)} FROM {self._rows_of(shape)}", shape)  # noqa: S608

    def rows(self, shape: Shape, after: tuple[str, ...] | None) -> Generator[Positioned, None, None]:
        text = f"SELECT {self._columns(shape)} FROM {self._rows_of(shape)}"  # noqa: S608  # quoted
        if not shape.key:
            for row in self._copied(text, shape):
                yield None, row
            return
        names = [self._quoted(shape.fields[place].name) for place in shape.key]
        listed = ", ".join(names)
        if after is not None:
            from psycopg import sql

            values = ", ".join(sql.Literal(value).as_string(self._connection) for value in after)
            text += f" WHERE ({listed}) > ({values})"
        for row in self._copied(f"{text} ORDER BY {listed}", shape):
            yield tuple([row[place] or "" for place in shape.key]), row

    def _copied(self, query: str, shape: Shape) -> Generator[TextRow, None, None]:
        import psycopg

        try:
            with self._connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as copy:
                copy.set_types(["text"] * len(shape.fields))
                yield from copy.rows()
        except psycopg.errors.DatabaseError as error:
            if isinstance(error, psycopg.OperationalError):
                raise
            raise CannotMove(f"{shape.title} cannot be read: {first_line(error)}") from error

    # --- rows in ---

    def journal(self) -> tuple[str, dict[str, Mark]] | None:
        if self._run("SELECT to_regclass(%s)", (JOURNAL,))[0][0] is None:
            return None
        rows = self._run(f"SELECT title, rows, position, done FROM {JOURNAL}")  # noqa: S608  # constant
        marks = {
            title: Mark(count, tuple(json.loads(position)) if position else None, done)
            for title, count, position, done in rows
        }
        start = marks.pop("")
        return (start.position or ("",))[0], marks

    def begin(self, identity: str, shapes: Sequence[Shape], made: MetaData | None) -> list[str]:
        notes: list[str] = []
        with self._connection.transaction():
            self._run(
                f"CREATE TABLE {JOURNAL} (title text PRIMARY KEY, rows bigint NOT NULL, position text, "
                "done boolean NOT NULL)"
            )
            self._run(f"CREATE TABLE {KEYS} (number bigint GENERATED ALWAYS AS IDENTITY, statement text NOT NULL)")
            self._mark("", Mark(0, (identity,)))
            if made is not None:
                notes = Making(self._run, self._later, self.dialect, self.name).make(made)
            self._put_keys_aside(shapes)
        return notes

    def _put_keys_aside(self, shapes: Sequence[Shape]) -> None:
        for table, name, definition in self._run(_FOREIGN, ([self._named(each) for each in shapes],)):
            self._later(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
            self._run(f"ALTER TABLE {table} DROP CONSTRAINT {name}")

    def _later(self, statement: str) -> None:
        self._run(f"INSERT INTO {KEYS} (statement) VALUES (%s)", (statement,))  # noqa: S608  # constant

    def clear(self, shape: Shape) -> None:
        with self._connection.transaction():
            self._run(f"TRUNCATE {self._named(shape)}")
            self._run(f"DELETE FROM {JOURNAL} WHERE title = %s", (shape.title,))  # noqa: S608  # constant

    def empty(self, identity: str, shapes: Sequence[Shape]) -> None:
        with self._connection.transaction():
            self._put_keys_aside(shapes)
            self._run(f"TRUNCATE {', '.join(self._named(shape) for shape in shapes)}")
            self._run(f"DELETE FROM {JOURNAL}")  # noqa: S608  # constant
            self._mark("", Mark(0, (identity,)))

    def write(self, shape: Shape, rows: Sequence[TextRow], mark: Mark) -> None:
        import psycopg

        command = f"COPY {self._named(shape)} ({self._columns(shape)}) FROM STDIN"
        try:
            with self._connection.transaction():
                with self._connection.cursor().copy(command.encode()) as copy:
                    write = copy.write_row
                    for row in rows:
                        write(row)
                self._mark(shape.title, mark)
        except (
            psycopg.DataError,
            psycopg.IntegrityError,
            psycopg.ProgrammingError,
            psycopg.NotSupportedError,
        ) as error:
            context = error.diag.context or ""
            raise CannotMove(
                f"rows of {shape.title} do not fit: {first_line(error)}",
                details=[context.splitlines()[0]] if context else None,
                hint="Change these values in the source, then run the same command again.",
            ) from error

    def _mark(self, title: str, mark: Mark) -> None:
        position = None if mark.position is None else json.dumps(mark.position)
        self._run(
            f"INSERT INTO {JOURNAL} VALUES (%s, %s, %s, %s) ON CONFLICT (title) DO UPDATE SET rows = excluded.rows, "  # noqa: S608  # constant
            "position = excluded.position, done = excluded.done",
            (title, mark.rows, position, mark.done),
        )

    # --- the end ---

    def finish(self, shapes: Sequence[Shape], counters: Mapping[str, Mapping[str, int]]) -> list[str]:
        with self._connection.transaction():
            for (statement,) in self._run(f"SELECT statement FROM {KEYS} ORDER BY number"):  # noqa: S608  # constant
                self._constrain(statement)
            self._run(f"DELETE FROM {KEYS}")  # noqa: S608  # constant
            for shape in shapes:
                for column, sequence in self._sequences(shape):
                    self._count_on(shape, column, sequence, counters.get(shape.title, {}).get(column, 0))
        for shape in shapes:
            self._run(f"ANALYZE {self._named(shape)}")
        return []

    def _constrain(self, statement: str) -> None:
        import psycopg

        try:
            self._run(statement)
        except (psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.DataError) as error:
            raise CannotMove(
                f"a constraint does not hold for these rows: {first_line(error)}",
                details=[error.diag.message_detail or "", statement],
                hint="Mend these rows in the source, then run it again with --restart.",
            ) from error

    def _count_on(self, shape: Shape, column: str, sequence: str, last: int) -> None:
        name = self._quoted(column)
        largest = self._run(f"SELECT max({name}) FROM {self._named(shape)}")[0][0] or 0  # noqa: S608  # quoted
        if max(largest, last) > 0:
            self._run("SELECT setval(%s, %s)", (sequence, max(largest, last)))

    def forget(self) -> None:
        with self._connection.transaction():
            self._run(f"DROP TABLE {JOURNAL}, {KEYS}")


__all__ = ["PostgresSide"]
