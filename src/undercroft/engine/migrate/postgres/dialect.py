"""The dialect of migration connections to PostgreSQL."""

# mypy: disable-error-code="misc, no-untyped-call"
# The dialect that is extended here has no annotations.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

if TYPE_CHECKING:
    from undercroft.engine.migrate.ground import Ground


class PostgresMigrationDialect(PGDialect_psycopg):
    """As SQLAlchemy's own, with the ground that it stands on."""

    driver = "undercroft_migrations"
    is_async = False
    supports_statement_cache = True
    ground: Ground

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)


registry.register("postgresql.undercroft_migrations", __name__, "PostgresMigrationDialect")
