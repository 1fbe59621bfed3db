"""The engines that the contract is kept on, and a way to open one."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.spoken import Spoken
from undercroft.engine import Engine, SQLiteEngine, SQLiteSettings

LIBRARIES = [name for name in ("pysqlite3", "stdlib") if name == "stdlib" or importlib.util.find_spec(name)]
"""Both where both are there: the standard library's is the guarded mode on most machines."""

POSTGRES = pytest.param("postgres", marks=pytest.mark.needs("postgres"))

sqlite_only = pytest.mark.parametrize("library", LIBRARIES, indirect=True)
"""For what only SQLite has: one writer, a budget on the loop."""

postgres_only = pytest.mark.parametrize("library", [POSTGRES], indirect=True)

Open = Callable[..., AbstractAsyncContextManager[Engine]]
"""`open_engine(**settings)`: a started engine on an empty database of its own."""

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT sum(i) FROM n"


def opener(library: str, folder: Path) -> Open:
    @asynccontextmanager
    async def open_engine(**settings: Any) -> AsyncIterator[Engine]:
        engine = SQLiteEngine(SQLiteSettings(path=folder / "app.db", library=library, **settings))  # type: ignore[arg-type]
        await engine.start()
        try:
            await engine.write(lambda cursor: cursor.all(SCHEMA_ITEMS))
            await engine.write(lambda cursor: cursor.all(SCHEMA_PARTS))
            yield engine
        finally:
            await engine.close()

    return open_engine


def postgres_opener(url: str) -> Open:
    from undercroft.engine.postgres.engine import PostgresEngine
    from undercroft.engine.postgres.settings import PostgresSettings

    @asynccontextmanager
    async def open_engine(**settings: Any) -> AsyncIterator[Engine]:
        known = {POSTGRES_NAMES.get(name, name): value for name, value in settings.items() if name not in SQLITES_OWN}
        engine = Spoken(PostgresEngine(PostgresSettings(url, **known)))
        await engine.start()
        try:
            await engine.write(lambda cursor: [cursor.all(each) for each in (SCHEMA_ITEMS, SCHEMA_PARTS)])
            yield engine
        finally:
            await engine.close()

    return open_engine


SQLITES_OWN = frozenset({"gather_seconds"})

POSTGRES_NAMES = {"readers": "pool_most", "read_queue": "wait_queue", "write_queue": "wait_queue"}
"""The settings of SQLite's engine that have a counterpart, by its name."""

SCHEMA_ITEMS = """CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY, name TEXT UNIQUE, stock INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT stock_not_negative CHECK (stock >= 0)
)"""
SCHEMA_PARTS = "CREATE TABLE IF NOT EXISTS parts (id INTEGER PRIMARY KEY, item_id INTEGER REFERENCES items (id))"


async def number(engine: Engine, text: str, *args: object) -> Any:
    """The one value of a read."""
    return (await engine.read(text, args))[0]
