"""Texts inside statements: our own literals, the callers' as parameters, and how they are joined."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce
from typing import cast

import sqlalchemy as sa
from sqlalchemy.sql.elements import BindParameter, ColumnClause, Grouping

from undercroft.sql.dialect import Expression

_CHAIN = 24
"""Texts that are joined without brackets."""


class Constant(BindParameter[str]):
    """A text of the request's shape, that may be joined with its neighbours."""

    inherit_cache = True


def text_literal(text: str) -> Expression:
    """A text of our own in the statement. Never for what a caller sent: that is bound."""
    return sa.literal_column("'" + text.replace("'", "''") + "'", sa.Text())


def constant(text: str) -> Expression:
    """A text of the request's shape, as a bound parameter."""
    return Constant("param", text, sa.Text(), unique=True)


def key_of(name: str, *, bound: bool) -> Expression:
    """`"name":`; names of the catalog stand in the text, names that a caller chose are bound."""
    text = json.dumps(name, ensure_ascii=False) + ":"
    return constant(text) if bound else text_literal(text)


def concat(parts: Sequence[Expression]) -> Expression:
    """Texts one after the other, with neighbouring constants melted into one.

    Of many there is a tree and no long chain: SQLite looks no deeper into an expression than a thousand of its parts.
    """
    return _joined(_melted(parts))


def _joined(parts: Sequence[Expression]) -> Expression:
    if len(parts) <= _CHAIN:
        return reduce(lambda one, other: one.concat(other), parts[1:], _as_text(parts[0]))
    half = len(parts) // 2
    left, right = _joined(parts[:half]), _joined(parts[half:])
    return cast("Expression", Grouping(left)).concat(Grouping(right))


def _as_text(part: Expression) -> Expression:
    """JSON as the text that it is by now: a chain has the type of its first part, and only texts are joined."""
    return sa.type_coerce(part, sa.Text()) if isinstance(part.type, sa.JSON) else part


def _melted(parts: Sequence[Expression]) -> list[Expression]:
    melted: list[Expression] = []
    for part in parts:
        both = _both(melted[-1], part) if melted else None
        if both is None:
            melted.append(part)
        else:
            melted[-1] = both
    return melted


def _both(one: Expression, other: Expression) -> Expression | None:
    """Two texts as one, where both are known; it is bound as soon as one of them is."""
    if _is_literal(one) and _is_literal(other):
        return sa.literal_column(_literal_text(one)[:-1] + _literal_text(other)[1:], sa.Text())
    texts = _known_text(one), _known_text(other)
    return constant(f"{texts[0]}{texts[1]}") if texts[0] is not None and texts[1] is not None else None


def _known_text(part: Expression) -> str | None:
    if _is_literal(part):
        return _literal_text(part)[1:-1].replace("''", "'")
    return part.value if type(part) is Constant else None


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
