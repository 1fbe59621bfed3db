"""`Engine` on PostgreSQL: joins the pool, units of work and transactions."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.util.concurrency import greenlet_spawn

from undercroft.base.faults import SetupFault
from undercroft.engine.errors import COLLISIONS, INTERNAL, DatabaseFault
from undercroft.engine.postgres.connecting import Connector, libpq_url
from undercroft.engine.postgres.connection import Connection, Step, succeeded
from undercroft.engine.postgres.dialect import session_dialect
from undercroft.engine.postgres.errors import (
    STATEMENT_GONE,
    aborted,
    connection_lost,
    is_lost,
    is_stale,
    outcome_unknown,
)
from undercroft.engine.postgres.pool import Pool
from undercroft.engine.postgres.session import LentSessions
from undercroft.engine.postgres.settings import PostgresSettings
from undercroft.engine.postgres.transaction import PostgresTransaction
from undercroft.engine.postgres.unit import PostgresCursor, holding, opening
from undercroft.engine.postgres.values import dumped
from undercroft.engine.types import Cursor, EngineStats, Local, Row, Transaction
from undercroft.sql.postgres import shared_dialect

T = TypeVar("T")

COMMIT: Step = ("COMMIT", ())
_ENDS = (b"COMMIT", b"ROLLBACK")
RESTORE: tuple[Step, ...] = (("RESET ALL", ()), ("RESET ROLE", ()))
"""What was set for the session, and not for the transaction only, must not be there for the next caller."""


class PostgresEngine:
    """See `engine.types.Engine`. Made anywhere, started on the loop that uses it."""

    reads_now = False

    def __init__(self, settings: PostgresSettings, *, json_serializer: Callable[[Any], str] | None = None) -> None:
        self.settings = settings
        self.stats = EngineStats()
        self.dialect = shared_dialect(json_serializer or json.dumps)
        self._sessions = LentSessions(session_dialect(json_serializer))
        self._connector = Connector(settings)
        self._pool: Pool | None = None
        self._holders: set[asyncio.Task[Any] | None] = set()

    # --- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        if self._pool is not None:
            return
        self._connector.check()
        pool = Pool(self._connector, self.settings, self.stats)
        try:
            await pool.open()
        except DatabaseFault as fault:
            await pool.close()
            raise SetupFault(f"the database cannot be reached: {str(fault.__cause__ or fault).strip()}") from fault
        self._pool = pool

    async def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    @contextmanager
    def migration_connection(self, *, foreign_keys: bool = False) -> Iterator[sa.Connection]:
        """An SQLAlchemy connection of its own, for schema changes: it blocks, and may be used while serving.

        `foreign_keys` are always looked up: PostgreSQL changes a table without making it anew.
        """
        url = "postgresql+psycopg://" + libpq_url(self.settings.url).partition("://")[2]
        unprepared = {"prepare_threshold": None}  # behind a pooler it would be found again by somebody else
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool, hide_parameters=True, connect_args=unprepared)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    # --- reading ----------------------------------------------------------------------------------------------------

    def read_now(self, text: str, args: Sequence[object], /) -> Row | None:
        """Never: every read waits for the server."""
        return None

    async def read(self, text: str, args: Sequence[object], local: Local | None = None) -> Row:
        step = (text, dumped(args))
        try:
            return await self._read(step, local)
        except DatabaseFault as fault:
            if not (is_lost(fault) or self._renewed(fault)):
                raise
        return await self._read(step, local)  # a read may be asked twice; the first connection had died unseen

    read_slow = read

    async def _read(self, step: Step, local: Local | None) -> Row:
        pool = self._started()
        steps, place = self._reading(step, local)
        connection = pool.take() or await pool.wait()
        try:
            results = connection.checked(await connection.post(steps))
            row = connection.row(step[0], results[place])
        finally:
            pool.give_back(connection)
        if row is None:
            raise DatabaseFault("the statement gave no row", code=INTERNAL)
        return row

    def _reading(self, step: Step, local: Local | None) -> tuple[Sequence[Step], int]:
        """A read with what holds for it, and which of the steps it is."""
        if self._connector.pooled or not (local is None or (local.read_only and local.isolation is None)):
            begin = opening(local, read_only=local is None or local.read_only, settings=self._each_time())
            return [*begin, step, COMMIT, *self._restoring(local is not None)], len(begin)
        # What is sent up to one Sync is one transaction, and a connection is read-only by default: neither a beginning
        # nor an end has to be said.
        if local is None:
            return (step,), 0
        before = holding(local, ())
        return [*before, step, *RESTORE], len(before)

    # --- writing ----------------------------------------------------------------------------------------------------

    async def write(self, work: Callable[[Cursor], T], *, rollback: bool = False, local: Local | None = None) -> T:
        self._refuse_within_transaction()
        self._started()
        self.stats.waiting += 1
        try:
            value = await self._tried(work, rollback, local)
        except BaseException:
            self.stats.refused += 1
            raise
        finally:
            self.stats.waiting -= 1
        self.stats.acknowledged += 1
        return value

    async def _tried(self, work: Callable[[Cursor], T], rollback: bool, local: Local | None) -> T:
        """The unit, run again where it met another one, or a connection that had died unseen."""
        for attempt in range(self.settings.retries + 1):
            try:
                return await self._unit(work, rollback, local)
            except DatabaseFault as fault:
                again = fault.code in COLLISIONS or (attempt == 0 and (is_lost(fault) or self._renewed(fault)))
                if not again or attempt == self.settings.retries:
                    raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # to part those who met
        raise AssertionError("the last attempt returns or raises")

    async def _unit(self, work: Callable[[Cursor], T], rollback: bool, local: Local | None) -> T:
        pool = self._started()
        read_only = local is not None and local.read_only
        connection = pool.take() or await pool.wait()
        try:
            cursor = PostgresCursor(connection, opening(local, read_only=read_only, settings=self._each_time()))
            value = await greenlet_spawn(work, cursor)
            cursor.over = True
            if cursor.begun and not rollback:
                await self._commit(connection, restore=local is not None)
            elif cursor.begun:
                await connection.exchange([("ROLLBACK", ())])
            return value
        finally:
            pool.give_back(connection)

    async def _commit(self, connection: Connection, *, restore: bool, last: Sequence[Step] = ()) -> None:
        """`restore`: code that is not ours has run, and may have changed the session for good. `last`: what is still to
        be sent; where it fails, nothing is committed.

        Raises `DatabaseFault`, also where the server undid the transaction instead.
        """
        try:
            results = await connection.post([*last, COMMIT, *self._restoring(restore)])
            ended = next((each for each in results if each.command_status in _ENDS), None)
            if ended is None:
                connection.checked(results)
        except DatabaseFault as fault:
            raise outcome_unknown() if is_lost(fault) else fault from fault
        if not succeeded(results[-1]):  # what came after it: the session is not as it was
            connection.lose(connection_lost())
        if ended is None or ended.command_status != b"COMMIT":  # the server says ROLLBACK, and no error
            raise aborted()
        self.stats.commits += 1

    def transaction(
        self, *, read_only: bool = False, seconds: float | None = None, local: Local | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        limit = self.settings.snapshot_seconds if read_only else self.settings.lease_seconds
        return self._transaction(read_only=read_only, seconds=seconds or limit, local=local)

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool, seconds: float, local: Local | None) -> AsyncIterator[Transaction]:
        if not read_only:
            self._refuse_within_transaction()
        pool = self._started()
        connection = pool.take() or await pool.wait()
        task = asyncio.current_task()
        try:
            settings = self._each_time()
            begin = opening(local, read_only=read_only, settings=settings, snapshot=read_only)
            await connection.exchange(begin)
            until = asyncio.get_running_loop().time() + seconds
            cursor = PostgresCursor(connection, [], until)
            transaction = PostgresTransaction(
                connection, cursor, self._sessions, read_only=read_only, own_words=self.settings.own_words
            )
            if not read_only:
                self._holders.add(task)
            try:
                async with transaction.limited(seconds):
                    yield transaction
            finally:
                self._holders.discard(task)
            if read_only:
                await connection.exchange([*cursor.put_by(), COMMIT, *self._restoring(transaction.lent)])
            else:
                await self._commit(connection, restore=transaction.lent, last=cursor.put_by())
        except BaseException:
            self.stats.refused += not read_only
            raise
        finally:
            pool.give_back(connection)
        self.stats.acknowledged += not read_only
        for callback in transaction.callbacks:
            callback()

    def prepare_anew(self) -> None:
        """The schema has changed: statements that are prepared may give other columns than they did."""
        self._started().prepare_anew()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _each_time(self) -> Sequence[tuple[str, str]]:
        """What must be set in every transaction: a pooler keeps nothing between them."""
        return self._connector.session_settings() if self._connector.pooled else ()

    def _restoring(self, restore: bool) -> tuple[Step, ...]:
        """Behind a pooler, where a session is nobody's own, none of it is promised by the pooler either."""
        return RESTORE if restore and not self._connector.pooled else ()

    def _renewed(self, fault: DatabaseFault) -> bool:
        """Whether it was a prepared statement that failed; after this it will not be that again."""
        if not is_stale(fault):
            return False
        if fault.code == STATEMENT_GONE:
            self._connector.pooled = True
            self._started().stop_preparing()
        else:
            self._started().prepare_anew()
        return True

    def _started(self) -> Pool:
        if self._pool is None:
            raise DatabaseFault("the database is not open", code="57P01", retry_after=1)
        return self._pool

    def _refuse_within_transaction(self) -> None:
        """As on SQLite, where such a write would wait for itself; here it could wait for a row that it holds."""
        if self._holders and asyncio.current_task() in self._holders:
            raise DatabaseFault(
                "a write was asked for inside of a transaction that holds the writer",
                code=INTERNAL,
                hint="Write through that transaction.",
            )
