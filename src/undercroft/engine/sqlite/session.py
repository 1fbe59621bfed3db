"""SQLAlchemy's `AsyncSession` on a leased connection: no second SQLite library, no thread, no commit of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy.engine import Connection
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util.concurrency import await_, in_greenlet

from undercroft.engine.sessions import SessionMaker
from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect
from undercroft.engine.sqlite.leased import Answer, Leased
from undercroft.engine.sqlite.meter import allowance
from undercroft.engine.sqlite.settings import SQLiteSettings

T = TypeVar("T")

_READ = re.compile(r"\s*(?:select|values|with)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*with\b", re.IGNORECASE)
_WRITE = re.compile(r"\b(?:insert|update|delete|replace)\b", re.IGNORECASE)


class LeasedSessions(SessionMaker):
    """Makes sessions on leased connections; one per engine."""

    def __init__(self, dialect: UndercroftSQLiteDialect, settings: SQLiteSettings) -> None:
        super().__init__(dialect, "sqlite")
        self.allowance = allowance(settings.read_budget_steps)
        """Ticks that a read may take on the loop's thread."""

    def session(self, leased: Leased) -> tuple[AsyncSession, Connection]:
        """See `session_on`."""
        return self.session_on(LeasedConnection(leased, self.allowance))


class LeasedConnection:
    """A DB-API connection over a lease, as SQLAlchemy uses one."""

    def __init__(self, leased: Leased, allowance: int) -> None:
        self._leased = leased
        self._allowance = allowance
        self.isolation_level = None

    def cursor(self) -> LeasedCursor:
        return LeasedCursor(self._leased, self._allowance)

    def commit(self) -> None:
        """The lease commits."""

    def rollback(self) -> None:
        """The lease undoes."""

    def close(self) -> None:
        """The lease goes on."""


class LeasedCursor:
    """A DB-API cursor that has read all when `execute` returns: no statement stays open across an await.

    Statements run on the loop's thread; one that only reads, and takes long, is run again on another thread, awaited.
    """

    arraysize = 1

    def __init__(self, leased: Leased, allowance: int) -> None:
        self._leased = leased
        self._allowance = allowance
        self._rows: Iterator[Any] = iter(())
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, text: str, args: Sequence[object] = ()) -> None:
        refuse_hidden_query()
        if only_reads(text):
            answer = self._leased.short_answer(text, args, self._allowance)
            self._keep(answer or await_(answer_on_thread(self._leased, text, args)))
        else:
            self._keep(self._leased.answer(text, args))

    def executemany(self, text: str, args: Sequence[Sequence[object]]) -> None:
        refuse_hidden_query()
        self._keep(self._leased.answer(text, args, many=True))

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return list(islice(self._rows, self.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())

    async def _async_soft_close(self) -> None:
        """SQLAlchemy calls this on the cursor of every result that is to be read outside of an await: ours may be."""

    def _keep(self, answer: Answer) -> None:
        self._rows = iter(answer.rows)
        self.description, self.rowcount, self.lastrowid = answer[1:]


async def answer_on_thread(leased: Leased, text: str, args: Sequence[object]) -> Answer:
    """The answer to a long read."""
    return await on_thread(leased, lambda: leased.answer(text, args))


async def on_thread(leased: Leased, work: Callable[[], T]) -> T:
    """Work on a lease that may take long. When the wait is cancelled its statement is stopped, and the work is over
    when this returns.
    """
    job = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        leased.stop()
        await asyncio.wait([job])
        job.exception()  # seen: nobody waits any more
        raise


def only_reads(text: str) -> bool:
    """Whether a statement is known to write nothing."""
    return bool(_READ.match(text)) and not (_WITH.match(text) and _WRITE.search(text))


def refuse_hidden_query() -> None:
    """Refuse what PostgreSQL's driver would refuse too: a query outside of an await, such as a lazy load."""
    if not in_greenlet():
        raise MissingGreenlet(
            "a query was made outside of an await, perhaps by a lazy load: load it with the query or by awaitable_attrs"
        )
