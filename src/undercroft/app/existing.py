"""An app without a file: an existing database, by reflection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from sqlalchemy.orm import DeclarativeBase

from undercroft.access.actor import ANON, AUTHENTICATED
from undercroft.access.policy import Command, Policy
from undercroft.app.application import App
from undercroft.app.databases import is_served, sqlite_settings
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.engine import SQLiteEngine
from undercroft.engine.reflect import reflect_file


def database_app(settings: Settings) -> App:
    """An app without a file: the database that `[database] url` names, by reflection.

    A file is closed to everybody but `service_role`, unless `[api] anon` is "read"; a PostgreSQL decides for itself,
    and is read when the app is built. Raises `SetupFault` where there is no such file, and for `anon` of a PostgreSQL.
    """
    if is_served(settings):
        if settings.api.anon == "read":
            schema = settings.api.schemas[0]
            raise SetupFault(
                '[api] anon = "read" (--anon read) is for files: a PostgreSQL database decides for itself',
                hint=f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {settings.api.anon_role or ANON};",
            )
        base = type("Base", (DeclarativeBase,), {})
        return App(base, title="Undercroft", settings=settings, existing=True)
    engine = SQLiteEngine(sqlite_settings(settings))
    found = reflect_file(engine)
    for notice in found.notices:
        structlog.get_logger().warning("reflection", notice=notice)
    base = type("Base", (DeclarativeBase,), {"metadata": found.metadata})
    app = App(base, title=engine.settings.path.stem, settings=settings, existing=True)
    if settings.api.anon == "read":
        roles = (settings.api.anon_role or ANON, AUTHENTICATED)
        app.policies += [read_by_all(table.name, roles) for table in found.metadata.tables.values() if not table.schema]
    return app


def read_by_all(table: str, roles: Iterable[str]) -> Policy:
    """Every row of a table, for whoever has one of these roles."""
    source = '[api] anon = "read"'
    reason = f"{source}: everybody reads every table and view of this database."
    select: frozenset[Command] = frozenset({"select"})
    return Policy("anon_read", table, select, _always, _always, frozenset(roles), reason, source)


def _always(row: Any) -> bool:
    return True
