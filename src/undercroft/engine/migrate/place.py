"""Where a schema lives and how a migration reaches it: connections, the scratch copy, the backup.

Migration connections are opened for the purpose and closed after it. Foreign keys are off on them, as SQLite demands
for a rebuild (with them on, dropping the old table deletes the child rows); what that could break is checked before
every commit. A transaction starts with BEGIN IMMEDIATE, so that of two processes one migrates and the other waits,
then finds it done.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool

from undercroft.base.clock import Clock, SystemClock
from undercroft.base.faults import SetupFault
from undercroft.engine.migrate.ddltext import lex
from undercroft.engine.migrate.errors import Busy
from undercroft.engine.migrate.facts import Run, read_facts
from undercroft.engine.migrate.types import OnStep, Progress
from undercroft.engine.sqlite.files import FileLock, create_private
from undercroft.engine.sqlite.library import Library, choose
from undercroft.engine.sqlite.settings import SQLiteSettings

Prepare = Callable[[Any], None]
"""Called with every new DB-API connection: the place to register SQL functions."""

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
        """A DB-API connection: explicit transactions only, durable commits, no foreign key actions."""
        connection = self.library.module.connect(
            str(self.path), timeout=self.wait_seconds, isolation_level=None, check_same_thread=False
        )
        for pragma in ("synchronous=FULL", "foreign_keys=OFF", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        if self.prepare is not None:
            self.prepare(connection)
        return connection


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
    with held(place), _connected(place.connect, place.library.module, "BEGIN IMMEDIATE") as connection:
        yield connection


@contextmanager
def reading(place: Place) -> Iterator[Connection]:
    """A connection that sees one snapshot and writes nothing."""

    def connect() -> Any:
        connection = place.connect()
        connection.execute("PRAGMA query_only=ON")
        return connection

    with held(place), _connected(connect, place.library.module, "BEGIN") as connection:
        yield connection


@contextmanager
def scratch(module: Any, prepare: Prepare | None = None) -> Iterator[Connection]:
    """An empty database in memory, on which changes are tried and compared before anything happens to the real one."""

    def connect() -> Any:
        connection = module.connect(":memory:", isolation_level=None, check_same_thread=False)
        if prepare is not None:
            prepare(connection)
        return connection

    with _connected(connect, module, "BEGIN") as connection:
        yield connection


@contextmanager
def _connected(connect: Callable[[], Any], module: Any, begin: str) -> Iterator[Connection]:
    registry.register("sqlite.undercroft_migrations", "undercroft.engine.migrate.reflection", "MigrationDialect")
    engine = create_engine(
        "sqlite+undercroft_migrations://", module=module, creator=connect, poolclass=NullPool, begin_with=begin
    )
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


def runner(connection: Connection) -> Run:
    """Plain statements on a connection, as the pure readers want them."""

    def run(sql: str, args: tuple[object, ...] = ()) -> Sequence[Sequence[Any]]:
        result = connection.exec_driver_sql(sql, args)
        return result.fetchall() if result.returns_rows else []

    return run


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
