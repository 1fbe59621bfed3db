"""`build`: the one place that knows every room. Lists, no logic."""

from __future__ import annotations

from functools import partial
from typing import Any

import structlog

from undercroft.access.policy import rules_of
from undercroft.app.answering import FUNCTIONS, functions_room, site_of
from undercroft.app.background import background_of
from undercroft.app.blueprint import Blueprint
from undercroft.app.calling import client_of
from undercroft.app.checking import check_rules, functions_by_name
from undercroft.app.data_api import data_api_of, idempotency_of
from undercroft.app.databases import bring_up, database_of, is_served
from undercroft.app.describing import directed_catalog
from undercroft.app.graphql_api import answering_of
from undercroft.app.graphql_http import GRAPHQL, graphql_room_of
from undercroft.app.hosted_pages import UI, hosted_room
from undercroft.app.house import House, Running
from undercroft.app.mailing import mail_pages, mailer_of
from undercroft.app.messaging import messages_of
from undercroft.app.organising import belonging_of, terms_of
from undercroft.app.served import build_served
from undercroft.app.signing_in import AUTH, auth_of
from undercroft.app.walls import second_wall
from undercroft.app.webhooking import WEBHOOKS, notifying_hooks, webhooks_of
from undercroft.app.wiring import docs_page, door_settings
from undercroft.auth import SealingKeys
from undercroft.auth.routes.oauth_server import discovery_rooms
from undercroft.auth.service.identity import identity, installation_keys
from undercroft.base.clock import Clock, SystemClock
from undercroft.base.settings import Settings
from undercroft.jobs.service.tidying import Tidying
from undercroft.models.encrypted import unlock
from undercroft.models.jobs import Job
from undercroft.outgoing import Http
from undercroft.pipeline.call import Caller
from undercroft.pipeline.hooks import sort_hooks
from undercroft.pipeline.run import Pipeline, PipelineSettings
from undercroft.rest.response import fault_headers
from undercroft.web.cookies import Renew
from undercroft.web.door import Door
from undercroft.web.outside import Outside
from undercroft.web.types import Room


def build(
    app: Blueprint,
    settings: Settings,
    *,
    clock: Clock | None = None,
    dev: bool = False,
    prefix: bytes = b"/rest/v1",
    require_filter: bool = True,
) -> House:
    """Wire an app to its settings: `prefix` is where the data API stands. Raises `SetupFault` where either is wrong."""
    clock = clock or SystemClock()
    if app.existing and is_served(settings):
        return build_served(app, settings, clock, dev=dev)
    log = structlog.get_logger()
    keys = installation_keys(settings, clock, dev=dev)
    database = database_of(app, settings)
    unlock(app.metadata, SealingKeys(settings.auth, settings.database.data).ring)
    catalog = directed_catalog(app, app.catalog(settings.api.schemas[0]))
    rules = rules_of(app.policies, app.column_rules, app.bypass, calls_functions=settings.database.rls)
    check_rules(catalog, rules)
    pipeline = Pipeline(
        database.engine,
        database.dialect,
        catalog,
        rules,
        sort_hooks([*app.hooks, *notifying_hooks(app)]),
        log,
        PipelineSettings(
            aggregates=settings.api.aggregates,
            require_filter=require_filter,
            hook_seconds=settings.database.hook_timeout,
        ),
        second_wall(rules, settings),
    )
    caller = Caller(pipeline, functions_by_name(app.functions))
    house_jobs: list[Job[Any, Any]] = []
    client = client_of(settings, clock, log)
    pipeline.ports.http = Http(client)
    pipeline.ports.organisations = terms_of(settings, clock)
    pipeline.ports.belonging = belonging_of(app, pipeline, settings)
    running: list[Running] = [client]
    background, mailer, messages, people = None, None, None, None
    renew: Renew | None = None
    rooms: dict[bytes, Room] = {}
    if not app.existing:
        webhooks = webhooks_of(app, settings, pipeline, client, clock, log)
        house_jobs += webhooks.jobs
        rooms[WEBHOOKS] = webhooks.room
        running.append(webhooks.declared)
        mailer = mailer_of(app, settings, pipeline, clock, log, dev=dev)
        running += [mailer, Tidying((mailer.tidy, webhooks.tidy), log)]
        if mailer.backend is not None:
            house_jobs.append(mailer.job)
        messages = messages_of(settings, pipeline, log, dev=dev)
        if messages is not None:
            house_jobs.append(messages.job)
        background = background_of(app, house_jobs, pipeline, settings, clock, log)
        running.append(background)
    idempotency = idempotency_of(app, pipeline, settings, clock)
    who = identity(keys, settings, clock)
    if settings.auth.enabled and not app.existing:
        rooms[AUTH], people, revoking = auth_of(settings, pipeline, who, keys, clock, log, messages, app.auth_hooks)
        running += [people.hasher, revoking]
        rooms |= discovery_rooms(people)
        if settings.auth.ui.enabled:
            rooms[UI], renew = hosted_room(app, settings, keys, people, who, clock, log, dev=dev)
    if settings.graphql.enabled:
        answering = partial(answering_of, app, pipeline, caller, settings, dev=dev)
        rooms[GRAPHQL] = graphql_room_of(answering, settings, app.title, log, idempotency)
    rest = data_api_of(pipeline, caller, settings, app.title, idempotency)
    door = Door(
        {prefix: rest, FUNCTIONS: functions_room(app, pipeline, settings, idempotency), **rooms},
        who,
        door_settings(settings),
        log,
        fault_headers=fault_headers,
    )
    return House(
        settings,
        keys,
        database.engine,
        pipeline,
        caller,
        door,
        Outside(
            app.mounts,
            title=app.title,
            docs=docs_page(settings, app.title),
            check=database.check,
            otherwise=site_of(app, pipeline, settings, keys, clock, door, who, renew, dev=dev),
            more=mail_pages(mailer, dev=dev),
        ),
        prepare=lambda: None if app.existing else bring_up(app, settings),
        running=running,
        background=background,
        mailer=mailer,
        people=people,
    )
