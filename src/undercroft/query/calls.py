"""Calls of a database's own functions: which of those that share a name is meant, and what is read of its result.

Protocol: PostgREST's "functions as RPC" page, with its codes PGRST202 and PGRST203.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from undercroft.base.likeness import resembling
from undercroft.catalog.kinds import Named
from undercroft.catalog.types import Argument, Catalog, Column, Routine, Table
from undercroft.query.ask import Ask, CountKind
from undercroft.query.bind import bind_rows
from undercroft.query.errors import QueryFault
from undercroft.query.plan import Node

BodyType = Literal["json", "rows", "text", "xml", "bytes"]
"""What the body of a request is; "rows" are arguments by name that were not written in JSON. None stands for a request
without a body, and for a form."""
Form = Literal["texts", "json", "body"]
"""How arguments are given: as texts by name, as members of one JSON object, or as the whole body."""

RESULT = "pgrst_scalar"
"""The name of a single value's column, as the header of CSV has it."""
_LEAST_LIKE = 0.75
"""How much of a name must agree for it to be told as a hint: a caller may find a slip, and no names by guessing."""
CALLED = "called"
"""The name under which a statement knows what the function gave."""

_TAKERS: dict[BodyType, tuple[str, ...]] = {
    "json": ("json", "jsonb"),
    "rows": (),
    "text": ("text",),
    "xml": ("xml",),
    "bytes": ("bytea",),
}


@dataclass(frozen=True, slots=True, eq=False)
class CallPlan:
    """A call, bound: `node` reads what the function gives, under the name `CALLED`."""

    routine: Routine
    form: Form
    arguments: tuple[Argument, ...]
    """Those that are given, in the order of their declaration."""
    node: Node
    count: CountKind | None = None


def find_routine(
    catalog: Catalog, name: str, names: Collection[str], body: BodyType | None = None
) -> tuple[Routine, Form]:
    """The function that takes arguments of these names, and how it takes them.

    `body` is the kind of a POST's body. Where no function takes its members by name, one takes it whole that has a
    single argument without a name, of the body's type. Of JSON, `names` are the members of the object.

    Raises:
        QueryFault: PGRST202 where there is none, PGRST203 where there are several.
    """
    given = frozenset(names)
    known = catalog.routines.get(name, ())
    whole = body in ("text", "xml", "bytes")
    by_name = [each for each in known if _takes(each, given) and not (whole and not each.arguments)]
    by_body = [each for each in known if each not in by_name and body is not None and _takes_body(each, body)]
    found = by_name or by_body
    if not found:
        raise _unknown_routine(catalog, name, given, body)
    if len(found) > 1:
        raise _several_routines(found)
    return found[0], "body" if not by_name else "json" if body in ("json", "rows") else "texts"


def bind_call(
    routine: Routine, form: Form, names: Collection[str], ask: Ask, catalog: Catalog, count: CountKind | None = None
) -> CallPlan:
    """Resolve what is asked of the result. Raises `QueryFault` for a name that the result does not have."""
    arguments = tuple(each for each in routine.arguments if form == "body" or each.name in names)
    rows = routine.rows if routine.rows is not None else _single_value(routine)
    columns = [sa.column(column.name, column.element.type) for column in rows.columns.values()]
    source = sa.table(CALLED, *columns).alias("t")
    return CallPlan(routine, form, arguments, bind_rows(ask, rows, source, catalog), count)


def _takes(routine: Routine, given: frozenset[str]) -> bool:
    """All arguments that have no default are given, and none that there is not."""
    if any(not each.name for each in routine.arguments):
        return False
    required = {each.name for each in routine.arguments if each.required}
    optional = {each.name for each in routine.arguments if not each.required}
    return given - optional == required


def _takes_body(routine: Routine, body: BodyType) -> bool:
    arguments = routine.arguments
    return len(arguments) == 1 and not arguments[0].name and arguments[0].type_ in _TAKERS[body]


def _single_value(routine: Routine) -> Table:
    """A value as a table of one column."""
    type_ = Named(routine.type_name, routine.kind)
    column = Column(RESULT, sa.Column(RESULT, type_), routine.kind, True, False, type_name=routine.type_name)
    element = sa.Table(routine.name.name, sa.MetaData(), column.element, schema=routine.name.schema)
    return Table(
        name=routine.name.name,
        schema=routine.name.schema,
        element=element,
        columns={RESULT: column},
        primary_key=(),
        is_view=True,
        has_rowid=False,
        insertable=False,
        updatable=False,
        deletable=False,
    )


# --- refusals ---


def _unknown_routine(catalog: Catalog, name: str, given: frozenset[str], body: BodyType | None) -> QueryFault:
    called, names = f"{catalog.schema}.{name}", sorted(given)
    listed = ", ".join(names)
    shown = f"({listed})" if names else " without parameters"
    by_name = f" with parameter{'s' if len(names) > 1 else ''} {listed}" if names else " without parameters"
    searched = by_name
    if body == "json":
        searched = f"{by_name} or with a single unnamed json/jsonb parameter"
    elif body in ("text", "xml", "bytes"):
        shown, searched = "", f" with a single unnamed {_TAKERS[body][0]} parameter"
    near = _nearest(catalog, name, names)
    return QueryFault(
        f"Could not find the function {called}{shown} in the schema cache",
        code="PGRST202",
        details=f"Searched for the function {called}{searched}, but no matches were found in the schema cache.",
        hint=f"Perhaps you meant to call the function {catalog.schema}.{near}" if near else None,
    )


def _nearest(catalog: Catalog, name: str, names: Iterable[str]) -> str | None:
    """Another name where there is no function of this one; else the arguments that would fit best."""
    known = catalog.routines.get(name)
    if known is None:
        return resembling(name, catalog.routines, _LEAST_LIKE)
    lists = [_list_of(argument.name for argument in each.arguments) for each in known]
    near = resembling(_list_of(names), lists)
    return f"{name}{near}" if near else None


def _list_of(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"


def _several_routines(found: Iterable[Routine]) -> QueryFault:
    candidates = ", ".join(each.signature for each in found)
    return QueryFault(
        f"Could not choose the best candidate function between: {candidates}",
        code="PGRST203",
        hint="Try renaming the parameters or the function itself in the database so function overloading can be"
        " resolved",
    )
