"""Which engine serves the database that the settings name, with the dialect that it speaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from undercroft.app.blueprint import Blueprint
from undercroft.app.walls import ensure_wall, refuse_without_postgres
from undercroft.base.faults import SetupFault
from undercroft.base.postgres_url import SCHEMES, check_url
from undercroft.base.settings import Settings
from undercroft.engine import SQLiteEngine, SQLiteSettings, migrate
from undercroft.engine.reflect import any_text
from undercroft.engine.types import Engine
from undercroft.sql.codecs import write_json
from undercroft.sql.dialect import AppDialect
from undercroft.sql.postgres import AppPostgresDialect
from undercroft.sql.sqlite import LooseSqliteDialect, SqliteDialect

DATABASE_FILE = "data.db"
SQLITE = "sqlite:///"
_SQLITE_HINT = "sqlite:///file.db, or sqlite:////absolute/file.db"
SPELLING = (("TimeZone", "UTC"), ("DateStyle", "ISO"), ("IntervalStyle", "postgres"), ("bytea_output", "hex"))
"""How PostgreSQL spells values for an app: as they are spelled on SQLite."""


@dataclass(frozen=True, slots=True, eq=False)
class Database:
    """An engine that is not started yet, and what the house needs beside it."""

    engine: Engine
    dialect: AppDialect
    check: Callable[[], Awaitable[object]]
    """Asks the least that only a working database answers; raises a `Fault`."""


def database_of(blueprint: Blueprint, settings: Settings) -> Database:
    """The database that `[database] url` names, else the file in the data directory. Raises `SetupFault`."""
    url = postgres_url(settings)
    refuse_without_postgres(settings, url)
    if url is not None:
        return _postgres(url, settings)
    prepare = any_text if blueprint.existing else None
    engine = SQLiteEngine(sqlite_settings(settings), prepare=prepare, json_serializer=write_json)
    speaks = LooseSqliteDialect if blueprint.existing else SqliteDialect
    dialect = speaks(engine.dialect, exact=settings.postgrest.stand_in)
    return Database(engine, dialect, lambda: engine.read("SELECT count(*) FROM sqlite_master", ()))


def _postgres(url: str, settings: Settings) -> Database:
    """An app's own database on PostgreSQL. Raises `SetupFault` where its driver is missing."""
    try:
        from undercroft.engine.postgres.engine import PostgresEngine
        from undercroft.engine.postgres.settings import PostgresSettings
    except ImportError as error:
        raise SetupFault(
            f"PostgreSQL's driver is not installed: {error}", hint="pip install 'undercroft[postgres]'"
        ) from error
    database = settings.database
    engine = PostgresEngine(
        PostgresSettings(
            url,
            pool_most=database.pool,
            wait_seconds=database.pool_timeout,
            wait_queue=database.write_queue,
            statement_seconds=database.statement_timeout,
            lock_seconds=database.lock_timeout,
            lease_seconds=database.hook_timeout,
            idle_seconds=database.pool_idle,
            life_seconds=database.pool_lifetime,
            prepare=None if database.prepare else False,
            session=SPELLING,
        ),
        json_serializer=write_json,
    )
    dialect = AppPostgresDialect(engine.dialect, exact=settings.postgrest.stand_in)
    return Database(engine, dialect, lambda: engine.read("SELECT 1", ()))


def postgres_url(settings: Settings) -> str | None:
    """The URL of a PostgreSQL, where `[database] url` names one. Raises `SetupFault` where it cannot be read."""
    url = settings.database.url.reveal() if settings.database.url else ""
    if not url.startswith(SCHEMES):
        return None
    check_url(url)
    return url


def is_served(settings: Settings) -> bool:
    """Whether the settings name a database of PostgreSQL's, which without an app file decides for itself."""
    return settings.postgrest.stand_in or postgres_url(settings) is not None


def place_of(settings: Settings) -> migrate.Site:
    """The database that the settings name, as migrations reach it. Raises `SetupFault`."""
    url = postgres_url(settings)
    return migrate.place_at(url) if url else migrate.place_of(sqlite_settings(settings), settings.database.data)


def bring_up(blueprint: Blueprint, settings: Settings) -> migrate.Applied:
    """The database as the models want it: applied while developing, insisted on elsewhere. Raises `SetupFault`."""
    place = place_of(settings)
    bring = migrate.sync if blueprint.developing else migrate.ensure
    done = bring(blueprint.metadata, place, blueprint.migrations)
    if settings.database.rls:
        ensure_wall(blueprint, settings, place)
    return done


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
    if not url.startswith(SQLITE):
        raise SetupFault("[database] url must begin with sqlite:/// or postgresql://", hint=_SQLITE_HINT)
    return sqlite_file(url)


def sqlite_file(url: str) -> Path:
    """The file that a URL with `sqlite:///` names. Raises `SetupFault` where it cannot be one."""
    path = Path(url.removeprefix(SQLITE))
    if not path.name or path.is_dir():
        raise SetupFault(f"{url} names no file", hint=_SQLITE_HINT)
    return path
