"""The lease of the writer: a member of a batch that hands the writer's connection to the loop and waits for it."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import Any

from undercroft.engine.errors import timed_out, transaction_lost
from undercroft.engine.sqlite.leased import Leased
from undercroft.engine.sqlite.meter import FOREVER, Deadline
from undercroft.engine.sqlite.unit import KEEP, SAVE, UNDO


class Lease:
    """Granted by the writer's thread, used and finished by the loop's.

    `granted` is resolved with the connection; `future` at the end of the batch: None after the commit, or after an undo
    that was asked for, else a fault.
    """

    repeatable = False

    def __init__(self, loop: AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._finished = threading.Event()
        self._keep = False
        self.granted: Future[Leased] = loop.create_future()
        self.future: Future[None] = loop.create_future()
        self.fault: BaseException | None = None
        self.after_commit: list[Callable[[], None]] = []

    def finish(self, *, keep: bool) -> None:
        """Give the connection back, on the loop's thread; the first call decides."""
        if not self._finished.is_set():
            self._keep = keep
            self._finished.set()

    def attempt(self, connection: Any, deadline: Deadline) -> None:
        if self._finished.is_set():  # given up while it was queued
            return
        connection.execute(SAVE)
        leased = Leased(connection, deadline, self._seconds)
        self._loop.call_soon_threadsafe(self._grant, leased)
        in_time = self._finished.wait(self._seconds)
        leased.end(too_late=not in_time)
        deadline.at = FOREVER
        if not connection.in_transaction:
            self.fault = leased.lost_by or transaction_lost()
            return
        if not in_time:
            self.fault = timed_out()
        if self.fault is not None or not self._keep:
            connection.execute(UNDO)
        connection.execute(KEEP)

    def settle(self) -> None:
        if self.fault is None and self._keep:
            for callback in self.after_commit:
                self._loop.call_soon(callback)
        if self.future.done():
            return
        if self.fault is None:
            self.future.set_result(None)
            return
        self.future.set_exception(self.fault)
        self.future.exception()  # seen, also when nobody waits any more
        if not self.granted.done():
            self.granted.set_exception(self.fault)
            self.granted.exception()

    def _grant(self, leased: Leased) -> None:
        if self.granted.done():  # the waiter was cancelled
            self.finish(keep=False)
        else:
            self.granted.set_result(leased)
