"""The names of one node: its columns, and the embeds that stand in its rows by a name of their own."""

from __future__ import annotations

from dataclasses import dataclass

from undercroft.catalog.kinds import JSONS, Kind, Named
from undercroft.catalog.types import Column, Table
from undercroft.query.ask import Condition, Field, Filter, Logic, OrderTerm, SelectField, SelectToken, SelectWord
from undercroft.query.errors import QueryFault, unknown_column
from undercroft.query.plan import Bound, BoundCondition, Compare, Embed, EmbedExists, Order, Output, Token, Tree, Word


@dataclass(frozen=True, slots=True)
class Scope:
    """Resolves the names of one node: its columns, and the embeds that were bound below it."""

    table: Table
    embeds: tuple[Embed, ...]
    depth: int = 0
    """How many embeds stand around it."""
    spoken: str | None = None
    """What a statement of PostgREST calls it, where that is not its table's name."""

    def column(self, name: str) -> Column:
        column = self.table.columns.get(name) or self.table.computed.get(name)
        if column is None:
            raise unknown_column(self.table, name, self.spoken or self.table.name)
        return column

    def field(self, field: Field) -> Bound:
        column = self.column(field.name)
        if field.json and not _has_paths(column):
            raise QueryFault(
                f"operator does not exist: {column.pg_type} -> unknown",
                code="42883",
                hint="Only a column of type json or jsonb has paths.",
            )
        return Bound(column, field.json)

    def embed(self, name: str) -> Embed | None:
        return next((embed for embed in self.embeds if name == embed.name), None) or next(
            (embed for embed in self.embeds if name in (embed.relation.target, embed.relation.constraint)), None
        )

    def condition(self, term: Condition) -> BoundCondition:
        if isinstance(term, Logic):
            return Tree(term.operator, tuple(self.condition(inner) for inner in term.terms), term.negated)
        embed = (
            self.embed(term.field.name) if _asks_for_rows(term) and term.field.name not in self.table.columns else None
        )
        if embed is not None:
            return EmbedExists(embed, empty=(term.is_value == "null") != term.negated)
        return Compare(
            self.field(term.field),
            term.operator,
            term.value,
            term.negated,
            term.quantifier,
            term.is_value,
            term.language,
            term.literal,
        )

    def order(self, term: OrderTerm) -> Order:
        # PostgreSQL's defaults, spelled out because engines differ: nulls are the largest values.
        direction = term.direction or "asc"
        nulls = term.nulls or ("last" if direction == "asc" else "first")
        if term.relation is None:
            return Order(self.field(term.field), direction, nulls)
        embed = self.embed(term.relation)
        if embed is None:
            raise QueryFault(
                f"'{term.relation}' is not an embedded resource in this request",
                code="PGRST108",
                hint=f"Verify that '{term.relation}' is included in the 'select' query parameter.",
            )
        if not embed.relation.to_one:
            raise QueryFault(
                f"A related order on '{term.relation}' is not possible",
                code="PGRST118",
                details=f"'{self.table.name}' and '{term.relation}' do not form "
                "a many-to-one or one-to-one relationship",
            )
        spoken = f"{self.table.name}_{embed.name}_{self.depth + 1}"
        inner = Scope(embed.node.table, tuple(embed.node.embeds()), self.depth + 1, spoken)
        return Order(inner.field(term.field), direction, nulls, embed)


def _has_paths(column: Column) -> bool:
    """An existing database looks into values of any type as into the JSON that they would be."""
    return column.kind in JSONS or column.kind is Kind.OTHER or isinstance(column.element.type, Named)


def _asks_for_rows(term: Filter) -> bool:
    return term.operator == "is" and term.is_value in ("null", "not_null") and not term.field.json


def value_of(item: SelectField | SelectWord | SelectToken, scope: Scope) -> Output | Word | Token:
    """A member of the answer that is a value. Raises `QueryFault` for a column that there is not."""
    match item:
        case SelectWord():
            return Word(item.alias, item.text)
        case SelectToken():
            return Token(item.alias, item.words, tuple(scope.field(field) for field in item.fields))
        case _:
            return _output(item, scope)


def _output(item: SelectField, scope: Scope) -> Output:
    if _is_bare_count(item, scope.table):
        return Output(item.alias or "count", None, aggregate="count", renamed=item.alias is not None)
    field = scope.field(item.field) if item.field else None
    name = item.alias or item.aggregate or _natural_name(item.field)
    renamed = item.alias is not None
    return Output(name, field, item.cast, item.aggregate, item.aggregate_cast, renamed=renamed, names=item.names)


def _is_bare_count(item: SelectField, table: Table) -> bool:
    """`select=count` counts rows, as PostgreSQL reads `table.count` where no column has that name."""
    return item.field == Field("count") and not item.aggregate and "count" not in table.columns


def _natural_name(field: Field | None) -> str:
    """The last key of a JSON path names the value; an index does not, so the key before it does, or the column."""
    if field is None:
        return "count"
    keys = [str(step.key) for step in field.json if isinstance(step.key, str)]
    return keys[-1] if keys else field.name
