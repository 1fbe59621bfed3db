"""How much a document may ask for, looked at before it is validated: some of the rules of validation are quadratic.

A text is scanned once for its tokens and its brackets (`check_text`), before it is parsed. A document is then weighed
with its fragments followed (`check_document`): each definition once, however often it is spread, so that the work is
linear in the text while the weights are those of the expanded operation.

Sources: the GraphQL specification's "Validation" and "Security" notes; `graphql-core` for the kinds of nodes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from undercroft.graphql.errors import LimitFault, Location, SyntaxFault, ValidationFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from graphql import DocumentNode, FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

    Selection = FieldNode | FragmentSpreadNode | InlineFragmentNode

META = frozenset({"__schema", "__type"})
"""The fields that ask for the schema; they stand at the root of a query, and nothing else has their names."""
_LISTS = frozenset({"types", "fields", "interfaces", "possibleTypes", "inputFields"})
"""The lists of the schema's own types that can be nested without end."""
MOST = 1 << 40
"""Weights do not grow beyond this: fragments that double thirty times would make numbers of any length."""
MOST_ROWS = 50_000
"""Objects of one insert, as many as the data API takes in one write."""

_TOKEN = re.compile(
    r'"""(?:[^"\\]|\\"""|\\|"(?!""))*+"""|"(?!"")[^"\\\n\r]*+(?:\\[^\n\r][^"\\\n\r]*+)*+"|(?P<endless>")'
    r"|(?P<skip>[\s,\ufeff]++)|#[^\n\r]*+|(?P<open>[{\[])|(?P<close>[}\]])|(?P<at>@)"
    r"|\.\.\.|[A-Za-z_][0-9A-Za-z_]*+|-?[0-9][0-9A-Za-z_.+-]*+|.",
    re.DOTALL,
)
"""A token of a document. The first string that does not end is the last that is looked at."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before work is spent on it. Counts are of the expanded operation, with its fragments followed."""

    max_length: int = 65_536
    """Characters of a document."""
    max_tokens: int = 2_000
    """Comments among them."""
    max_depth: int = 16
    """Fields within fields."""
    max_complexity: int = 1_000_000
    """Fields, each as often as the pages above it have rows."""
    max_aliases: int = 100
    max_directives: int = 50
    max_fields: int = 1_000
    """Fields and fragments, before the same ones are merged."""
    max_nesting: int = 64
    """Braces and brackets within each other, fragments followed: a call or two of a stack for each."""
    max_operations: int = 20
    """Operations of one document; one is carried out, all are looked at."""
    max_variables: int = 200
    max_lists: int = 100
    """Collections and relations of one operation: each becomes a query inside the statement."""
    schema_depth: int = 20
    """Fields within fields of `__schema` and `__type`."""
    schema_lists: int = 2
    """Lists of types and of their fields within each other, below `__schema` and `__type`."""
    schema_width: int = 20
    """Such lists in all."""
    max_errors: int = 3
    """Errors that are told of one document."""


@dataclass(slots=True)
class _Weight:
    """What a definition comes to. Depths are counted from its own beginning; `told` ones are within the schema's own
    fields."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    nesting: int = 0
    told_depth: int = 0
    lists: int = 0
    told_lists: int = 0
    listed: int = 0
    told_listed: int = 0
    spreads: list[_Spread] = field(default_factory=list)

    def add(self, other: _Weight, at: _Spread) -> None:
        """Takes in a fragment that is spread at a place."""
        self.fields = min(MOST, self.fields + other.fields)
        self.aliases = min(MOST, self.aliases + other.aliases)
        self.directives = min(MOST, self.directives + other.directives)
        self.listed = min(MOST, self.listed + other.listed)
        self.told_listed = min(MOST, self.told_listed + (other.listed if at.told else other.told_listed))
        self.nesting = max(self.nesting, at.nesting + other.nesting)
        self.lists = max(self.lists, at.lists + other.lists)
        if at.told:
            self.told_depth = max(self.told_depth, at.depth + other.depth, at.depth + other.told_depth)
            self.told_lists = max(self.told_lists, at.lists + other.lists)
        else:
            self.depth = max(self.depth, at.depth + other.depth)
            self.told_depth = max(self.told_depth, at.depth + other.told_depth)
            self.told_lists = max(self.told_lists, at.lists + other.told_lists)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Where a fragment is spread: below so many sets, fields and lists, and whether below the schema's own fields."""

    name: str
    nesting: int
    depth: int
    lists: int
    told: bool


