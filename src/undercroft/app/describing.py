"""What GraphQL is for each role of an app."""

from __future__ import annotations

from importlib.util import find_spec

from undercroft.app.blueprint import Blueprint
from undercroft.base.settings import Settings
from undercroft.catalog.types import Catalog
from undercroft.graphql.declarations import said_directives
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.describing.directed_keys import with_directed_keys
from undercroft.graphql.parts.describing.rights import rights_of
from undercroft.graphql.parts.describing.tables import Options, Outline, describe, outline
from undercroft.pipeline.call import Caller
from undercroft.pipeline.run import Pipeline


def directed_catalog(app: Blueprint, catalog: Catalog) -> Catalog:
    """A catalog with the relations that comments make. Raises `SetupFault` where `app.graphql` was told something
    wrong."""
    return with_directed_keys(catalog, said_directives(app.graphql_said, catalog, app.functions))


def outline_of(app: Blueprint, pipeline: Pipeline, settings: Settings) -> Outline:
    """What is the same for every role."""
    given, catalog = settings.graphql, pipeline.catalog
    inflects = True if given.inflect_names is None and not app.existing else given.inflect_names
    # SQLite has patterns by RE2, which is an extra.
    regular = pipeline.dialect.sqlalchemy.name != "sqlite" or find_spec("re2") is not None
    options = Options(inflects, given.max_rows, given.total_count, given.aggregate, regular)
    return outline(catalog, options, said_directives(app.graphql_said, catalog, app.functions))


def described_for(
    role: str, known: Outline, pipeline: Pipeline, caller: Caller, settings: Settings, *, dev: bool = False
) -> Described:
    """The API of one role; `dev` lets every role ask for the schema."""
    catalog, lets = pipeline.scope(role), settings.graphql.introspection
    asks = dev or role in lets or "*" in lets
    return describe(known, catalog, rights_of(catalog, pipeline.rules, role), caller.known(role), introspection=asks)
