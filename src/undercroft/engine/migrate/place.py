"""SQLite: where a schema lives and how a migration reaches it: connections, the scratch copy, the backup.

Migration connections are opened for the purpose and closed after it. Foreign keys are off on them, as SQLite demands
for a rebuild (with them on, dropping the old table deletes the child rows); what that could break is checked before
every commit. A transaction starts with BEGIN IMMEDIATE, so that of two processes one migrates and the other waits,
then finds it done.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, MetaData, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from undercroft.base.clock import Clock, SystemClock
from undercroft.base.faults import SetupFault
from undercroft.engine.migrate.ddltext import lex
from undercroft.engine.migrate.errors import Busy, DataForbids
from undercroft.engine.migrate.facts import OURS, ColumnFact, Run, TableFact, quoted, read_facts
from undercroft.engine.migrate.ground import Book, T, runner
from undercroft.engine.migrate.types import OnStep, Progress
from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect
from undercroft.engine.sqlite.files import FileLock, create_private
from undercroft.engine.sqlite.library import Library, choose
from undercroft.engine.sqlite.settings import SQLiteSettings

Prepare = Callable[[Any], None]
"""Called with every new DB-API connection: the place to register SQL functions."""

BOOK = Book(f"{OURS}_schema", f"{OURS}_revision", "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", "?")

_LOCK_SECONDS = 5.0
"""Longest wait for a process that must have the file alone: one that migrates is done soon, one that serves is not."""

_PAGES = 2048
"""Pages copied between two reports of a backup's progress."""