def check_text(text: str, limits: Limits) -> None:
    """Looks at a document before it is parsed: its length, its tokens, its brackets and its directives.

    Raises:
        LimitFault: UC442.
        SyntaxFault: UC440, a string that does not end.
    """
    if len(text) > limits.max_length:
        raise too_many("characters", limits.max_length, "send long values as variables")
    tokens = nesting = directives = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind == "skip":
            continue
        tokens += 1
        if tokens > limits.max_tokens:
            raise too_many("tokens", limits.max_tokens, "send values as variables, or ask in several requests")
        if kind == "endless":
            raise SyntaxFault("Syntax Error: Unterminated string.", locations=[_place(text, found.start())])
        if kind == "open":
            nesting += 1
            if nesting > limits.max_nesting:
                raise too_many("braces and brackets within each other", limits.max_nesting)
        elif kind == "close":
            nesting -= 1
        elif kind == "at":
            directives += 1
            if directives > limits.max_directives:
                raise too_many("directives", limits.max_directives)


def check_document(document: DocumentNode, limits: Limits) -> None:
    """Weighs every definition of a document, with the fragments that it spreads.

    Raises:
        ValidationFault: UC441, a definition that is neither an operation nor a fragment, or fragments that spread each
            other in a circle.
        LimitFault: UC442.
    """
    operations: list[_Weight] = []
    fragments: dict[str, _Weight] = {}
    for definition in document.definitions:
        if definition.kind == "operation_definition":
            variables = definition.variable_definitions or ()  # type: ignore[attr-defined]
            if len(variables) > limits.max_variables:
                raise too_many("variables", limits.max_variables)
            weight = _weigh(definition.selection_set)  # type: ignore[attr-defined]
            weight.directives += len(definition.directives or ())  # type: ignore[attr-defined]
            weight.directives += sum(len(variable.directives or ()) for variable in variables)
            operations.append(weight)
        elif definition.kind == "fragment_definition":
            weight = _weigh(definition.selection_set)  # type: ignore[attr-defined]
            weight.directives += len(definition.directives or ())  # type: ignore[attr-defined]
            fragments.setdefault(definition.name.value, weight)  # type: ignore[attr-defined]
        else:
            raise ValidationFault("a document holds operations and fragments, nothing else")
    if not operations:
        raise ValidationFault("the document has no operation")
    if len(operations) > limits.max_operations:
        raise too_many("operations", limits.max_operations)
    for weight in _followed(fragments):
        _check_size(weight, limits)
    for weight in operations:
        _take_in(weight, fragments)
        _check_size(weight, limits)
        _check(weight, limits)


def asks_for_schema(document: DocumentNode) -> bool:
    """Whether a document names `__schema` or `__type` anywhere, under whatever alias, and in whatever fragment.

    A document that names them where they are not carried out is one of them, too.
    """
    sets: list[SelectionSetNode] = [definition.selection_set for definition in document.definitions]  # type: ignore[attr-defined]
    while sets:
        for selection in sets.pop().selections:
            if selection.kind == "field" and selection.name.value in META:  # type: ignore[attr-defined]
                return True
            below = getattr(selection, "selection_set", None)
            if below is not None:
                sets.append(below)
    return False


