"""What a query of the app's own code may not hold, since no policy can be put into it: rows that come from a table, or
from a text, rather than from a mapped class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import FromStatement
from sqlalchemy.sql import visitors


def unguardable(statement: Any) -> str | None:
    """What of a query shows rows past every policy, in words; None where there is nothing of the kind."""
    if isinstance(statement, FromStatement):
        return "from_statement()"
    tests = {id(each) for part in visitors.iterate(statement) if isinstance(part, sa.Exists) for each in _selects(part)}
    for select in _selects(statement):
        # An EXISTS shows no row; the ones that relationships make are of tables.
        sources = () if id(select) in tests else select._from_obj
        parts = [part for element in (*select._raw_columns, *sources) for part in _own_parts(element)]
        guarded = [
            part._annotations["parententity"].selectable for part in parts if "parententity" in part._annotations
        ]
        for part in parts:
            if isinstance(part, sa.TextClause):
                return "a text"
            source = _source_of(part)
            if source is not None and not any(source is each for each in guarded):
                return f"the table {_table_of(source)}"
    return None


def _selects(element: Any) -> Iterator[sa.Select[Any]]:
    return (part for part in visitors.iterate(element) if isinstance(part, sa.Select))


def _own_parts(element: Any) -> Iterator[Any]:
    """An expression and its parts, but not those of queries inside: they are looked at by themselves."""
    yield element
    if isinstance(element, (sa.Select, sa.CompoundSelect, sa.Subquery, sa.CTE, sa.ScalarSelect, sa.Exists)):
        return
    if not isinstance(element, (sa.Table, sa.Alias)):
        for inner in element.get_children():
            yield from _own_parts(inner)


def _source_of(part: Any) -> Any:
    """The table, or the alias of one, that a part is or is a column of; None where it is a mapped class's."""
    source = part.table if isinstance(part, sa.ColumnClause) else part
    of_a_class = {"parententity", "parentmapper"} & part._annotations.keys()
    return source if _table_of(source) is not None and not of_a_class else None


def _table_of(source: Any) -> str | None:
    while isinstance(source, sa.Alias):
        source = source.element
    return str(source.name) if isinstance(source, sa.Table) else None
