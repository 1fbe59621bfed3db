"""The connections of one process: bounded, handed out in the order of asking, brought back by themselves.

All bookkeeping is on the loop's thread. A connection that comes back in the middle of something is brought to an end
in the background before anybody else gets it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from undercroft.base.faults import Overloaded
from undercroft.engine.errors import DatabaseFault
from undercroft.engine.postgres.connecting import Connector, connected
from undercroft.engine.postgres.connection import Connection
from undercroft.engine.postgres.errors import connection_lost
from undercroft.engine.postgres.settings import PostgresSettings
from undercroft.engine.types import EngineStats

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
"""Seconds between two attempts to connect, doubling."""
_SWEEP_SECONDS = 0.25
_OVERTIME_SECONDS = 5.0
"""A statement so long past its limit that the server must be out of reach."""


class Pool:
    """Connections, those who wait for one, and the tasks that keep them."""

    def __init__(self, connector: Connector, settings: PostgresSettings, stats: EngineStats) -> None:
        self._connector = connector
        self._settings = settings
        self._stats = stats
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._waiting: deque[tuple[asyncio.Future[Connection], float]] = deque()
        self._opening = 0
        self._down: DatabaseFault | None = None
        """Why nothing can be reached at present."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._empty: asyncio.Event = asyncio.Event()

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the first connections. Raises `DatabaseFault` PGRST000."""
        for _ in range(max(1, self._settings.pool_least)):
            connection = await connected(self._connector, self._on_lost, self._settings.connect_seconds)
            self._all.add(connection)
            self._idle.append(connection)
        self._sweep()

    async def close(self) -> None:
        """Wait for what is lent, at the longest as long as a statement may take; then close everything."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        if len(self._idle) < len(self._all):
            self._empty.clear()
            seconds = (self._settings.statement_seconds or 30.0) + 1.0
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                pass
        self._fail_waiting(connection_lost())
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the loop lets go of connections that were being made
        for connection in list(self._all):
            connection.lose(connection_lost())  # whoever still waits on one is told
        self._all.clear()
        self._idle.clear()

    # --- lending ----------------------------------------------------------------------------------------------------

    def take(self) -> Connection | None:
        """A free connection, where there is one."""
        return self._idle.pop() if self._idle else None

    async def wait(self) -> Connection:
        """The next free connection, in the order of asking.

        Raises `Overloaded` when too many wait or the wait is too long; `DatabaseFault` while nothing can be reached.
        """
        if self._idle:
            return self._idle.pop()
        if self._closed:
            raise connection_lost()
        if self._down is not None and not self._all:
            raise self._again(self._down)
        if len(self._waiting) >= self._settings.wait_queue:
            raise self._overloaded()
        future: asyncio.Future[Connection] = self._loop.create_future()
        place = (future, self._loop.time() + self._settings.wait_seconds)
        self._waiting.append(place)
        self._grow()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give_back(future.result())
            else:
                with suppress(ValueError):  # who went away must not count as one who waits
                    self._waiting.remove(place)
            raise

    def give_back(self, connection: Connection) -> None:
        """Hand a connection to the next who waits; first to its recovery where something is still open on it."""
        if connection.broken:
            return
        if not connection.clean:
            self._spawn(self._recover(connection))
            return
        if self._loop.time() - connection.born > self._settings.life_seconds or self._left_behind(connection):
            self._drop(connection)
            return
        self._hand_on(connection)

    def _hand_on(self, connection: Connection) -> None:
        waiting = self._waiting
        while waiting:
            future, _ = waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return
        self._idle.append(connection)
        self._tell_if_empty()

    async def _recover(self, connection: Connection) -> None:
        if await connection.recover():
            self.give_back(connection)
        elif not connection.broken:
            self._drop(connection)

    def prepare_anew(self) -> None:
        """The schema has changed."""
        for connection in self._all:
            connection.forget_statements()

    def stop_preparing(self) -> None:
        """A pooler stands in between."""
        for connection in self._all:
            connection.stop_preparing()

    # --- growing and losing -----------------------------------------------------------------------------------------

    def _grow(self) -> None:
        wanted = min(len(self._waiting), self._settings.pool_most - len(self._all)) - self._opening
        if wanted > 0 and not self._closed and not (self._opening and self._down is not None):
            self._opening += 1
            self._spawn(self._open_one())

    async def _open_one(self) -> None:
        pause = _FIRST_PAUSE
        try:
            while not self._closed:
                try:
                    connection = await connected(self._connector, self._on_lost, self._settings.connect_seconds)
                except DatabaseFault as fault:
                    self._down = fault
                    if not self._all:
                        self._fail_waiting(fault)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    if self._all and not self._waiting:
                        return
                    continue
                self._down = None
                self._all.add(connection)
                self._drop_left_behind()
                self._hand_on(connection)
                return
        finally:
            self._opening -= 1
            self._grow()

    def _on_lost(self, connection: Connection) -> None:
        """Called by a connection that is gone, lent or not."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._tell_if_empty()
        if self._closed:
            return
        if not self._all and not self._opening:  # come back also when nobody asks
            self._opening += 1
            self._spawn(self._open_one())
        else:
            self._grow()

    def _left_behind(self, connection: Connection) -> bool:
        """Whether its host was the primary, and another one is by now."""
        return connection.timeline < self._connector.fence.timeline

    def _drop_left_behind(self) -> None:
        for connection in [each for each in self._idle if self._left_behind(each)]:
            self._idle.remove(connection)
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._all.discard(connection)
        self._tell_if_empty()
        self._grow()

    def _tell_if_empty(self) -> None:
        if self._closed and len(self._idle) >= len(self._all):
            self._empty.set()

    def _fail_waiting(self, fault: DatabaseFault) -> None:
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(self._again(fault))

    def _again(self, fault: DatabaseFault) -> DatabaseFault:
        """The same fault for another one: an exception is raised once."""
        return DatabaseFault(fault.message, code=fault.code, details=fault.details, retry_after=fault.retry_after)

    # --- now and then -----------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        now = self._loop.time()
        while self._waiting and (self._waiting[0][1] < now or self._waiting[0][0].done()):
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(self._overloaded())
        limit = self._settings.statement_seconds
        for connection in list(self._all):
            since = connection.busy_since
            if limit is not None and since is not None and now - since > limit + _OVERTIME_SECONDS:
                connection.lose(connection_lost())
        for connection in list(self._idle):
            if len(self._all) <= self._settings.pool_least:
                break
            if now - connection.used > self._settings.idle_seconds:
                self._idle.remove(connection)
                self._drop(connection)
        self._sweeper = self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _overloaded(self) -> Overloaded:
        self._stats.overloaded += 1
        return Overloaded("too many requests are waiting for the database", hint="Try again in a second.")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
