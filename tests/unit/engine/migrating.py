"""What the migration tests share: a place in a temporary folder for either SQLite library, and small sets of models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, Uuid

from undercroft.base.clock import ManualClock
from undercroft.engine.migrate import Place
from undercroft.engine.sqlite.library import Library, choose

LIBRARIES = ("pysqlite3", "stdlib")

CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


def library(name: str) -> Library:
    return choose(name)  # type: ignore[arg-type]  # parametrised


def place_in(folder: Path, name: str, *, wait_seconds: float = 10.0) -> Place:
    clock = ManualClock()
    clock.advance(timedelta(days=1).total_seconds())
    return Place(folder / "app.db", library(name), folder / "backups", wait_seconds=wait_seconds, clock=clock)


def models(*tables: Callable[[MetaData], Any], users: bool = True) -> MetaData:
    """Models with a table `auth.users` and what the given functions add."""
    metadata = MetaData(naming_convention=CONVENTION)
    if users:
        Table(
            "users",
            metadata,
            Column("id", Uuid, primary_key=True),
            Column("email", String(200), unique=True, index=True),
            schema="auth",
        )
    for make in tables:
        make(metadata)
    return metadata


def posts(*columns: Any) -> Callable[[MetaData], Table]:
    """A table `posts` whose columns are given beside `id`; fresh ones at every call."""
    return lambda metadata: Table("posts", metadata, Column("id", Integer, primary_key=True), *columns)


def comments(metadata: MetaData) -> Table:
    """Child rows of posts: what a careless rebuild deletes."""
    return Table(
        "comments",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("post_id", ForeignKey("posts.id", ondelete="CASCADE"), nullable=False),
        Column("text", String),
    )


def rows(place: Place, sql: str, *args: object) -> list[Any]:
    """Run one statement, with foreign keys on, as the engine would."""
    connection = place.library.module.connect(str(place.path), isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        return list(connection.execute(sql, args).fetchall())
    finally:
        connection.close()


def dump(place: Place) -> list[Any]:
    """The schema as SQLite keeps it, without Undercroft's bookkeeping."""
    return rows(place, "SELECT type, name, sql FROM sqlite_master WHERE tbl_name NOT GLOB '_undercroft*' ORDER BY 1, 2")
