"""Checks of the tables themselves: closed ones, slow keys, rows without a name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from undercroft.access.policy import Rules
from undercroft.base.findings import Finding
from undercroft.catalog.indexes import finds
from undercroft.catalog.types import Catalog, Table


def check_tables(catalog: Catalog, rules: Rules) -> Iterator[Finding]:
    """Everything about tables, in the catalog's order."""
    yield from closed_tables(catalog, rules)
    for table in catalog.tables.values():
        if not table.is_view:
            yield from slow_keys(table)
            yield from nameless_rows(table)


def closed_tables(catalog: Catalog, rules: Rules) -> Iterator[Finding]:
    """UC101: nobody but a role that passes all policies can reach the table."""
    without = [table for table in catalog.tables.values() if not rules.policies.get(table.name)]
    if without and len(without) == len(catalog.tables) > 1:
        yield Finding(
            "UC101",
            "warning",
            "*",
            f"no table has a policy: all {len(without)} are closed to everybody but {_listed(rules.bypass)}",
            'Declare what may be reached with @app.policy(...); without an app file, [api] anon = "read" opens it all.',
        )
        return
    for table in without:
        yield Finding(
            "UC101",
            "warning",
            table.name,
            f"the table {table.name} has no policy: it is closed to everybody but {_listed(rules.bypass)}",
            'Open it with @app.policy(..., "select"), or move it to another schema if only logic uses it.',
            place_of(table),
        )


def slow_keys(table: Table) -> Iterator[Finding]:
    """UC103: an embed along the key, and each delete of a row that it points to, reads the whole table."""
    for constraint in table.element.foreign_key_constraints:
        columns = [column.name for column in constraint.columns]
        if not finds(table.element, columns):
            named = ", ".join(columns)
            yield Finding(
                "UC103",
                "warning",
                f"{table.name}.{named}",
                f"the foreign key {table.name}({named}) has no index: to embed along it, or to delete a row of "
                f"{constraint.referred_table.name}, the whole table is read",
                "Give the column index=True." if len(columns) == 1 else f"Add Index(None, {named!r}) to the table.",
                place_of(table),
            )


def nameless_rows(table: Table) -> Iterator[Finding]:
    """UC111: nothing names one row."""
    if not table.primary_key:
        yield Finding(
            "UC111",
            "note",
            table.name,
            f"the table {table.name} has no primary key: it takes no PUT and no upsert without on_conflict",
            "Give it a primary key.",
            place_of(table),
        )


def place_of(table: Table) -> str | None:
    """Where the model stands: "app.py:31"; None for a table that no class maps."""
    if table.entity is None:
        return None
    try:
        file, line = inspect.getsourcefile(table.entity), inspect.findsource(table.entity)[1] + 1
    except (OSError, TypeError):
        return None
    return f"{file}:{line}" if file else None


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nobody"
