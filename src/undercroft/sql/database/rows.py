"""Rows of an existing database: embeds as PostgREST writes them, and conditions that leave the rows in their order."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind, Named
from undercroft.query.computed import call, row_of
from undercroft.query.plan import Embed, Node, Output
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.rows import ReadWriter
from undercroft.sql.text import text_literal

_JSON = Named("json", Kind.JSON)
_BYTES = Named("bytea", Kind.BYTES)


@dataclass(frozen=True, slots=True)
class DatabaseReadWriter(ReadWriter):
    """Writes the parts of a read for one rendering."""

    def shown(self, node: Node, output: Output) -> Scalar | None:
        """A domain with a representation is shown by its own function."""
        field = output.field
        if field is None or field.json or output.aggregate or field.column.representation is None:
            return ReadWriter.shown(self, node, output)
        function = field.column.representation.to_json
        if function is None:
            return ReadWriter.shown(self, node, output)
        return Scalar(call(function, [node.column(field.column)]), Kind.JSON)

    def line(self, node: Node) -> tuple[Expression | None, Expression]:
        handler = self.rendering.handler
        if handler is None or handler.function is None:
            return ReadWriter.line(self, node)
        return None, self._row(node) if handler.any_row else row_of(node.table, node.source)

    def _row(self, node: Node) -> Expression:
        """A row as a value whose columns have the names that the answer has."""
        columns = [
            (piece.scalar.element if piece.scalar is not None else sa.cast(piece.value, _JSON)).label(piece.plain)
            for piece in self.pieces(node)
        ]
        inner = sa.select(*columns).correlate(*self._sources(node)).subquery("row")
        return sa.select(inner.table_valued()).scalar_subquery()

    def body(self, text: Expression, header: Expression | None) -> Expression:
        handler = self.rendering.handler
        if handler is None:
            return ReadWriter.body(self, text, header)
        if handler.function is not None and handler.features:
            listed = sa.func.json_agg(sa.cast(call(handler.function, [text]), _JSON))
            members = sa.func.coalesce(listed, sa.cast(text_literal("[]"), _JSON))
            kind = text_literal("FeatureCollection")
            made = sa.func.json_build_object(text_literal("type"), kind, text_literal("features"), members)
            return sa.cast(made, sa.Text())
        if handler.function is not None:
            made = call(handler.function, [text])
            return sa.cast(made, _BYTES if handler.binary else sa.Text())
        if handler.binary:
            return sa.func.string_agg(sa.cast(text, _BYTES), sa.cast(text_literal(""), _BYTES))
        return sa.func.string_agg(sa.cast(text, sa.Text()), text_literal(""))

    def exists(self, parent: Node, embed: Embed) -> sa.ColumnElement[bool]:
        """The embed has a row. Asked of each row by itself: joined, rows without an order would come in another one."""
        select = sa.select(sa.true()).select_from(*self._embed_sources(embed))
        select = select.where(self.joined(parent, embed), *self.where(embed.node)).limit(sa.literal_column("1"))
        found: Expression = select.correlate(*self._sources(parent)).scalar_subquery()
        return found.is_not(sa.null())
