# ruff: noqa: S608  names are quoted or constant, and values are arguments
"""What Undercroft notes in a database about its schema, and the quick look that spares a start the whole comparison.

One row says: for which models, for which revision files and at which schema cookie of SQLite this database was last
found right. While all three are unchanged nothing needs to be compared, and Alembic is not even imported.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from undercroft.engine.migrate.facts import OURS, Run
from undercroft.engine.migrate.place import Place, held
from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect

TABLE = f"{OURS}schema"
_FORMAT = "1"
"""Counted up when the comparison itself changes, so that every database is compared once more."""


@dataclass(frozen=True, slots=True)
class Record:
    """`made`: tables and indexes that Undercroft made, hence may drop. `models` is empty when not found right for
    any.
    """

    models: str
    files: str
    cookie: int
    made: tuple[str, ...]


def read_record(run: Run) -> Record | None:
    if not run("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (TABLE,)):
        return None
    rows = run(f"SELECT models, files, cookie, made FROM {TABLE}")
    return Record(rows[0][0], rows[0][1], rows[0][2], tuple(json.loads(rows[0][3]))) if rows else None


def write_record(run: Run, *, models: str, files: str, made: tuple[str, ...]) -> None:
    """Note the state, in the transaction of the change itself."""
    run(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), "
        "models TEXT NOT NULL, files TEXT NOT NULL, cookie INTEGER NOT NULL, made TEXT NOT NULL)"
    )
    cookie = run("PRAGMA schema_version")[0][0]
    values = (models, files, cookie, json.dumps(sorted(made)))
    run(f"INSERT OR REPLACE INTO {TABLE} VALUES (1, ?, ?, ?, ?)", values)


def models_fingerprint(metadata: MetaData, dialect: Dialect) -> str:
    """Changes whenever the DDL of the models does, or a rename that they declare."""
    digest = hashlib.sha256(_FORMAT.encode())
    for key in sorted(metadata.tables):
        table = metadata.tables[key]
        parts = [str(CreateTable(table).compile(dialect=dialect))]
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        parts += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
        declared = [(each.name, each.info.get("renamed_from")) for each in (table, *table.columns)]
        parts += [f"{name} was {old}" for name, old in declared if old is not None]
        digest.update("\0".join(parts).encode())
    return digest.hexdigest()


def files_fingerprint(migrations: Path | None) -> str:
    """Changes whenever a revision file appears, vanishes or is edited; empty when there are none."""
    files = sorted((migrations / "versions").glob("*.py")) if migrations is not None else []
    if not files:
        return ""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def is_current(metadata: MetaData, place: Place, migrations: Path | None) -> bool:
    """Whether the database was found right for exactly these models and files, and nobody has changed its schema
    since.

    Cheap (a few milliseconds); False only means that `ensure` or `sync` has to look closer. Raises `Busy` when the
    file is held.
    """
    if not place.path.exists() or place.path.stat().st_size == 0:
        return False
    with held(place):
        connection = place.connect()
        try:

            def run(sql: str, args: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
                found: list[tuple[object, ...]] = connection.execute(sql, args).fetchall()
                return found

            record = read_record(run)
            if record is None or run("PRAGMA schema_version")[0][0] != record.cookie:
                return False
        finally:
            connection.close()
    if record.files != files_fingerprint(migrations):
        return False
    return record.models == models_fingerprint(metadata, UndercroftSQLiteDialect(place.library.module))
