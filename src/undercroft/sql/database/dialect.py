"""PostgreSQL as PostgREST's users meet it: the database reads every value itself, and lists have its white space."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from undercroft.catalog.types import ObjectName
from undercroft.query.computed import call
from undercroft.query.plan import Compare
from undercroft.sql.dialect import Expression, Scalar
from undercroft.sql.postgres.dialect import PostgresDialect
from undercroft.sql.postgres.values import TEXT_ARRAY, as_text

BETWEEN_ROWS = ", \n "
"""What `json_agg` puts between rows."""


@dataclass(frozen=True, slots=True, eq=False)
class DatabaseDialect(PostgresDialect):
    """Declared differences of an existing PostgreSQL database."""

    def _value(self, scalar: Scalar, term: Compare) -> Expression:
        value = PostgresDialect._value(self, scalar, term)
        reader = _reader(term)
        return value if reader is None else call(reader, [as_text(value)])

    def _list(self, scalar: Scalar, term: Compare) -> Expression:
        return self._read_each(PostgresDialect._list(self, scalar, term), term)

    def _array(self, scalar: Scalar, term: Compare) -> Expression:
        return self._read_each(PostgresDialect._value(self, scalar, term), term)

    def _read_each(self, values: Expression, term: Compare) -> Expression:
        reader = _reader(term)
        if reader is None:
            return values
        each = sa.func.unnest(sa.cast(values, TEXT_ARRAY)).table_valued("value", name="each").render_derived()
        return sa.select(call(reader, [each.c.value])).scalar_subquery()

    def join_lines(self, text: Expression, separator: str) -> Expression:
        # Named by its class: a dataclass with slots is made twice, and a bare super() would be of the first.
        return PostgresDialect.join_lines(self, text, BETWEEN_ROWS if separator == "," else separator)


def _reader(term: Compare) -> ObjectName | None:
    """The function that reads what a domain is compared with; patterns are texts and stay such."""
    representation = term.field.column.representation
    if representation is None or term.field.json or term.operator in ("like", "ilike", "match", "imatch"):
        return None
    return representation.from_text
