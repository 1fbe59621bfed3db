"""Fields of one name in an answer have to be the same field, with the same arguments: checked in linear time.

graphql-core's rule compares all pairs, which is quadratic: 200 equal collections in one document keep it busy for more
than a second. Here every field is compared with the first of its name, as they are collected. What that leaves out:
in the fragments of `node` on different types one name may stand for values of different kinds. Only one of them is
ever answered.

Source: the GraphQL specification, "Field Selection Merging".
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from undercroft.graphql.errors import ValidationFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, SelectionSetNode

    Found = dict[str, list[tuple[str, FieldNode]]]

_ANY = frozenset({"", "Node"})
"""Type conditions that hold of more than one type."""


def check_merging(document: DocumentNode) -> None:
    """Compares the fields of each operation. The document is valid otherwise, and has passed `check_document`.

    Raises:
        ValidationFault: UC441.
    """
    definitions: Iterable[Any] = document.definitions
    fragments = {each.name.value: each for each in definitions if each.kind == "fragment_definition"}
    said: dict[int, object] = {}
    groups = [[each.selection_set] for each in definitions if each.kind == "operation_definition"]
    while groups:
        for entries in _collect(groups.pop(), fragments).values():
            for same in _alike(entries):
                _compare(same, said)
                below = [node.selection_set for node in same if node.selection_set is not None]
                if below:
                    groups.append(below)


def _collect(selections: list[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]) -> Found:
    """The fields of some selections that are answered as one, by their names in the answer; each with the type that
    the fragment around it is on."""
    found: Found = {}
    stack = [("", each) for each in selections]
    seen: set[tuple[str, str]] = set()
    while stack:
        on, set_ = stack.pop()
        node: Any
        for node in set_.selections:
            if node.kind == "field":
                found.setdefault((node.alias or node.name).value, []).append((on, node))
                continue
            fragment = node
            if node.kind == "fragment_spread":
                name = node.name.value
                if (name, on) in seen or name not in fragments:
                    continue
                seen.add((name, on))
                fragment = fragments[name]
            condition = fragment.type_condition.name.value if fragment.type_condition is not None else ""
            stack.append((on if condition in _ANY else condition, fragment.selection_set))
    return found


def _alike(entries: list[tuple[str, FieldNode]]) -> list[list[FieldNode]]:
    """Those that may be answered together: on one type, or all where one of them is on any type."""
    if any(on in _ANY for on, _ in entries):
        return [[node for _, node in entries]]
    by_type: dict[str, list[FieldNode]] = {}
    for on, node in entries:
        by_type.setdefault(on, []).append(node)
    return list(by_type.values())


def _compare(nodes: list[FieldNode], said: dict[int, object]) -> None:
    first = nodes[0]
    for other in nodes[1:]:
        if other.name.value != first.name.value:
            reason = f'"{first.name.value}" and "{other.name.value}" are different fields'
        elif (other.arguments or first.arguments) and _said(other, said) != _said(first, said):
            reason = "they have differing arguments"
        else:
            continue
        key = (first.alias or first.name).value
        raise ValidationFault(
            f'Fields "{key}" conflict because {reason}. Use different aliases on the fields to fetch both.',
            locations=[_place(first), _place(other)],
        )


def _said(node: FieldNode, said: dict[int, object]) -> object:
    """The arguments of a field as a value to compare, worked out once for each field of the document."""
    known = said.get(id(node))
    if known is None:
        known = said[id(node)] = {each.name.value: _value(each.value) for each in node.arguments or ()}
    return known


def _value(node: Any) -> object:
    if node.kind == "list_value":
        return [_value(each) for each in node.values]
    if node.kind == "object_value":
        # a name may stand there twice; in which order names stand does not matter
        return sorted(((each.name.value, _value(each.value)) for each in node.fields), key=itemgetter(0))
    if node.kind == "variable":
        return ("variable", node.name.value)
    return (node.kind, getattr(node, "value", None))


def _place(node: FieldNode) -> tuple[int, int]:
    token = node.loc.start_token if node.loc is not None else None
    return (token.line, token.column) if token is not None else (1, 1)
