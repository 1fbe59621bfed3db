"""SQLAlchemy's `AsyncSession` on a lent connection: psycopg's object on the same socket, and no commit of its own."""

# mypy: disable-error-code="no-untyped-call, no-untyped-def, misc"
# What is extended here has no annotations.

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import (
    AsyncAdapt_psycopg_connection,
    AsyncAdapt_psycopg_cursor,
    PGDialectAsync_psycopg,
)
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncSession

from undercroft.engine.postgres.unit import PostgresCursor
from undercroft.engine.sessions import SessionMaker

_KEEP = re.compile(r"\s*release\b", re.IGNORECASE)
_UNDO = re.compile(r"\s*rollback\s+to\b", re.IGNORECASE)


class LentSessions(SessionMaker):
    """Makes sessions on lent connections; one per engine."""

    def __init__(self, dialect: PGDialectAsync_psycopg) -> None:
        super().__init__(dialect, "postgresql+psycopg")
        self._dialect: Any = dialect

    def session(self, lent: Any, cursor: PostgresCursor) -> tuple[AsyncSession, Connection]:
        """See `session_on`."""
        lent.wrapper._adapters = self._dialect._psycopg_adapters_map or lent.wrapper.adapters
        return self.session_on(LentConnection(self._dialect.dbapi, lent, cursor))


class LentCursor(AsyncAdapt_psycopg_cursor):
    """A cursor that has read all when `execute` returns, and holds the socket no longer than that."""

    __slots__ = ()
    _adapt_connection: LentConnection

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor  # psycopg's would do no more, and outside of an await its refusal would come out wrapped

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        await self._adapt_connection.catch_up(operation)
        with self._adapt_connection.lent():
            return await super()._execute_async(operation, parameters)

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        await self._adapt_connection.catch_up(operation)
        with self._adapt_connection.lent():
            return await super()._executemany_async(operation, seq_of_parameters)


class LentConnection(AsyncAdapt_psycopg_connection):
    """A DB-API connection over a transaction, as SQLAlchemy uses one."""

    __slots__ = ("_cursor", "_lent")
    _cursor_cls = LentCursor

    def __init__(self, dbapi: Any, lent: Any, cursor: PostgresCursor) -> None:
        super().__init__(dbapi, lent.wrapper)
        self._lent = lent
        self._cursor = cursor

    async def catch_up(self, text: str) -> None:
        """Send what was put off: it is before what the session does now. Raises `DatabaseFault`."""
        if _UNDO.match(text):
            self._cursor.put_by()  # the beginning of the part went along with all before it: this is of the part
        elif not _KEEP.match(text):  # the end of a part changes nothing
            await self._cursor.catch_up()

    def lent(self) -> Any:
        """Raises `DatabaseFault` once the transaction is over."""
        self._cursor.check()
        return self._lent.lent_to_psycopg()

    def cursor(self, name: Any = None, /) -> LentCursor:
        """For `session.stream()` too: an ordinary cursor, since ours have read everything anyway."""
        return LentCursor(self)

    def commit(self) -> None:
        """The transaction commits."""

    def rollback(self) -> None:
        """The transaction undoes."""

    def close(self) -> None:
        """The transaction goes on."""
