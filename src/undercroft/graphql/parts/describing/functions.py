"""An app's functions as fields of `Query` and `Mutation`, typed by their Python.

Protocol: pg_graphql, "Functions".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

from undercroft.graphql.parts.describing.described import ArgumentField, FunctionField, TableType
from undercroft.graphql.parts.describing.directives import NOTHING, Directives
from undercroft.graphql.parts.describing.naming import field_name, is_name
from undercroft.graphql.parts.describing.scalars import Typed
from undercroft.models.functions import Function

PAGING = frozenset({"first", "last", "before", "after", "offset", "filter", "orderBy"})
"""Arguments of a collection: a function that gives one takes none of these names."""
_SCALARS: Mapping[Any, str] = {
    bool: "Boolean",
    int: "Int",
    float: "Float",
    str: "String",
    UUID: "UUID",
    date: "Date",
    time: "Time",
    datetime: "Datetime",
    Decimal: "BigFloat",
}


def describe_functions(
    functions: Mapping[str, Function], tables: Mapping[str, TableType], directives: Directives, *, inflect: bool
) -> dict[str, FunctionField]:
    """The fields that functions make. One whose name is none in GraphQL, or another field's, is left out, and so is
    one that gives rows of a table that cannot be read, or a collection and takes an argument of a collection."""
    found: dict[str, FunctionField] = {}
    taken = {"node", *(name for table in tables.values() for name in root_fields(table))}
    for function in functions.values():
        described = _function(function, tables, directives, inflect=inflect)
        if described is not None and described.name not in taken:
            taken.add(described.name)
            found[described.name] = described
    return found


def root_fields(table: TableType) -> tuple[str, ...]:
    """The fields of `Query` and `Mutation` that are a table's."""
    name = table.name
    return table.collection, f"insertInto{name}Collection", f"update{name}Collection", f"deleteFrom{name}Collection"


def _function(
    function: Function, tables: Mapping[str, TableType], directives: Directives, *, inflect: bool
) -> FunctionField | None:
    directive = directives.functions.get(function.name, NOTHING)
    name = directive.name or field_name(function.name, inflect=inflect)
    arguments = _arguments(function, inflect=inflect)
    if directive.expose is False or not is_name(name) or arguments is None:
        return None
    gives: tuple[Literal["scalar", "record", "records", "nothing"], str]
    many = False
    if function.returns is not None:
        table = next((each for each in tables.values() if each.table.entity is function.returns), None)
        if table is None or not table.readable or (function.many and not PAGING.isdisjoint(arguments)):
            return None
        gives = "records" if function.many else "record", table.table.name
    elif function.result is None:
        gives = "nothing", "Opaque"
    else:
        scalar, many = scalar_of_annotation(function.gives)
        gives = "scalar", scalar
    return FunctionField(
        name=name,
        function=function.name,
        kind="query" if function.read_only else "mutation",
        arguments=arguments,
        returns=gives[0],
        type_=gives[1],
        many=many,
        description=directive.description or function.doc,
    )


def _arguments(function: Function, *, inflect: bool) -> dict[str, ArgumentField] | None:
    """None where one has a name that GraphQL does not allow, or two have the same."""
    found: dict[str, ArgumentField] = {}
    for name, info in function.arguments.model_fields.items():
        told = field_name(name, inflect=inflect)
        if not is_name(told) or told in found:
            return None
        scalar, many = scalar_of_annotation(info.annotation)
        default = info.default if isinstance(info.default, bool | int | float | str) else None
        required = info.is_required()
        found[told] = ArgumentField(told, name, scalar, many, required, None if required else default)
    return found


def scalar_of_annotation(annotation: Any) -> Typed:
    """The scalar of a Python type: `JSON` for what is none, a choice of texts is `String`."""
    bare = _bare(annotation)
    if get_origin(bare) is list:
        inner = scalar_of_annotation(get_args(bare)[0])
        return Typed("JSON") if inner.many or inner.scalar == "JSON" else Typed(inner.scalar, many=True)
    if get_origin(bare) is Literal:
        kinds = {type(each) for each in get_args(bare) if each is not None}
        return Typed(_SCALARS.get(kinds.pop(), "JSON")) if len(kinds) == 1 else Typed("JSON")
    if isinstance(bare, type) and issubclass(bare, Enum):
        return Typed("String" if all(isinstance(each.value, str) for each in bare) else "JSON")
    return Typed(_SCALARS.get(bare, "JSON"))


def _bare(annotation: Any) -> Any:
    """Without `Annotated`, names of types, and `| None`."""
    while True:
        if hasattr(annotation, "__value__"):  # a name of a type: `type Key = int`
            annotation = annotation.__value__
        elif get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, UnionType):
            options = [each for each in get_args(annotation) if each is not type(None)]
            if len(options) != 1:
                return annotation
            annotation = options[0]
        else:
            return annotation
