"""Alembic, driven from memory: a context on a connection, with our implementation, and the `op` that revisions call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from undercroft.engine.migrate.ground import ground_of
from undercroft.engine.migrate.postgres.implementation import FaithfulPostgres
from undercroft.engine.migrate.rebuild import FaithfulSQLite

Faithful = FaithfulSQLite | FaithfulPostgres


def make_context(connection: Connection, **opts: Any) -> MigrationContext:
    """A context for comparing or running. The caller holds the transaction."""
    book = ground_of(connection).book
    table = book.revision.rpartition(".")[2]
    options = {"version_table": table, "version_table_schema": book.schema, "transactional_ddl": True, **opts}
    context = MigrationContext.configure(connection=connection, opts=options)
    made = FaithfulPostgres if connection.dialect.name == "postgresql" else FaithfulSQLite
    context.impl = made(connection.dialect, connection, False, True, None, options)
    return context


def implementation(context: MigrationContext) -> Faithful:
    """The one that `make_context` put there."""
    return cast(Faithful, context.impl)


@contextmanager
def operations(context: MigrationContext) -> Iterator[None]:
    """While it lasts, `from alembic import op` works on this context."""
    with Operations.context(context):
        yield
