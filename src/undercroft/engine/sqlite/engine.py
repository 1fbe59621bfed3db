"""`Engine` on SQLite: opens the file, and joins the readers, the writer and the sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from undercroft.base.faults import SetupFault
from undercroft.engine.errors import INTERNAL, DatabaseFault
from undercroft.engine.sqlite.connection import Prepare, open_reader, open_writer
from undercroft.engine.sqlite.dialect import shared_dialect
from undercroft.engine.sqlite.files import FileLock, create_private
from undercroft.engine.sqlite.lease import Lease
from undercroft.engine.sqlite.leased import Leased
from undercroft.engine.sqlite.library import Library, choose
from undercroft.engine.sqlite.mark import HeldMark
from undercroft.engine.sqlite.migration import migration_connection
from undercroft.engine.sqlite.reader import InlineReader, ReaderPool
from undercroft.engine.sqlite.session import LeasedSessions
from undercroft.engine.sqlite.settings import SQLiteSettings
from undercroft.engine.sqlite.transaction import SQLiteTransaction
from undercroft.engine.sqlite.unit import Member, Unit
from undercroft.engine.sqlite.writer import Writer
from undercroft.engine.types import Cursor, EngineStats, Local, Row, Transaction

T = TypeVar("T")


class SQLiteEngine:
    """See `engine.types.Engine`. Made anywhere, started on the loop that uses it."""

    reads_now = True

    def __init__(
        self,
        settings: SQLiteSettings,
        *,
        prepare: Prepare | None = None,
        json_serializer: Callable[[Any], str] | None = None,
    ) -> None:
        """`prepare` is called with each new DB-API connection, to register SQL functions."""
        self.settings = settings
        self.library: Library = choose(settings.library)
        self.stats = EngineStats()
        self.dialect = shared_dialect(self.library.module, json_serializer)
        self._prepare = prepare
        self._lock = FileLock(settings.path)
        self._sessions = LeasedSessions(self.dialect, settings)
        self._holder: asyncio.Task[Any] | None = None
        self._inline: InlineReader | None = None
        self._mark: HeldMark | None = None
        self._pool: ReaderPool | None = None
        self._writer: Writer | None = None
        self.read_now: Callable[[str, Sequence[object]], Row | None] = _not_started

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self._writer is not None:
            return
        create_private(self.settings.path)
        self._lock.acquire(self.library)
        try:
            writer = Writer(self._open_writer, self.settings, self.stats, asyncio.get_running_loop())
            writer.start()
            self._writer = writer  # first: it recovers the log, and readers may not
            self._mark = self._held_mark()
            self._inline = InlineReader(self._open_reader, self.settings, self.library.module.Error, self._mark)
            self._pool = ReaderPool(self._open_reader, self.settings, self.stats)
        except BaseException as error:
            await self.close()
            if isinstance(error, self.library.module.Error):
                raise SetupFault(f"the database {self.settings.path.name} cannot be opened: {error}") from error
            raise
        self.read_now = self._inline.read_now

    async def close(self) -> None:
        self.read_now = _not_started
        if self._pool is not None:
            await self._pool.close()
        if self._mark is not None:
            self._mark.close()
        if self._inline is not None:
            self._inline.close()
        if self._writer is not None:
            await self._writer.close()  # last: the last one to close checkpoints, and only the writer may
        self._pool = self._inline = self._writer = self._mark = None
        self._lock.release()

    @contextmanager
    def migration_connection(self, *, foreign_keys: bool = False) -> Iterator[Connection]:
        """An SQLAlchemy connection with real transactions, for schema changes; only while the engine is not started.

        `foreign_keys` are off unless asked for, since a table rebuild would delete child rows.
        Raises `SetupFault` where another process has the file open and may not share it.
        """
        if self._writer is not None:
            raise SetupFault("the schema can only be changed while the engine is stopped")
        create_private(self.settings.path)
        self._lock.acquire(self.library)
        try:
            with migration_connection(self._open_writer(), self.dialect, foreign_keys=foreign_keys) as connection:
                yield connection
        finally:
            self._lock.release()

    # --- reading ----------------------------------------------------------------------------------------------------

    async def read_slow(self, text: str, args: Sequence[object], local: Local | None = None) -> Row:
        _refuse_local(local)
        self.stats.over_budget += 1
        return await _started(self._pool).read(text, args)

    async def read(self, text: str, args: Sequence[object], local: Local | None = None) -> Row:
        _refuse_local(local)
        row = self.read_now(text, args)
        return row if row is not None else await self.read_slow(text, args)

    # --- writing ----------------------------------------------------------------------------------------------------

    async def write(self, work: Callable[[Cursor], T], *, rollback: bool = False, local: Local | None = None) -> T:
        _refuse_local(local)
        self._refuse_within_lease()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        unit = Unit(work, future, self.settings.statement_seconds, rollback=rollback)
        self._enqueue(unit)
        return await future

    def transaction(
        self, *, read_only: bool = False, seconds: float | None = None, local: Local | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        _refuse_local(local)
        if read_only:
            return self._snapshot(seconds or self.settings.snapshot_seconds)
        return self._lease(seconds or self.settings.lease_seconds)

    @asynccontextmanager
    async def _lease(self, seconds: float) -> AsyncIterator[Transaction]:
        self._refuse_within_lease()
        lease = Lease(asyncio.get_running_loop(), seconds)
        self._enqueue(lease)
        try:
            leased = await lease.granted
            transaction = SQLiteTransaction(leased, self._sessions, lease.after_commit, read_only=False)
            self._holder = asyncio.current_task()
            try:
                async with transaction.limited(seconds):
                    yield transaction
            finally:
                self._holder = None
        except BaseException:
            lease.finish(keep=False)
            raise
        lease.finish(keep=True)
        await lease.future

    @asynccontextmanager
    async def _snapshot(self, seconds: float) -> AsyncIterator[Transaction]:
        pool = _started(self._pool)
        lent = await pool.borrow()
        leased = Leased(lent.connection, lent.deadline, seconds)
        callbacks: list[Callable[[], None]] = []
        try:
            lent.connection.execute("BEGIN")
            transaction = SQLiteTransaction(leased, self._sessions, callbacks, read_only=True)
            async with transaction.limited(seconds):
                yield transaction
        finally:
            leased.end()
            pool.give_back(lent)
        for callback in callbacks:
            callback()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _refuse_within_lease(self) -> None:
        """The writer waits for the lease, so a write that waits for the writer inside of it would never come."""
        if self._holder is not None and self._holder is asyncio.current_task():
            raise DatabaseFault(
                "a write was asked for inside of a transaction that holds the writer",
                code=INTERNAL,
                hint="Write through that transaction.",
            )

    def _enqueue(self, member: Member) -> None:
        writer = _started(self._writer)
        if self._mark is not None:
            self._mark.let_go()  # before there is anything to commit: no checkpoint is to find it
        writer.enqueue(member)

    def _held_mark(self) -> HeldMark:
        return HeldMark(
            self._open_reader,
            asyncio.get_running_loop(),
            is_writing=lambda: self.stats.waiting > 0,
            driver_error=self.library.module.Error,
        )

    def _open_writer(self) -> Any:
        return open_writer(self.library, self.settings, self._prepare)

    def _open_reader(self) -> Any:
        return open_reader(self.library, self.settings, self._prepare)


def _refuse_local(local: Local | None) -> None:
    if local is not None:
        raise DatabaseFault("SQLite has no roles and no settings of a transaction", code=INTERNAL)


def _started(part: T | None) -> T:
    if part is None:
        raise DatabaseFault("the database is not open", code="57P01", retry_after=1)
    return part


def _not_started(text: str, args: Sequence[object]) -> Row | None:
    raise DatabaseFault("the database is not open", code="57P01", retry_after=1)
