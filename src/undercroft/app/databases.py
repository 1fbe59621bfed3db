"""Which engine serves the database that the settings name, with the dialect that it speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from undercroft.app.blueprint import Blueprint
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.engine import SQLiteEngine, SQLiteSettings, migrate
from undercroft.engine.reflect import any_text
from undercroft.sql.codecs import json_encoder
from undercroft.sql.dialect import Dialect
from undercroft.sql.sqlite import LooseSqliteDialect, SqliteDialect

DATABASE_FILE = "data.db"


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """An engine that is not started yet, and what the house needs beside it."""

    engine: SQLiteEngine
    dialect: Dialect
    check: Callable[[], Awaitable[object]]
    """Asks the least that only a working database answers; raises a `Fault`."""


def database_of(blueprint: Blueprint, settings: Settings) -> Database:
    """The database that `[database] url` names, else the file in the data directory. Raises `SetupFault`."""
    engine = SQLiteEngine(sqlite_settings(settings), prepare=any_text if blueprint.existing else None)
    engine.dialect._json_serializer = lambda value: json_encoder.encode(value).decode()
    dialect = LooseSqliteDialect(engine.dialect) if blueprint.existing else SqliteDialect(engine.dialect)
    return Database(engine, dialect, lambda: engine.read("SELECT count(*) FROM sqlite_master", ()))


def bring_up(blueprint: Blueprint, settings: Settings) -> migrate.Applied:
    """The database as the models want it: applied while developing, insisted on elsewhere. Raises `SetupFault`."""
    place = migrate.place_of(sqlite_settings(settings), settings.database.data)
    bring = migrate.sync if blueprint.developing else migrate.ensure
    return bring(blueprint.metadata, place, blueprint.migrations)


def sqlite_settings(settings: Settings) -> SQLiteSettings:
    """Where the file is and how it is driven. Raises `SetupFault` for a URL of another engine."""
    database = settings.database
    return SQLiteSettings(
        path=database_path(settings),
        read_budget_steps=database.read_budget_steps,
        statement_seconds=database.statement_timeout,
        lease_seconds=database.hook_timeout,
        readers=database.readers,
        write_queue=database.write_queue,
    )


def database_path(settings: Settings) -> Path:
    """The SQLite file of the settings: the one that `[database] url` names, else the one in the data directory."""
    url = settings.database.url.reveal() if settings.database.url else None
    if url is None:
        return settings.database.data / DATABASE_FILE
    if not url.startswith("sqlite:///"):
        raise SetupFault(
            "[database] url must begin with sqlite:/// for now",
            hint="sqlite:///file.db, or sqlite:////absolute/file.db",
        )
    return Path(url.removeprefix("sqlite:///"))
