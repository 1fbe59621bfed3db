"""Keys and relations that comments declare where the database has none: of views, and of foreign tables.

Protocol: pg_graphql, "Views": primary keys and relationships by directive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from undercroft.catalog.relations import ForeignKey, find_relations
from undercroft.catalog.types import Catalog, Table
from undercroft.graphql.parts.directives import DirectedKey, Directive, Directives, comment_directives


def directed(catalog: Catalog) -> tuple[Catalog, Directives]:
    """The catalog with the relations that its comments declare, and how those are called. What leads nowhere is told
    among the problems."""
    found = comment_directives(catalog)
    keys: list[ForeignKey] = []
    names: dict[tuple[str, str], Directive] = {}
    problems: list[str] = []
    for source, place, key in _declared(found.tables):
        name = f"foreign_keys {place} of {source}"
        if not _leads_somewhere(catalog.tables, source, key):
            problems.append(f"the comment on table {source}: {name} names a table or column that there is not")
            continue
        pairs = tuple(zip(key.columns, key.target_columns, strict=True))
        keys.append(ForeignKey(name, source, key.table, pairs, _is_key(catalog.tables[source], key)))
        names[source, name] = Directive(local_name=key.local_name, foreign_name=key.foreign_name)
    if not keys and not problems:
        return catalog, Directives()
    made = find_relations(catalog.tables, keys, {})
    # A junction is a matter of real keys.
    plain = {name: tuple(each for each in relations if each.junction is None) for name, relations in made.items()}
    relations = {
        name: (*catalog.relations.get(name, ()), *plain.get(name, ())) for name in {**catalog.relations, **plain}
    }
    return replace(catalog, relations=relations), Directives(constraints=names, problems=tuple(problems))


def _declared(tables: Mapping[str, Directive]) -> Iterator[tuple[str, int, DirectedKey]]:
    for source, directive in tables.items():
        for place, key in enumerate(directive.foreign_keys, 1):
            yield source, place, key


def _leads_somewhere(tables: Mapping[str, Table], source: str, key: DirectedKey) -> bool:
    target = tables.get(key.table)
    if target is None:
        return False
    return set(key.columns) <= set(tables[source].columns) and set(key.target_columns) <= set(target.columns)


def _is_key(table: Table, key: DirectedKey) -> bool:
    columns = frozenset(key.columns)
    return columns == frozenset(table.primary_key) or any(columns == frozenset(unique) for unique in table.unique)
