"""SQLAlchemy's dialect for sessions on PostgreSQL; statements of the hot path are compiled by `sql.postgres`."""

# mypy: disable-error-code="no-untyped-call"
# SQLAlchemy's dialects have no annotations.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg

if TYPE_CHECKING:
    from collections.abc import Callable


def session_dialect(json_serializer: Callable[[Any], str] | None = None) -> PGDialectAsync_psycopg:
    """The dialect of `AsyncSession`: psycopg's own way of parameters, with Python's types."""
    dialect = PGDialectAsync_psycopg(dbapi=PGDialectAsync_psycopg.import_dbapi(), json_serializer=json_serializer)
    # What SQLAlchemy would ask of a first connection of its own; it never has one.
    dialect.server_version_info = (14, 0)  # the oldest that is served
    dialect.default_schema_name = "public"
    dialect.default_isolation_level = "READ COMMITTED"
    dialect._backslash_escapes = False
    return dialect
