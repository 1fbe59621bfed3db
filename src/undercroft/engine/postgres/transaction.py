"""`Transaction` on PostgreSQL: statements, units and the session on a lent connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from sqlalchemy.engine import Connection as SessionConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util.concurrency import greenlet_spawn

from undercroft.engine.postgres.connection import Connection
from undercroft.engine.postgres.errors import fault_of_error
from undercroft.engine.postgres.session import LentSessions
from undercroft.engine.postgres.unit import PostgresCursor
from undercroft.engine.sessions import joined, limited
from undercroft.engine.types import Cursor, Row

T = TypeVar("T")


class PostgresTransaction:
    """See `engine.types.Transaction`."""

    def __init__(
        self,
        connection: Connection,
        cursor: PostgresCursor,
        sessions: LentSessions,
        *,
        read_only: bool,
        own_words: bool,
    ) -> None:
        self._lent = connection
        self._cursor = cursor
        self._sessions = sessions
        self._own_words = own_words
        self._session: AsyncSession | None = None
        self._connection: SessionConnection | None = None
        self._depth = 0
        self.lent = False
        """Whether a session was made: what it runs is not ours."""
        self._read_only = read_only
        self.callbacks: list[Callable[[], None]] = []

    @property
    def read_only(self) -> bool:
        return self._read_only

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        return self._cursor.all(text, args)

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        return self._cursor.one(text, args)

    def run(self, work: Callable[[Cursor], T]) -> T:
        self._depth += 1
        name = f"undercroft_part_{self._depth}"
        cursor = self._cursor
        try:
            cursor.all(f"SAVEPOINT {name}")
            try:
                value = work(cursor)
            except Exception:
                if not self._lent.broken:
                    cursor.all(f"ROLLBACK TO {name}")
                    cursor.all(f"RELEASE {name}")
                raise
            cursor.all(f"RELEASE {name}")
            return value
        finally:
            self._depth -= 1

    async def fetch(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        await joined(self._session)
        return await greenlet_spawn(self._cursor.all, text, args)

    async def send(self, text: str, args: Sequence[object] = ()) -> None:
        await joined(self._session)
        self._cursor.put_off(text, args)

    async def perform(self, work: Callable[[Cursor], T]) -> T:
        await joined(self._session)
        return await greenlet_spawn(self.run, work)

    run_long = perform

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        # What a transaction may do is restored at the end of a part of it, whichever end that is.
        await self.fetch("SAVEPOINT undercroft_reading")
        await self.fetch("SET TRANSACTION READ ONLY")
        yield
        await self.fetch("RELEASE undercroft_reading")

    def session(self) -> AsyncSession:
        if self._session is None:
            self.lent = True
            self._session, self._connection = self._sessions.session(self._lent, self._cursor)
        return self._session

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    @asynccontextmanager
    async def limited(self, seconds: float) -> AsyncIterator[None]:
        """The life of the transaction, at most so long. What its session holds is written at a good end, else lost.

        Raises what `engine.sessions.limited` raises.
        """
        try:
            async with limited(seconds, self._finish, self._fault_of):
                yield
        finally:
            await self._close()

    async def _finish(self) -> None:
        if self._session is not None:
            await self._session.commit()
        self._cursor.check()

    def _fault_of(self, error: BaseException) -> BaseException:
        return fault_of_error(error, own_words=self._own_words)

    async def _close(self) -> None:
        self._cursor.over = True
        if self._session is None or self._connection is None:
            return
        session, connection = self._session, self._connection
        self._session = self._connection = None
        session.sync_session.expunge_all()
        # The transaction is ended as a whole: what becomes of the session's savepoint must not hide why.
        with suppress(SQLAlchemyError, Exception):
            await session.close()
        with suppress(SQLAlchemyError, Exception):
            connection.close()
