"""Alembic, driven from memory: a context on a connection, with our SQLite implementation, and the `op` that
revisions call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from undercroft.engine.migrate.facts import OURS
from undercroft.engine.migrate.rebuild import FaithfulSQLite

VERSION_TABLE = f"{OURS}revision"


def make_context(connection: Connection, **opts: Any) -> MigrationContext:
    """A context for comparing or running. The caller holds the transaction."""
    options = {"version_table": VERSION_TABLE, "transactional_ddl": True, **opts}
    context = MigrationContext.configure(connection=connection, opts=options)
    context.impl = FaithfulSQLite(connection.dialect, connection, False, True, None, options)
    return context


def implementation(context: MigrationContext) -> FaithfulSQLite:
    """The one that `make_context` put there."""
    return cast(FaithfulSQLite, context.impl)


@contextmanager
def operations(context: MigrationContext) -> Iterator[None]:
    """While it lasts, `from alembic import op` works on this context."""
    with Operations.context(context):
        yield
