"""What a role may do with which tables and columns, as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from undercroft.access.policy import Rules
from undercroft.catalog.kinds import INTEGERS
from undercroft.catalog.types import Catalog, Column, Table


@dataclass(frozen=True, slots=True)
class Rights:
    """By the names of tables; of those that are written, with the columns that may be."""

    reads: frozenset[str]
    inserts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    updates: Mapping[str, frozenset[str]] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    columns: Mapping[str, frozenset[str]] | None = None
    """Of each table, the columns that may be read; None where those are all that the catalog has."""
    sees_all: bool = False
    """No row is hidden from the role, so that what a key leads to is always there."""


def rights_of(catalog: Catalog, rules: Rules, role: str) -> Rights:
    """What an app's rules let a role do; `catalog` is the role's own.

    What cannot be read can be neither changed nor deleted, as in PostgreSQL. A number that the database gives to each
    row is not written, as pg_graphql has it.
    """
    commands = {name: rules.commands_for(name, role) for name in catalog.tables}
    reads = frozenset(name for name, found in commands.items() if "select" in found)
    writable = {name: _writable(table, rules, role) for name, table in catalog.tables.items() if not table.is_view}
    return Rights(
        reads=reads,
        inserts={name: columns for name, columns in writable.items() if "insert" in commands[name]},
        updates={
            name: columns
            for name, columns in writable.items()
            if "update" in commands[name] and name in reads and columns
        },
        deletes=frozenset(name for name in writable if "delete" in commands[name] and name in reads),
        sees_all=role in rules.bypass,
    )


def _writable(table: Table, rules: Rules, role: str) -> frozenset[str]:
    locked = rules.columns_for(table.name, role, "read_only") | rules.columns_for(table.name, role, "preset")
    return frozenset(
        name
        for name, column in table.columns.items()
        if name not in locked and not column.generated and not _is_numbered(column)
    )


def _is_numbered(column: Column) -> bool:
    """A number that the database gives."""
    element = column.element
    counted = element.table.autoincrement_column is element and not element.foreign_keys
    return counted and column.kind in INTEGERS and element.default is None
