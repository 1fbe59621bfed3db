"""Which look-ups a table is prepared for, as its declaration says: primary key, unique constraints and indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.sql import operators

_ORDERS = frozenset({operators.asc_op, operators.desc_op, operators.nulls_first_op, operators.nulls_last_op})
"""What may follow a column in an index, and says only how its values are put in order."""


def index_keys(table: sa.Table) -> Iterator[tuple[str, ...]]:
    """The columns of everything that finds rows of a table, in the index's order.

    An index on an expression ends where its first expression stands; one of a part of the table does not count.
    """
    if len(table.primary_key.columns):
        yield tuple(column.name for column in table.primary_key.columns)
    for constraint in table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            yield tuple(column.name for column in constraint.columns)
    for index in table.indexes:
        if not _is_partial(index):
            yield tuple(_plain_columns(index))


def finds(table: sa.Table, columns: Iterable[str]) -> bool:
    """Whether rows are found by an index when all these columns are given: one begins with them, in any order."""
    wanted = frozenset(columns)
    return any(frozenset(key[: len(wanted)]) == wanted for key in index_keys(table))


def finds_by_any(table: sa.Table, columns: Iterable[str]) -> bool:
    """Whether an index begins with one of these columns."""
    return any(finds(table, (column,)) for column in columns)


def whole_key(index: sa.Index) -> tuple[str, ...] | None:
    """The columns of an index of all rows; None where it has expressions, or speaks of a part of the table."""
    columns = tuple(_plain_columns(index))
    return None if _is_partial(index) or len(columns) < len(index.expressions) else columns


def _is_partial(index: sa.Index) -> bool:
    return any(options.get("where") is not None for options in index.dialect_options.values())


def _plain_columns(index: sa.Index) -> Iterator[str]:
    for expression in index.expressions:
        column: object = expression
        while isinstance(column, sa.UnaryExpression) and column.modifier in _ORDERS:
            column = column.element
        if not isinstance(column, sa.Column):
            return
        yield column.name
