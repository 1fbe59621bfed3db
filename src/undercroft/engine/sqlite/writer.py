"""The one writer: a thread that takes all waiting work into one transaction and answers after its commit.

Each piece of work has a savepoint of its own, so what fails undoes only itself. Nobody is told that a write was done
before COMMIT has returned. When SQLite undoes the whole transaction (a full disk, an I/O error, an interrupted write),
everybody in it is either run again or told so.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from undercroft.base.faults import Overloaded
from undercroft.engine.errors import (
    CORRUPTED,
    FOREIGN_KEY,
    INTERNAL,
    IO_ERROR,
    DatabaseFault,
    undone_with_neighbours,
)
from undercroft.engine.sqlite.errors import is_timeout, translate
from undercroft.engine.sqlite.log import LogKeeper
from undercroft.engine.sqlite.meter import Deadline
from undercroft.engine.sqlite.settings import SQLiteSettings
from undercroft.engine.sqlite.unit import Member
from undercroft.engine.types import EngineStats

_SUSPECT = {IO_ERROR, CORRUPTED, INTERNAL}
"""Codes after which the connection is opened anew."""


class Writer:
    """`submit` and the answers are on the loop's thread; everything else is on the writer's own."""

    def __init__(
        self, open_connection: Callable[[], Any], settings: SQLiteSettings, stats: EngineStats, loop: AbstractEventLoop
    ) -> None:
        self._open = open_connection
        self._settings = settings
        self._stats = stats
        self._loop = loop
        self._inbox: SimpleQueue[Member | None] = SimpleQueue()
        self._deadline = Deadline()
        self._connection: Any = None
        self._last_size = 0
        self._closing = False
        self._deferred_keys = False
        self._log = LogKeeper(settings)
        self._thread = threading.Thread(target=self._work, name="undercroft-writer", daemon=True)

    def start(self) -> None:
        """Open the connection here, so that what is wrong with the file is raised to the starter."""
        self._connect()
        self._thread.start()

    async def submit(self, member: Member) -> Any:
        """Queue a member and wait for its answer. Raises `Overloaded` when the queue is full."""
        self.enqueue(member)
        return await member.future

    def enqueue(self, member: Member) -> None:
        """Queue a member. Raises `Overloaded` when the queue is full."""
        if self._closing:
            raise DatabaseFault("the database is shutting down", code="57P01", retry_after=1)
        if self._stats.waiting >= self._settings.write_queue:
            self._stats.overloaded += 1
            raise Overloaded("too many writes are waiting", hint="Nothing was written. Try again.")
        self._stats.waiting += 1
        self._inbox.put(member)

    async def close(self) -> None:
        """Answer everything that is queued, then checkpoint and close."""
        self._closing = True
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join)

    # --- on the writer's thread -------------------------------------------------------------------------------------

    def _connect(self) -> None:
        self._connection = self._open()
        self._deadline = Deadline()
        self._deadline.attach(self._connection)

    def _work(self) -> None:
        while (first := self._inbox.get()) is not None:
            batch = self._gather(first)
            self._run(batch)
            self._last_size = len(batch)
            self._keep_log()
        if self._connection is not None:
            self._connection.close()

    def _keep_log(self) -> None:
        """Everybody is answered by now: who waits next may wait for the log."""
        if self._connection is None or not self._log.is_due():
            return
        try:
            self._log.cut(self._connection)
        except Exception as error:
            self._rollback(translate(error))

    def _gather(self, first: Member) -> list[Member]:
        """All that waits; and, where several came last time, a moment's patience for those just answered."""
        batch = [first]
        until = monotonic() + self._settings.gather_seconds
        expected = min(self._last_size, self._settings.batch_size)
        while len(batch) < self._settings.batch_size:
            try:
                patience = until - monotonic() if len(batch) < expected else 0.0
                member = self._inbox.get(timeout=patience) if patience > 0 else self._inbox.get_nowait()
            except Empty:
                if len(batch) >= expected or monotonic() >= until:
                    break
                continue
            if member is None:
                self._inbox.put(None)
                break
            batch.append(member)
        return batch

    def _run(self, batch: list[Member]) -> None:
        """Settle every member of a batch, in as many transactions as it takes."""
        pending = batch
        while pending:
            pending = self._transact(pending)

    def _transact(self, members: list[Member]) -> list[Member]:
        """One transaction; answers its members and gives back those that have to go into another one."""
        if (refusal := self._begin()) is not None:
            self._answer(members, refusal)
            return []
        until = monotonic() + self._settings.batch_seconds
        done: list[Member] = []
        for index, member in enumerate(members):
            if done and (monotonic() > until or self._apart(done[-1], member)):
                break
            if member.future.cancelled():
                done.append(member)
                continue
            try:
                member.attempt(self._connection, self._deadline)
            except Exception as error:  # the savepoint statements themselves: the transaction cannot be trusted
                member.fault = translate(error)
                self._rollback(member.fault)
            if not self._connected_and_in_transaction():
                return self._after_loss(done, member, members[index + 1 :])
            done.append(member)
        rest = members[len(done) :]
        try:
            self._connection.execute("COMMIT")
        except Exception as error:
            self._after_failed_commit(done, translate(error))
            return rest
        self._stats.commits += 1
        self._stats.largest_batch = max(self._stats.largest_batch, len(done))
        self._answer(done)
        return rest

    def _begin(self) -> BaseException | None:
        try:
            if self._connection is None:
                self._connect()
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as error:
            fault = translate(error)
            self._rollback(fault)
            return fault
        return None

    def _connected_and_in_transaction(self) -> bool:
        return self._connection is not None and self._connection.in_transaction

    def _after_loss(self, done: list[Member], culprit: Member, rest: list[Member]) -> list[Member]:
        """SQLite undid the transaction while `culprit` ran. The innocent run again, unless the disk is at fault."""
        fault = culprit.fault or undone_with_neighbours()
        self._answer([culprit])
        self._rollback(fault)
        if is_timeout(fault):
            return self._again(done) + rest
        self._answer(done, fault)
        return rest

    def _after_failed_commit(self, done: list[Member], fault: BaseException) -> None:
        """Nobody is acknowledged. A deferred foreign key is one member's fault: then each gets a commit of its own."""
        self._rollback(fault)
        self._deferred_keys |= getattr(fault, "code", None) == FOREIGN_KEY
        if len(done) > 1 and getattr(fault, "code", None) == FOREIGN_KEY:
            for member in self._again(done):
                self._transact([member])
        else:
            self._answer(done, fault)

    def _apart(self, before: Member, member: Member) -> bool:
        """Whether two members must not share a commit: leases, once a commit has been refused for a member's keys."""
        return self._deferred_keys and not (before.repeatable and member.repeatable)

    def _again(self, done: list[Member]) -> list[Member]:
        """Those of an undone transaction that can be run again; the others are told."""
        again = [member for member in done if member.repeatable and member.fault is None]
        self._answer([member for member in done if member not in again], undone_with_neighbours())
        return again

    def _rollback(self, fault: BaseException) -> None:
        """Back to a clean connection; where the disk or the file is suspect, to a new one that reads the log again."""
        suspect = getattr(fault, "code", INTERNAL) in _SUSPECT
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except Exception:
            suspect = True
        if suspect and self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _answer(self, members: list[Member], fault: BaseException | None = None) -> None:
        """One wake-up of the loop for all; `fault` is for those that have none of their own."""
        for member in members:
            if fault is not None and member.fault is None:
                member.fault = fault
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, members)

    # --- on the loop's thread ---------------------------------------------------------------------------------------

    def _settle(self, members: list[Member]) -> None:
        self._stats.waiting -= len(members)
        for member in members:
            if member.fault is not None:
                self._stats.refused += 1
            elif not member.future.cancelled():
                self._stats.acknowledged += 1
            member.settle()
