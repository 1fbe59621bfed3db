"""`Query` and `Mutation`.

Protocol: pg_graphql, "API" and "Functions".
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLArgument, GraphQLField, GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLObjectType, Undefined

from undercroft.graphql.parts.describing.described import Described, FunctionField, TableType
from undercroft.graphql.parts.types.shared import NODE_FIELD
from undercroft.graphql.parts.types.tables import Types


def root_types(described: Described, types: Types) -> tuple[GraphQLObjectType, GraphQLObjectType | None]:
    """Both roots; there is no `Mutation` for a role that changes nothing."""
    queries = {
        each.collection: types.collection(name, f"Records of `{each.name}`, by pages")
        for name, each in described.tables.items()
        if each.readable
    }
    mutations: dict[str, GraphQLField] = {}
    for table in described.tables.values():
        mutations |= _mutations(table, types)
    for function in described.functions.values():
        (queries if function.kind == "query" else mutations)[function.name] = _function(function, types)
    queries["node"] = NODE_FIELD
    query = GraphQLObjectType("Query", dict(sorted(queries.items())), description="Everything that can be read")
    if not mutations:
        return query, None
    said = "Everything that changes data; several in one operation are done all or not at all"
    return query, GraphQLObjectType("Mutation", dict(sorted(mutations.items())), description=said)


def _mutations(table: TableType, types: Types) -> dict[str, GraphQLField]:
    name = table.name
    fields: dict[str, GraphQLField] = {}
    if table.inserts is not None:
        fields[f"insertInto{name}Collection"] = _insert(table, types)
    if not table.readable:
        return fields
    within = {
        "filter": GraphQLArgument(
            types.filter_inputs[table.table.name], description="Only records for which this holds"
        ),
        "atMost": GraphQLArgument(
            GraphQLNonNull(GraphQLInt),
            default_value=1,
            description="Where more records than this would be concerned, nothing is done",
        ),
    }
    if table.updates:
        given: Any = GraphQLNonNull(types.given(f"{name}UpdateInput", table.updates))
        fields[f"update{name}Collection"] = GraphQLField(
            GraphQLNonNull(types.response(table, "Update")),
            args={"set": GraphQLArgument(given, description="What becomes of every one of the records"), **within},
            description=f"Change records of `{name}`",
        )
    if table.deletes:
        fields[f"deleteFrom{name}Collection"] = GraphQLField(
            GraphQLNonNull(types.response(table, "Delete")), args=within, description=f"Delete records of `{name}`"
        )
    return fields


def _insert(table: TableType, types: Types) -> GraphQLField:
    listed: Any = GraphQLNonNull(GraphQLList(GraphQLNonNull(types.insert_input(table))))
    arguments = {"objects": GraphQLArgument(listed, description="The new records")}
    conflict = types.on_conflict(table)
    if conflict is not None:
        arguments["onConflict"] = GraphQLArgument(conflict, description="What becomes of those that are there already")
    return GraphQLField(
        types.response(table, "Insert"), args=arguments, description=f"Add records to `{table.name}`, one or more"
    )


def _function(function: FunctionField, types: Types) -> GraphQLField:
    arguments = {
        name: GraphQLArgument(
            types.taken(each.type_, many=each.many, nonnull=each.nonnull),
            default_value=Undefined if each.default is None else each.default,
        )
        for name, each in function.arguments.items()
    }
    if function.returns == "records":
        return types.collection(function.type_, function.description, arguments)
    type_: Any = (
        types.records[function.type_]
        if function.returns == "record"
        else types.taken(function.type_, many=function.many)
    )
    return GraphQLField(
        GraphQLNonNull(type_) if function.nonnull else type_, args=arguments, description=function.description
    )
