"""Documents: parsed, held to the limits and validated once for each text and role, and what was prepared for them.

graphql-core parses and validates; it carries nothing out but questions about the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from graphql import GraphQLError, GraphQLSchema, GraphQLSyntaxError, OperationType, parse
from graphql.language import DocumentNode, FragmentDefinitionNode, OperationDefinitionNode

from undercroft.graphql.errors import MessageFault, SyntaxFault, ValidationFault
from undercroft.graphql.parts.asks.variables import Variables, variables_of
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.documents.limits import Limits, check_document, check_text
from undercroft.graphql.parts.documents.pricing import Price, price
from undercroft.graphql.parts.documents.validating import check_valid
from undercroft.pipeline.cache import ShapeCache

P = TypeVar("P")
_SHAPES = 64
"""Shapes of variables for which an operation keeps what was prepared."""


@dataclass(slots=True, eq=False)
class Operation(Generic[P]):
    """One operation of a document, and what was prepared for the shapes of its variables."""

    node: OperationDefinitionNode
    variables: Variables
    price: Price
    """What it costs, as far as its variables do not say."""
    prepared: ShapeCache[P] = field(default_factory=lambda: ShapeCache(_SHAPES))

    @property
    def reads(self) -> bool:
        return self.node.operation is OperationType.QUERY


@dataclass(slots=True, eq=False)
class Document(Generic[P]):
    """A document that is valid for one role."""

    node: DocumentNode
    operations: Mapping[str | None, Operation[P]]
    fragments: Mapping[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> Operation[P]:
        """The operation of this name; without one, the only one. Raises `MessageFault`."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        found = self.operations.get(name)
        if found is None:
            raise MessageFault(
                "the document has several operations: say which by operationName"
                if name is None
                else "the document has no operation of this operationName"
            )
        return found


def read_document(text: str, schema: GraphQLSchema, described: Described, limits: Limits) -> Document[P]:
    """Parse and validate a document.

    Raises:
        SyntaxFault: it is no GraphQL.
        LimitFault: it is over a limit.
        ValidationFault: the schema does not have what it asks for.
    """
    check_text(text, limits)
    node = _parsed(text, limits)
    check_document(node, limits)
    check_valid(schema, node, limits)
    fragments = {each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)}
    operations: dict[str | None, Operation[P]] = {}
    for each in node.definitions:
        if isinstance(each, OperationDefinitionNode):
            if each.operation is OperationType.SUBSCRIPTION:
                raise ValidationFault("subscriptions are not served here")
            variables = variables_of(each.variable_definitions or (), schema)
            name = each.name.value if each.name else None
            operations[name] = Operation(each, variables, price(each, fragments, described, limits))
    return Document(node, operations, fragments)


def _parsed(text: str, limits: Limits) -> DocumentNode:
    try:
        return parse(text, max_lexical_tokens=limits.max_tokens, allow_empty_selection_sets=False)
    except GraphQLSyntaxError as error:
        places = [(place.line, place.column) for place in error.locations or ()]
        raise SyntaxFault(error.message, locations=places) from None
    except GraphQLError as error:
        raise SyntaxFault(error.message) from None


class Documents(Generic[P]):
    """The documents of one role, by their texts."""

    def __init__(self, schema: GraphQLSchema, described: Described, limits: Limits, most: int) -> None:
        self._schema = schema
        self._described = described
        self._limits = limits
        self._known: ShapeCache[Document[P]] = ShapeCache(most)

    def known(self, text: str) -> Document[P] | None:
        return self._known.get(text)

    def read(self, text: str) -> Document[P]:
        """The document of a text. Raises as `read_document` does."""
        document: Document[P] = read_document(text, self._schema, self._described, self._limits)
        self._known.put(text, document)
        return document


__all__ = ["Document", "Documents", "Operation", "read_document"]
