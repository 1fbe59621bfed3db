"""What single conditions say about one row: true, false or NULL each, asked of the database itself."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from undercroft.catalog.types import Column
from undercroft.query.plan import Node
from undercroft.sql.codecs import from_text
from undercroft.sql.dialect import Dialect
from undercroft.sql.rows import ReadWriter, Rendering, write_condition
from undercroft.sql.statement import Given, Handed, Statement, compile_statement, processor_for

Condition = sa.ColumnElement[bool] | None
"""None is true for every row."""


def write_verdicts(node: Node, conditions: Sequence[Condition], dialect: Dialect) -> Statement:
    """A statement with one column per condition over `node`'s alias: 1, 0 or NULL; no row where there is none.

    Its values are the texts of the primary key, in its order, behind those of the request.
    """
    columns = [
        sa.literal_column("1") if each is None else sa.case((each, 1), (sa.not_(each), 0)) for each in conditions
    ]
    keys = [node.table.columns[name] for name in node.table.primary_key]
    named = [node.source.c[key.name] == _key(place - len(keys), key, dialect) for place, key in enumerate(keys)]
    return compile_statement(sa.select(*columns).select_from(node.source).where(*named), dialect.sqlalchemy)


def conditions_of(node: Node, dialect: Dialect) -> list[Condition]:
    """The request's own conditions on a node, in their order; then one for each inner embed: that it has rows."""
    writer = ReadWriter(dialect, Rendering())
    own: list[Condition] = [write_condition(writer, node, term) for term in node.conditions]
    return own + [writer.exists(node, embed) for embed in node.embeds() if embed.join == "inner"]


def _key(place: int, column: Column, dialect: Dialect) -> Handed:
    kind, type_ = column.kind, column.element.type
    read = processor_for(type_, dialect.sqlalchemy, from_text(kind))

    def fetch(given: Given) -> object:
        return read(given.values[place])

    return Handed("key", fetch)
