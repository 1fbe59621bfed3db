"""Values of a request, each with the place where a later request of the same shape has its own.

What a document says itself is the same in every request of it; what a variable says is found in the variables, by its
path. A request of a known shape needs nothing but these paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from graphql.language import (
    BooleanValueNode,
    EnumValueNode,
    FloatValueNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from undercroft.graphql.errors import ValidationFault
from undercroft.graphql.parts.documents.limits import too_many

Path = tuple[str | int, ...]


class Leaf(NamedTuple):
    """A value that is no object. `path` leads to it in the variables; None for what the document says itself."""

    value: Any
    path: Path | None = None


Given = Leaf | dict[str, "Given"] | list["Given"]


class Absent:
    """Stands for a variable that has no value: what it would have filled is as if it were not there."""

    def __init__(self, variable: str) -> None:
        self.variable = variable


def read_value(node: ValueNode, variables: Mapping[str, Any]) -> Given | Absent:
    """A value of a document, with the variables put in their places; `variables` are coerced already."""
    match node:
        case VariableNode():
            name = node.name.value
            return within(variables[name], (name,)) if name in variables else Absent(name)
        case ObjectValueNode():
            return _members((field.name.value, read_value(field.value, variables)) for field in node.fields)
        case ListValueNode():
            return [_member(each, variables) for each in node.values]
        case _:
            return Leaf(_constant(node))


def within(value: Any, path: Path) -> Given:
    """A variable's value with the paths of all that is in it."""
    if isinstance(value, dict):
        return {name: within(each, (*path, name)) for name, each in value.items()}
    if isinstance(value, list):
        return [within(each, (*path, index)) for index, each in enumerate(value)]
    return Leaf(value, path)


def absent_in(node: ValueNode, variables: Mapping[str, Any]) -> Iterator[str]:
    """The variables without a value that a value of a document names."""
    match node:
        case VariableNode() if node.name.value not in variables:
            yield node.name.value
        case ObjectValueNode():
            for field in node.fields:
                yield from absent_in(field.value, variables)
        case ListValueNode():
            for each in node.values:
                yield from absent_in(each, variables)
        case _:
            return


def plain(given: Given) -> Any:
    """The value without its places."""
    if isinstance(given, dict):
        return {name: plain(each) for name, each in given.items()}
    if isinstance(given, list):
        return [plain(each) for each in given]
    return given.value


def is_null(given: Given | Absent | None) -> bool:
    """Whether nothing was given, or null."""
    return given is None or isinstance(given, Absent) or (isinstance(given, Leaf) and given.value is None)


def listed(given: Given) -> list[Given]:
    """A list; one value alone is a list of it (GraphQL, "List input coercion")."""
    return given if isinstance(given, list) else [given]


def place_of(given: Given) -> Path | None:
    """The path to a value that is no object: of a list from one variable, the way to the list."""
    if isinstance(given, Leaf):
        return given.path
    if isinstance(given, list) and given:
        paths = [place_of(each) for each in given]
        first = paths[0]
        if first is not None and all(path == (*first[:-1], index) for index, path in enumerate(paths)):
            return first[:-1]
    return None


def _members(pairs: Iterable[tuple[str, Given | Absent]]) -> dict[str, Given]:
    """The members of an object. One that is there twice is one of both (pg_graphql, "API": implicit and)."""
    found: dict[str, Given] = {}
    for name, value in pairs:
        if isinstance(value, Absent):
            continue
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, dict) and isinstance(value, dict) and before.keys().isdisjoint(value):
            found[name] = {**before, **value}
        else:
            raise ValidationFault(f'There can be only one input field named "{name}".')
    return found


def _member(node: ValueNode, variables: Mapping[str, Any]) -> Given:
    value = read_value(node, variables)
    return Leaf(None) if isinstance(value, Absent) else value


def _constant(node: ValueNode) -> Any:
    match node:
        case NullValueNode():
            return None
        case IntValueNode():
            return int(node.value) if len(node.value) < _LONG else node.value
        case FloatValueNode():
            return Number(node.value)
        case StringValueNode() | BooleanValueNode() | EnumValueNode():
            return node.value
        case _:
            raise AssertionError(f"{node.kind} is no constant")


_LONG = 400
"""Digits that no column holds; Python refuses to read thousands of them as a number."""


class Number(str):
    """A number with a fraction as it was written: none of its digits is lost."""

    __slots__ = ()


Convert = Callable[[Any], str]
Fetch = Callable[[Mapping[str, Any]], str]


class Recipe(NamedTuple):
    """How the texts of all slots come about: those that never change, and what fetches the others."""

    template: tuple[str, ...]
    fetches: tuple[tuple[int, Fetch], ...]

    def fill(self, variables: Mapping[str, Any]) -> list[str]:
        """The texts for the variables of one request. Raises `GraphqlFault` for a value that is none of its kind."""
        values = list(self.template)
        for place, fetch in self.fetches:
            values[place] = fetch(variables)
        return values


MOST_CONDITIONS = 500
"""Conditions of one operation: each is a part of its statement."""


class Slots:
    """The values of a request in the order of their slots, and where later requests have theirs."""

    def __init__(self) -> None:
        self._template: list[str] = []
        self._fetches: list[tuple[int, Fetch]] = []
        self._conditions = 0

    def count_condition(self) -> None:
        """Another condition of the request, or another member of a list of them. Raises `LimitFault`.

        A document cannot hold many of them, and its variables can.
        """
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise too_many("conditions", MOST_CONDITIONS, "compare with a list of values by `in`")

    def take(self, given: Given, convert: Convert) -> int:
        """A slot for a value; `convert` makes its text, and raises where it is no value of its kind."""
        place = len(self._template)
        if _is_constant(given):
            self._template.append(convert(plain(given)))
        else:
            self._template.append("")
            self._fetches.append((place, _fetch(given, convert)))
        return place

    def recipe(self) -> Recipe:
        """What all requests of this shape have in common."""
        return Recipe(tuple(self._template), tuple(self._fetches))


def _is_constant(given: Given) -> bool:
    if isinstance(given, Leaf):
        return given.path is None
    return all(_is_constant(each) for each in (given.values() if isinstance(given, dict) else given))


def _fetch(given: Given, convert: Convert) -> Fetch:
    find = _finder(given)
    return lambda variables: convert(find(variables))


def _finder(given: Given) -> Callable[[Mapping[str, Any]], Any]:
    """What finds the value again: by its path, or member by member where the document puts it together."""
    path = place_of(given)
    if path is not None:
        name, *steps = path
        return _at(str(name), tuple(steps)) if steps else lambda variables: variables[name]  # type: ignore[index]  # a name
    if isinstance(given, Leaf):
        return lambda variables: given.value
    if isinstance(given, dict):
        named = {name: _finder(each) for name, each in given.items()}
        return lambda variables: {name: find(variables) for name, find in named.items()}
    finders = [_finder(each) for each in given]
    return lambda variables: [find(variables) for find in finders]


def _at(name: str, steps: tuple[str | int, ...]) -> Callable[[Mapping[str, Any]], Any]:
    def find(variables: Mapping[str, Any]) -> Any:
        value = variables[name]
        for step in steps:
            value = value[step]
        return value

    return find
