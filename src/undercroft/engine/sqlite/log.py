"""The write-ahead log, kept within bounds.

A commit checkpoints by itself, but the log starts anew only at a moment when nobody reads an older state of it. Long
reads that overlap without end leave no such moment: then the log would grow as long as there are writes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from undercroft.engine.sqlite.settings import SQLiteSettings

RETRY_SECONDS = 10.0
"""From an attempt that failed to the next."""


class LogKeeper:
    """Cuts the log back once it is too long, by holding the writer until the readers of older states are done.

    Whoever begins to read meanwhile reads the newest state, and is not waited for: so the hold lasts no longer than
    what the longest reader has left, for which there is a limit.
    """

    def __init__(self, settings: SQLiteSettings) -> None:
        self._log = Path(f"{settings.path}-wal")
        self._most = settings.wal_most_bytes
        self._patience = max(settings.statement_seconds, settings.snapshot_seconds) + 1.0
        self._usual = settings.busy_seconds
        self._not_before = 0.0

    def is_due(self, now: Callable[[], float] = monotonic) -> bool:
        """Whether the log is over its bound, and no attempt has failed just now."""
        if self._most is None or now() < self._not_before:
            return False
        try:
            return self._log.stat().st_size > self._most
        except FileNotFoundError:
            return False

    def cut(self, connection: Any, now: Callable[[], float] = monotonic) -> bool:
        """Cut it back; False where a reader was longer than it may be (another process's), so that it stays."""
        connection.execute(f"PRAGMA busy_timeout={self._patience * 1000:.0f}")
        try:
            busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.execute(f"PRAGMA busy_timeout={self._usual * 1000:.0f}")
        if busy:
            self._not_before = now() + RETRY_SECONDS
        return not busy
