"""Functions of the database that make a field or a relationship of a row: how they stand in a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.functions import Function

from undercroft.catalog.kinds import Kind, Named
from undercroft.catalog.types import ObjectName, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.types import TypeEngine


def call(
    function: ObjectName, arguments: Sequence[sa.ColumnElement[Any]], type_: TypeEngine[Any] | None = None
) -> Function[Any]:
    """A call of a function by its full name."""
    # SQLAlchemy fills the arguments in by `%`, and has its own ideas of some functions' bare names.
    name = sa.quoted_name(function.quoted.replace("%", "%%"), quote=False)
    return Function(name, *arguments, type_=type_)


def row_of(table: Table, source: sa.FromClause) -> sa.ColumnElement[Any]:
    """A row of `source` as a value of the table's own type, whatever it was put together from."""
    alias: Any = source
    row = _own_name(source) if isinstance(source, sa.Table) else alias.table_valued()
    return sa.cast(row, Named(ObjectName(table.schema, table.name).quoted, Kind.COMPOSITE))


def rows_from(function: ObjectName, table: Table, target: Table, source: sa.FromClause, name: str) -> sa.FromClause:
    """The rows of `target` to which a computed relationship leads from a row of `source`, called `name`."""
    columns = [sa.column(column.name, column.element.type) for column in target.columns.values()]
    return call(function, [row_of(table, source)]).table_valued(*columns).alias(name)


def _own_name(table: sa.Table) -> sa.ColumnElement[Any]:
    """The target of a write is spoken of by its bare name."""
    return sa.literal_column('"' + table.name.replace('"', '""') + '"')
