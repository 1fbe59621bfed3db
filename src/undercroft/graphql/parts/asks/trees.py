"""Records that are inserted together with those that belong to them: an extension of ours to pg_graphql's dialect.

A member of an insert may be a relation: a record that this one refers to is inserted before it, records that refer to
it behind it. The columns of the key between them are filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from undercroft.graphql.errors import GraphqlFault
from undercroft.graphql.parts.asks.given import Given, is_null, listed, plain
from undercroft.graphql.parts.asks.texts import payload_value
from undercroft.graphql.parts.describing.described import ColumnField, Described, RelationField, TableType


class Tree(NamedTuple):
    """A record, by columns, and those that belong to it."""

    row: dict[str, Any]
    before: tuple[tuple[RelationField, Tree], ...] = ()
    behind: tuple[tuple[RelationField, tuple[Tree, ...]], ...] = ()

    @property
    def is_bare(self) -> bool:
        return not (self.before or self.behind)


def tree_of(described: Described, table: TableType, given: Given) -> Tree:
    """A member of `objects`. Raises `GraphqlFault` for what is no record."""
    if not isinstance(given, dict):
        raise GraphqlFault("a record is an object")
    columns = {name: value for name, value in given.items() if name not in table.relations}
    before: list[tuple[RelationField, Tree]] = []
    behind: list[tuple[RelationField, tuple[Tree, ...]]] = []
    for name, value in given.items():
        if name in columns or is_null(value):
            continue
        field = table.relations[name]
        target = described.tables[field.target]
        trees = tuple(tree_of(described, target, each) for each in listed(value))
        if field.relation.holds_key:
            before.append((field, trees[0]))
        elif trees:
            behind.append((field, trees))
    return Tree(row_of(table.inserts or {}, columns), tuple(before), tuple(behind))


def row_of(fields: Mapping[str, ColumnField], given: Given) -> dict[str, Any]:
    """A row of a body, by columns. Raises `GraphqlFault` for what is no record."""
    if not isinstance(given, dict):
        raise GraphqlFault("a record is an object")
    return {
        fields[name].column.name: payload_value(
            fields[name].type_, _in_words(fields[name], plain(value)), many=fields[name].many
        )
        for name, value in given.items()
    }


def _in_words(field: ColumnField, value: Any) -> Any:
    """A value of an enumeration in the database's word."""
    if field.enumeration is None:
        return value
    words = field.enumeration.words
    if isinstance(value, list):
        return [words.get(each, each) for each in value]
    return words.get(value, value)
