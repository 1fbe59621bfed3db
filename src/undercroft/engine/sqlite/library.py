"""Which SQLite this process uses: one copy only, because two copies in one process lose each other's file locks."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from undercroft.base.faults import SetupFault
from undercroft.engine.sqlite.settings import LibraryChoice

OLDEST = (3, 35, 0)
"""RETURNING came with this one."""


@dataclass(frozen=True, slots=True)
class Library:
    """A DB-API module over one copy of SQLite."""

    name: str
    module: ModuleType
    version: tuple[int, int, int]

    @property
    def guarded(self) -> bool:
        """Whether all writes and checkpoints must go through one connection of one process."""
        return has_wal_reset_fault(self.version)

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))


def has_wal_reset_fault(version: tuple[int, int, int]) -> bool:
    """Whether two connections that write or checkpoint at once can corrupt a WAL file (sqlite.org, "WAL-reset bug").

    Fixed in 3.51.3 and, in older lines, in 3.50.7 and 3.44.6.
    """
    if version >= (3, 51, 3):
        return False
    return not ((3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0))


def choose(choice: LibraryChoice) -> Library:
    """The library to use. Raises `SetupFault` where it is not installed or too old."""
    if choice == "stdlib":
        return _load("stdlib", "sqlite3.dbapi2")
    try:
        return _load("pysqlite3", "pysqlite3.dbapi2")
    except ImportError:
        if choice == "pysqlite3":
            raise SetupFault(
                "the SQLite library pysqlite3 was asked for but is not installed",
                hint="Install it with: pip install pysqlite3",
            ) from None
    return _load("stdlib", "sqlite3.dbapi2")


def _load(name: str, path: str) -> Library:
    module = importlib.import_module(path)
    version: tuple[int, int, int] = module.sqlite_version_info
    if version < OLDEST:
        raise SetupFault(
            f"SQLite {module.sqlite_version} is too old; {'.'.join(map(str, OLDEST))} is the oldest that works",
            hint="Install pysqlite3, which carries a current SQLite.",
        )
    return Library(name, module, version)
