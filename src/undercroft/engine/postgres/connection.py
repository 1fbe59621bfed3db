"""One connection on `psycopg.pq`: several statements in one round trip, awaited on the loop, none of it per row.

libpq stays in pipeline mode. An exchange is what is sent up to one Sync, and everything that comes back up to it; a
connection has at most one exchange under way. What was cancelled is brought to its end before the connection is used
again, or the connection is closed.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import pq

from undercroft.engine.errors import DatabaseFault, timed_out
from undercroft.engine.postgres.errors import connection_lost, fault_of_result
from undercroft.engine.postgres.statements import Statements
from undercroft.engine.postgres.values import Loads, loads_of, row_of, rows_of
from undercroft.engine.types import Row

Step = tuple[str, Sequence[bytes | None]]
"""A statement and its parameters in text format."""

_SYNC = int(pq.ExecStatus.PIPELINE_SYNC)
_FAILED = frozenset({int(pq.ExecStatus.FATAL_ERROR), int(pq.ExecStatus.PIPELINE_ABORTED)})
_FATAL = int(pq.ExecStatus.FATAL_ERROR)
_ABORTED = int(pq.ExecStatus.PIPELINE_ABORTED)
_IDLE = int(pq.TransactionStatus.IDLE)
_CONNECTED = int(pq.ConnStatus.OK)

_GRACE_SECONDS = 0.02
"""A statement that nobody waits for any more may still end by itself for so long, before it is cancelled."""
_CANCEL_SECONDS = 5.0


_BOUNDARIES = ("BEGIN", "COMMIT", "ROLLBACK")


class Connection:
    """A connection as its present owner uses it. `on_lost` is called once, when it is gone."""

    def __init__(
        self,
        wrapper: psycopg.AsyncConnection[Any],
        *,
        statements: int,
        prepare: bool,
        own_words: bool,
        on_lost: Callable[[Connection], None],
    ) -> None:
        self._wrapper = wrapper
        self._pg = wrapper.pgconn
        self._loop = asyncio.get_running_loop()
        self._fd = self._pg.socket
        self._statements = Statements(statements)
        self._prepare = prepare
        self._own_words = own_words
        self._on_lost = on_lost
        self._waiter: asyncio.Future[list[Any]] | None = None
        self._results: list[Any] = []
        self._steps: list[int] = []
        """Which of the results that come are the caller's."""
        self._preparing: list[tuple[int, bytes, str]] = []
        """Which of them tell whether a statement was prepared."""
        self._dropping: list[tuple[int, bytes]] = []
        """Which of them tell whether a statement was deallocated."""
        self._queued = 0
        self._busy = False
        self._writing = False
        self.broken = False
        self.timeline = 0
        """Which one the host was on, where there are several; see `hosts.Fence`."""
        self.born = self.used = self._loop.time()
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._more = select.poll()
        self._more.register(self._fd, select.POLLIN)
        self._loop.add_reader(self._fd, self._readable)

    # --- state ------------------------------------------------------------------------------------------------------

    @property
    def clean(self) -> bool:
        """Nothing is under way, no transaction is open: the next owner may have it."""
        return not self._busy and not self.broken and self._pg.transaction_status == _IDLE

    @property
    def busy_since(self) -> float | None:
        """When the exchange under way began, on the loop's clock."""
        return self.used if self._busy else None

    def now(self) -> float:
        """The loop's clock, in seconds."""
        return self._loop.time()

    @property
    def backend_pid(self) -> int:
        return self._pg.backend_pid

    def forget_statements(self) -> None:
        """Prepare everything anew."""
        self._statements.drop_all()

    def stop_preparing(self) -> None:
        """What is prepared here is not there the next time."""
        self._prepare = False
        self._statements.clear()

    # --- an exchange ------------------------------------------------------------------------------------------------

    async def exchange(self, steps: Sequence[Step]) -> list[Any]:
        """One result per step, in one round trip. Raises the first `DatabaseFault` among them."""
        return self.checked(await self.post(steps))

    def post(self, steps: Sequence[Step]) -> asyncio.Future[list[Any]]:
        """Send the steps; the future gives their results, failed ones included."""
        if self._busy:
            raise RuntimeError("a connection was used by two at once")
        if self.broken:
            raise connection_lost()
        self._busy = True
        self._results = []
        self._steps = []
        self._preparing = []
        self._dropping = []
        self._queued = 0
        self.used = self._loop.time()
        self._waiter = waiter = self._loop.create_future()
        try:
            for text, params in steps:
                self._queue(text, params)
            self._pg.pipeline_sync()
            if self._pg.flush():
                self._write_later()
        except psycopg.Error:
            self.lose(connection_lost())
        except BaseException:  # half of it is sent
            self.lose(connection_lost())
            raise
        return waiter

    def _queue(self, text: str, params: Sequence[bytes | None]) -> None:
        pg = self._pg
        if not self._prepare:
            pg.send_query_params(text.encode(), params)
        else:
            known = self._statements.find(text)
            if known is None:
                known = self._statements.add(text)
                # Not before a BEGIN: it would stand in a transaction of its own making, too late for its isolation. Nor
                # before what ends one: where that has failed, it would be refused, and the end with it.
                for name in () if text.startswith(_BOUNDARIES) else self._statements.take_dropped():
                    pg.send_query_params(b"DEALLOCATE " + name, None)
                    self._dropping.append((self._queued, name))
                    self._queued += 1
                pg.send_prepare(known.name, text.encode())
                self._preparing.append((self._queued, known.name, text))
                self._queued += 1
            pg.send_query_prepared(known.name, params)
        self._steps.append(self._queued)
        self._queued += 1

    def checked(self, results: list[Any]) -> list[Any]:
        """The results, when all went well. Raises the `DatabaseFault` of the first that did not."""
        if results and results[-1].status not in _FAILED:
            return results
        for result in results:
            if result.status == _FATAL:
                raise fault_of_result(result, own_words=self._own_words)
        raise connection_lost()

    def row(self, text: str, result: Any) -> Row | None:
        """The first row of a statement's result."""
        return row_of(result, 0, self._loads(text, result)) if result.ntuples else None

    def rows(self, text: str, result: Any) -> list[Row]:
        """Every row of a statement's result."""
        return rows_of(result, self._loads(text, result)) if result.ntuples else []

    def _loads(self, text: str, result: Any) -> Sequence[Loads]:
        known = self._statements.find(text)
        return loads_of(result) if known is None else known.loads(result)

    # --- what comes back --------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        while self._take_in():
            pass

    def _take_in(self) -> bool:
        """Read what has come; whether there is more at once, in the middle of an exchange.

        The loop may say but once that a socket has failed (uvloop does): its last words, and its end after them, have
        to be taken in then.
        """
        pg = self._pg
        try:
            pg.consume_input()
            if not self._busy:
                self._look_while_idle()
            elif self._results_read():
                return False
        except psycopg.Error:
            self.lose(connection_lost())
        return not self.broken and bool(self._more.poll(0))

    def _results_read(self) -> bool:
        """Take over the results that are there; whether they are all."""
        pg = self._pg
        empty = False
        while not pg.is_busy():
            result = pg.get_result()
            if result is None:  # the end of one statement; twice: the end of everything
                if empty and pg.status != _CONNECTED:
                    self.lose(connection_lost())
                if empty:
                    return False
                empty = True
                continue
            empty = False
            if result.status == _SYNC:
                self._finish()
                return True
            self._results.append(result)
        return False

    def _look_while_idle(self) -> None:
        """Notices, and the end of the connection."""
        self._pg.is_busy()
        if self._pg.status != _CONNECTED:
            self.lose(connection_lost())

    def _finish(self) -> None:
        self._busy = False
        results = self._results
        if results and results[-1].status in _FAILED:
            self._forget_failed(results)
        elif self._preparing:
            results = [results[index] for index in self._steps]
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(results)

    def _forget_failed(self, results: Sequence[Any]) -> None:
        """What could not be prepared; what was not deallocated is so the next time."""
        for index, name, text in self._preparing:
            if results[index].status in _FAILED:
                self._statements.forget(text, name)
        for index, name in self._dropping:
            if results[index].status == _ABORTED:
                self._statements.drop(name)

    def _write_later(self) -> None:
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._writable)

    def _writable(self) -> None:
        try:
            if self._pg.flush():
                return
        except psycopg.Error:
            self.lose(connection_lost())
            return
        self._writing = False
        self._loop.remove_writer(self._fd)

    # --- from code that cannot await --------------------------------------------------------------------------------

    def drive(self, waiter: asyncio.Future[list[Any]], until: float) -> list[Any]:
        """Wait for an exchange and hold up the loop meanwhile, at the longest until a time on its clock."""
        poll = select.poll()
        while not waiter.done():
            left = until - self._loop.time()
            if left <= 0:
                self._cancel_now()
                self._drive_to_the_end(waiter, poll)
                raise timed_out()
            poll.register(self._fd, select.POLLIN | (select.POLLOUT if self._writing else 0))
            for _, event in poll.poll(min(left, 1.0) * 1000):
                if event & select.POLLOUT:
                    self._writable()
                if event & ~select.POLLOUT:
                    self._readable()
        return waiter.result()

    def _drive_to_the_end(self, waiter: asyncio.Future[list[Any]], poll: select.poll) -> None:
        until = self._loop.time() + _CANCEL_SECONDS
        while not waiter.done() and self._loop.time() < until:
            if poll.poll(100):
                self._readable()
        if not waiter.done():
            self.lose(connection_lost())

    def _cancel_now(self) -> None:
        with suppress(psycopg.Error):
            self._wrapper.cancel()

    # --- to psycopg and back ----------------------------------------------------------------------------------------

    @contextmanager
    def lent_to_psycopg(self) -> Iterator[None]:
        """While it lasts, psycopg's own connection object drives the socket."""
        if self._busy:
            raise RuntimeError("a connection was used by two at once")
        if self.broken:
            raise connection_lost()
        self._loop.remove_reader(self._fd)
        self._pg.exit_pipeline_mode()
        self.used = self._loop.time()
        try:
            yield
        finally:
            self._take_back()

    def _take_back(self) -> None:
        try:
            self._pg.enter_pipeline_mode()  # refused where something is still under way, or the connection is gone
            self._loop.add_reader(self._fd, self._readable)
        except psycopg.Error:
            self.lose(connection_lost())

    @property
    def wrapper(self) -> psycopg.AsyncConnection[Any]:
        """psycopg's object for this connection; see `lent_to_psycopg`."""
        return self._wrapper

    # --- the end ----------------------------------------------------------------------------------------------------

    async def recover(self) -> bool:
        """Bring what is under way to its end and undo an open transaction; False where the connection had to go."""
        if self._busy and not self.broken:
            await self._drain()
        if self.broken:
            return False
        if self._pg.transaction_status != _IDLE:
            try:
                await asyncio.wait_for(self.exchange([("ROLLBACK", ())]), _CANCEL_SECONDS)
            except (DatabaseFault, TimeoutError):
                self.lose(connection_lost())
        return self.clean

    async def _drain(self) -> None:
        drained: asyncio.Future[list[Any]] = self._loop.create_future()
        self._waiter = drained
        done, _ = await asyncio.wait([drained], timeout=_GRACE_SECONDS)
        if not done:
            # Once the server has ended the cancelling connection it has sent the signal: it cannot meet a later
            # statement.
            with suppress(psycopg.Error, OSError):
                await self._wrapper.cancel_safe(timeout=_CANCEL_SECONDS)
            done, _ = await asyncio.wait([drained], timeout=_CANCEL_SECONDS)
        if not done:
            self.lose(connection_lost())
        if drained.done() and not drained.cancelled():
            drained.exception()  # seen

    def lose(self, fault: DatabaseFault) -> None:
        """The connection is gone, or must go: whoever waits on it is told `fault`."""
        if self.broken:
            return
        for result in self._results if self._busy else ():
            if result.status == _FATAL:  # the server said why
                fault = fault_of_result(result, own_words=self._own_words)
        self.close()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(fault)
            waiter.exception()  # seen, also when nobody waits any more
        self._on_lost(self)

    def close(self) -> None:
        """End it at once."""
        if self.broken:
            return
        self.broken = True
        self._busy = False
        self._loop.remove_reader(self._fd)
        if self._writing:
            self._loop.remove_writer(self._fd)
        self._pg.finish()


def succeeded(result: Any) -> bool:
    """Whether a statement did what it was to do."""
    return result.status not in _FAILED
