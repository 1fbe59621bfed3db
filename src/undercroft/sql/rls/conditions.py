"""What a policy asks of a row as SQL text without parameters: constants in their places, claims as subqueries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from undercroft.access.asked import FUNCTIONS, Asked
from undercroft.access.claims import ClaimParameter
from undercroft.base.faults import SetupFault
from undercroft.sql.rls.readers import claim_text
from undercroft.sql.rls.texts import literal, quoted
from undercroft.sql.statement import compiled_parts

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

ASKING = "undercroft_policies"
"""The role with whose rights the queries of policies are run: it may read what they read, and nothing else."""


def condition_text(clause: sa.ColumnElement[bool] | None, table: sa.Table, dialect: Dialect) -> str:
    """A condition on a row of `table`; None is true for every row."""
    if clause is None:
        return "true"
    bare: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table)
    before = len(_plain(bare, dialect))
    return _plain(bare.where(clause), dialect)[before:].lstrip().removeprefix("WHERE ").strip()


def value_text(value: sa.ColumnElement[Any], dialect: Dialect) -> str:
    """A constant or a claim."""
    return _plain(sa.select(value.label("held")), dialect).removeprefix("SELECT ").removesuffix(" AS held")


def signature(asked: Asked, dialect: Any) -> str:
    """How a function is named in statements about it."""
    spelled = dialect.type_compiler_instance.process
    types = ", ".join(spelled(column.type.dialect_impl(dialect)) for column in asked.arguments)
    return f"{FUNCTIONS}.{quoted(asked.name)}({types})"


def function_text(asked: Asked, dialect: Any) -> str:
    """What defines the function of a query.

    Names in it mean tables of the schema in which the app's tables are made, never a caller's temporary ones.
    """
    places = {column.key: quoted(f"row.{column.key}") for column in asked.arguments}

    def place(element: Any, **_: Any) -> Any:
        of_the_row = any(element is c or _same(element, c) for c in asked.arguments)
        return sa.literal_column(places[element.key], element.type) if of_the_row else None

    query = visitors.replacement_traverse(asked.query, {}, place)
    spelled = dialect.type_compiler_instance.process
    arguments = ", ".join(f"{places[c.key]} {spelled(c.type.dialect_impl(dialect))}" for c in asked.arguments)
    if asked.gives == "truth":
        gives, body = "boolean", _plain(sa.select(query), dialect)
    else:
        type_ = query.selected_columns[0].type
        if type_._isnull:
            raise SetupFault(f"what {asked.name} gives has no type", hint="Cast it, as in sa.cast(…, sa.Integer).")
        gives, body = spelled(type_.dialect_impl(dialect)), _plain(query, dialect)
    head = (
        f"CREATE FUNCTION {FUNCTIONS}.{quoted(asked.name)}({arguments}) "
        f"RETURNS {'SETOF ' if asked.gives == 'values' else ''}{gives} "
        "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = "
    )
    mark = dollars("body", body)
    # The schema is known only where it is run: migrations are tried in another one first.
    made = f"{literal(head)} || quote_ident(current_schema()) || {literal(f', pg_temp AS {mark} {body} {mark}')}"
    owned = literal(f"ALTER FUNCTION {signature(asked, dialect)} OWNER TO {ASKING}")
    do = dollars("do", body)
    return f"DO {do} BEGIN\n    EXECUTE {made};\n    EXECUTE {owned};\nEND {do}"


def _same(element: Any, column: Any) -> bool:
    return getattr(element, "table", None) is column.table and element.key == column.key


def tables_of(asked: Asked) -> set[sa.Table]:
    """What a query reads, beside the row that it is about."""
    row = next((column.table for column in asked.arguments), None)
    parts = list(visitors.iterate(asked.query))
    plain = {part for part in parts if isinstance(part, sa.Table) and part is not row}
    aliased = {part.element for part in parts if isinstance(part, sa.Alias)}
    return plain | {element for element in aliased if isinstance(element, sa.Table)}


def dollars(tag: str, text: str) -> str:
    """A mark around a text that does not hold it."""
    while f"${tag}$" in text:
        tag += "_"
    return f"${tag}$"


def _plain(element: Any, dialect: Dialect) -> str:
    text, parameters = compiled_parts(element, dialect)

    def said(number: int) -> str:
        bind, value = parameters[number - 1]
        if isinstance(bind, ClaimParameter):
            return claim_text(bind)
        return "NULL" if value is None else literal(cast("str", value))

    return _filled(" ".join(text.split("\n")), said)


def _filled(text: str, said: Callable[[int], str]) -> str:
    """The text with what `$1` stands for in its place, wherever that is not part of a name or a constant."""
    out, quote, at = [], "", 0
    while at < len(text):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char == "$" and text[at + 1 : at + 2].isdigit():
            end = at + 1
            while text[end : end + 1].isdigit():
                end += 1
            out.append(said(int(text[at + 1 : end])))
            at = end
            continue
        out.append(char)
        at += 1
    return "".join(out)
