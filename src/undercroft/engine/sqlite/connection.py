"""How connections are opened: one for writing, any number for reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from undercroft.engine.sqlite.library import Library
from undercroft.engine.sqlite.settings import SQLiteSettings

Prepare = Callable[[Any], None]
"""Called with every new DB-API connection: the place to register SQL functions."""


def open_writer(library: Library, settings: SQLiteSettings, prepare: Prepare | None) -> Any:
    """The one connection that writes and checkpoints. It is handed between threads, never used by two at once."""
    connection = _connect(library, settings)
    connection.execute("PRAGMA journal_mode=WAL").fetchone()
    connection.execute(f"PRAGMA synchronous={settings.synchronous}")
    connection.execute(f"PRAGMA wal_autocheckpoint={settings.checkpoint_pages:d}").fetchone()
    connection.execute(f"PRAGMA journal_size_limit={settings.wal_bytes:d}").fetchone()
    connection.execute("PRAGMA foreign_keys=ON")
    if prepare is not None:
        prepare(connection)
    return connection


def open_reader(library: Library, settings: SQLiteSettings, prepare: Prepare | None) -> Any:
    """A connection that can neither write nor checkpoint."""
    connection = _connect(library, settings)
    connection.execute("PRAGMA wal_autocheckpoint=0").fetchone()
    if prepare is not None:
        prepare(connection)
    connection.execute("PRAGMA query_only=ON")
    return connection


def _connect(library: Library, settings: SQLiteSettings) -> Any:
    connection = library.module.connect(
        str(settings.path),
        timeout=settings.busy_seconds,
        isolation_level=None,  # no hidden BEGIN: every transaction is ours
        check_same_thread=False,
        cached_statements=settings.cached_statements,
    )
    mmap_bytes = 0 if library.guarded else settings.mmap_bytes
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute(f"PRAGMA cache_size={-(settings.cache_bytes // 1024):d}")
    connection.execute(f"PRAGMA mmap_size={mmap_bytes:d}").fetchone()
    return connection
