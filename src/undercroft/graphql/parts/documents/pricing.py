"""What an operation costs at most, in fields of its answer: a field is one, and a page as many as it has rows.

The price is a formula. What does not depend on variables is a number in it, worked out once for a document; a page
whose number of rows is a variable is asked for it with each request.

Source: pg_graphql's "API" page, for what a page has where nothing says how many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from undercroft.graphql.parts.documents.limits import MOST, too_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from graphql import (
        ArgumentNode,
        FieldNode,
        FragmentDefinitionNode,
        OperationDefinitionNode,
        SelectionSetNode,
    )

    from undercroft.graphql.parts.describing.described import Described, TableType
    from undercroft.graphql.parts.documents.limits import Limits


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a page that a variable tells: at most `most`."""

    variable: str
    most: int
    otherwise: int
    """The rows of the page where the variable is null, or was not sent."""
    counts: bool = False
    """The variable is the list itself, and its length is the number."""


@dataclass(frozen=True, slots=True)
class Price:
    """`own` fields, and for each page with a variable the price of what is below it, times its rows."""

    own: int
    pages: tuple[tuple[Rows, Price], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The number, with the values of variables, their defaults among them."""
        total = self.own
        for rows, below in self.pages:
            total += _rows_of(variables.get(rows.variable), rows) * below.of(variables)
        return min(MOST, total)


_ONE = Price(1)


def price(
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    described: Described,
    limits: Limits,
) -> Price:
    """What an operation costs. The document has passed `check_document`: it is not endless, and not deep.

    Raises:
        LimitFault: UC442, more collections and relations than `limits.max_lists`.
    """
    pricing = _Pricing(fragments, described, limits)
    return pricing.of_root(operation)


def check_price(price: Price, variables: Mapping[str, Any], limits: Limits) -> int:
    """The number that a price comes to.

    Raises:
        LimitFault: UC442, over `limits.max_complexity`.
    """
    number = price.of(variables)
    if number > limits.max_complexity:
        raise too_many("fields, with the rows of its pages", limits.max_complexity, "ask for smaller pages")
    return number


def check_cost(
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
    described: Described,
    limits: Limits,
) -> int:
    """`price` and its number at once.

    Raises:
        LimitFault: UC442.
    """
    return check_price(price(operation, fragments, described, limits), variables, limits)


class _Pricing:
    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], described: Described, limits: Limits) -> None:
        self._fragments = fragments
        self._described = described
        self._limits = limits
        self._lists = 0
        self._types = {table.name: table for table in described.tables.values()}
        self._roots: dict[str, tuple[TableType, str]] = {}
        for table in described.tables.values():
            self._roots[table.collection] = (table, "read")
            for before, verb in (("insertInto", "insert"), ("update", "update"), ("deleteFrom", "delete")):
                self._roots[f"{before}{table.name}Collection"] = (table, verb)

    def of_root(self, operation: OperationDefinitionNode) -> Price:
        return _sum([self._root_field(node) for node, _ in self._fields(operation.selection_set)])

    def _root_field(self, node: FieldNode) -> Price:
        name = node.name.value
        if name in self._roots:
            table, verb = self._roots[name]
            return self._page(node, table) if verb == "read" else self._written(node, table, verb)
        if name == "node":  # a record of any table: what is asked of each is added up
            return self._record(node, None)
        function = self._described.functions.get(name)
        if function is not None and function.type_ in self._described.tables:
            table = self._described.tables[function.type_]
            return self._page(node, table) if function.returns == "records" else self._record(node, table)
        return _sum([_ONE, self._set(node.selection_set, None)])

    def _page(self, node: FieldNode, table: TableType) -> Price:
        """A connection: what is below `edges` is there for each row."""
        self._list()
        prices = [_ONE]
        for member, _ in self._fields(node.selection_set):
            if member.name.value == "edges":
                edges = [_ONE, *(self._member(below, "node", table) for below, _ in self._fields(member.selection_set))]
                prices.append(_times(self._rows(node, table), _sum(edges)))
            else:
                prices.append(self._member(member, None, None))
        return _sum(prices)

    def _written(self, node: FieldNode, table: TableType, verb: str) -> Price:
        """A mutation: its records are there as often as it may write some."""
        self._list()
        members = [self._member(member, "records", table) for member, _ in self._fields(node.selection_set)]
        return _sum([_ONE, _times(self._writes(node, verb), _sum(members))])

    def _member(self, node: FieldNode, name: str | None, table: TableType | None) -> Price:
        """A field of an object of the protocol's own; the one of this name is a record of the table."""
        return _sum([_ONE, self._set(node.selection_set, table if node.name.value == name else None)])

    def _record(self, node: FieldNode, table: TableType | None) -> Price:
        self._list()
        return _sum([_ONE, self._set(node.selection_set, table)])

    def _set(self, selections: SelectionSetNode | None, table: TableType | None) -> Price:
        """Fields of a record of a table; with None, of anything else, in which there are no pages."""
        return _sum([self._field(node, of) for node, of in self._fields(selections, table)])

    def _field(self, node: FieldNode, table: TableType | None) -> Price:
        relation = table.relations.get(node.name.value) if table is not None else None
        if relation is None or relation.target not in self._described.tables:
            return _sum([_ONE, self._set(node.selection_set, None)]) if node.selection_set is not None else _ONE
        target = self._described.tables[relation.target]
        return self._page(node, target) if relation.many else self._record(node, target)

    def _fields(
        self, selections: SelectionSetNode | None, table: TableType | None = None
    ) -> list[tuple[FieldNode, TableType | None]]:
        """The fields of a selection, with its fragments followed; a fragment on a table's type is about that table."""
        found: list[tuple[FieldNode, TableType | None]] = []
        stack = [(selections, table)]
        while stack:
            set_, of = stack.pop()
            for node in set_.selections if set_ is not None else ():
                if node.kind == "field":
                    found.append((node, of))  # type: ignore[arg-type]
                    continue
                fragment: Any = node
                if node.kind == "fragment_spread":
                    fragment = self._fragments.get(node.name.value)  # type: ignore[attr-defined]
                if fragment is not None:
                    on = fragment.type_condition
                    stack.append((fragment.selection_set, of if on is None else self._types.get(on.name.value, of)))
        return found

    def _rows(self, node: FieldNode, table: TableType) -> int | Rows:
        """How many rows a page has at most."""
        for argument in node.arguments or ():
            if argument.name.value in ("first", "last") and argument.value.kind != "null_value":
                return _number(argument, table.max_rows, table.max_rows)
        return table.max_rows

    def _writes(self, node: FieldNode, verb: str) -> int | Rows:
        """How many records a mutation gives back at most."""
        for argument in node.arguments or ():
            if argument.name.value == ("objects" if verb == "insert" else "atMost"):
                return _number(argument, MOST, 1, counts=verb == "insert")
        return 1

    def _list(self) -> None:
        self._lists += 1
        if self._lists > self._limits.max_lists:
            raise too_many("collections and relations", self._limits.max_lists)


def _number(argument: ArgumentNode, most: int, otherwise: int, *, counts: bool = False) -> int | Rows:
    value: Any = argument.value
    if value.kind == "variable":
        return Rows(value.name.value, most, otherwise, counts)
    if value.kind == "list_value":
        return len(value.values)
    return min(_int(value.value), most) if value.kind == "int_value" else otherwise


def _rows_of(value: object, rows: Rows) -> int:
    if rows.counts and isinstance(value, list | tuple):
        return len(value)
    if isinstance(value, int) and not isinstance(value, bool) and not rows.counts:
        return max(0, min(value, rows.most))
    return rows.otherwise


def _int(digits: str) -> int:
    return max(0, int(digits)) if len(digits) < 20 else MOST


def _sum(prices: Sequence[Price]) -> Price:
    pages = tuple(page for each in prices for page in each.pages)
    return Price(min(MOST, sum(each.own for each in prices)), pages)


def _times(rows: int | Rows, below: Price) -> Price:
    if isinstance(rows, Rows):
        return Price(0, ((rows, below),))
    return Price(min(MOST, rows * below.own), tuple((each, _times(rows, under)) for each, under in below.pages))
