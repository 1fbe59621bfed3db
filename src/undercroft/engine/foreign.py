"""Rows of a PostgreSQL database that is none of ours: read once, in one snapshot, and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from undercroft.base.faults import SetupFault
from undercroft.base.postgres_url import check_url, shown

if TYPE_CHECKING:
    import psycopg

_AT_ONCE = 500
"""Rows that are fetched together."""
_SESSION = (
    "SET client_encoding = 'UTF8'", "SET timezone = 'UTC'", "SET statement_timeout = 0",
    "SET row_security = off",  # a role that sees some rows only is told so, and takes no part of them for the whole
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
)  # fmt: skip


class Foreign:
    """A database as it was at one moment."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def has(self, table: str) -> bool:
        """Whether there is this table, with its schema before it."""
        found = self._connection.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        return bool(found and found[0])

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement of the code's own, some at a time."""
        with self._connection.cursor("undercroft_foreign") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(statement.encode())
            yield from cursor


@contextmanager
def snapshot(url: str) -> Iterator[Foreign]:
    """A database, open for reading. Raises `SetupFault` where it cannot be reached or read."""
    try:
        import psycopg
    except ImportError as error:
        raise SetupFault("reading PostgreSQL takes its driver", hint="pip install 'undercroft[postgres]'") from error
    check_url(url)
    try:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            for statement in _SESSION:
                connection.execute(statement.encode())
            yield Foreign(connection)
    except psycopg.Error as error:
        line = str(error).partition("\n")[0]
        raise SetupFault(f"{shown(url)} cannot be read: {line}") from error
