"""What a write must return for its answer to be put together: no column more, since each needs a privilege."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from undercroft.query.plan import Bound, Embed, Group, Item, Node, Order, Output, Token, leaves


def returned(node: Node, table: sa.FromClause) -> list[sa.ColumnElement[Any]]:
    """The columns of the target that the answer's rows, their order and their embeds speak of."""
    on_target = replace(node, source=table)
    if _needs_row(node):
        return [table.c[name] for name in node.table.columns]
    fields = {field.column.name: on_target.column(field.column).label(field.column.name) for field in _fields(node)}
    keys = {name: table.c[name] for embed in node.embeds() for name in _own_keys(embed)}
    return [*({**keys, **fields}).values()]


def read_from(node: Node, source: sa.FromClause) -> Node:
    """The node as it reads what was returned: a computed field is a plain column there, unless the whole row is."""
    if _needs_row(node):
        return replace(node, source=source)
    return replace(
        node,
        source=source,
        outputs=tuple(_plain_item(each) for each in node.outputs),
        order=tuple(each if each.embed else replace(each, field=_plain(each.field)) for each in node.order),
    )


def _needs_row(node: Node) -> bool:
    """A computed relationship is called with the whole row, as the table has it."""
    return any(embed.relation.function is not None for embed in node.embeds())


def _fields(node: Node) -> Iterator[Bound]:
    for item in leaves(node.outputs):
        if isinstance(item, Output) and item.field is not None:
            yield item.field
        elif isinstance(item, Token):
            yield from item.fields
    yield from (term.field for term in node.order if _is_own(term))


def _is_own(term: Order) -> bool:
    return term.embed is None


def _own_keys(embed: Embed) -> Iterator[str]:
    relation = embed.relation
    pairs = relation.junction.source_pairs if relation.junction else relation.pairs
    yield from (own for own, _ in pairs)


def _plain_item(item: Item) -> Item:
    match item:
        case Output() if item.field is not None:
            return replace(item, field=_plain(item.field))
        case Token():
            return replace(item, fields=tuple(_plain(field) for field in item.fields))
        case Group():
            return replace(item, members=tuple(_plain_item(each) for each in item.members))
        case _:
            return item


def _plain(field: Bound) -> Bound:
    return replace(field, column=replace(field.column, function=None)) if field.column.function else field