@dataclass(frozen=True, slots=True)
class Place:
    """One SQLite file, the library that opens it, the folder for backups.

    `wait_seconds` bounds the wait for another process that migrates; `prepare` registers SQL functions on a new
    connection.
    """

    path: Path
    library: Library
    backups: Path
    wait_seconds: float = 30.0
    prepare: Prepare | None = None
    clock: Clock = field(default_factory=SystemClock)

    def connect(self) -> Any:
        """A DB-API connection: explicit transactions only, durable commits, no foreign key actions.

        Raises `SetupFault` where the file is none of SQLite's.
        """
        module = self.library.module
        connection = module.connect(
            str(self.path), timeout=self.wait_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in ("synchronous=FULL", "foreign_keys=OFF", "trusted_schema=OFF"):
                connection.execute(f"PRAGMA {pragma}")
        except module.DatabaseError as error:
            connection.close()
            if isinstance(error, module.OperationalError):
                raise
            raise SetupFault(f"the database {self.path} cannot be read: {error}") from error
        if self.prepare is not None:
            self.prepare(connection)
        return connection

    # --- what every site does -----------------------------------------------------------------------------------

    @property
    def book(self) -> Book:
        return BOOK

    @property
    def keeps_copies(self) -> bool:
        return True

    def is_there(self) -> bool:
        return self.path.exists()

    def dialect(self) -> Dialect:
        return UndercroftSQLiteDialect(self.library.module)

    def opened(self) -> AbstractContextManager[Connection]:
        return opened(self)

    def reading(self) -> AbstractContextManager[Connection]:
        return reading(self)

    def scratch(self) -> AbstractContextManager[Connection]:
        return scratch(self.library.module, self.prepare)

    def attempt(self, connection: Connection, work: Callable[[], T]) -> T:
        with transaction(connection, self):
            return work()

    def finish(self, connection: Connection, on_step: OnStep | None = None) -> None:
        """Nothing: here a transaction does everything."""

    def unfinished(self, connection: Connection) -> tuple[str, ...]:
        return ()

    def announce(self, connection: Connection) -> None:
        """Nothing: who serves the file sees the schema's cookie."""

    def back_up(self, label: str, on_step: OnStep | None = None) -> Path | None:
        return back_up(self, label, on_step)

    def check_references(self, connection: Connection, label: str) -> None:
        """Foreign keys were off."""
        broken = _counted(runner(connection)("PRAGMA foreign_key_check"))
        if not broken:
            return
        committed = self.connect()
        try:
            before = _counted(committed.execute("PRAGMA foreign_key_check").fetchall())
        finally:
            committed.close()
        new = broken - before
        if new:
            found = [f"{count} rows of {table} point to no row of {parent}" for (table, parent), count in new.items()]
            raise DataForbids(
                f"{label} would break foreign keys: {'; '.join(found)}", details=found, hint="Nothing of it was kept."
            )

    @contextmanager
    def looking(self) -> Iterator[tuple[Run, str] | None]:
        if not self.path.exists() or self.path.stat().st_size == 0:
            yield None
            return
        with held(self):
            connection = self.connect()
            try:

                def run(sql: str, args: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
                    found: list[tuple[object, ...]] = connection.execute(sql, args).fetchall()
                    return found

                yield run, str(run("PRAGMA schema_version")[0][0])
            finally:
                connection.close()


def _counted(rows: Any) -> Counter[tuple[str, str]]:
    return Counter((str(row[0]), str(row[2])) for row in rows)


@dataclass(frozen=True, slots=True)
class SQLiteGround:
    """How SQLite's schemas are read, tried and named. A scratch is a database in memory."""

    module: Any
    prepare: Prepare | None = None

    @property
    def book(self) -> Book:
        return BOOK

    def facts(self, connection: Connection) -> dict[str, TableFact]:
        return read_facts(runner(connection))

    def scratch(self, connection: Connection) -> AbstractContextManager[Connection]:
        return scratch(self.module, self.prepare)

    def copied(self, connection: Connection) -> Callable[[Connection], None]:
        return lambda target: copy_schema(connection, target)

    def is_bare(self, connection: Connection) -> bool:
        return not runner(connection)("SELECT 1 FROM sqlite_master LIMIT 1")

    def create_all(
        self, connection: Connection, target: MetaData, tell: Callable[[int, str], None] | None = None
    ) -> None:
        for done, table in enumerate(target.sorted_tables):
            if tell is not None:
                tell(done, table.fullname)
            table.create(connection)

    def named(self, name: str) -> str:
        return quoted(name)

    def misfit(self, to: ColumnFact, run: Run) -> str | None:
        return misfit(to)

    def cookie(self, connection: Connection) -> str:
        return str(runner(connection)("PRAGMA schema_version")[0][0])

    def breaks_transaction(self, cursor: Any) -> bool:
        return not cursor.connection.in_transaction


def misfit(to: ColumnFact) -> str | None:
    """A condition on `v`, true where it does not belong into a column of this type, by its affinity alone."""
    declared = to.type.upper()
    if declared.startswith(("BOOL",)):
        return "v NOT IN (0, 1, '0', '1')"
    if declared.startswith(("DATE", "TIMESTAMP")):
        return "datetime(v) IS NULL"
    if declared.startswith("JSON"):
        return "NOT json_valid(v)"
    if to.affinity == "INTEGER":
        number = "CAST(v AS INTEGER)"
        return (
            f"CASE typeof(v) WHEN 'integer' THEN 0 WHEN 'real' THEN v <> {number} ELSE CAST({number} AS TEXT) <> v END"
        )
    if to.affinity in ("REAL", "NUMERIC"):
        return "typeof(v) = 'blob' OR typeof(v) = 'text' AND (v GLOB '*[^-+.0-9eE]*' OR v NOT GLOB '*[0-9]*')"
    return None


def place_of(settings: SQLiteSettings, data_dir: Path, *, prepare: Prepare | None = None) -> Place:
    """The place of the engine's own file; backups go to `backups/` in the data directory. Raises `SetupFault`."""
    return Place(settings.path, choose(settings.library), data_dir / "backups", prepare=prepare)


@contextmanager
def held(place: Place) -> Iterator[None]:
    """The file exists, is private, and is ours as far as this library must have it alone. Raises `Busy`."""
    create_private(place.path)
    lock = FileLock(place.path)
    deadline = time.monotonic() + min(place.wait_seconds, _LOCK_SECONDS)
    while True:
        try:
            lock.acquire(place.library)
            break
        except SetupFault as fault:
            if time.monotonic() > deadline:
                raise Busy(fault.message, hint=fault.hint) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def opened(place: Place) -> Iterator[Connection]:
    """A connection whose every transaction takes the write lock at its start."""
    with held(place), _connected(place.connect, place.library.module, "BEGIN IMMEDIATE", place.prepare) as connection:
        yield connection


@contextmanager
def reading(place: Place) -> Iterator[Connection]:
    """A connection that sees one snapshot and writes nothing."""

    def connect() -> Any:
        connection = place.connect()
        connection.execute("PRAGMA query_only=ON")
        return connection

    with held(place), _connected(connect, place.library.module, "BEGIN", place.prepare) as connection:
        yield connection


@contextmanager
def scratch(module: Any, prepare: Prepare | None = None) -> Iterator[Connection]:
    """An empty database in memory, on which changes are tried and compared before anything happens to the real one."""

    def connect() -> Any:
        connection = module.connect(":memory:", isolation_level=None, check_same_thread=False)
        if prepare is not None:
            prepare(connection)
        return connection

    with _connected(connect, module, "BEGIN", prepare) as connection:
        yield connection


@contextmanager
def _connected(connect: Callable[[], Any], module: Any, begin: str, prepare: Prepare | None) -> Iterator[Connection]:
    registry.register("sqlite.undercroft_migrations", "undercroft.engine.migrate.reflection", "MigrationDialect")
    engine = create_engine(
        "sqlite+undercroft_migrations://", module=module, creator=connect, poolclass=NullPool, begin_with=begin
    )
    cast(Any, engine.dialect).ground = SQLiteGround(module, prepare)
    with engine.connect() as connection:
        yield connection


@contextmanager
def transaction(connection: Connection, place: Place) -> Iterator[None]:
    """All or nothing. Raises `Busy` when another process keeps the write lock for longer than `place.wait_seconds`."""
    try:
        begun = connection.begin()
    except OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        raise Busy(
            f"another process keeps {place.path.name} locked (waited {place.wait_seconds:g} s)",
            hint="Stop the process that migrates or serves this database, then try again.",
        ) from error
    with begun:
        yield


def copy_schema(source: Connection, target: Connection) -> None:
    """Give an empty database the schema of another one, without rows. Virtual tables are left out."""
    run, facts = runner(source), read_facts(runner(source))
    for name in facts:
        target.exec_driver_sql(facts[name].sql)
    rows = run("SELECT type, tbl_name, sql FROM sqlite_master WHERE type != 'table' AND sql IS NOT NULL")
    left_out = {name for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table'")} - facts.keys()
    for kind, table, sql in sorted(rows, key=lambda row: ("index", "view", "trigger").index(row[0])):
        if kind == "index" and table in facts:
            target.exec_driver_sql(sql)
        elif kind != "index" and not left_out & {token.value for token in lex(sql)}:
            with suppress(DBAPIError):  # broken in the original, too: that is not ours to say
                target.exec_driver_sql(sql)


def back_up(place: Place, label: str, on_step: OnStep | None = None) -> Path:
    """A copy of the database as it is committed now, made by SQLite's online backup; mode 0600, on disk when this
    returns.
    """
    place.backups.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = place.clock.now().strftime("%Y%m%dT%H%M%S%fZ")
    slug = re.sub(r"\W+", "-", label.lower()).strip("-")
    path = place.backups / f"{place.path.stem}-{moment}-before-{slug}{place.path.suffix or '.db'}"
    part = path.with_name(path.name + ".part")
    create_private(part)

    def told(_: int, remaining: int, total: int) -> None:
        if on_step is not None:
            on_step(Progress(total - remaining, total, f"backing up to {path}"))

    source, target = place.connect(), place.library.module.connect(str(part), isolation_level=None)
    try:
        source.backup(target, pages=_PAGES, progress=told, sleep=0)
    finally:
        target.close()
        source.close()
    _sync(part, os.O_RDWR)
    part.rename(path)
    _sync(path.parent, os.O_RDONLY)
    return path


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
