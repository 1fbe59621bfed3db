"""Reads: inline on the loop's thread while they are short, on a few reader threads when they are not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from undercroft.base.faults import Overloaded
from undercroft.engine.errors import INTERNAL, DatabaseFault
from undercroft.engine.sqlite.errors import is_timeout, translate
from undercroft.engine.sqlite.mark import CLOSE, HeldMark
from undercroft.engine.sqlite.meter import FOREVER, Deadline, StepMeter, allowance, works_in_python
from undercroft.engine.sqlite.settings import SQLiteSettings
from undercroft.engine.types import EngineStats, Row

Open = Callable[[], Any]


class InlineReader:
    """One connection on the loop's thread. Each statement is its own snapshot."""

    def __init__(
        self, open_connection: Open, settings: SQLiteSettings, driver_error: type[Exception], mark: HeldMark
    ) -> None:
        """`mark` is told of every `CLOSE` reads."""
        self._connection = open_connection()
        self._cursor = self._connection.cursor()  # one for all: each read is over before the next one begins
        self._execute = self._cursor.execute
        self._fetch = self._cursor.fetchone
        self._mark = mark
        self._uncounted = CLOSE
        self._meter = StepMeter()
        self._meter.attach(self._connection)
        self._allowance = allowance(settings.read_budget_steps)
        self._driver_error = driver_error

    def read_now(self, text: str, args: Sequence[object]) -> Row | None:
        """The one row, or None where the budget ran out, or would not be kept. Raises `DatabaseFault`."""
        if works_in_python(text):
            return None
        self._meter.left = self._allowance
        self._uncounted -= 1
        if not self._uncounted:
            self._uncounted = CLOSE
            self._mark.note()
        try:
            self._execute(text, args)
            row: Row | None = self._fetch()
        except (self._driver_error, OverflowError, UnicodeEncodeError) as error:
            fault = translate(error, self._connection)
            if is_timeout(fault):
                return None
            raise fault from error
        if row is None:
            raise _no_row()
        return row

    def close(self) -> None:
        self._connection.close()


class PooledConnection:
    """A reader connection that may be lent, to a thread or to a read-only transaction, and what stops it."""

    __slots__ = ("connection", "deadline")

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.deadline = Deadline()
        self.deadline.attach(connection)

    def one(self, text: str, args: Sequence[object]) -> Row:
        try:
            row: Row | None = self.connection.execute(text, args).fetchone()
        except Exception as error:
            raise translate(error, self.connection) from error
        if row is None:
            raise _no_row()
        return row


class ReaderPool:
    """A few reader connections with a bounded line in front of them; all bookkeeping is on the loop's thread."""

    def __init__(self, open_connection: Open, settings: SQLiteSettings, stats: EngineStats) -> None:
        self._open = open_connection
        self._settings = settings
        self._stats = stats
        self._threads = ThreadPoolExecutor(settings.readers, thread_name_prefix="undercroft-reader")
        self._idle: list[PooledConnection] = []
        self._places = asyncio.Semaphore(settings.readers)
        self._waiting = 0
        self._lent: set[PooledConnection] = set()

    async def borrow(self) -> PooledConnection:
        """A connection, alone. Raises `Overloaded` when the line is full or does not move."""
        if self._waiting >= self._settings.read_queue:
            raise self._overloaded()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.statement_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise self._overloaded() from None
        finally:
            self._waiting -= 1
        try:
            lent = self._idle.pop() if self._idle else PooledConnection(self._open())
        except BaseException:
            self._places.release()
            raise
        lent.deadline.stopped = False
        self._lent.add(lent)
        return lent

    def give_back(self, lent: PooledConnection) -> None:
        """Only once no statement runs on it."""
        lent.deadline.at = FOREVER
        if lent.connection.in_transaction:
            lent.connection.execute("ROLLBACK")
        self._lent.discard(lent)
        self._idle.append(lent)
        self._places.release()

    async def read(self, text: str, args: Sequence[object]) -> Row:
        """One row, read on a thread. A cancelled wait stops the statement; the connection comes back once it has."""
        lent = await self.borrow()
        lent.deadline.at = monotonic() + self._settings.statement_seconds
        loop = asyncio.get_running_loop()
        try:
            job = loop.run_in_executor(self._threads, lent.one, text, args)
        except BaseException:
            self.give_back(lent)
            raise
        job.add_done_callback(lambda _: self.give_back(lent))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            lent.deadline.stopped = True
            job.add_done_callback(_forget)
            raise

    async def close(self) -> None:
        """Stop what runs, and wait for every connection to come back."""
        for lent in self._lent:
            lent.deadline.stopped = True
        for _ in range(self._settings.readers):
            await self._places.acquire()
        self._threads.shutdown()
        for pooled in self._idle:
            pooled.connection.close()
        self._idle.clear()

    def _overloaded(self) -> Overloaded:
        self._stats.overloaded += 1
        return Overloaded("too many long reads are waiting", hint="Make the request narrower, or try again.")


def _forget(job: asyncio.Future[Row]) -> None:
    if not job.cancelled():
        job.exception()  # mark as seen: nobody waits any more


def _no_row() -> DatabaseFault:
    return DatabaseFault("the statement gave no row", code=INTERNAL)
