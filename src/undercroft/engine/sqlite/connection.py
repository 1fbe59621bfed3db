"""How connections are opened: one for writing, any number for reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from undercroft.engine.sqlite.casting import teach_casts
from undercroft.engine.sqlite.decimals import teach_decimals
from undercroft.engine.sqlite.library import Library
from undercroft.engine.sqlite.matching import teach_matching
from undercroft.engine.sqlite.settings import SQLiteSettings

Prepare = Callable[[Any], None]
"""Called with every new DB-API connection: the place to register SQL functions."""


def open_writer(library: Library, settings: SQLiteSettings, prepare: Prepare | None) -> Any:
    """The one connection that writes and checkpoints. It is handed between threads, never used by two at once."""
    pragmas = [
        "journal_mode=WAL",
        f"synchronous={settings.synchronous}",
        f"wal_autocheckpoint={settings.checkpoint_pages:d}",
        f"journal_size_limit={settings.wal_bytes:d}",
        "foreign_keys=ON",
    ]
    return _connect(library, settings, prepare, pragmas)


def open_reader(library: Library, settings: SQLiteSettings, prepare: Prepare | None) -> Any:
    """A connection that can neither write nor checkpoint."""
    return _connect(library, settings, prepare, ["wal_autocheckpoint=0", "query_only=ON"])


def _connect(library: Library, settings: SQLiteSettings, prepare: Prepare | None, pragmas: Sequence[str]) -> Any:
    connection = library.module.connect(
        str(settings.path),
        timeout=settings.busy_seconds,
        isolation_level=None,  # no hidden BEGIN: every transaction is ours
        check_same_thread=False,
        cached_statements=settings.cached_statements,
    )
    shared = [
        "trusted_schema=OFF",
        "temp_store=MEMORY",
        f"cache_size={-(settings.cache_bytes // 1024):d}",
        f"mmap_size={0 if library.guarded else settings.mmap_bytes:d}",
    ]
    try:
        teach_decimals(connection)
        teach_matching(connection)
        teach_casts(connection)
        if prepare is not None:
            prepare(connection)
        for pragma in (*shared, *pragmas):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection
