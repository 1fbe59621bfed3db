"""The first start: an empty database gets the tables of the models at once.

There is nothing to compare, to lose or to ask, so Alembic is not needed, and not even imported.
"""

from __future__ import annotations

from sqlalchemy import MetaData

from undercroft.engine.migrate.ground import Site, facts_of, ground_of
from undercroft.engine.migrate.record import models_fingerprint, revision_number, write_record
from undercroft.engine.migrate.target import plain_metadata
from undercroft.engine.migrate.types import Applied, OnStep, Progress


def fill(metadata: MetaData, site: Site, on_step: OnStep | None = None) -> Applied | None:
    """Make all tables, in one transaction; None, and nothing done, where the database is not empty."""

    def make() -> Applied | None:
        ground = ground_of(connection)
        if not ground.is_bare(connection) or revision_number(connection) is not None:
            return None
        target = plain_metadata(metadata, connection.dialect)
        count = len(target.tables)

        def tell(done: int, table: str) -> None:
            if on_step is not None:
                on_step(Progress(done, count, f"CREATE TABLE {table}"))

        ground.create_all(connection, target, tell)
        facts = facts_of(connection)
        made = sorted([*facts, *(index.name for fact in facts.values() for index in fact.indexes)])
        models = models_fingerprint(metadata, connection.dialect)
        write_record(connection, models=models, files="", made=tuple(made))
        site.announce(connection)
        return Applied(tuple(f"creates table {name}" for name in facts))

    with site.opened() as connection:
        return site.attempt(connection, make)
