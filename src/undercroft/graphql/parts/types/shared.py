"""The types that every schema has: scalars, the filters of scalars, pages and the order of rows.

Values are kept as they were written, as texts or numbers, so that none loses a digit.
Protocol: pg_graphql, "API"; the GraphQL specification, "Scalars".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FloatValueNode,
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLString,
    IntValueNode,
    StringValueNode,
    ValueNode,
    value_from_ast_untyped,
)

from undercroft.graphql.parts.describing.described import NODE_ID
from undercroft.graphql.parts.describing.operators import OF_A_LIST

Reader = Callable[[Any], Any]


def _scalar(name: str, description: str, read: Reader, *literals: type[ValueNode]) -> GraphQLScalarType:
    """A scalar; `read` raises `ValueError` for what is none, and takes what `literals` are."""

    def checked(value: Any) -> Any:
        try:
            return read(value)
        except ValueError as error:
            raise GraphQLError(f"{name} cannot represent {str(error) or 'this value'}") from None

    def literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        if literals and not isinstance(node, literals):
            raise GraphQLError(f"{name} cannot represent this literal", node)
        return checked(getattr(node, "value", None) if literals else value_from_ast_untyped(node, variables))

    return GraphQLScalarType(name, description=description, parse_value=checked, parse_literal=literal)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("what is no string")
    return value


def _whole(value: Any) -> str:
    text = value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    digits = text.removeprefix("-").removeprefix("+") if text[:2] not in ("-+", "+-") else ""
    if isinstance(value, bool) or not (digits.isascii() and digits.isdigit()):
        raise ValueError("what is no whole number")
    return text


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("what is no number")
    text = str(value)
    try:
        float(text)
    except ValueError:
        raise ValueError("what is no number") from None
    return text


def _json(value: Any) -> str:
    text = _text(value)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a string that holds no JSON") from None
    return text


def _anything(value: Any) -> Any:
    return value


SCALARS: Mapping[str, Any] = {
    "Int": GraphQLInt,
    "Float": GraphQLFloat,
    "String": GraphQLString,
    "Boolean": GraphQLBoolean,
    "ID": GraphQLID,
    "BigInt": _scalar("BigInt", "A whole number of any size, as a string", _whole, IntValueNode, StringValueNode),
    "BigFloat": _scalar(
        "BigFloat", "A decimal number without loss, as a string", _number, IntValueNode, FloatValueNode, StringValueNode
    ),
    "UUID": _scalar("UUID", "A universally unique identifier (RFC 9562)", _text, StringValueNode),
    "Date": _scalar("Date", "A day, without a time", _text, StringValueNode),
    "Time": _scalar("Time", "A time of day, without a day", _text, StringValueNode),
    "Datetime": _scalar("Datetime", "A day and a time", _text, StringValueNode),
    "JSON": _scalar("JSON", "JSON, written as a string", _json, StringValueNode),
    "Cursor": _scalar("Cursor", "A place in a collection, for the pages before and after it", _text, StringValueNode),
    "Opaque": _scalar("Opaque", "A value of a type that has no scalar of its own", _anything),
}

FILTER_IS = GraphQLEnumType("FilterIs", {"NULL": GraphQLEnumValue("NULL"), "NOT_NULL": GraphQLEnumValue("NOT_NULL")})
DIRECTION = GraphQLEnumType(
    "OrderByDirection",
    {
        "AscNullsFirst": GraphQLEnumValue("AscNullsFirst", description="Ascending, null first"),
        "AscNullsLast": GraphQLEnumValue("AscNullsLast", description="Ascending, null last"),
        "DescNullsFirst": GraphQLEnumValue("DescNullsFirst", description="Descending, null first"),
        "DescNullsLast": GraphQLEnumValue("DescNullsLast", description="Descending, null last"),
    },
    description="How rows are put in order by a field",
)
PAGE_INFO = GraphQLObjectType(
    "PageInfo",
    {
        "endCursor": GraphQLField(GraphQLString),
        "hasNextPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
        "hasPreviousPage": GraphQLField(GraphQLNonNull(GraphQLBoolean)),
        "startCursor": GraphQLField(GraphQLString),
    },
)
NODE = GraphQLInterfaceType(
    "Node", {NODE_ID: GraphQLField(GraphQLNonNull(GraphQLID), description="Names the record among all of all types")}
)
NODE_FIELD = GraphQLField(
    NODE,
    args={NODE_ID: GraphQLArgument(GraphQLNonNull(GraphQLID), description="The record's `nodeId`")},
    description="The record that a `nodeId` names",
)


def filter_type(name: str, member: Any, operators: tuple[str, ...], *, many: bool = False) -> GraphQLInputObjectType:
    """The filter of a scalar or an enumeration; with `many`, of lists of it."""

    def field(operator: str) -> GraphQLInputField:
        if operator == "is":
            return GraphQLInputField(FILTER_IS)
        listed = operator == "in" or (many and operator in OF_A_LIST)
        return GraphQLInputField(GraphQLList(GraphQLNonNull(member)) if listed else member)

    return GraphQLInputObjectType(
        f"{name}Filter",
        {operator: field(operator) for operator in sorted(operators)},
        description=f'A condition on a field of type "{name}"',
    )
