"""The section of GraphQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from undercroft.base.settings.sections import Count, Section


class Graphql(Section):
    """`[graphql]`: the same data at `/graphql/v1`."""

    enabled: bool = True
    """Whether it is served."""
    inflect_names: bool | None = None
    """Whether `blog_post` and `created_at` become `BlogPost` and `createdAt`. By default they do with an app file;
    without one, as the comment on the schema says: `@graphql({"inflect_names": true})`."""
    max_rows: Count = 30
    """Rows of a page, where nothing says how many, and the most that may be asked for; a table may have a number of
    its own."""
    total_count: bool = False
    """Whether every collection has `totalCount`; a table may say it for itself."""
    aggregate: bool = False
    """Whether every collection has `aggregate`; a table may say it for itself."""
    introspection: tuple[str, ...] = ("service_role",)
    """Roles that may ask for the schema; `["*"]` for all. `undercroft dev` lets all."""
    max_tokens: Count = 2000
    """Words and signs in a document, comments too."""
    max_depth: Annotated[int, Field(ge=3)] = 16
    """Fields within fields; `edges` and `node` count."""
    max_aliases: Annotated[int, Field(ge=0)] = 100
    """Fields by another name than their own."""
    max_directives: Annotated[int, Field(ge=0)] = 50
    """`@skip` and `@include` in a document."""
    max_complexity: Count = 1_000_000
    """Fields that an operation may ask for, each as often as the pages above it have rows."""
    batch_limit: Annotated[int, Field(ge=0)] = 10
    """At most so many operations in one request, as a list; 0 takes no lists."""
    persisted_documents: Path | None = None
    """A JSON file of documents by their hash, or Apollo's manifest of them: with it, no others are answered."""
    cached_documents: Count = 1000
    """Documents that are kept parsed, and by their hash (persisted queries)."""
