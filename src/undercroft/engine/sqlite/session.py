"""SQLAlchemy's `AsyncSession` on a leased connection: no second SQLite library, no thread, no commit of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import NullPool
from sqlalchemy.util.concurrency import in_greenlet

from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect
from undercroft.engine.sqlite.leased import Leased


class SessionMaker:
    """Makes sessions on leased connections; one per engine."""

    def __init__(self, dialect: UndercroftSQLiteDialect) -> None:
        self._next: LeasedConnection | None = None
        pool = NullPool(self._take, dialect=dialect)
        self._engine = Engine(pool, dialect, URL.create("sqlite"))
        self._async_engine = AsyncEngine(self._engine)

    def session(self, leased: Leased) -> tuple[AsyncSession, Connection]:
        """A session and the connection under it, to be closed after it.

        Its `commit` and `rollback` end a savepoint, since the lease alone decides about the transaction.
        """
        self._next = LeasedConnection(leased)
        connection = Connection(self._engine)
        connection.begin()
        session = AsyncSession(
            AsyncConnection(self._async_engine, connection),
            join_transaction_mode="create_savepoint",
            expire_on_commit=False,
        )
        return session, connection

    def _take(self) -> Any:
        taken, self._next = self._next, None
        if taken is None:
            raise RuntimeError("a session's connection cannot be opened again")
        return taken


class LeasedConnection:
    """A DB-API connection over a lease, as SQLAlchemy uses one."""

    def __init__(self, leased: Leased) -> None:
        self._leased = leased
        self.isolation_level = None

    def cursor(self) -> LeasedCursor:
        return LeasedCursor(self._leased)

    def commit(self) -> None:
        """The lease commits."""

    def rollback(self) -> None:
        """The lease undoes."""

    def close(self) -> None:
        """The lease goes on."""


class LeasedCursor:
    """A DB-API cursor that has read all when `execute` returns: no statement stays open across an await."""

    arraysize = 1

    def __init__(self, leased: Leased) -> None:
        self._leased = leased
        self._rows: Iterator[Any] = iter(())
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, text: str, args: Sequence[object] = ()) -> None:
        self._keep(_as_awaited(self._leased).execute(text, args))

    def executemany(self, text: str, args: Sequence[Sequence[object]]) -> None:
        self._keep(_as_awaited(self._leased).execute_many(text, args))

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), self._rows, strict=False)]

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())

    def _keep(self, cursor: Any) -> None:
        self.description = cursor.description
        self._rows = iter(cursor.fetchall() if cursor.description else ())
        self.rowcount = cursor.rowcount
        self.lastrowid = cursor.lastrowid


def _as_awaited(leased: Leased) -> Leased:
    """Refuse what PostgreSQL's driver would refuse too: a hidden query, such as a lazy load, outside of an await."""
    if not in_greenlet():
        raise MissingGreenlet(
            "a query was made outside of an await, perhaps by a lazy load: load it with the query or by awaitable_attrs"
        )
    return leased
