"""The types of a table: the record, its collection, its filter and order, and what its mutations take and give.

Protocol: pg_graphql, "API".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
)

from undercroft.graphql.parts.describing.described import NODE_ID, ColumnField, Described, RelationField, TableType
from undercroft.graphql.parts.describing.nesting import can_nest
from undercroft.graphql.parts.describing.operators import ENUMERATION, OPERATORS, aggregated, operators_of
from undercroft.graphql.parts.types.shared import DIRECTION, NODE, PAGE_INFO, SCALARS, filter_type

_AGGREGATES = {"sum": "Sum", "avg": "Average", "min": "Least", "max": "Greatest"}
_NODE_ID = GraphQLField(GraphQLNonNull(GraphQLID), description="Names the record among all of all types")


class Types:
    """All types of a role's tables, by the names of the tables, made once each."""

    def __init__(self, described: Described) -> None:
        self.described = described
        self.enumerations = {
            each.name: GraphQLEnumType(
                each.name, {name: GraphQLEnumValue(name) for name in each.words}, description=each.description
            )
            for each in described.enumerations.values()
        }
        self.filters = self._filters()
        readable = {name: each for name, each in described.tables.items() if each.readable}
        self.records = {name: self._record(each) for name, each in readable.items()}
        self.filter_inputs = {name: self._filter(each) for name, each in readable.items()}
        self.orders = {name: self._order(each) for name, each in readable.items()}
        self.connections = {name: self._connection(each) for name, each in readable.items()}
        self._arguments: dict[str, dict[str, GraphQLArgument]] = {}
        self._inserts: dict[str, GraphQLInputObjectType] = {}

    # --- values ---

    def value(self, name: str) -> Any:
        """A scalar or an enumeration."""
        return self.enumerations.get(name) or SCALARS[name]

    def output(self, field: ColumnField) -> Any:
        """The type of a column in a record."""
        type_ = GraphQLList(self.value(field.type_)) if field.many else self.value(field.type_)
        return GraphQLNonNull(type_) if field.nonnull else type_

    def taken(self, type_: str, *, many: bool, nonnull: bool = False) -> Any:
        """The type of a value that is given."""
        taken = GraphQLList(self.value(type_)) if many else self.value(type_)
        return GraphQLNonNull(taken) if nonnull else taken

    def _filters(self) -> dict[str, GraphQLInputObjectType]:
        columns = [each for table in self.described.tables.values() for each in table.columns.values()]
        regular = any("regex" in each.operators for each in columns)
        made: dict[str, GraphQLInputObjectType] = {}
        for name in OPERATORS:
            operators = operators_of(name, many=False, regular=regular)
            if operators:
                made[name] = filter_type(name, SCALARS[name], operators)
        for name, type_ in self.enumerations.items():
            made[name] = filter_type(name, type_, ENUMERATION)
        for each in columns:
            if each.many and each.operators:
                made.setdefault(
                    f"{each.type_}List",
                    filter_type(f"{each.type_}List", self.value(each.type_), each.operators, many=True),
                )
        return made

    # --- records ---

    def _record(self, table: TableType) -> GraphQLObjectType:
        return GraphQLObjectType(
            table.name, lambda: self._record_fields(table), interfaces=[NODE], description=table.description
        )

    def _record_fields(self, table: TableType) -> dict[str, GraphQLField]:
        fields = {NODE_ID: _NODE_ID}
        for name, column in table.columns.items():
            fields[name] = GraphQLField(self.output(column), description=column.description)
        for name, relation in table.relations.items():
            fields[name] = self._relation(relation)
        return fields

    def _relation(self, field: RelationField) -> GraphQLField:
        if field.many:
            return self.collection(field.target, field.description)
        type_ = self.records[field.target]
        return GraphQLField(GraphQLNonNull(type_) if field.nonnull else type_, description=field.description)

    # --- collections ---

    def collection(
        self, table: str, description: str | None, more: Mapping[str, GraphQLArgument] | None = None
    ) -> GraphQLField:
        """A field that gives records of a table by pages."""
        arguments = {**(more or {}), **self.paging(table)}
        return GraphQLField(self.connections[table], args=arguments, description=description)

    def paging(self, table: str) -> dict[str, GraphQLArgument]:
        """What says which records of a table, and in which order."""
        found = self._arguments.get(table)
        if found is None:
            arguments: dict[str, tuple[Any, str]] = {
                "first": (GraphQLInt, "At most so many records, from the start"),
                "last": (GraphQLInt, "At most so many records, from the end"),
                "before": (SCALARS["Cursor"], "Only records before this place"),
                "after": (SCALARS["Cursor"], "Only records behind this place"),
                "offset": (GraphQLInt, "Leave out so many records at the start; not together with `last` or `before`"),
                "filter": (self.filter_inputs[table], "Only records for which this holds"),
            }
            if self.described.tables[table].orders:
                listed = GraphQLList(GraphQLNonNull(self.orders[table]))
                arguments["orderBy"] = (listed, "The order, by one field each")
            found = {name: GraphQLArgument(type_, description=said) for name, (type_, said) in arguments.items()}
            self._arguments[table] = found
        return found

    def _connection(self, table: TableType) -> GraphQLObjectType:
        def fields() -> dict[str, GraphQLField]:
            edge = GraphQLObjectType(
                f"{table.name}Edge",
                {
                    "cursor": GraphQLField(GraphQLNonNull(GraphQLString)),
                    "node": GraphQLField(GraphQLNonNull(self.records[table.table.name])),
                },
            )
            found = {
                "edges": GraphQLField(GraphQLNonNull(GraphQLList(GraphQLNonNull(edge)))),
                "pageInfo": GraphQLField(GraphQLNonNull(PAGE_INFO)),
            }
            if table.total_count:
                found["totalCount"] = GraphQLField(
                    GraphQLNonNull(GraphQLInt), description="How many records the filter lets in, on all pages"
                )
            if table.aggregate:
                found["aggregate"] = GraphQLField(
                    self._aggregate(table), description="What is made of all records that the filter lets in"
                )
            return found

        return GraphQLObjectType(f"{table.name}Connection", fields)

    def _aggregate(self, table: TableType) -> GraphQLObjectType:
        fields = {"count": GraphQLField(GraphQLNonNull(GraphQLInt), description="The number of records")}
        for kind, members in aggregated(table).items():
            made = {
                name: GraphQLField(self.value(type_), description=f"{_AGGREGATES[kind]} of `{name}`")
                for name, (_, type_) in members.items()
            }
            result = GraphQLObjectType(f"{table.name}{kind.title()}AggregateResult", made)
            fields[kind] = GraphQLField(result, description=f"{_AGGREGATES[kind]} of each field")
        return GraphQLObjectType(f"{table.name}Aggregate", fields)

    def _filter(self, table: TableType) -> GraphQLInputObjectType:
        def fields() -> dict[str, GraphQLInputField]:
            own = self.filter_inputs[table.table.name]
            found = {
                name: GraphQLInputField(self.filters[f"{each.type_}List" if each.many else each.type_])
                for name, each in table.columns.items()
                if each.operators
            }
            found[NODE_ID] = GraphQLInputField(self.filters["ID"])
            joined = GraphQLList(GraphQLNonNull(own))
            found.setdefault("and", GraphQLInputField(joined, description="All of these hold"))
            found.setdefault("or", GraphQLInputField(joined, description="One of these holds, or more"))
            found.setdefault("not", GraphQLInputField(own, description="This does not hold"))
            return found

        return GraphQLInputObjectType(f"{table.name}Filter", fields)

    def _order(self, table: TableType) -> GraphQLInputObjectType:
        fields = {name: GraphQLInputField(DIRECTION) for name, each in table.columns.items() if each.orderable}
        return GraphQLInputObjectType(f"{table.name}OrderBy", fields)

    # --- mutations ---

    def given(self, name: str, columns: Mapping[str, ColumnField]) -> GraphQLInputObjectType:
        """What an insert or an update says of a record."""

        return GraphQLInputObjectType(name, lambda: self._given_fields(columns))

    def _given_fields(self, columns: Mapping[str, ColumnField]) -> dict[str, GraphQLInputField]:
        return {
            told: GraphQLInputField(self.taken(each.type_, many=each.many), description=each.description)
            for told, each in columns.items()
        }

    def insert_input(self, table: TableType) -> GraphQLInputObjectType:
        """What an insert says of a record, and of those that belong to it: these are of its relations' names."""
        found = self._inserts.get(table.table.name)
        if found is None:

            def fields() -> dict[str, GraphQLInputField]:
                plain = self._given_fields(table.inserts or {})
                nested = {name: self._nested(each) for name, each in table.relations.items() if self._nests(each)}
                return {**nested, **plain}

            found = self._inserts[table.table.name] = GraphQLInputObjectType(f"{table.name}InsertInput", fields)
        return found

    def _nests(self, field: RelationField) -> bool:
        return can_nest(self.described, field)

    def _nested(self, field: RelationField) -> GraphQLInputField:
        type_: Any = self.insert_input(self.described.tables[field.target])
        return GraphQLInputField(
            GraphQLList(GraphQLNonNull(type_)) if field.many else type_,
            description="New records that go with it" if field.many else "A new record that goes with it",
        )

    def response(self, table: TableType, verb: str) -> GraphQLObjectType:
        """What a mutation gives: without its records where they cannot be read."""
        fields = {
            "affectedCount": GraphQLField(GraphQLNonNull(GraphQLInt), description="How many records it was done to")
        }
        record = self.records.get(table.table.name)
        if record is not None:
            listed: Any = GraphQLNonNull(GraphQLList(GraphQLNonNull(record)))
            fields["records"] = GraphQLField(listed, description="The records that it was done to")
        return GraphQLObjectType(f"{table.name}{verb}Response", fields)

    def on_conflict(self, table: TableType) -> GraphQLInputObjectType | None:
        """What becomes of an insert that meets a record which is there; None where no key can be met."""
        if not table.constraints:
            return None
        constraint = GraphQLEnumType(
            f"{table.name}Constraint", {name: GraphQLEnumValue(name) for name in table.constraints}
        )
        fields = {"constraint": GraphQLInputField(GraphQLNonNull(constraint), description="The key that is met")}
        if table.updates:
            column = GraphQLEnumType(
                f"{table.name}UpdateColumn", {name: GraphQLEnumValue(name) for name in table.updates}
            )
            fields["updateColumns"] = GraphQLInputField(
                GraphQLNonNull(GraphQLList(GraphQLNonNull(column))),
                default_value=[],
                description="What is changed of the record that is there; nothing where none is named",
            )
        return GraphQLInputObjectType(f"{table.name}OnConflict", fields)
