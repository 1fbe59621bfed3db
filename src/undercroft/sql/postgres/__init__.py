"""The declared differences of PostgreSQL."""

from undercroft.sql.postgres.app import AppPostgresDialect
from undercroft.sql.postgres.compiling import TextDialect, shared_dialect
from undercroft.sql.postgres.dialect import PostgresDialect

__all__ = ["AppPostgresDialect", "PostgresDialect", "TextDialect", "shared_dialect"]
