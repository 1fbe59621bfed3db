"""From names to objects: `bind` resolves an ask against the catalog that the caller may know of.

What the caller may not read is not in that catalog, so a hidden column and a missing one take the same way out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Catalog, Column, Relation, Table
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    JoinKind,
    Question,
    QuestionsAsk,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectItem,
    SelectStar,
    WriteAsk,
)
from undercroft.query.computed import rows_from
from undercroft.query.errors import (
    QueryFault,
    ambiguous_relation,
    no_such_key,
    unknown_key_column,
    unknown_payload_column,
    unknown_relation,
    unknown_table,
)
from undercroft.query.plan import (
    Bound,
    Embed,
    Group,
    Item,
    Junction,
    Node,
    Output,
    QuestionPlan,
    QuestionsPlan,
    ReadPlan,
    WritePlan,
)
from undercroft.query.scope import Scope, value_of
from undercroft.query.telling import bind_told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import sqlalchemy as sa


def bind_read(ask: ReadAsk, catalog: Catalog) -> ReadPlan:
    """Resolve a read. Raises `QueryFault` for a name that the catalog does not have."""
    binder = _Binder(catalog, count())
    return ReadPlan(binder.node(_table(ask.table, catalog), ask.ask), ask.count)


def bind_questions(ask: QuestionsAsk, catalog: Catalog) -> QuestionsPlan:
    """Resolve several reads that are answered together. Raises `QueryFault` as `bind_read` does."""
    binder = _Binder(catalog, count())
    return QuestionsPlan(
        tuple(
            QuestionPlan(each.name, binder.node(_table(each.ask.table, catalog), each.ask.ask), each.single)
            if isinstance(each, Question)
            else each
            for each in ask.members
        )
    )


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
    on_target = Scope(table, ())
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
        updates=None if ask.updates is None else tuple(_payload_column(table, name) for name in ask.updates),
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


def known_relation(catalog: Catalog, source: str, relation: Relation) -> Relation:
    """The relation, where both of its ends, what is between them, and all their columns are in the catalog.

    Raises:
        QueryFault: PGRST200 where they are not.
    """
    found = relation in catalog.relations.get(source, ()) and relation.target in catalog.tables
    through = relation.junction
    if found and through is None:
        found = _has(catalog, source, (own for own, _ in relation.pairs))
        found = found and _has(catalog, relation.target, (other for _, other in relation.pairs))
    elif found and through is not None:
        found = _has(catalog, source, (own for own, _ in through.source_pairs))
        found = found and _has(catalog, relation.target, (own for own, _ in through.target_pairs))
        between = (key for _, key in (*through.source_pairs, *through.target_pairs))
        found = found and _has(catalog, through.table, between)
    if not found:
        raise unknown_relation(catalog, source, relation.target, None)
    return relation


def _has(catalog: Catalog, table: str, columns: Iterable[str]) -> bool:
    return table in catalog.tables and all(name in catalog.tables[table].columns for name in columns)


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
class _Binder:
    catalog: Catalog
    numbers: Iterator[int]

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
        plain = Scope(table, (), depth, spoken)
        items = [tuple(self._items(plain, item, source)) for item in ask.select]
        outputs = tuple(each for found in items for each in found)
        # An embed within a group has no name among those of the columns.
        scope = replace(plain, embeds=tuple(output for output in outputs if isinstance(output, Embed)))
        return Node(
            table=table,
            source=source,
            outputs=outputs,
            conditions=tuple(scope.condition(term) for term in ask.conditions),
            order=tuple(scope.order(term) for term in ask.order),
            limit=ask.limit,
            offset=ask.offset,
            telling=None if ask.told is None else bind_told(ask.told, plain, [len(found) for found in items]),
        )

    def _items(self, scope: Scope, item: SelectItem, source: sa.FromClause) -> Iterator[Item]:
        match item:
            case SelectStar():
                yield from (Output(name, Bound(column)) for name, column in scope.table.columns.items())
            case SelectGroup():
                members = (each for inner in item.select for each in self._items(scope, inner, source))
                yield Group(item.alias, tuple(members))
            case EmbedAsk():
                yield self._embed(scope.table, item, source, scope.depth + 1)
            case _:
                yield value_of(item, scope)

    def _embed(self, table: Table, ask: EmbedAsk, source: sa.FromClause, depth: int) -> Embed:
        if ask.along is not None:
            relation = known_relation(self.catalog, table.name, ask.along)
        else:
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
