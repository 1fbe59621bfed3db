"""The room of the data API, with batches and the answers that are kept under keys."""

from __future__ import annotations

from undercroft.app.blueprint import Blueprint
from undercroft.app.wiring import rest_settings
from undercroft.base.clock import Clock
from undercroft.base.settings import Settings
from undercroft.pipeline.call import Caller
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.run import Pipeline
from undercroft.rest import BatchRoom, RestRoom
from undercroft.rest.routes import BATCH


def idempotency_of(app: Blueprint, pipeline: Pipeline, settings: Settings, clock: Clock) -> Idempotency | None:
    """What keeps answers; None over somebody else's database, which has no table for them."""
    return None if app.existing else Idempotency(pipeline, clock, settings.api.idempotency)


def data_api_of(
    pipeline: Pipeline, caller: Caller, settings: Settings, title: str, idempotency: Idempotency | None
) -> RestRoom:
    """The room at `/rest/v1`. A table of the app's that is called `batch` keeps its path."""
    told = rest_settings(settings, title)
    room = RestRoom(pipeline, caller, told, idempotency)
    if BATCH not in pipeline.catalog.tables:
        room.batch = BatchRoom(room, pipeline, caller, told.limits, told.most_in_batch, idempotency)
    return room
