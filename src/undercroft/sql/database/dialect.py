"""PostgreSQL as PostgREST's users meet it: the database reads every value itself, and lists have its white space."""

from __future__ import annotations

from dataclasses import dataclass

from undercroft.sql.dialect import Expression
from undercroft.sql.postgres.dialect import PostgresDialect

BETWEEN_ROWS = ", \n "
"""What `json_agg` puts between rows."""


@dataclass(frozen=True, slots=True, eq=False)
class DatabaseDialect(PostgresDialect):
    """Declared differences of an existing PostgreSQL database."""

    exact: bool = False
    """Embeds have PostgREST's white space, too: where something depends on each byte."""

    def join_lines(self, text: Expression, separator: str) -> Expression:
        # Named by its class: a dataclass with slots is made twice, and a bare super() would be of the first.
        return PostgresDialect.join_lines(self, text, BETWEEN_ROWS if separator == "," else separator)
