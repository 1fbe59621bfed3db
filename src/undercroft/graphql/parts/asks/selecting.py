"""Records and collections as asks: what a selection on a type asks of its table, and of those that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graphql.language import SelectionSetNode

from undercroft.graphql.parts.asks.conditions import Conditions, Term, member_of, order_of
from undercroft.graphql.parts.asks.fields import Asked, Collector
from undercroft.graphql.parts.asks.given import Given, Leaf, Slots, is_null, plain
from undercroft.graphql.parts.asks.refusals import bad_cursor, bad_page
from undercroft.graphql.parts.asks.tokens import read_token
from undercroft.graphql.parts.describing.described import NODE_ID, ColumnField, Described, RelationField, TableType
from undercroft.query.ask import (
    Aggregate,
    Ask,
    Condition,
    EmbedAsk,
    Field,
    Limit,
    Page,
    SelectField,
    SelectGroup,
    SelectItem,
    SelectToken,
    SelectWord,
    TellAggregates,
    TellPage,
    TellRows,
    TellTotal,
    TellWord,
    Told,
    ToldMember,
)
from undercroft.query.keyset import beyond_of

Selections = Iterable[SelectionSetNode]
TYPENAME = "__typename"
_AS_TEXT = frozenset({"BigInt", "BigFloat", "JSON"})
"""Scalars that are strings in an answer, whatever the database has."""
_PAGE = {
    "hasNextPage": "has_next",
    "hasPreviousPage": "has_previous",
    "startCursor": "start",
    "endCursor": "end",
    TYPENAME: "word:PageInfo",
}


@dataclass(frozen=True, slots=True)
class Window:
    """A page of a collection: how many rows of which order, and behind which place."""

    order: tuple[Term, ...]
    limit: Limit
    offset: int | None = None
    beyond: Condition | None = None
    backwards: bool = False


class Selecting:
    """Turns the selections of one operation into asks."""

    def __init__(self, described: Described, collector: Collector, slots: Slots) -> None:
        self._described = described
        self._collector = collector
        self._slots = slots
        self.conditions = Conditions(slots, described.schema)

    # --- records ---

    def record(self, table: TableType, selections: Selections) -> tuple[SelectItem, ...]:
        """What is asked of each record of a type."""
        asked = self._collector.fields(selections, (table.name, "Node"))
        return tuple(self._member(table, field) for field in asked)

    def _member(self, table: TableType, asked: Asked) -> SelectItem:
        if asked.name == TYPENAME:
            return SelectWord(asked.key, table.name)
        if asked.name == NODE_ID:
            words = (self._described.schema, table.table.name)
            return SelectToken(asked.key, words, tuple(Field(name) for name in table.key))
        if asked.name in table.columns:
            return column(table.columns[asked.name], asked.key)
        return self._related(table.relations[asked.name], asked)

    def _related(self, field: RelationField, asked: Asked) -> EmbedAsk:
        target = self._described.tables[field.target]
        ask = self.collection(target, asked) if field.many else Ask(self.record(target, asked.selections))
        return EmbedAsk(field.target, ask, asked.key, along=field.relation)

    # --- collections ---

    def collection(self, table: TableType, asked: Asked) -> Ask:
        """A page of a type's records, and what is told of them all. Raises `GraphqlFault` for pages that are none."""
        arguments = self._collector.arguments(asked)
        order = order_of(table, arguments.get("orderBy"))
        window = self.window(table, arguments, order)
        place = tuple(Field(term.column) for term in order)
        groups: list[SelectItem] = []
        members = tuple(self._told(table, asked.selections, place, groups))
        return Ask(
            select=tuple(groups),
            conditions=self.conditions.of(table, arguments.get("filter")),
            order=tuple(term.asked for term in window.order),
            limit=window.limit,
            offset=window.offset,
            told=Told(members, place, window.beyond, window.backwards),
        )

    def _told(
        self, table: TableType, selections: Selections, place: tuple[Field, ...], groups: list[SelectItem]
    ) -> Iterator[ToldMember]:
        name = f"{table.name}Connection"
        for asked in self._collector.fields(selections, (name,)):
            match asked.name:
                case "edges":
                    groups.append(SelectGroup(asked.key, tuple(self._edge(table, asked.selections, place))))
                    yield TellRows(asked.key, len(groups) - 1)
                case "pageInfo":
                    fields = self._collector.fields(asked.selections, ("PageInfo",))
                    yield TellPage(asked.key, tuple((each.key, _PAGE[each.name]) for each in fields))
                case "totalCount":
                    yield TellTotal(asked.key)
                case "aggregate":
                    yield TellAggregates(asked.key, tuple(self._aggregates(table, asked.selections)))
                case _:
                    yield TellWord(asked.key, name)

    def _edge(self, table: TableType, selections: Selections, place: tuple[Field, ...]) -> Iterator[SelectItem]:
        name = f"{table.name}Edge"
        for asked in self._collector.fields(selections, (name,)):
            if asked.name == "cursor":
                yield SelectToken(asked.key, (), place)
            elif asked.name == "node":
                yield SelectGroup(asked.key, self.record(table, asked.selections))
            else:
                yield SelectWord(asked.key, name)

    def _aggregates(self, table: TableType, selections: Selections) -> Iterator[SelectItem]:
        name = f"{table.name}Aggregate"
        for asked in self._collector.fields(selections, (name,)):
            if asked.name == TYPENAME:
                yield SelectWord(asked.key, name)
            elif asked.name == "count":
                yield SelectField(None, alias=asked.key, aggregate="count")
            else:
                function: Any = asked.name
                yield SelectGroup(asked.key, tuple(self._aggregated(table, function, asked.selections)))

    def _aggregated(self, table: TableType, function: Aggregate, selections: Selections) -> Iterator[SelectItem]:
        name = f"{table.name}{function.capitalize()}AggregateResult"
        for asked in self._collector.fields(selections, (name,)):
            if asked.name == TYPENAME:
                yield SelectWord(asked.key, name)
                continue
            field = table.columns[asked.name]
            # Sums and averages are of types that are strings in JSON, whatever the column's is.
            as_text = function in ("sum", "avg") or field.type_ in _AS_TEXT
            yield SelectField(
                Field(field.column.name),
                alias=asked.key,
                aggregate=function,
                aggregate_cast="text" if as_text else None,
            )

    # --- pages ---

    def window(self, table: TableType, arguments: Mapping[str, Given], order: list[Term]) -> Window:
        """The page that the arguments of a collection mean. Raises `GraphqlFault` where they contradict each other."""
        given = {name: value for name, value in arguments.items() if not is_null(value)}
        backwards = "last" in given or "before" in given
        for one, other in (("first", "last"), ("first", "before"), ("last", "after"), ("after", "before")):
            if one in given and other in given:
                raise bad_page(f"`{one}` and `{other}` are of opposite directions: give one of them")
        if backwards and "offset" in given:
            raise bad_page("`offset` counts from the start: it goes with `first` and `after` only")
        terms = [term.reversed() for term in order] if backwards else order
        cursor = given.get("before" if backwards else "after")
        size = given.get("last" if backwards else "first")
        return Window(
            order=tuple(terms),
            limit=self._limit(table, size),
            offset=self._slots.take(given["offset"], number_text("offset")) if "offset" in given else None,
            beyond=self._beyond(terms, cursor) if cursor is not None else None,
            backwards=backwards,
        )

    def _limit(self, table: TableType, size: Given | None) -> Limit:
        if size is None:
            return Page(table.max_rows)
        text = limit_text(table.max_rows)
        if isinstance(size, Leaf) and size.path is None:
            return Page(int(text(size.value)))
        return self._slots.take(size, text)

    def _beyond(self, terms: list[Term], cursor: Given) -> Condition:
        """What holds of the records behind the one that a cursor is of."""
        members = read_token(plain(cursor))
        if len(members) != len(terms) or any(
            member is None and not term.nullable for member, term in zip(members, terms, strict=True)
        ):
            raise bad_cursor()
        slots = [
            None if member is None else self._slots.take(cursor, member_of(place))
            for place, member in enumerate(members)
        ]
        return beyond_of([(Field(term.column), term.direction, term.nulls, term.nullable) for term in terms], slots)


def column(field: ColumnField, key: str) -> SelectField:
    """A column as a member of an answer."""
    alias = None if key == field.column.name else key
    names = renamed_words(field)
    cast = "text" if (field.type_ in _AS_TEXT or names) and not field.many else None
    return SelectField(Field(field.column.name), alias, cast, names=names)


def renamed_words(field: ColumnField) -> tuple[tuple[str, str], ...]:
    """The words of an enumeration that GraphQL has other names for."""
    if field.enumeration is None or field.many:
        return ()
    return tuple((word, name) for name, word in field.enumeration.words.items() if word != name)


def number_text(name: str) -> Callable[[Any], str]:
    """How a number that counts rows becomes a text. It raises `GraphqlFault` for one below zero."""

    def text(value: Any) -> str:
        if not isinstance(value, int) or value < 0:
            raise bad_page(f"`{name}` is a number of 0 or more")
        return str(value)

    return text


def limit_text(most: int) -> Callable[[Any], str]:
    """As `number_text`, of a page's size, which is never more than the type's greatest."""
    text = number_text("first` or `last")
    return lambda value: str(min(int(text(value)), most))


def as_rows(ask: Ask) -> Ask:
    """The ask of a page's rows, of which nothing else is told."""
    return replace(ask, told=None)
