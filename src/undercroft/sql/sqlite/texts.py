"""Texts that SQLite puts together for values that JSON or CSV has no easy word for."""

from __future__ import annotations

import sqlalchemy as sa

from undercroft.sql.dialect import Expression
from undercroft.sql.text import concat, text_literal


def csv_field_of(text: Expression, is_null: sa.ColumnElement[bool]) -> Expression:
    """A text as a field of CSV: quoted where it must be, quotes and backslashes doubled; NULL as the empty field."""
    slashes = sa.func.replace(text, text_literal("\\"), text_literal("\\\\"))
    doubled = sa.func.replace(slashes, text_literal('"'), text_literal('""'))
    needs_quotes = sa.or_(text == text_literal(""), text.bool_op("GLOB")(text_literal('*[,"\\() \t\n\r]*')))
    quoted = concat([text_literal('"'), doubled, text_literal('"')])
    return sa.case((is_null, text_literal("")), (needs_quotes, quoted), else_=text)


def hex_of(x: Expression) -> Expression:
    r"""Bytes as PostgreSQL writes them: `\x` and hex digits."""
    return text_literal("\\x").concat(sa.func.lower(sa.func.hex(x)))


def float_of(x: Expression) -> Expression:
    """A float as JSON: whole ones without a fraction, as in PostgreSQL; infinity, which JSON lacks, as a text."""
    whole = sa.cast(x, sa.Integer())
    size = sa.func.abs(x)
    is_whole = sa.and_(x == whole, size < sa.literal_column("1e15"))
    # 9e999 is SQLite's way to write infinity.
    endless = sa.case((x > sa.literal_column("0"), text_literal('"Infinity"')), else_=text_literal('"-Infinity"'))
    return sa.case(
        (is_whole, sa.cast(whole, sa.Text())),
        (size == sa.literal_column("9e999"), endless),
        else_=sa.func.json_quote(x),
    )
