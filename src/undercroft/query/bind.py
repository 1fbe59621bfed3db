"""From names to objects: `bind` resolves an ask against the catalog that the caller may know of.

What the caller may not read is not in that catalog, so a hidden column and a missing one take the same way out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from undercroft.catalog.kinds import JSONS, Kind, Named
from undercroft.catalog.types import Catalog, Column, Relation, Table
from undercroft.query.ask import (
    Ask,
    Condition,
    EmbedAsk,
    Field,
    Filter,
    JoinKind,
    Logic,
    OrderTerm,
    ReadAsk,
    SelectField,
    SelectStar,
    WriteAsk,
)
from undercroft.query.computed import rows_from
from undercroft.query.errors import (
    QueryFault,
    ambiguous_relation,
    no_such_key,
    unknown_column,
    unknown_key_column,
    unknown_payload_column,
    unknown_relation,
    unknown_table,
)
from undercroft.query.plan import (
    Bound,
    BoundCondition,
    Compare,
    Embed,
    EmbedExists,
    Junction,
    Node,
    Order,
    Output,
    ReadPlan,
    Tree,
    WritePlan,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import sqlalchemy as sa


def bind_read(ask: ReadAsk, catalog: Catalog) -> ReadPlan:
    """Resolve a read. Raises `QueryFault` for a name that the catalog does not have."""
    binder = _Binder(catalog, count())
    return ReadPlan(binder.node(_table(ask.table, catalog), ask.ask), ask.count)


def bind_rows(ask: Ask, table: Table, source: sa.FromClause, catalog: Catalog) -> Node:
    """Resolve what is asked of rows that do not come from their table, such as those that a function gives."""
    return _Binder(catalog, count()).node(table, ask, source)


def bind_write(ask: WriteAsk, catalog: Catalog) -> WritePlan:
    """Resolve a write. Raises `QueryFault` for a name that the catalog does not have, or a shape that writes cannot
    take."""
    table = _table(ask.table, catalog)
    binder = _Binder(catalog, count())
    columns = tuple(_payload_column(table, name) for name in ask.columns)
    # The rows to touch are found on the table itself; the rows to show are read back by key, through an alias.
    on_target = binder.scope(table, table.element, ())
    targets = (
        tuple(on_target.condition(term) for term in ask.ask.conditions)
        if ask.verb in ("update", "delete", "replace")
        else ()
    )
    if ask.verb == "replace":
        _check_replace(table, ask)
    return WritePlan(
        table=table,
        verb=ask.verb,
        columns=columns,
        targets=targets,
        node=binder.node(table, _shown(table, ask)),
        conflict=_conflict(table, ask),
        resolution=ask.resolution,
        missing_default=ask.missing_default,
        returning=ask.returning is not None,
        count=ask.count,
    )


def _conflict(table: Table, ask: WriteAsk) -> tuple[Column, ...]:
    """The columns by which a row that is there already is known."""
    names = ask.on_conflict or table.primary_key if ask.verb in ("upsert", "replace") else ()
    unknown = next((name for name in names if name not in table.columns), None)
    if unknown is not None:
        raise unknown_key_column(table, unknown)
    columns = tuple(table.columns[name] for name in names)
    if any(column.kind is Kind.JSON for column in columns):  # which cannot be compared: no key has it
        raise no_such_key()
    return columns


def _shown(table: Table, ask: WriteAsk) -> Ask:
    """What is read back of the rows written."""
    match ask.returning:
        case "rows":
            return Ask(select=ask.ask.select, order=ask.ask.order)
        case "keys":
            return Ask(select=tuple(SelectField(Field(name)) for name in table.primary_key))
        case None:
            return Ask(select=())


def find_relation(catalog: Catalog, source: str, target: str, hint: str | None) -> Relation:
    """The one relation that an embed means: by table, constraint, column or the models' name; a hint narrows it down.

    Raises:
        QueryFault: PGRST200 when there is none, PGRST201 when there are several.
    """
    known = catalog.relations.get(source, ())
    found = tuple(
        relation
        for relation in known
        if relation.target in catalog.tables
        and _is_meant(relation, target, hint, to_view=catalog.tables[relation.target].is_view)
    )
    if not found:
        raise unknown_relation(catalog, source, target, hint)
    if len(found) > 1:
        raise ambiguous_relation(source, target, found)
    return found[0]


def _is_meant(relation: Relation, target: str, hint: str | None, *, to_view: bool) -> bool:
    if relation.function is not None:
        return target == relation.constraint
    own = relation.pairs[0][0] if len(relation.pairs) == 1 else None
    other = relation.pairs[0][1] if len(relation.pairs) == 1 else None
    if hint is None:
        if target in relation.names:
            return True
        # A view shares keys and columns with its tables: these name the table that is meant, never the view.
        by_column = relation.holds_key and own == target and not to_view
        if relation.is_self:
            return (relation.kind != "m2m" and not relation.holds_key and target == relation.target) or by_column
        if to_view and target != relation.target:
            return False
        return (target in (relation.target, relation.constraint) and not _is_shadowed(relation, target)) or by_column
    if target != relation.target:
        return False
    if relation.junction:
        # Of a table's pairs with itself, there are two by one junction.
        return hint == relation.junction.table and not relation.is_self
    if relation.is_self:
        # The column of the key names the way back: auditees:organizations!auditor.
        return not relation.holds_key and hint in (relation.constraint, other)
    return hint in (relation.constraint, own, other)


def _is_shadowed(relation: Relation, target: str) -> bool:
    """A junction has no constraint of its own to be named by: the first of its keys is not it."""
    return relation.junction is not None and target == relation.constraint and target != relation.target


def _table(name: str, catalog: Catalog) -> Table:
    table = catalog.tables.get(name)
    if table is None:
        raise unknown_table(name, catalog)
    return table


def _payload_column(table: Table, name: str) -> Column:
    column = table.columns.get(name)
    if column is None:
        raise unknown_payload_column(table, name)
    return column


def _check_replace(table: Table, ask: WriteAsk) -> None:
    """PUT replaces the one row that its filters name by the whole primary key."""
    plain = [c.field.name for c in ask.ask.conditions if isinstance(c, Filter) and _is_plain_equality(c)]
    if not table.primary_key or len(plain) != len(ask.ask.conditions) or sorted(plain) != sorted(table.primary_key):
        raise QueryFault("Filters must include all and only primary key columns with 'eq' operators", code="PGRST105")


def _is_plain_equality(term: Filter) -> bool:
    return term.operator == "eq" and not term.negated and term.quantifier is None and not term.field.json


@dataclass(frozen=True, slots=True)
class _Scope:
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
        inner = _Scope(embed.node.table, tuple(embed.node.embeds()), self.depth + 1, spoken)
        return Order(inner.field(term.field), direction, nulls, embed)


def _has_paths(column: Column) -> bool:
    """An existing database looks into values of any type as into the JSON that they would be."""
    return column.kind in JSONS or column.kind is Kind.OTHER or isinstance(column.element.type, Named)


def _asks_for_rows(term: Filter) -> bool:
    return term.operator == "is" and term.is_value in ("null", "not_null") and not term.field.json


@dataclass(frozen=True, slots=True)
class _Binder:
    catalog: Catalog
    numbers: Iterator[int]

    def scope(self, table: Table, source: sa.FromClause, embeds: tuple[Embed, ...]) -> _Scope:
        return _Scope(table, embeds)

    def node(
        self,
        table: Table,
        ask: Ask,
        source: sa.FromClause | None = None,
        depth: int = 0,
        spoken: str | None = None,
    ) -> Node:
        if source is None:
            source = table.element.alias(f"t{next(self.numbers)}")
        plain = _Scope(table, (), depth, spoken)
        outputs = tuple(self._outputs(plain, ask, source))
        scope = replace(plain, embeds=tuple(output for output in outputs if isinstance(output, Embed)))
        return Node(
            table=table,
            source=source,
            outputs=outputs,
            conditions=tuple(scope.condition(term) for term in ask.conditions),
            order=tuple(scope.order(term) for term in ask.order),
            limit=ask.limit,
            offset=ask.offset,
        )

    def _outputs(self, scope: _Scope, ask: Ask, source: sa.FromClause) -> Iterator[Output | Embed]:
        for item in ask.select:
            match item:
                case SelectStar():
                    yield from (Output(name, Bound(column)) for name, column in scope.table.columns.items())
                case SelectField():
                    yield _output(item, scope)
                case EmbedAsk():
                    yield self._embed(scope.table, item, source, scope.depth + 1)

    def _embed(self, table: Table, ask: EmbedAsk, source: sa.FromClause, depth: int) -> Embed:
        relation = find_relation(self.catalog, table.name, ask.relation, ask.hint)
        target = self.catalog.tables[relation.target]
        rows = None
        if relation.function is not None:
            rows = rows_from(relation.function, table, target, source, f"t{next(self.numbers)}")
        # Rows found through a junction are not called by another name than their table's.
        spoken = None if relation.junction else f"{target.name}_{depth}"
        node = self.node(target, ask.ask, rows, depth, spoken)
        join: JoinKind = ask.join or "left"
        junction = None
        if relation.junction:
            between = self.catalog.tables.get(relation.junction.table)
            if between is None:
                raise unknown_relation(self.catalog, table.name, ask.relation, ask.hint)
            junction = Junction(between, between.element.alias(f"t{next(self.numbers)}"))
        return Embed(ask.alias or ask.relation, relation, node, join, ask.spread, junction)


def _output(item: SelectField, scope: _Scope) -> Output:
    if _is_bare_count(item, scope.table):
        return Output(item.alias or "count", None, aggregate="count", renamed=item.alias is not None)
    field = scope.field(item.field) if item.field else None
    name = item.alias or item.aggregate or _natural_name(item.field)
    return Output(name, field, item.cast, item.aggregate, item.aggregate_cast, renamed=item.alias is not None)


def _is_bare_count(item: SelectField, table: Table) -> bool:
    """`select=count` counts rows, as PostgreSQL reads `table.count` where no column has that name."""
    return item.field == Field("count") and not item.aggregate and "count" not in table.columns


def _natural_name(field: Field | None) -> str:
    """The last key of a JSON path names the value; an index does not, so the key before it does, or the column."""
    if field is None:
        return "count"
    keys = [str(step.key) for step in field.json if isinstance(step.key, str)]
    return keys[-1] if keys else field.name


def columns_of(node: Node) -> Mapping[str, Column]:
    """The columns that the node's table has, as the caller may know them."""
    return node.table.columns