def _place(text: str, at: int) -> Location:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def too_many(what: str, most: int, hint: str | None = None) -> LimitFault:
    """The refusal of a document that is over a limit."""
    return LimitFault(f"the document has too many {what}: at most {most} are allowed", hint=hint)


def _weigh(selections: SelectionSetNode) -> _Weight:
    """A definition by itself: what its spreads add is not in it."""
    weight = _Weight()
    stack = [(selections, 1, 0, 0, False)]
    while stack:
        set_, nesting, depth, lists, told = stack.pop()
        weight.nesting = max(weight.nesting, nesting)
        if not set_.selections:
            raise ValidationFault("a selection names no field")
        for node in set_.selections:
            weight.fields += 1
            weight.directives += len(node.directives or ())
            if node.kind == "fragment_spread":
                weight.spreads.append(_Spread(node.name.value, nesting, depth, lists, told))  # type: ignore[attr-defined]
            elif node.kind == "inline_fragment":
                stack.append((node.selection_set, nesting + 1, depth, lists, told))  # type: ignore[attr-defined]
            else:
                below = _weigh_field(node, weight, depth, lists, told)  # type: ignore[arg-type]
                if node.selection_set is not None:  # type: ignore[attr-defined]
                    stack.append((node.selection_set, nesting + 1, *below))  # type: ignore[attr-defined]
    return weight


def _weigh_field(node: FieldNode, weight: _Weight, depth: int, lists: int, told: bool) -> tuple[int, int, bool]:
    """Adds a field; gives the depths below it."""
    name = node.name.value
    if node.alias is not None:
        weight.aliases += 1
    told = told or name in META
    depth += 1
    if name in _LISTS:
        lists += 1
        weight.lists = max(weight.lists, lists)
        weight.listed += 1
        weight.told_listed += told
    if told:
        weight.told_depth = max(weight.told_depth, depth)
        weight.told_lists = max(weight.told_lists, lists)
    else:
        weight.depth = max(weight.depth, depth)
    return depth, lists, told


def _followed(fragments: Mapping[str, _Weight]) -> Iterator[_Weight]:
    """The fragments, each after those that it spreads and with them taken in."""
    done: set[str] = set()
    for first in fragments:
        path = [(first, _spread_names(fragments[first]))] if first not in done else []
        open_ = {first}
        while path:
            name, ahead = path[-1]
            below = next((other for other in ahead if other in fragments and other not in done), None)
            if below is None:
                path.pop()
                open_.discard(name)
                done.add(name)
                _take_in(fragments[name], fragments)
                yield fragments[name]
            elif below in open_:
                raise ValidationFault(f'the fragment "{below}" spreads itself')
            else:
                open_.add(below)
                path.append((below, _spread_names(fragments[below])))


def _spread_names(weight: _Weight) -> Iterator[str]:
    return iter(dict.fromkeys(spread.name for spread in weight.spreads))


def _take_in(weight: _Weight, fragments: Mapping[str, _Weight]) -> None:
    for spread in weight.spreads:
        if spread.name in fragments:
            weight.add(fragments[spread.name], spread)


def _check_size(weight: _Weight, limits: Limits) -> None:
    """What those who walk a definition with its fragments rely on: also where no operation spreads it."""
    if weight.nesting > limits.max_nesting:
        raise too_many("selections within each other", limits.max_nesting)
    if weight.fields > limits.max_fields:
        raise too_many("fields and fragments", limits.max_fields)


def _check(weight: _Weight, limits: Limits) -> None:
    for counted, most, what in (
        (weight.aliases, limits.max_aliases, "aliases"),
        (weight.directives, limits.max_directives, "directives"),
        (weight.depth, limits.max_depth, "fields within each other"),
        (weight.told_depth, limits.schema_depth, "fields of the schema within each other"),
        (weight.told_lists, limits.schema_lists, "lists of the schema within each other"),
        (weight.told_listed, limits.schema_width, "lists of the schema"),
    ):
        if counted > most:
            raise too_many(what, most)
