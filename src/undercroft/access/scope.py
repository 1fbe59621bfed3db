"""The part of the catalog that a role may know of: closed tables and hidden columns are not in it at all.

Names are bound against this, so "forbidden" and "missing" cannot be told apart: not by status, text, hint or time.
"""

from __future__ import annotations

from dataclasses import replace

from undercroft.access.policy import Rules
from undercroft.catalog.types import Catalog, Relation, Table


def catalog_for(role: str, catalog: Catalog, rules: Rules) -> Catalog:
    """What `role` may know of: tables on which it has some permission, without the columns hidden from it."""
    if role in rules.bypass:
        return catalog
    tables = {
        name: _without(table, rules.columns_for(name, role, "hide"))
        for name, table in catalog.tables.items()
        if rules.commands_for(name, role)
    }
    relations = {
        name: tuple(relation for relation in found if _is_known(relation, tables))
        for name, found in catalog.relations.items()
        if name in tables
    }
    return replace(catalog, tables=tables, relations=relations)


def _without(table: Table, hidden: frozenset[str]) -> Table:
    if not hidden:
        return table
    columns = {name: column for name, column in table.columns.items() if name not in hidden}
    visible_unique = tuple(unique for unique in table.unique if not hidden.intersection(unique))
    primary_key = () if hidden.intersection(table.primary_key) else table.primary_key
    sealed = table.sealed - hidden
    return replace(table, columns=columns, unique=visible_unique, primary_key=primary_key, sealed=sealed)


def _is_known(relation: Relation, tables: dict[str, Table]) -> bool:
    """Both ends, the junction and all columns of the keys are known: an embed would tell which hidden values match."""
    return all(
        name in tables and tables[name].columns.keys() >= set(columns) for name, columns in relation.key_columns()
    )
