"""GraphQL over a database that decides for itself, wired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undercroft.app.graphql_api import limits_of
from undercroft.base.settings import Settings
from undercroft.pipeline.database import DatabasePipeline

if TYPE_CHECKING:
    from undercroft.graphql.database import SchemasAnswering
    from undercroft.graphql.database_carrying import DatabaseCarrying


def database_answering_of(pipeline: DatabasePipeline, settings: Settings, log: Any, *, dev: bool) -> SchemasAnswering:
    """What answers messages about the schemas that the settings name; what of them has no name in GraphQL is told to
    the log. It imports graphql-core, which takes a third of a second once.
    """
    from undercroft.graphql.answering import Answering
    from undercroft.graphql.database import SchemasAnswering

    answering: dict[str, Answering] = {}
    for schema in pipeline.serving.catalogs:
        carrying = carrying_of(pipeline, schema, settings, dev=dev)
        for problem in carrying.outline.problems:
            log.warning("graphql", schema=schema, problem=problem)
        answering[schema] = Answering(carrying, limits_of(settings), settings.graphql.cached_documents)
    return SchemasAnswering(answering)


def carrying_of(pipeline: DatabasePipeline, schema: str, settings: Settings, *, dev: bool = False) -> DatabaseCarrying:
    """What carries out asks over one schema, and knows what the API is for a role."""
    from undercroft.graphql.database_carrying import DatabaseCarrying, Introspecting
    from undercroft.graphql.parts.describing.tables import Options

    said = settings.graphql
    options = Options(said.inflect_names, said.max_rows, said.total_count, said.aggregate)
    introspecting = Introspecting(frozenset(said.introspection), everybody=dev or "*" in said.introspection)
    return DatabaseCarrying(pipeline, schema, options, introspecting)
