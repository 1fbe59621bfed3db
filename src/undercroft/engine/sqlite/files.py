"""The database file as a file: made for its owner only, and held by a lock so that processes know of each other."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from undercroft.base.faults import SetupFault
from undercroft.engine.sqlite.library import Library

_OPEN: list[tuple[Path, str]] = []
"""Which file this process has open with which library. It belongs to the process, as the locks do that it protects."""


def create_private(path: Path) -> None:
    """Make an empty file with mode 0600 where there is none; SQLite gives its log the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise SetupFault(f"the database file {path} cannot be made: {error.strerror}") from error


class FileLock:
    """Held while a process has the database open: alone with a guarded library, shared with a sound one.

    It stands beside the database (`app.db.lock`), never in it: closing any descriptor of the database file itself
    would drop SQLite's own locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self, library: Library) -> None:
        """Raises `SetupFault` when another process or engine holds the file in a way that excludes this one."""
        database = self._path.resolve()
        others = {name for path, name in _OPEN if path == database} - {library.name}
        if others:
            raise SetupFault(
                f"this process has the database open with {others.pop()} already, and opens it now with {library.name}",
                hint="Two copies of SQLite in one process lose each other's locks: use one for all engines.",
            )
        try:
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise SetupFault(f"the lock file {self._path} cannot be made: {error.strerror}") from error
        mode = fcntl.LOCK_EX if library.guarded else fcntl.LOCK_SH
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise SetupFault(
                f"the database {self._path.with_suffix('').name} is open in another worker or process, and SQLite "
                f"{library.version_text} ({library.name}) can corrupt a file that two of them write",
                hint="Run one worker, or install pysqlite3 (SQLite 3.51.3 or later) for every process that opens it.",
            ) from None
        self._descriptor = descriptor
        self._entry = (database, library.name)
        _OPEN.append(self._entry)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _OPEN.remove(self._entry)
