# ruff: noqa: S608  names are quoted or constant, and values are arguments
"""What Undercroft notes in a database about its schema, and the quick look that spares a start the whole comparison.

One row says: for which models, for which revision files and at which cookie of the schema this database was last
found right. While all three are unchanged nothing needs to be compared, and Alembic is not even imported.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from undercroft.engine.migrate.facts import Run
from undercroft.engine.migrate.ground import Book, Site, ground_of, runner

_FORMAT = "2"
"""Counted up when the comparison itself changes, so that every database is compared once more."""


@dataclass(frozen=True, slots=True)
class Record:
    """`made`: tables and indexes that Undercroft made, hence may drop. `models` is empty when not found right for
    any.
    """

    models: str
    files: str
    cookie: str
    made: tuple[str, ...]


def record_of(connection: Connection) -> Record | None:
    """What was noted; None in a database that Undercroft has not noted yet."""
    return read_record(runner(connection), ground_of(connection).book)


def read_record(run: Run, book: Book) -> Record | None:
    if not book.has(run, book.record):
        return None
    rows = run(f"SELECT models, files, cookie, made FROM {book.record}")
    return Record(rows[0][0], rows[0][1], str(rows[0][2]), tuple(json.loads(rows[0][3]))) if rows else None


def revision_number(connection: Connection) -> str | None:
    """The number in the version row; None without one."""
    run, book = runner(connection), ground_of(connection).book
    if not book.has(run, book.revision):
        return None
    rows = run(f"SELECT version_num FROM {book.revision}")
    return str(rows[0][0]) if rows else None


def write_record(connection: Connection, *, models: str, files: str, made: tuple[str, ...]) -> None:
    """Note the state, in the transaction of the change itself."""
    run, book = runner(connection), ground_of(connection).book
    if not book.has(run, book.record):
        run(
            f"CREATE TABLE {book.record} (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), "
            "models TEXT NOT NULL, files TEXT NOT NULL, cookie TEXT NOT NULL, made TEXT NOT NULL)"
        )
    values = (models, files, ground_of(connection).cookie(connection), json.dumps(sorted(made)))
    new = ", ".join(f"{name} = excluded.{name}" for name in ("models", "files", "cookie", "made"))
    listed = ", ".join([book.value] * 4)
    run(f"INSERT INTO {book.record} VALUES (1, {listed}) ON CONFLICT (only_row) DO UPDATE SET {new}", values)


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


def is_current(metadata: MetaData, site: Site, migrations: Path | None) -> bool:
    """Whether the database was found right for exactly these models and files, and nobody has changed its schema
    since.

    Cheap (a few milliseconds); False only means that `ensure` or `sync` has to look closer. Raises `Busy` when the
    file is held.
    """
    with site.looking() as looked:
        if looked is None:
            return False
        run, cookie = looked
        record = read_record(run, site.book)
    if record is None or record.cookie != cookie or record.files != files_fingerprint(migrations):
        return False
    return record.models == models_fingerprint(metadata, site.dialect())
