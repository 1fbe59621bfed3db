"""A transaction that begins when it is first used: for code that may wait for others before it needs the database.

On SQLite a transaction holds the one writer, on PostgreSQL a connection. A job that first asks another machine for
something must hold neither meanwhile, and one that never touches the database should not pay for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util.concurrency import await_, in_greenlet

from undercroft.engine.errors import INTERNAL, DatabaseFault, lease_over
from undercroft.engine.sessions import joined
from undercroft.engine.types import Cursor, Row, Transaction

T = TypeVar("T")
Begin = Callable[[], AbstractAsyncContextManager[Transaction]]


class LateTransaction:
    """See `engine.types.Transaction`. What is not awaited (`all`, `one`, `run`) needs one that has begun."""

    read_only = False

    def __init__(self, begin: Begin, stack: AsyncExitStack) -> None:
        self._begin = begin
        self._stack = stack
        self._opening = asyncio.Lock()
        self._opened: Transaction | None = None
        self._session: AsyncSession | None = None
        self._over = False
        self.callbacks: list[Callable[[], None]] = []

    @property
    def begun(self) -> bool:
        """Whether it was used at all."""
        return self._opened is not None

    async def open(self) -> Transaction:
        """Begin, where that has not happened. Raises `DatabaseFault`, `Overloaded`."""
        async with self._opening:
            if self._over:
                raise lease_over()
            if self._opened is None:
                self._opened = await self._stack.enter_async_context(self._begin())
            return self._opened

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        return self._now().all(text, args)

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        return self._now().one(text, args)

    def run(self, work: Callable[[Cursor], T]) -> T:
        return self._now().run(work)

    async def fetch(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        await joined(self._session)
        return await (await self.open()).fetch(text, args)

    async def send(self, text: str, args: Sequence[object] = ()) -> None:
        await joined(self._session)
        await (await self.open()).send(text, args)

    async def perform(self, work: Callable[[Cursor], T]) -> T:
        await joined(self._session)
        return await (await self.open()).perform(work)

    async def run_long(self, work: Callable[[Cursor], T]) -> T:
        await joined(self._session)
        return await (await self.open()).run_long(work)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        await joined(self._session)
        async with (await self.open()).reading():
            yield

    def session(self) -> AsyncSession:
        if self._session is None:
            self._session = AsyncSession(
                sync_session_class=_LateSession,
                bound=self._bound,
                join_transaction_mode="create_savepoint",
                expire_on_commit=False,
            )
        return self._session

    def after_commit(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    async def finish(self) -> None:
        """Write what the session holds. Raises what its flush raises."""
        if self._session is not None:
            await self._session.commit()

    async def close(self) -> None:
        """Let go of the session; the transaction itself is ended by whoever began it."""
        self._over = True
        session, self._session = self._session, None
        if session is None:
            return
        session.sync_session.expunge_all()
        # What becomes of the savepoint must not hide why the transaction is ended.
        with suppress(SQLAlchemyError, DatabaseFault):
            await session.close()

    def _now(self) -> Transaction:
        if self._over:
            raise lease_over()
        if self._opened is None and in_greenlet():
            return await_(self.open())
        if self._opened is None:
            raise DatabaseFault("this transaction has not begun", code=INTERNAL, hint="Await its first statement.")
        return self._opened

    def _bound(self) -> Connection:
        """The connection of the transaction's own session, which nobody else uses."""
        bind = self._now().session().sync_session.bind
        if not isinstance(bind, Connection):
            raise AssertionError("an engine's session is bound to one connection")
        return bind


class _LateSession(Session):
    """A session that asks for its connection when it needs one."""

    def __init__(self, *, bound: Callable[[], Connection], **options: Any) -> None:
        super().__init__(**options)
        self._bound = bound

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        return self._bound()


@asynccontextmanager
async def late_transaction(begin: Begin) -> AsyncIterator[LateTransaction]:
    """A transaction that `begin` opens at its first use, in the task that uses it.

    Commits at a good end if it was begun, undoes everything on an exception; its time limit runs from its beginning.
    Raises what the transaction raises.
    """
    async with AsyncExitStack() as stack:
        transaction = LateTransaction(begin, stack)
        try:
            yield transaction
            await transaction.finish()
        finally:
            await transaction.close()
    for callback in transaction.callbacks:
        callback()
