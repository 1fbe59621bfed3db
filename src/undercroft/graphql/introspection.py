"""Questions about the schema: what a query asks by `__schema` and `__type`.

graphql-core answers them from the role's own schema; nothing of the data is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import ExecutionResult, GraphQLSchema, execute_sync
from graphql.language import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode

from undercroft.graphql.errors import GraphqlFault
from undercroft.graphql.parts.asks.fields import Asked


def introspected(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    asked: Iterable[Asked],
    variables: Mapping[str, Any],
) -> dict[str, Any]:
    """The answers to these fields of an operation, by their names in its answer. Raises `GraphqlFault`."""
    fields = tuple(node for each in asked for node in each.nodes)
    only = _with_selections(operation, fields)
    document = DocumentNode(definitions=(only, *fragments.values()))
    result: ExecutionResult = execute_sync(schema, document, variable_values=dict(variables))
    if result.errors or result.data is None:
        message = result.errors[0].message if result.errors else "the schema could not be told"
        raise GraphqlFault(message)
    return result.data


def _with_selections(operation: OperationDefinitionNode, fields: tuple[Any, ...]) -> OperationDefinitionNode:
    return OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=(),
        selection_set=SelectionSetNode(selections=fields),
    )
