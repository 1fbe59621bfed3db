"""Webhooks of an app, wired: what publishes and delivers, what receives, and the jobs that both need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from undercroft.access.actor import Actor
from undercroft.app.blueprint import Blueprint
from undercroft.app.calling import outgoing_settings
from undercroft.auth import load_or_create_sealing_key
from undercroft.base.clock import Clock
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.engine.types import Transaction
from undercroft.models.encrypted import encrypted_columns
from undercroft.models.functions import Hook
from undercroft.models.jobs import Job, Planned
from undercroft.models.objects import lacks_values, values_of
from undercroft.outgoing import Client
from undercroft.pipeline.context import Context
from undercroft.pipeline.ports import not_here
from undercroft.pipeline.run import Pipeline
from undercroft.webhooks.parts.sealing import Sealer
from undercroft.webhooks.routes import WebhooksRoom
from undercroft.webhooks.service.declared import DeclaredEndpoints, declared_by
from undercroft.webhooks.service.delivering import Deliverer
from undercroft.webhooks.service.publishing import Publisher
from undercroft.webhooks.service.receiving import Inbox, ready
from undercroft.webhooks.service.room import Room
from undercroft.webhooks.service.tidying import tidy
from undercroft.webhooks.settings import WebhookSettings
from undercroft.webhooks.tasks import deliver_job, handle_job
from undercroft.webhooks.types import Notification

WEBHOOKS = b"/webhooks/v1"


@dataclass(frozen=True, slots=True, eq=False)
class WebhookParts:
    """What the rest of the house needs of webhooks."""

    room: WebhooksRoom
    publisher: Publisher
    jobs: list[Job[Any, Any]]
    declared: DeclaredEndpoints
    tidy: Callable[[], Awaitable[int]]


def webhooks_of(
    app: Blueprint, settings: Settings, pipeline: Pipeline, client: Client, clock: Clock, log: Any
) -> WebhookParts:
    """The app's webhooks, also as ports of its contexts. Raises `SetupFault` for a secret that is not there."""
    room = room_of(settings, pipeline, clock)
    deliver = deliver_job(Deliverer(room, client, log), room)
    inbox = Inbox(room, pipeline, log)
    sources = inbox.sources = ready(app.inbounds, settings.webhooks.secrets, partial(handle_job, inbox))
    publisher = Publisher(room, _enqueuing(pipeline), deliver)
    pipeline.ports.publish = publisher
    pipeline.ports.webhooks = publisher.endpoints
    jobs = [deliver, *(source.job for source in sources.values())]
    given = settings.webhooks
    declared = DeclaredEndpoints(room, declared_by(app.notifications, given.endpoints, given.secrets, room), log)
    return WebhookParts(
        WebhooksRoom(inbox, body_limit=given.body_limit), publisher, jobs, declared, partial(tidy, room)
    )


def room_of(settings: Settings, pipeline: Pipeline, clock: Clock) -> Room:
    """What its verbs share."""
    given = settings.webhooks
    told = WebhookSettings(
        https_only=given.https_only,
        timeout=given.timeout,
        overlap=given.overlap,
        tolerance=given.tolerance,
        body_limit=given.body_limit,
        keep=given.keep,
    )
    return Room(pipeline.engine, clock, told, outgoing_settings(settings), sealer_of(settings))


def sealer_of(settings: Settings) -> Sealer:
    """What seals secrets: with the configured key, or the one in the data directory, made when it is first needed."""

    def key() -> Secret:
        return settings.webhooks.encryption_key or load_or_create_sealing_key(settings.database.data)

    return Sealer(key)


def notifying_hooks(app: Blueprint) -> list[Hook]:
    """The hooks that publish the changes of tables."""
    return [_hook(each, _hidden(app, each.table)) for each in app.notifications]


def _hook(notification: Notification, hidden: frozenset[str]) -> Hook:
    payload = notification.payload

    async def publish(ctx: Context, row: Any) -> None:
        data = payload(row) if payload is not None else await _columns(ctx, row, hidden)
        await ctx.publish(notification.event, data)

    verb: Any = notification.verb
    return Hook(notification.table, "after", verb, publish, notification.source)


async def _columns(ctx: Context, row: Any, hidden: frozenset[str]) -> dict[str, Any]:
    """A row's columns, without those that are hidden from anybody: who receives an event is nobody's role."""
    if lacks_values(row):  # what the database itself set in an update
        with ctx.as_service():
            await ctx.session.refresh(row)
    return {name: value for name, value in values_of(row).items() if name not in hidden}


def _hidden(app: Blueprint, table: str) -> frozenset[str]:
    rules = [rule for rule in app.column_rules if rule.table == table and rule.kind == "hide"]
    sealed = (column.name for column in encrypted_columns(app.metadata) if column.table.name == table)
    return frozenset(sealed).union(*(rule.columns for rule in rules))


def _enqueuing(pipeline: Pipeline) -> Any:
    """The outbox, as it will be: it is set once the jobs of all rooms are known."""

    async def enqueue(transaction: Transaction, actor: Actor, calls: Sequence[Planned]) -> list[int]:
        if pipeline.ports.enqueue is None:
            raise not_here("ctx.publish")
        return await pipeline.ports.enqueue(transaction, actor, calls)

    return enqueue
