"""An ordinary SQLAlchemy connection with real transactions: for schema changes, while nothing else is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import StaticPool

from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect


@contextmanager
def migration_connection(
    connection: Any, dialect: UndercroftSQLiteDialect, *, foreign_keys: bool
) -> Iterator[Connection]:
    """Takes over a DB-API connection; it is closed at the end."""
    connection.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    engine = Engine(StaticPool(lambda: connection, dialect=dialect), dialect, URL.create("sqlite"))

    # SQLAlchemy leaves BEGIN to the driver, and the driver to us: without this, each statement would commit by itself.
    @event.listens_for(engine, "begin")
    def begin(started: Connection) -> None:
        started.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.connect() as opened:
            yield opened
    finally:
        connection.close()
