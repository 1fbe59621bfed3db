"""The keys by which an insert may meet a record that is there, by the names that PostgreSQL gives them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from undercroft.catalog.types import Table
from undercroft.graphql.parts.describing.described import ColumnField
from undercroft.graphql.parts.describing.naming import is_name


def constraints_of(table: Table, inserts: Mapping[str, ColumnField]) -> dict[str, tuple[str, ...]]:
    """Those whose columns an insert may say."""
    said = {each.column.name for each in inserts.values()}
    return {name: columns for name, columns in _named(table) if said.issuperset(columns) and is_name(name)}


def _named(table: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
    if table.primary_key:
        given = table.element.primary_key.name
        yield str(given) if given else f"{table.name}_pkey", table.primary_key
    names = {
        tuple(column.name for column in each.columns): str(name)
        for each in (*table.element.constraints, *table.element.indexes)
        if (name := getattr(each, "name", None)) and hasattr(each, "columns")
    }
    for columns in table.unique:
        yield names.get(columns, f"{table.name}_{'_'.join(columns)}_key"), columns
