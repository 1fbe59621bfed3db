"""`filter` and `orderBy` as conditions and terms of an ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from undercroft.graphql.parts.asks.given import Given, Leaf, Slots, is_null, listed, plain
from undercroft.graphql.parts.asks.refusals import bad_order, null_operand, unknown_node
from undercroft.graphql.parts.asks.texts import array_text, list_text, prefix_pattern, text_for
from undercroft.graphql.parts.asks.tokens import read_token
from undercroft.graphql.parts.describing.described import NODE_ID, ColumnField, TableType
from undercroft.graphql.parts.documents.limits import too_many
from undercroft.query.ask import Condition, Direction, Field, Filter, FilterOperator, Logic, Nulls, OrderTerm

_PLAIN: dict[str, FilterOperator] = {
    "eq": "eq", "neq": "neq", "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte", "regex": "match", "iregex": "imatch",
    "contains": "cs", "containedBy": "cd", "overlaps": "ov",
}  # fmt: skip
_PATTERNS: dict[str, FilterOperator] = {"like": "like", "ilike": "ilike", "startsWith": "like"}
_DIRECTIONS: dict[str, tuple[Direction, Nulls]] = {
    "AscNullsFirst": ("asc", "first"),
    "AscNullsLast": ("asc", "last"),
    "DescNullsFirst": ("desc", "first"),
    "DescNullsLast": ("desc", "last"),
}
_MOST_TERMS = 100


class Conditions:
    """Reads the filters of one request; `slots` takes their values."""

    def __init__(self, slots: Slots, schema: str) -> None:
        self._slots = slots
        self._schema = schema

    def of(self, table: TableType, given: Given | None) -> tuple[Condition, ...]:
        """What a filter says; they hold together. What is empty says nothing. Raises `GraphqlFault` for a null where a
        value must be.
        """
        return () if is_null(given) or not isinstance(given, dict) else tuple(self._all(table, given))

    def _all(self, table: TableType, given: dict[str, Given]) -> Iterator[Condition]:
        for name, value in given.items():
            if name in table.columns:
                yield from self._column(table.columns[name], value)
            elif is_null(value):
                continue
            elif name == NODE_ID:
                yield from self._node(table, value)
            elif name == "not":
                inner = self.of(table, value)
                if inner:
                    yield Logic("and", inner, negated=True)
            else:
                yield from self._joined(table, name, listed(value))

    def _joined(self, table: TableType, name: str, members: Sequence[Given]) -> Iterator[Condition]:
        terms: list[tuple[Condition, ...]] = []
        for member in members:
            self._slots.count_condition()
            if inner := self.of(table, member):
                terms.append(inner)
        if name == "and":
            yield from (condition for inner in terms for condition in inner)
        elif terms:
            yield Logic("or", tuple(inner[0] if len(inner) == 1 else Logic("and", inner) for inner in terms))

    def _column(self, field: ColumnField, given: Given) -> Iterator[Condition]:
        if not isinstance(given, dict):
            return
        for operator, value in given.items():
            if is_null(value):
                raise null_operand(field.name, operator)
            self._slots.count_condition()
            yield self._compared(field, operator, value)

    def _compared(self, field: ColumnField, operator: str, value: Given) -> Condition:
        column = Field(field.column.name)
        if operator == "is":
            return Filter(column, "is", is_value="null" if plain(value) == "NULL" else "not_null")
        if operator == "in":
            return Filter(column, "in", self._slots.take(value, list_text(field)))
        if operator in _PATTERNS:
            convert = prefix_pattern if operator == "startsWith" else text_for(field)
            return Filter(column, _PATTERNS[operator], self._slots.take(value, convert), literal=True)
        convert = array_text(field) if field.many else text_for(field)
        return Filter(column, _PLAIN[operator], self._slots.take(value, convert))

    # --- records by their ids ---

    def _node(self, table: TableType, given: Given) -> Iterator[Condition]:
        value = given.get("eq") if isinstance(given, dict) else None
        if value is None:
            return
        if is_null(value) or not isinstance(value, Leaf):
            raise null_operand(NODE_ID, "eq")
        yield from self.keyed(table, value)

    def keyed(self, table: TableType, given: Leaf) -> Iterator[Condition]:
        """The record that a `nodeId` names; one of another table names none of this."""
        members = read_token(given.value)
        if members[:2] != [self._schema, table.table.name] or len(members) != 2 + len(table.key):
            yield Filter(Field(table.key[0]), "in", self._slots.take(Leaf("()"), str))
            return
        for place, name in enumerate(table.key, start=2):
            if members[place] is None:
                raise unknown_node()
            yield Filter(Field(name), "eq", self._slots.take(given, member_of(place)))


def member_of(place: int) -> Callable[[Any], str]:
    """What makes of a token the text of one of its members."""
    return lambda token: str(read_token(token)[place])


class Term(NamedTuple):
    """A term of an order, and whether the column may be null."""

    column: str
    direction: Direction
    nulls: Nulls
    nullable: bool

    def reversed(self) -> Term:
        """The term of the opposite order."""
        direction: Direction = "desc" if self.direction == "asc" else "asc"
        return self._replace(direction=direction, nulls="first" if self.nulls == "last" else "last")

    @property
    def asked(self) -> OrderTerm:
        return OrderTerm(Field(self.column), self.direction, self.nulls)


def order_of(table: TableType, given: Given | None) -> list[Term]:
    """The order that was asked for, and behind it the key: no two records have one place.

    Raises `GraphqlFault` for a member that names several fields, or none, and for too many of them.
    """
    terms: list[Term] = []
    members = [] if given is None or is_null(given) else listed(given)
    if len(members) > _MOST_TERMS:
        raise too_many("terms of an order", _MOST_TERMS)
    for member in members:
        named = [(name, plain(each)) for name, each in member.items()] if isinstance(member, dict) else []
        if len(named) != 1:
            raise bad_order(table.name)
        name, said = named[0]
        if said is None:
            continue
        column = table.columns[name].column
        terms.append(Term(column.name, *_DIRECTIONS[said], nullable=column.nullable))
    ordered = {term.column for term in terms}
    key = (table.table.columns[name] for name in table.key if name not in ordered)
    return [*terms, *(Term(column.name, "asc", "last", nullable=column.nullable) for column in key)]
