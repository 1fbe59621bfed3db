"""The fields that a selection asks for, with fragments put in and directives obeyed.

Protocol: GraphQL, October 2021, 6.3.2 "Field collection".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from graphql.language import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionSetNode,
)

from undercroft.graphql.parts.asks.given import Absent, Given, Leaf, read_value


class Asked(NamedTuple):
    """A field of an answer: its name there, the field that is meant, and everything that was said of it."""

    key: str
    name: str
    nodes: tuple[FieldNode, ...]

    @property
    def selections(self) -> tuple[SelectionSetNode, ...]:
        return tuple(node.selection_set for node in self.nodes if node.selection_set is not None)


class Collector:
    """Collects the fields of one operation for the variables of one request."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]) -> None:
        self._fragments = fragments
        self.variables = variables

    def fields(self, selections: Iterable[SelectionSetNode], types: Collection[str]) -> list[Asked]:
        """The fields of these selections, in order; `types` are the names that fragments may be on."""
        found: dict[str, list[FieldNode]] = {}
        for selection in selections:
            for node in self._nodes(selection, types, set()):
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return [Asked(key, nodes[0].name.value, tuple(nodes)) for key, nodes in found.items()]

    def arguments(self, asked: Asked) -> dict[str, Given]:
        """The arguments of a field that have a value."""
        found: dict[str, Given] = {}
        for argument in asked.nodes[0].arguments or ():
            value = read_value(argument.value, self.variables)
            if not isinstance(value, Absent):
                found[argument.name.value] = value
        return found

    def _nodes(self, selection: SelectionSetNode, types: Collection[str], visited: set[str]) -> Iterator[FieldNode]:
        for node in selection.selections:
            if not self._is_wanted(node.directives):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or node.type_condition.name.value in types:
                    yield from self._nodes(node.selection_set, types, visited)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in visited:
                visited.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if fragment.type_condition.name.value in types:
                    yield from self._nodes(fragment.selection_set, types, visited)

    def _is_wanted(self, directives: Iterable[DirectiveNode] | None) -> bool:
        for directive in directives or ():
            if directive.name.value in ("skip", "include"):
                (condition,) = directive.arguments or ()
                said = read_value(condition.value, self.variables)
                truth = isinstance(said, Leaf) and bool(said.value)
                if truth is (directive.name.value == "skip"):
                    return False
        return True
