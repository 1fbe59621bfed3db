"""SQLAlchemy's `AsyncSession` on a connection that is lent to it: what is the same on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.engine import URL, Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import NullPool

from undercroft.engine.errors import timed_out


class SessionMaker:
    """Makes sessions on lent connections; one per engine."""

    def __init__(self, dialect: Dialect, driver: str) -> None:
        self._next: Any = None
        # What is written is nobody's business in a log: without this, SQLAlchemy's errors would repeat it.
        self._engine = Engine(NullPool(self._take, dialect=dialect), dialect, URL.create(driver), hide_parameters=True)
        self._async_engine = AsyncEngine(self._engine)

    def session_on(self, lent: Any) -> tuple[AsyncSession, Connection]:
        """A session on a DB-API connection, and the connection under it, to be closed after it.

        Its `commit` and `rollback` end a savepoint: whoever lends the connection decides how the transaction ends.
        """
        self._next = lent
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


async def joined(session: AsyncSession | None) -> None:
    """Begin the innermost part (`begin_nested`) of a session's transaction in the database, if there is one.

    SQLAlchemy begins it with its first statement: what goes past the session would be before it, and outlive it.
    """
    if session is not None and session.in_nested_transaction():
        await session.connection()


@asynccontextmanager
async def limited(
    seconds: float, finish: Callable[[], Awaitable[None]], fault_of: Callable[[BaseException], BaseException]
) -> AsyncIterator[None]:
    """What runs in it, and `finish` after its good end, have at most so long together.

    Raises a timeout as a fault, and a session's error as the fault that it would be without a session.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
            await finish()
    except TimeoutError as error:
        if limit.expired():  # else it is one of the logic's own
            raise timed_out() from error
        raise
    except DBAPIError as error:
        raise (error if error.orig is None else fault_of(error.orig)) from error
