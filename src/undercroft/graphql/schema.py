"""The schema of a role as graphql-core has it, for parsing, validation and introspection; nothing is run on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undercroft.graphql.parts.describing.described import Described

if TYPE_CHECKING:
    from graphql import GraphQLSchema


def build_schema(described: Described) -> GraphQLSchema:
    """The schema of what a role may use. It imports graphql-core, which takes a third of a second once."""
    from graphql import GraphQLSchema

    from undercroft.graphql.parts.types.roots import root_types
    from undercroft.graphql.parts.types.shared import SCALARS
    from undercroft.graphql.parts.types.tables import Types

    types = Types(described)
    query, mutation = root_types(described, types)
    every = [*SCALARS.values(), *types.filters.values(), *types.records.values()]
    return GraphQLSchema(query=query, mutation=mutation, types=every, assume_valid=True)


def print_sdl(described: Described) -> str:
    """The schema in GraphQL's own language, its types by name."""
    from graphql import lexicographic_sort_schema, print_schema

    schema = build_schema(described)
    in_order = lexicographic_sort_schema(schema).type_map
    schema.type_map = {name: schema.type_map[name] for name in in_order}
    return print_schema(schema) + "\n"


def tell_introspection(described: Described) -> dict[str, Any]:
    """What a client that asks for the schema is told, as the `data` of its answer."""
    from graphql import introspection_from_schema

    return dict(introspection_from_schema(build_schema(described)))
