"""The first start: an empty database gets the tables of the models at once.

There is nothing to compare, to lose or to ask, so Alembic is not needed, and not even imported.
"""

from __future__ import annotations

from sqlalchemy import MetaData

from undercroft.engine.migrate.facts import read_facts
from undercroft.engine.migrate.place import Place, opened, runner, transaction
from undercroft.engine.migrate.record import models_fingerprint, write_record
from undercroft.engine.migrate.reflection import MigrationDialect
from undercroft.engine.migrate.target import plain_metadata
from undercroft.engine.migrate.types import Applied, OnStep, Progress


def fill(metadata: MetaData, place: Place, on_step: OnStep | None = None) -> Applied | None:
    """Make all tables, in one transaction; None, and nothing done, where the database is not empty."""
    with opened(place) as connection, transaction(connection, place):
        run = runner(connection)
        if run("SELECT 1 FROM sqlite_master LIMIT 1"):
            return None
        target = plain_metadata(metadata, MigrationDialect(dbapi=connection.dialect.dbapi))
        tables = target.sorted_tables
        for done, table in enumerate(tables):
            if on_step is not None:
                on_step(Progress(done, len(tables), f"CREATE TABLE {table.fullname}"))
            table.create(connection)
        facts = read_facts(run)
        made = sorted([*facts, *(index.name for fact in facts.values() for index in fact.indexes)])
        models = models_fingerprint(metadata, connection.dialect)
        write_record(run, models=models, files="", made=tuple(made))
    return Applied(tuple(f"creates table {name}" for name in facts))
