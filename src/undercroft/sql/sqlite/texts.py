"""Texts that SQLite puts together for values that JSON or CSV has no easy word for."""

from __future__ import annotations

import sqlalchemy as sa

from undercroft.sql.dialect import Expression
from undercroft.sql.text import concat, text_literal

DECIMAL_ORDER = "undercroft_decimal"
"""The collation of texts that spell decimals; the engine registers it,"""
DECIMAL_SUM = "undercroft_sum"
"""and the aggregate that adds them up without loss."""
REGEX = "undercroft_matches"
"""(pattern, text): whether a pattern of `sql.regex` matches; the engine registers it where RE2 is installed."""
CONTAINS = "undercroft_contains"
"""(JSON, JSON): whether the first contains the second, as PostgreSQL's jsonb does; the engine registers it."""
SEARCH = "undercroft_search"
"""(query of `sql.search`, language, text): whether a text is found by a text search; the engine registers it."""

BASE64 = "undercroft_base64"
"""(text): its bytes in base64; the engine registers it. A call takes about a microsecond, no more than other
members of a row do, so reads that have tokens may still be run on the loop."""


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
    """A float as JSON, with all its digits and no more: as PostgreSQL writes it up to 15 of them, and whole ones
    without a fraction; infinity, which JSON lacks, as a text."""
    whole = sa.cast(x, sa.Integer())
    size = sa.func.abs(x)
    is_whole = sa.and_(x == whole, size < sa.literal_column("1e15"))
    # 9e999 is SQLite's way to write infinity.
    endless = sa.case((x > sa.literal_column("0"), text_literal('"Infinity"')), else_=text_literal('"-Infinity"'))
    short, long, longest, wide, widest = (
        sa.func.printf(text_literal(form), x, type_=sa.Text())
        for form in ("%.15g", "%!.16g", "%!.17g", "%!.15e", "%!.16e")
    )
    exact = sa.case((sa.cast(long, sa.REAL()) == x, long), else_=longest)  # older releases quote 15 digits only
    # From here on PostgreSQL writes an exponent, and those forms do not yet.
    vast = sa.case((sa.cast(wide, sa.REAL()) == x, wide), else_=widest)
    return sa.case(
        (x.is_(sa.null()), text_literal("null")),
        (is_whole, sa.cast(whole, sa.Text())),
        (size == sa.literal_column("9e999"), endless),
        (sa.cast(short, sa.REAL()) == x, short),
        (size >= sa.literal_column("1e15"), vast),
        else_=sa.func.replace(exact, text_literal(".0e"), text_literal("e")),
    )


def in_decimal_order(x: Expression) -> Expression:
    """A decimal that is stored as text, to be compared and put in order as the number that it spells."""
    # Not collate(): SQLAlchemy knows that numbers have no collation, though not that this one is a text.
    return x.op("COLLATE", precedence=20, return_type=x.type)(sa.literal_column(DECIMAL_ORDER))


def interval_of(x: Expression) -> Expression:
    """An interval in PostgreSQL's spelling, of one that SQLAlchemy keeps as a moment so long after 1970 began."""
    zero: Expression = sa.literal_column("0")
    one: Expression = sa.literal_column("1")
    days = sa.cast(sa.func.julianday(sa.func.date(x)) - sa.func.julianday(text_literal("1970-01-01")), sa.Integer())
    clock = without_trailing_zeros(sa.func.substr(x, sa.literal_column("12"), type_=sa.Text()))
    midnight = clock == text_literal("00:00:00")
    spelled = sa.cast(days, sa.Text()).concat(sa.case((days == one, text_literal(" day")), else_=text_literal(" days")))
    sign = sa.case((days < zero, text_literal(" +")), else_=text_literal(" "))
    return sa.case((days == zero, clock), (midnight, spelled), else_=spelled.concat(sign).concat(clock))


def without_trailing_zeros(x: Expression) -> Expression:
    """The digits of a second, as PostgreSQL shortens them."""
    trimmed = sa.func.rtrim(sa.func.rtrim(x, text_literal("0")), text_literal("."), type_=sa.Text())
    return sa.case((x.bool_op("GLOB")(text_literal("*.*")), trimmed), else_=x)
