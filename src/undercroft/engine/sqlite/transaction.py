"""`Transaction` on SQLite: statements, units and the session on a leased connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from undercroft.engine.errors import READ_ONLY, DatabaseFault
from undercroft.engine.sessions import joined, limited
from undercroft.engine.sqlite.leased import Leased, fault_of
from undercroft.engine.sqlite.session import LeasedSessions, answer_on_thread, on_thread, only_reads
from undercroft.engine.types import Cursor, Row

T = TypeVar("T")


class SQLiteTransaction:
    """See `engine.types.Transaction`. Used by one task at a time."""

    def __init__(
        self, leased: Leased, sessions: LeasedSessions, callbacks: list[Callable[[], None]], *, read_only: bool
    ) -> None:
        self._leased = leased
        self._sessions = sessions
        self._callbacks = callbacks
        self._session: AsyncSession | None = None
        self._connection: Connection | None = None
        self._depth = 0
        self._read_only = read_only

    @property
    def read_only(self) -> bool:
        return self._read_only

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        return self._leased.all(text, args)

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        return self._leased.one(text, args)

    def run(self, work: Callable[[Cursor], T]) -> T:
        self._depth += 1
        name = f"undercroft_part_{self._depth}"
        try:
            self._leased.all(f"SAVEPOINT {name}")
            try:
                value = work(self._leased)
            except BaseException:
                if not self._leased.over:
                    self._leased.all(f"ROLLBACK TO {name}")
                    self._leased.all(f"RELEASE {name}")
                raise
            self._leased.all(f"RELEASE {name}")
            return value
        finally:
            self._depth -= 1

    async def fetch(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        await joined(self._session)
        if not only_reads(text):
            return self._leased.all(text, args)
        try:
            answer = self._leased.short_answer(text, args, self._sessions.allowance)
            return (answer or await answer_on_thread(self._leased, text, args)).rows
        except Exception as error:
            raise fault_of(error) from error

    async def send(self, text: str, args: Sequence[object] = ()) -> None:
        await joined(self._session)
        self._leased.all(text, args)

    async def perform(self, work: Callable[[Cursor], T]) -> T:
        await joined(self._session)
        return self.run(work)

    async def run_long(self, work: Callable[[Cursor], T]) -> T:
        await joined(self._session)
        return await on_thread(self._leased, lambda: self.run(work))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        before = self._changes()
        yield
        if self._changes() != before:
            raise DatabaseFault("attempt to write in a read-only transaction", code=READ_ONLY)

    def _changes(self) -> int:
        (changes,) = self._leased.one("SELECT total_changes()")
        return int(changes)

    def session(self) -> AsyncSession:
        if self._session is None:
            self._session, self._connection = self._sessions.session(self._leased)
        return self._session

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    @asynccontextmanager
    async def limited(self, seconds: float) -> AsyncIterator[None]:
        """The life of the transaction, at most so long. What its session holds is written at a good end, else lost.

        Raises what `engine.sessions.limited` raises.
        """
        try:
            async with limited(seconds, self._finish, fault_of):
                yield
        finally:
            await self._close()

    async def _finish(self) -> None:
        if self._session is not None and not self._leased.over:
            await self._session.commit()

    async def _close(self) -> None:
        if self._session is None or self._connection is None:
            return
        session, connection = self._session, self._connection
        self._session = self._connection = None
        session.sync_session.expunge_all()
        # A statement that was cancelled leaves a session that complains when it is closed. The lease decides what
        # becomes of the transaction, so the complaint must not hide why it was ended.
        with suppress(SQLAlchemyError):
            if not self._leased.over:
                await session.close()
        connection.close()
