"""Rows of an existing database: embeds as PostgREST writes them, and conditions that leave the rows in their order."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind, Named
from undercroft.query.plan import Embed, Node
from undercroft.sql.database.dialect import DatabaseDialect
from undercroft.sql.dialect import Expression
from undercroft.sql.rows import ReadWriter

_JSONB = Named("jsonb", Kind.JSONB)


@dataclass(frozen=True, slots=True)
class DatabaseReadWriter(ReadWriter):
    """Writes the parts of a read for one rendering."""

    def embed_value(self, parent: Node, embed: Embed) -> Expression:
        value = ReadWriter.embed_value(self, parent, embed)
        if isinstance(self.dialect, DatabaseDialect) and self.dialect.exact:
            return sa.cast(sa.cast(value, _JSONB), sa.Text())  # its white space, and its order of keys
        return value

    def exists(self, parent: Node, embed: Embed) -> sa.ColumnElement[bool]:
        """The embed has a row. Asked of each row by itself: joined, rows without an order would come in another one."""
        select = sa.select(sa.true()).select_from(*self._embed_sources(embed))
        select = select.where(self.joined(parent, embed), *self.where(embed.node)).limit(sa.literal_column("1"))
        found: Expression = select.correlate(*self._sources(parent)).scalar_subquery()
        return found.is_not(sa.null())
