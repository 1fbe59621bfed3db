"""A database's own functions as fields of `Query` and `Mutation`, by their volatility.

Protocol: pg_graphql, "Functions".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Argument, Routine
from undercroft.graphql.parts.describing.described import ArgumentField, FunctionField, TableType
from undercroft.graphql.parts.describing.directives import NOTHING, Directives, read_comment
from undercroft.graphql.parts.describing.functions import PAGING, root_fields
from undercroft.graphql.parts.describing.naming import field_name, is_name
from undercroft.graphql.parts.describing.scalars import SCALARS, Typed, scalar_of_list

_NO_VALUES = frozenset({"void", "record", "trigger", "event_trigger", "cstring", "internal"})
"""Types of which a function gives no value that could be shown."""


class _Gives(NamedTuple):
    returns: Literal["scalar", "record", "records"]
    type_: str
    many: bool = False


def describe_routines(
    routines: Mapping[str, tuple[Routine, ...]],
    tables: Mapping[str, TableType],
    directives: Directives,
    *,
    inflect: bool,
) -> dict[str, FunctionField]:
    """The fields that functions make.

    Left out are those that share a name, that take a row or an argument without a name or any number of them, that
    give nothing, a record, or rows of a table that cannot be read; and a collection's that take one of its arguments.
    """
    found: dict[str, FunctionField] = {}
    taken = {"node", *(name for table in tables.values() for name in root_fields(table))}
    for sharing in routines.values():
        described = _routine(sharing[0], tables, directives, inflect=inflect) if len(sharing) == 1 else None
        if described is not None and described.name not in taken:
            taken.add(described.name)
            found[described.name] = described
    return found


def _routine(
    routine: Routine, tables: Mapping[str, TableType], directives: Directives, *, inflect: bool
) -> FunctionField | None:
    directive = directives.functions.get(routine.name.name, NOTHING)
    name = directive.name or field_name(routine.name.name, inflect=inflect)
    arguments, gives = _arguments(routine, inflect=inflect), _gives(routine, tables)
    if directive.expose is False or not is_name(name) or arguments is None or gives is None:
        return None
    if gives.returns == "records" and not PAGING.isdisjoint(arguments):
        return None
    return FunctionField(
        name=name,
        function=routine.name.name,
        kind="query" if routine.read_only else "mutation",
        arguments=arguments,
        returns=gives.returns,
        type_=gives.type_,
        many=gives.many,
        description=directive.description or read_comment(routine.comment).text,
    )


def _gives(routine: Routine, tables: Mapping[str, TableType]) -> _Gives | None:
    if routine.rows is not None:
        table = tables.get(routine.rows.name)
        if table is None or not table.readable or table.table.element is not routine.rows.element:
            return None
        return _Gives("records" if routine.many else "record", table.table.name)
    typed = None if routine.type_name in _NO_VALUES else _typed(routine.kind, routine.type_name)
    if typed is None or (routine.many and typed.many):
        return None
    return _Gives("scalar", typed.scalar, typed.many or routine.many)


def _arguments(routine: Routine, *, inflect: bool) -> dict[str, ArgumentField] | None:
    """None where one cannot be said."""
    found: dict[str, ArgumentField] = {}
    for argument in routine.arguments:
        told = field_name(argument.name, inflect=inflect)
        typed = _typed(argument.kind, argument.type_)
        if typed is None or argument.variadic or not is_name(told) or told in found:
            return None
        found[told] = _argument(told, argument, typed)
    return found


def _argument(told: str, argument: Argument, typed: Typed) -> ArgumentField:
    return ArgumentField(told, argument.name, typed.scalar, typed.many, nonnull=argument.required)


def _typed(kind: Kind, spelled: str) -> Typed | None:
    """None for rows, and for lists of what has no scalar of its own."""
    if kind is Kind.COMPOSITE:
        return None
    if kind is Kind.ARRAY:
        found = scalar_of_list(spelled)
        return found if found.many else None
    return Typed(SCALARS.get(kind, "Opaque"))
