"""Rows of one body that refer to one another: a child may stand before its parent, as on PostgreSQL, where foreign keys
are looked up when the whole statement has run. Where each row is a statement of its own, that lookup is put off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from undercroft.query.plan import WritePlan
from undercroft.sql.dialect import Dialect, Expression
from undercroft.sql.read import KEYS
from undercroft.sql.statement import Handed, Statement, compile_statement


@dataclass(frozen=True, slots=True, eq=False)
class OwnKeys:
    """What surrounds such a write: `put_off`, then the rows, then `dangling`, which counts the rows written whose keys
    lead nowhere, and `as_before`."""

    put_off: str
    dangling: Statement
    as_before: str


def own_keys(plan: WritePlan, dialect: Dialect, key: Expression) -> OwnKeys | None:
    """For inserts into a table that refers to itself; None for any other write. `key` is the table's row key."""
    table = plan.table.element
    late = dialect.late_keys
    refers = any(constraint.referred_table is table for constraint in table.foreign_key_constraints)
    if late is None or not refers or plan.verb not in ("insert", "upsert") or _moves_what_others_hold(plan):
        return None
    each, join, _ = dialect.among_keys(key, Handed(KEYS, lambda given: (given.carried or {})[KEYS]))
    counted = sa.select(sa.func.count()).select_from(each, table).where(join, sa.or_(*_dangling(table)))
    return OwnKeys(late[0], compile_statement(counted, dialect.sqlalchemy), late[1])


def _dangling(table: sa.Table) -> Iterator[sa.ColumnElement[bool]]:
    for constraint in table.foreign_key_constraints:
        target = constraint.referred_table.alias()
        pairs = [(element.parent, target.c[element.column.key]) for element in constraint.elements]
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(target)
        found = found.where(*(own == other for own, other in pairs)).correlate(table)
        yield sa.and_(*(own.is_not(sa.null()) for own, _ in pairs), ~sa.exists(found))


def _moves_what_others_hold(plan: WritePlan) -> bool:
    """A merge that changes a column to which keys lead could leave rows behind that it did not write."""
    conflict = {column.name for column in plan.conflict}
    changed = {column.name for column in plan.columns} - conflict if plan.verb == "upsert" else set()
    tables = plan.table.element.metadata.tables.values()
    held = {
        element.column.name
        for other in tables
        for constraint in other.foreign_key_constraints
        if constraint.referred_table is plan.table.element
        for element in constraint.elements
    }
    return bool(changed & held)
