"""GraphQL over an app's own data, wired."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from undercroft.app.blueprint import Blueprint
from undercroft.app.describing import described_for, outline_of
from undercroft.base.settings import Settings
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.documents.limits import Limits
from undercroft.pipeline.call import Caller
from undercroft.pipeline.run import Pipeline

if TYPE_CHECKING:
    from undercroft.graphql.answering import Answering

_ROLES = 64
"""Roles whose description is kept at once."""


def answering_of(app: Blueprint, pipeline: Pipeline, caller: Caller, settings: Settings, *, dev: bool) -> Answering:
    """What answers messages of GraphQL. It imports graphql-core, which takes a third of a second once.

    Raises `SetupFault` where `app.graphql` was told something wrong.
    """
    from undercroft.graphql.answering import Answering
    from undercroft.graphql.carrying import AppCarrying

    known = outline_of(app, pipeline, settings)
    for problem in known.problems:
        pipeline.log.warning("graphql: not as it is called", problem=problem)

    @lru_cache(_ROLES)
    def describing(role: str) -> Described:
        return described_for(role, known, pipeline, caller, settings, dev=dev)

    carrying = AppCarrying(pipeline, caller, describing)
    return Answering(carrying, limits_of(settings), settings.graphql.cached_documents)


def limits_of(settings: Settings) -> Limits:
    """How much a document may ask for."""
    said = settings.graphql
    return Limits(
        max_tokens=said.max_tokens,
        max_depth=said.max_depth,
        max_complexity=said.max_complexity,
        max_aliases=said.max_aliases,
        max_directives=said.max_directives,
    )
