"""Where the parameters of a statement come from, in words: for whoever has to show a statement to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from undercroft.access.claims import ClaimParameter
from undercroft.sql.statement import Handed

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

CONSTANT = "constant"


def origins(element: sa.ClauseElement, dialect: Dialect) -> tuple[str, ...]:
    """For each positional parameter: `auth.uid`, `auth.claim(org_id)`, what the request gives by name, or `constant`.

    In the order of `compile_statement(element, dialect)`'s arguments.
    """
    compiled: Any = element.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
    return tuple(_origin(compiled.binds.get(name), name) for name in names)


def readable(condition: sa.ColumnElement[bool], source: sa.FromClause, dialect: Dialect) -> str:
    """A condition on rows of `source`, with words in the places of its parameters: `posts.author_id = auth.uid`."""
    bare: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(source)
    compiled: Any = bare.where(condition).compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
    constants = compiled.construct_params(_check=False)
    words = iter([_word(compiled.binds.get(name), name, constants.get(name)) for name in names])
    text = str(compiled)[len(str(bare.compile(dialect=dialect))) :].lstrip().removeprefix("WHERE ")
    quote, out = "", []
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        out.append(next(words, "?") if char == "?" and not quote else char)
    return " ".join("".join(out).split())


def _origin(bind: Any, name: str) -> str:
    if isinstance(bind, ClaimParameter):
        return f"auth.claim({', '.join(bind.path)})" if bind.name == "claim" else f"auth.{bind.name}"
    return name.rstrip("0123456789").rstrip("_") if isinstance(bind, Handed) else CONSTANT


def _word(bind: Any, name: str, constant: Any) -> str:
    origin = _origin(bind, name)
    if origin != CONSTANT:
        return origin
    return "'" + constant.replace("'", "''") + "'" if isinstance(constant, str) else str(constant)
