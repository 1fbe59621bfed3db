"""A read mark of the log that stays taken while reads follow each other closely, so that none makes a system call.

Every read takes a shared lock on a read mark, and lets go of it: two system calls, a third of a small read's time. Such
a lock belongs to the process, and SQLite only counts those of its connections that share it (`unixShmLock` in
os_unix.c). So one idle connection that holds the newest mark spares all others the calls. Nothing else changes: each
read looks for the newest state by itself and is a snapshot of its own, and where the held mark is no longer the newest,
reads lock another as if this one were not there.

A held mark keeps checkpoints from passing it. So it is held for moments only, and not at all around writes: this
process lets go before a write of its own begins, and takes none for a while when anybody has written.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

CLOSE = 32
"""So many reads…"""
CLOSE_SECONDS = 0.010
"""… within this time are worth a mark."""
HELD_SECONDS = 0.016
"""Longest hold."""
PAUSE_SECONDS = 0.004
"""From a hold to the next: who waits for the mark tries again within some milliseconds."""
QUIET_SECONDS = 0.050
"""From the time when somebody was seen to have written, to the next look."""


class HeldMark:
    """Everything is on the loop's thread."""

    def __init__(
        self,
        open_connection: Callable[[], Any],
        loop: AbstractEventLoop,
        *,
        is_writing: Callable[[], bool],
        driver_error: type[Exception],
    ) -> None:
        """`is_writing`: whether a write of this process is queued or runs."""
        self._connection = open_connection()
        self._execute = self._connection.execute
        self._loop = loop
        self._is_writing = is_writing
        self._driver_error = driver_error
        self._version: int | None = None
        """SQLite's number for what others have committed, when it was last looked at."""
        self._not_before = 0.0
        self._counted_at = 0.0
        self._release: TimerHandle | None = None

    @property
    def held(self) -> bool:
        return self._release is not None

    def note(self) -> None:
        """`CLOSE` more reads were made: take the mark where that was fast, and nobody writes."""
        now = self._loop.time()
        before, self._counted_at = self._counted_at, now
        if self._release is None and now - before < CLOSE_SECONDS and now >= self._not_before:
            self._take(now)

    def let_go(self) -> None:
        """Whoever waits for the mark may go on."""
        if self._release is None:
            return
        self._release.cancel()
        self._release = None
        self._not_before = self._loop.time() + PAUSE_SECONDS
        self._execute("ROLLBACK")

    def close(self) -> None:
        """Let go for good."""
        self.let_go()
        self._connection.close()

    def _take(self, now: float) -> None:
        if self._is_writing():
            self._not_before = now + QUIET_SECONDS
            return
        try:
            self._execute("BEGIN")
            (version,) = self._execute("PRAGMA data_version").fetchone()  # reads: from here on there is a snapshot
        except self._driver_error:  # a locked or a broken file is for the reads themselves to tell of
            version = None
        before, self._version = self._version, version
        if version is not None and version == before:
            self._release = self._loop.call_later(HELD_SECONDS, self.let_go)
            return
        self._not_before = now + QUIET_SECONDS
        with suppress(self._driver_error):
            self._execute("ROLLBACK")
