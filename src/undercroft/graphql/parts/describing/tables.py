"""Describes the API of one role: what it may know of, with the names that everything has.

Protocol: pg_graphql, "API", "Functions", "Views" and "Configuration".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from undercroft.catalog.types import Catalog, Column, Table
from undercroft.graphql.parts.describing.constraints import constraints_of
from undercroft.graphql.parts.describing.described import (
    DEFAULT_ROWS,
    ColumnField,
    Described,
    Enumeration,
    RelationField,
    TableType,
)
from undercroft.graphql.parts.describing.directed_keys import problems_of
from undercroft.graphql.parts.describing.directives import Directives, comment_directives, read_comment
from undercroft.graphql.parts.describing.functions import describe_functions
from undercroft.graphql.parts.describing.names import Names, name_all
from undercroft.graphql.parts.describing.naming import lower_first
from undercroft.graphql.parts.describing.operators import ENUMERATION, UNORDERED, operators_of
from undercroft.graphql.parts.describing.rights import Rights
from undercroft.graphql.parts.describing.routines import describe_routines
from undercroft.graphql.parts.describing.scalars import Typed, scalar_of
from undercroft.models.functions import Function


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say for the whole API; directives say it for one table."""

    inflect_names: bool | None = True
    """None: as the schema's comment says, and without one not."""
    max_rows: int = DEFAULT_ROWS
    total_count: bool = False
    aggregate: bool = False
    regular: bool = True
    """Whether the engine has regular expressions."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What is the same for every role."""

    catalog: Catalog
    directives: Directives
    names: Names
    options: Options

    @property
    def inflects(self) -> bool:
        return _inflects(self.options, self.directives)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not as its comment says, and what has no name: for whoever runs the app."""
        return (*self.directives.problems, *problems_of(self.catalog, self.directives), *self.names.problems)


def outline(catalog: Catalog, options: Options | None = None, directives: Directives | None = None) -> Outline:
    """Read what is said of a whole catalog; `directives` are said elsewhere than in its comments, and win."""
    options = options or Options()
    every = comment_directives(catalog)
    if directives is not None:
        every = directives.over(every)
    return Outline(catalog, every, name_all(catalog, every, inflect=_inflects(options, every)), options)


def _inflects(options: Options, directives: Directives) -> bool:
    said = directives.schema.inflect_names if options.inflect_names is None else options.inflect_names
    return bool(said)


def describe(
    known: Outline,
    catalog: Catalog,
    rights: Rights,
    functions: Mapping[str, Function] | None = None,
    *,
    introspection: bool = True,
) -> Described:
    """The API of a role. `catalog` is the role's own, a part of the one that `known` is of; `functions` are those that
    it may call, beside the catalog's own.

    A table is part of it with a key whose columns the role may read. What leads to no such table is left out.
    """
    tables = {name: table for name in known.names.tables if (table := _table(known, catalog, rights, name)) is not None}
    readable = {name for name, each in tables.items() if each.readable}
    for name, found in tables.items():
        if found.readable:
            tables[name] = replace(found, relations=_relations(known, catalog, rights, name, readable))
    fields = [field for each in tables.values() for field in _every_column(each)]
    described = describe_functions(functions or {}, tables, known.directives, inflect=known.inflects)
    described |= describe_routines(catalog.routines, tables, known.directives, inflect=known.inflects)
    return Described(
        tables=tables,
        functions=described,
        enumerations=_enumerations(field.enumeration for field in fields),
        introspection=introspection,
        schema=catalog.schema,
    )


def _table(known: Outline, catalog: Catalog, rights: Rights, name: str) -> TableType | None:
    table = catalog.tables.get(name)
    if table is None:
        return None
    directive = known.directives.table(name)
    key = table.primary_key or tuple(directive.primary_key)
    every = {
        told: field
        for each in (*table.columns.values(), *table.computed.values())
        for told, field in _column(known, table, each)
    }
    columns = _readable(every, rights, name)
    readable = name in rights.reads
    shown = {field.column.name for field in (columns if readable else every).values()}
    if not key or not shown.issuperset(key):
        return None
    inserts, updates = _written(every, rights.inserts.get(name)), _written(every, rights.updates.get(name))
    if not readable and inserts is None:
        return None
    told = known.names.tables[name]
    return TableType(
        name=told,
        table=table,
        collection=f"{lower_first(told)}Collection",
        key=key,
        columns=columns if readable else {},
        relations={},
        readable=readable,
        inserts=inserts,
        updates=updates,
        deletes=name in rights.deletes,
        constraints=constraints_of(table, inserts) if inserts is not None else {},
        total_count=_either(directive.total_count, known.options.total_count),
        aggregate=_either(directive.aggregate, known.options.aggregate),
        max_rows=directive.max_rows or known.directives.schema.max_rows or known.options.max_rows,
        description=directive.description or read_comment(table.comment).text,
    )


def _either(said: bool | None, otherwise: bool) -> bool:
    return otherwise if said is None else said


def _readable(columns: Mapping[str, ColumnField], rights: Rights, name: str) -> dict[str, ColumnField]:
    if rights.columns is None:
        return dict(columns)
    reads = rights.columns.get(name, frozenset())
    # Whether a computed field may be read is a matter of its function, without which the catalog does not have it.
    return {told: each for told, each in columns.items() if each.column.function or each.column.name in reads}


def _column(known: Outline, table: Table, column: Column) -> Iterable[tuple[str, ColumnField]]:
    told = known.names.columns.get((table.name, column.name))
    if told is None:
        return
    opaque = column.domain and not known.directives.schema.resolve_base_type
    enumeration = None if opaque else known.names.enumerations.get((table.name, column.name))
    scalar, many = _typed(column, enumeration, opaque=opaque)
    computed = column.function is not None
    operators = ENUMERATION if enumeration else operators_of(scalar, many=many, regular=known.options.regular)
    directive = known.directives.column(table.name, column.name)
    yield (
        told,
        ColumnField(
            name=told,
            column=column,
            type_=scalar,
            many=many,
            nonnull=not column.nullable and not computed,
            operators=() if computed else operators,
            orderable=not (many or computed or scalar in UNORDERED),
            description=directive.description or read_comment(column.comment).text,
            enumeration=enumeration,
        ),
    )


def _typed(column: Column, enumeration: Enumeration | None, *, opaque: bool) -> Typed:
    if opaque:
        return Typed("Opaque")
    return Typed(enumeration.name) if enumeration is not None else scalar_of(column)


def _written(columns: Mapping[str, ColumnField], writable: frozenset[str] | None) -> dict[str, ColumnField] | None:
    """What a write may say: no column must be said, since the database may have a value for it. Where there is
    nothing to say, there is no write: GraphQL has no empty input."""
    if writable is None:
        return None
    found = {told: replace(each, nonnull=False) for told, each in columns.items() if each.column.name in writable}
    return found or None


def _relations(
    known: Outline, catalog: Catalog, rights: Rights, name: str, readable: set[str]
) -> dict[str, RelationField]:
    """Relations in the order of their names' finding. Null stands where a key leads to a row that is hidden."""
    found: dict[str, RelationField] = {}
    there = set(catalog.relations.get(name, ()))
    for relation, told in known.names.relations.get(name, {}).items():
        if relation not in there or relation.target not in readable:
            continue
        columns = catalog.tables[name].columns
        held = relation.holds_key and not any(columns[own].nullable for own, _ in relation.pairs)
        found[told] = RelationField(
            name=told,
            relation=relation,
            target=relation.target,
            many=not relation.to_one,
            nonnull=held and rights.sees_all and relation.function is None,
        )
    return found


def _every_column(table: TableType) -> Iterable[ColumnField]:
    yield from table.columns.values()
    yield from (table.inserts or {}).values()


def _enumerations(found: Iterable[Enumeration | None]) -> dict[str, Enumeration]:
    return {each.name: each for each in found if each is not None}
