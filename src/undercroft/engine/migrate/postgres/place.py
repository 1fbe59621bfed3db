"""PostgreSQL: where a schema lives and how a migration reaches it.

One transaction for every change, since DDL takes part in them. Nobody waits long for it: a statement that does not get
its lock within a moment gives up, and the whole is tried again, so that it is never the migration behind which
everybody queues. Of several that start together one migrates: an advisory lock, held by a transaction of its own so
that it works behind a transaction pooler too and ends with its process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from undercroft.base.faults import SetupFault
from undercroft.base.postgres_url import check_url
from undercroft.base.secret import Secret
from undercroft.engine.migrate.errors import Busy, DataForbids, RevisionBroken
from undercroft.engine.migrate.facts import Run
from undercroft.engine.migrate.ground import Book, T, runner
from undercroft.engine.migrate.postgres.dialect import PostgresMigrationDialect
from undercroft.engine.migrate.postgres.ground import BOOK, PostgresGround
from undercroft.engine.migrate.postgres.late import do, waiting
from undercroft.engine.migrate.postgres.needs import create_schema
from undercroft.engine.migrate.types import OnStep, Progress
from undercroft.sql.rls import OWNER

_LOCK = 0x756E6465726372
"""The number of our advisory lock."""

_IN_THE_WAY = frozenset({"55P03", "40P01", "40001"})
"""lock_not_available, deadlock_detected, serialization_failure: to be tried again."""

_DENIED = "42501"

CHANNELS = ("undercroft", "pgrst")
"""Who serves the database listens to the first; PostgREST, and what speaks its protocol, to the second."""


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """One PostgreSQL database. Times are in seconds.

    `wait_seconds` bounds the wait for others that migrate or are in the way, `lock_seconds` how long others may have to
    queue behind a statement that waits for its lock, `statement_seconds` a statement within a transaction. What would
    read a table of more than `big_bytes` under a lock is done after the commit instead.
    """

    url: Secret
    wait_seconds: float = 30.0
    lock_seconds: float = 2.0
    statement_seconds: float = 300.0
    big_bytes: int = 8 << 20

    @property
    def book(self) -> Book:
        return BOOK

    @property
    def keeps_copies(self) -> bool:
        return False

    def is_there(self) -> bool:
        return True

    def dialect(self) -> Dialect:
        return PostgresMigrationDialect()

    @contextmanager
    def opened(self) -> Iterator[Connection]:
        with self._locked(), self._connected() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._connected() as connection, connection.begin() as begun:
            self._set_limits(connection)
            yield connection
            begun.rollback()

    @contextmanager
    def scratch(self) -> Iterator[Connection]:
        """Inside a transaction that is taken back: nobody ever sees it."""
        with self.reading() as connection, cast(Any, connection.dialect).ground.scratch(connection) as scratch:
            yield scratch

    def attempt(self, connection: Connection, work: Callable[[], T]) -> T:
        def once() -> T:
            with connection.begin():
                self._set_limits(connection)
                create_schema(connection, BOOK.schema)
                return work()

        return self._again(once)

    def finish(self, connection: Connection, on_step: OnStep | None = None) -> None:
        with connection.begin() as begun:
            left = waiting(connection)
            begun.rollback()
        if not left:
            return
        with self._connected(isolation_level="AUTOCOMMIT") as alone:
            alone.exec_driver_sql("SET statement_timeout = 0")
            alone.exec_driver_sql(f"SET {OWNER} = 'on'")

            def run(statement: str) -> None:
                concurrently = "CONCURRENTLY" in statement  # it waits for others, but nobody waits for it
                alone.exec_driver_sql(f"SET lock_timeout = {0 if concurrently else int(self.lock_seconds * 1000)}")
                self._again(lambda: runner(alone)(statement))

            for done, late in enumerate(left):
                if on_step is not None:
                    on_step(Progress(done, len(left), late.label))
                try:
                    do(alone, late, run)
                except DBAPIError as error:
                    raise DataForbids(
                        f"{late.label}: {error.orig}",
                        details=error.statement,
                        hint="The rest of the change is done. Correct the rows, then run `undercroft migrate up`.",
                    ) from error

    def unfinished(self, connection: Connection) -> tuple[str, ...]:
        return tuple(late.label for late in waiting(connection))

    def announce(self, connection: Connection) -> None:
        for channel in CHANNELS:
            connection.exec_driver_sql("SELECT pg_catalog.pg_notify(%s, 'reload schema')", (channel,))

    def check_references(self, connection: Connection, label: str) -> None:
        """Nothing: they are looked up as always."""

    def back_up(self, label: str, on_step: OnStep | None = None) -> Path | None:
        return None

    @contextmanager
    def looking(self) -> Iterator[tuple[Run, str] | None]:
        with self.reading() as connection:
            left = self.unfinished(connection)
            yield None if left else (runner(connection), cast(Any, connection.dialect).ground.cookie(connection))

    # --- connections ----------------------------------------------------------------------------------------------

    @contextmanager
    def _connected(self, isolation_level: Any = "READ COMMITTED") -> Iterator[Connection]:
        try:
            engine = create_engine(
                "postgresql+undercroft_migrations://",
                creator=self._connect,
                poolclass=NullPool,
                isolation_level=isolation_level,
            )
        except ImportError as error:
            raise SetupFault(
                f"PostgreSQL's driver is not installed: {error}", hint="pip install 'undercroft[postgres]'"
            ) from error
        cast(Any, engine.dialect).ground = PostgresGround(self.big_bytes)
        try:
            connection = engine.connect()
        except DBAPIError as error:
            raise SetupFault(f"the database cannot be reached: {str(error.orig).strip()}") from error
        try:
            with connection:
                yield connection
        except DBAPIError as error:
            if _sqlstate(error) != _DENIED:
                raise
            raise SetupFault(
                f"the database does not let this role do it: {str(error.orig).strip().splitlines()[0]}",
                details=error.statement,
                hint="Migrations are the work of the owner of the database: name its role in the URL.",
            ) from error

    def _connect(self) -> Any:
        """By libpq's own reading of the URL: several hosts, services and the like are its matter."""
        import psycopg

        return psycopg.connect(self.url.reveal(), prepare_threshold=None, application_name="undercroft migrate")

    def _set_limits(self, connection: Connection) -> None:
        for name, seconds in (("lock_timeout", self.lock_seconds), ("statement_timeout", self.statement_seconds)):
            connection.exec_driver_sql(f"SET LOCAL {name} = {int(seconds * 1000)}")
        connection.exec_driver_sql("SET LOCAL timezone = 'UTC'")
        # Where policies are row-level security too, whoever owns the tables sees no row without saying so.
        connection.exec_driver_sql(f"SET LOCAL {OWNER} = 'on'")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._connected() as connection, connection.begin():
            connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            deadline = time.monotonic() + self.wait_seconds
            # As a plain query: one with parameters would keep its snapshot for as long as this transaction lasts, and
            # whatever is done CONCURRENTLY waits for old snapshots.
            while not runner(connection)(f"SELECT pg_try_advisory_xact_lock({_LOCK})")[0][0]:
                if time.monotonic() > deadline:
                    raise Busy(
                        f"another process migrates this database (waited {self.wait_seconds:g} s)",
                        hint="Wait until it is done, then try again.",
                    )
                time.sleep(0.05)
            yield

    def _again(self, work: Callable[[], T]) -> T:
        """Do it, and once more where others were in the way, until it is done or the time is over."""
        deadline, pause = time.monotonic() + self.wait_seconds, 0.05
        while True:
            try:
                return work()
            except Exception as error:
                state = _sqlstate(error)
                if state == "57014":
                    raise RevisionBroken(
                        f"a statement took longer than {self.statement_seconds:g} s",
                        details=str(error),
                        hint="Nothing of it was kept. Change so many rows in parts, or beside the migration.",
                    ) from error
                if state not in _IN_THE_WAY:
                    raise
                if time.monotonic() > deadline:
                    raise Busy(
                        f"other sessions hold locks on what is to be changed (waited {self.wait_seconds:g} s)",
                        details=str(error),
                        hint="Nothing of it was kept. See pg_stat_activity for long transactions, then try again.",
                    ) from error
            time.sleep(pause)
            pause = min(pause * 2, 1.0)


def place_at(url: str | Secret) -> PostgresPlace:
    """The database of a URL, `postgresql://…`. Raises `SetupFault`."""
    secret = url if isinstance(url, Secret) else Secret(url)
    check_url(secret.reveal())
    return PostgresPlace(secret)


def _sqlstate(error: BaseException | None) -> str | None:
    """Of the first error of the database in a chain of them."""
    found = None
    while error is not None:
        if isinstance(error, DBAPIError):
            found = getattr(error.orig, "sqlstate", None)
        error = error.__context__
    return found
