"""SQLAlchemy's dialects for PostgreSQL: one that writes the texts of the hot path, one for sessions."""

# mypy: disable-error-code="no-untyped-call"
# SQLAlchemy's dialects have no annotations.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg

if TYPE_CHECKING:
    from collections.abc import Callable

D = TypeVar("D", bound=PGDialect_psycopg)

DEFAULT_SCHEMA = "public"


def text_dialect(json_serializer: Callable[[Any], str] | None = None) -> PGDialect_psycopg:
    """The dialect by which `sql` compiles: parameters are `$1`, `$2`, … by position. It never connects."""
    return _acquainted(PGDialect_psycopg(paramstyle="numeric_dollar", json_serializer=json_serializer))


def session_dialect(json_serializer: Callable[[Any], str] | None = None) -> PGDialectAsync_psycopg:
    """The dialect of `AsyncSession`: psycopg's own way of parameters, with Python's types."""
    dbapi = PGDialectAsync_psycopg.import_dbapi()
    return _acquainted(PGDialectAsync_psycopg(dbapi=dbapi, json_serializer=json_serializer))


def _acquainted(dialect: D) -> D:
    """What SQLAlchemy would ask of a first connection of its own; it never has one."""
    dialect.server_version_info = (14, 0)  # the oldest that is served
    dialect.default_schema_name = DEFAULT_SCHEMA
    dialect.default_isolation_level = "READ COMMITTED"
    dialect._backslash_escapes = False
    return dialect
