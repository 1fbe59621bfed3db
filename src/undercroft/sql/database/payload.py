"""A body of JSON as rows of a table: the database reads every value by its column's type.

The body is one parameter, a list of objects; what stands in it is never part of a statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind, Named
from undercroft.catalog.types import Column, ObjectName
from undercroft.sql.dialect import Expression
from undercroft.sql.statement import Handed
from undercroft.sql.text import text_literal

PAYLOAD = "payload"
"""What a write is handed beside its values: the body, as the text of a JSON list."""
_JSON = Named("json", Kind.JSON)
_JSONB = Named("jsonb", Kind.JSONB)


def payload_rows(columns: Sequence[Column], *, defaults: bool, one: bool = False) -> sa.Subquery:
    """The rows of the body with these columns, as a source called `body`.

    `defaults` fills what an object leaves out with the column's default; `one` takes the first row only.
    """
    body: Expression = sa.cast(Handed(PAYLOAD, lambda given: (given.carried or {})[PAYLOAD]), _JSON)
    if defaults:
        body = _with_defaults(body, columns)
    read = [sa.column(column.name, _type_of(column)) for column in columns]
    record = sa.func.json_to_recordset(body).table_valued(*read, name="read").render_derived(with_types=True)
    rows = sa.select(*(_value(column, record.c[column.name]) for column in columns))
    return (rows.limit(sa.literal_column("1")) if one else rows).subquery("body")


def payload_lines() -> sa.FromClause:
    """The rows of the body, whatever is in them."""
    body = sa.cast(Handed(PAYLOAD, lambda given: (given.carried or {})[PAYLOAD]), _JSON)
    return sa.func.json_array_elements(body).table_valued("value", name="body").render_derived()


def _type_of(column: Column) -> Any:
    """The type by which a value is read; one that has a way of its own out of JSON is first taken as JSON."""
    by_function = column.representation is not None and column.representation.from_json is not None
    return _JSON if by_function else column.element.type


def _value(column: Column, read: Expression) -> Expression:
    function = column.representation.from_json if column.representation is not None else None
    return (called(function, read) if function is not None else read).label(column.name)


def _with_defaults(body: Expression, columns: Sequence[Column]) -> Expression:
    """The body with the columns' defaults where an object says nothing."""
    known: list[Expression] = []
    for column in columns:
        if column.default is not None:
            known += [text_literal(column.name), sa.literal_column(f"({column.default})")]
    each = sa.func.jsonb_array_elements(sa.cast(body, _JSONB)).table_valued("value", name="given").render_derived()
    filled = sa.func.jsonb_build_object(*known).op("||")(each.c.value)
    return sa.cast(sa.select(sa.func.jsonb_agg(filled)).select_from(each).scalar_subquery(), _JSON)


def called(function: ObjectName, *arguments: Expression) -> Expression:
    """A call of a function of the database, by its full name."""
    name = sa.quoted_name(function.name, quote=True)
    return getattr(getattr(sa.func, sa.quoted_name(function.schema, quote=True)), name)(*arguments)  # type: ignore[no-any-return]  # a function by name
