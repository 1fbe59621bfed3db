"""Relations that directives make where the database has no foreign key: between views, for one.

They are put into the catalog that requests are bound against, beside the others.
Protocol: pg_graphql, "Views": relationships.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from undercroft.catalog.relations import ForeignKey, find_relations
from undercroft.catalog.types import Catalog, Table
from undercroft.graphql.parts.describing.directives import DirectedKey, Directives, comment_directives


def with_directed_keys(catalog: Catalog, said: Directives | None = None) -> Catalog:
    """The catalog with the relations that the comments on its tables make; `said` goes over what these say."""
    directives = comment_directives(catalog)
    if said is not None:
        directives = said.over(directives)
    keys = list(_keys(catalog, directives))
    if not keys:
        return catalog
    made = find_relations(catalog.tables, keys, {})
    names = {*catalog.relations, *made}
    return replace(catalog, relations={name: (*catalog.relations.get(name, ()), *made.get(name, ())) for name in names})


def key_name(table: str, key: DirectedKey) -> str:
    """As PostgreSQL would call the foreign key."""
    return f"{table}_{'_'.join(key.columns)}_fkey"


def problems_of(catalog: Catalog, directives: Directives) -> Iterator[str]:
    """What directives say of columns and tables that are not there."""
    for name, directive in directives.tables.items():
        table = catalog.tables.get(name)
        if table is None:
            continue
        for column in directive.primary_key:
            if column not in table.columns:
                yield f"the directive of table {name}: it has no column {column} to be its key"
        for key in directive.foreign_keys:
            if not _is_whole(catalog, table, key):
                yield f"the directive of table {name}: its key to {key.table} names a table or column that is not there"


def _keys(catalog: Catalog, directives: Directives) -> Iterator[ForeignKey]:
    """Those that are no foreign keys already."""
    for name, directive in directives.tables.items():
        table = catalog.tables.get(name)
        for key in directive.foreign_keys:
            if table is None or not _is_whole(catalog, table, key):
                continue
            pairs = tuple(zip(key.columns, key.target_columns, strict=True))
            known = catalog.relations.get(name, ())
            if any(each.holds_key and each.target == key.table and set(each.pairs) == set(pairs) for each in known):
                continue
            unique = True if directive.primary_key and set(directive.primary_key) == set(key.columns) else None
            yield ForeignKey(key_name(name, key), name, key.table, pairs, one_to_one=unique)


def _is_whole(catalog: Catalog, table: Table, key: DirectedKey) -> bool:
    target = catalog.tables.get(key.table)
    return (
        target is not None
        and all(column in table.columns for column in key.columns)
        and all(column in target.columns for column in key.target_columns)
    )
