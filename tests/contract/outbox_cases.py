"""The outbox's tables on an engine, for the contract tests of what lives in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.schema import CreateIndex, CreateTable

from undercroft.engine import Cursor, Engine, SQLiteEngine, SQLiteSettings
from undercroft.jobs.tables import METADATA


@asynccontextmanager
async def outbox_engine(place: str | Path) -> AsyncIterator[Engine]:
    """A started engine on the database of a URL, or on an SQLite file; it speaks for itself, unlike `open_engine`."""
    engine: Engine
    if isinstance(place, str):
        from undercroft.engine.postgres.engine import PostgresEngine
        from undercroft.engine.postgres.settings import PostgresSettings

        engine = PostgresEngine(PostgresSettings(place))
    else:
        engine = SQLiteEngine(SQLiteSettings(path=place))
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def make_tables(engine: Engine) -> None:
    """As migrations would make them."""
    statements: list[Any] = [CreateTable(table) for table in METADATA.sorted_tables]
    statements += [CreateIndex(index) for table in METADATA.sorted_tables for index in table.indexes]
    texts = [str(each.compile(dialect=engine.dialect)) for each in statements]
    if engine.dialect.name == "postgresql":
        texts.insert(0, "CREATE SCHEMA undercroft")

    def work(cursor: Cursor) -> None:
        for text in texts:
            cursor.all(text)

    await engine.write(work)


def called(engine: Engine, table: str) -> str:
    """A table of the outbox as this engine spells it."""
    return f"undercroft.{table}" if engine.dialect.name == "postgresql" else f'"undercroft.{table}"'
