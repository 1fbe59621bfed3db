"""Variables read by their types: what they are, and the shape that they give to a request.

Requests of one document whose variables have one shape ask the same, of other values. Values that choose what is asked
(enumerations, booleans, nulls, which fields an object has, which type an id is of) are part of the shape; the others
are not.

Protocol: GraphQL, October 2021, 6.1.2 "Coercing Variable Values".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    Undefined,
    type_from_ast,
    value_from_ast,
)
from graphql.language import VariableDefinitionNode

from undercroft.graphql.errors import ArgumentFault, VariablesFault
from undercroft.graphql.parts.asks.tokens import read_token

Read = Callable[[Any, str], tuple[Any, Hashable]]
"""Takes a value and where it stands; gives it as its type has it, and its shape."""

_SOME: Hashable = 0
_MOST_INT = 2**31
_SHOWN = 80


class Variable(NamedTuple):
    """One variable of an operation."""

    name: str
    read: Read
    default: Any
    """`Undefined` where it has none."""
    required: bool


@dataclass(frozen=True, slots=True)
class Variables:
    """All variables of an operation."""

    declared: tuple[Variable, ...]

    def read(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], Hashable]:
        """The values by their types, and their shape. Raises `VariablesFault`."""
        values: dict[str, Any] = {}
        shape: list[Hashable] = []
        for name, read, default, required in self.declared:
            if name in given:
                values[name], part = read(given[name], name)
                shape.append(part)
            elif default is not Undefined:
                values[name], part = read(default, name)
                shape.append(part)
            elif required:
                raise VariablesFault(f"the variable ${name} needs a value")
            else:
                shape.append("absent")
        return values, tuple(shape)


def variables_of(nodes: Sequence[VariableDefinitionNode], schema: GraphQLSchema) -> Variables:
    """The variables that an operation declares; it passed validation."""
    return Variables(tuple(_variable(node, schema) for node in nodes))


def _variable(node: VariableDefinitionNode, schema: GraphQLSchema) -> Variable:
    type_: Any = type_from_ast(schema, node.type)
    default = Undefined if node.default_value is None else value_from_ast(node.default_value, type_)
    return Variable(node.variable.name.value, reader(type_), default, isinstance(type_, GraphQLNonNull))


def reader(type_: GraphQLInputType) -> Read:
    """How values of a type are read."""
    if isinstance(type_, GraphQLNonNull):
        return _not_null(reader(type_.of_type), str(type_))
    if isinstance(type_, GraphQLList):
        return _list(type_.of_type)
    if isinstance(type_, GraphQLInputObjectType):
        return _object(type_)
    if isinstance(type_, GraphQLEnumType):
        return _enumeration(type_)
    return _scalar(type_)


def _not_null(read: Read, name: str) -> Read:
    def inner(value: Any, place: str) -> tuple[Any, Hashable]:
        if value is None:
            raise VariablesFault(f"${place} is null, and {name} is never null")
        return read(value, place)

    return inner


def _list(member: GraphQLInputType) -> Read:
    read = reader(member)
    bare = member.of_type if isinstance(member, GraphQLNonNull) else member
    plain = isinstance(bare, GraphQLScalarType)

    def inner(value: Any, place: str) -> tuple[Any, Hashable]:
        if value is None:
            return None, None
        members = value if isinstance(value, list) else [value]
        pairs = [read(each, f"{place}[{index}]") for index, each in enumerate(members)]
        values = [each for each, _ in pairs]
        # A list of scalars is one value of a request, however long it is; an empty one has no place for any.
        return values, (_SOME if values else "empty") if plain else tuple(shape for _, shape in pairs)

    return inner


def _object(type_: GraphQLInputObjectType) -> Read:
    readers: dict[str, Read] = {}

    def inner(value: Any, place: str) -> tuple[Any, Hashable]:
        if value is None:
            return None, None
        if not isinstance(value, dict):
            raise VariablesFault(f"${place} is an object of the type {type_.name}")
        values: dict[str, Any] = {}
        shape: list[Hashable] = []
        for name, each in value.items():
            if name not in type_.fields:
                raise VariablesFault(f"${place} has a member {name[:_SHOWN]}, which {type_.name} has not")
            if name not in readers:  # types refer to each other: not all at once
                readers[name] = reader(type_.fields[name].type)
            values[name], part = readers[name](each, f"{place}.{name}")
            shape.append((name, part))
        for name, field in type_.fields.items():
            if name in values:
                continue
            if field.default_value is not Undefined:
                values[name] = field.default_value
            elif isinstance(field.type, GraphQLNonNull):
                raise VariablesFault(f"${place} lacks the member {name}")
        return values, tuple(shape)

    return inner


def _enumeration(type_: GraphQLEnumType) -> Read:
    names = frozenset(type_.values)

    def inner(value: Any, place: str) -> tuple[Any, Hashable]:
        if value is not None and (not isinstance(value, str) or value not in names):
            raise VariablesFault(f"${place} is one of {', '.join(sorted(names)[:20])}")
        return value, value

    return inner


def _scalar(type_: GraphQLInputType) -> Read:
    name = str(type_)
    if name == "ID":
        return _id
    if name == "Cursor":
        return _cursor
    check = _BUILT_IN.get(name)
    if check is not None:
        return _checked(check, name)
    parse: Callable[[Any], Any] = getattr(type_, "parse_value", lambda value: value)

    def inner(value: Any, place: str) -> tuple[Any, Hashable]:
        if value is None:
            return None, None
        try:
            return parse(value), _SOME
        except (GraphQLError, TypeError, ValueError) as error:
            raise VariablesFault(f"${place} is no {name}: {_message(error)}") from None

    return inner


def _checked(check: Callable[[Any], bool], name: str) -> Read:
    is_truth = name == "Boolean"

    def inner(value: Any, place: str) -> tuple[Any, Hashable]:
        if value is None:
            return None, None
        if not check(value):
            raise VariablesFault(f"${place} is no {name}")
        return value, value if is_truth else _SOME

    return inner


def _id(value: Any, place: str) -> tuple[Any, Hashable]:
    if value is None:
        return None, None
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        raise VariablesFault(f"${place} is no ID")
    text = str(value)
    members = _members(text, place)
    return text, (*members[:2], *(member is None for member in members[2:]))


def _cursor(value: Any, place: str) -> tuple[Any, Hashable]:
    if value is None:
        return None, None
    return value, tuple(member is None for member in _members(value, place))


def _members(token: Any, place: str) -> list[str | None]:
    try:
        return read_token(token)
    except ArgumentFault as fault:
        raise VariablesFault(f"${place}: {fault.message}") from None


def _message(error: Exception) -> str:
    return getattr(error, "message", None) or str(error)


_BUILT_IN: dict[str, Callable[[Any], bool]] = {
    "Int": lambda value: type(value) is int and -_MOST_INT <= value < _MOST_INT,
    "Float": lambda value: type(value) is int or (isinstance(value, (float, Decimal)) and math.isfinite(value)),
    "String": lambda value: isinstance(value, str),
    "Boolean": lambda value: value is True or value is False,
}
