"""Texts inside statements: our own literals, the callers' as parameters, and how they are joined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnClause

from undercroft.sql.dialect import Expression


def text_literal(text: str) -> Expression:
    """A text of our own in the statement. Never for what a caller sent: that is bound."""
    return sa.literal_column("'" + text.replace("'", "''") + "'", sa.Text())


def constant(text: str) -> Expression:
    """A text of the request's shape, as a bound parameter."""
    return sa.literal(text, sa.Text())


def key_of(name: str, *, bound: bool) -> Expression:
    """`"name":`; names of the catalog stand in the text, names that a caller chose are bound."""
    text = json.dumps(name, ensure_ascii=False) + ":"
    return constant(text) if bound else text_literal(text)


def concat(parts: Sequence[Expression]) -> Expression:
    """Texts one after the other, with neighbouring literals of ours melted into one."""
    return reduce(lambda one, other: one.concat(other), _melted(parts))


def _melted(parts: Sequence[Expression]) -> list[Expression]:
    melted: list[Expression] = []
    for part in parts:
        before = melted[-1] if melted else None
        if _is_literal(part) and before is not None and _is_literal(before):
            melted[-1] = sa.literal_column(_literal_text(before)[:-1] + _literal_text(part)[1:], sa.Text())
        else:
            melted.append(part)
    return melted


def _is_literal(part: Expression) -> bool:
    return isinstance(part, ColumnClause) and part.is_literal and str(part.name).startswith("'")


def _literal_text(part: Expression) -> str:
    return str(getattr(part, "name", ""))


def bracketed(joined: Expression) -> Expression:
    """`[...]` around joined lines; `[]` when there are none."""
    return sa.func.coalesce(text_literal("[").concat(joined).concat(text_literal("]")), text_literal("[]"))


def csv_field(text: str) -> str:
    """A header's name as a field of CSV."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text
