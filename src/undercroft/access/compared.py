"""Which columns a policy looks rows up by: for `doctor`, which asks whether an index finds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression

from undercroft.access.claims import ClaimParameter

_LOOKS_UP = frozenset({operators.eq, operators.in_op})


@dataclass(frozen=True, slots=True)
class LookUps:
    """The columns that a clause compares by `=` or `IN`."""

    own: frozenset[str]
    """Of the policy's own table, with something that is the same for every row: a claim, or a query's result."""
    others: dict[sa.Table, frozenset[str]] = field(default_factory=dict)
    """Of each table in a query inside the policy, with anything."""


def look_ups(clause: sa.ClauseElement, table: sa.Table) -> LookUps:
    """What a policy's clause over `table` looks up. Columns compared with constants of the policy do not count."""
    own: set[str] = set()
    others: dict[sa.Table, set[str]] = {}
    for part in visitors.iterate(clause):
        if not isinstance(part, BinaryExpression) or part.operator not in _LOOKS_UP:
            continue
        for side, other in ((part.left, part.right), (part.right, part.left)):
            for column in _columns(side):
                if column.table is table:
                    if isinstance(other, ClaimParameter) or (
                        part.operator is operators.in_op and not isinstance(other, sa.BindParameter)
                    ):
                        own.add(column.name)
                elif isinstance(column.table, sa.Table):
                    others.setdefault(column.table, set()).add(column.name)
    return LookUps(frozenset(own), {other: frozenset(names) for other, names in others.items()})


def _columns(side: sa.ClauseElement) -> Iterator[sa.Column[object]]:
    """The table's column that one side of a comparison is, behind whatever alias; nothing for any other expression."""
    if isinstance(side, sa.ColumnElement):
        yield from (
            column for column in side.base_columns if isinstance(column, sa.Column) and column.table is not None
        )
