"""The house over an existing PostgreSQL database, where its own roles, grants and row-level security decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from undercroft.access.policy import Rules
from undercroft.app.blueprint import Blueprint
from undercroft.app.databases import write_json
from undercroft.app.house import House
from undercroft.app.wiring import docs_page, door_settings, rest_settings
from undercroft.auth.service import identity, installation_keys, session_keys
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.base.settings.postgrest import IN_DATABASE, overlaid
from undercroft.catalog.types import Catalog
from undercroft.pipeline.call import Caller
from undercroft.pipeline.database import DatabasePipeline, DatabaseSettings, Serving
from undercroft.pipeline.hooks import sort_hooks
from undercroft.pipeline.impersonation import Impersonation, quoted, role_settings
from undercroft.pipeline.run import Pipeline
from undercroft.rest.database import DatabaseRoom
from undercroft.rest.response import fault_headers
from undercroft.sql.database import DatabaseDialect
from undercroft.sql.postgres import AppPostgresDialect, TextDialect
from undercroft.web.door import Door
from undercroft.web.outside import Outside

if TYPE_CHECKING:
    from undercroft.engine.postgres.settings import PostgresSettings
    from undercroft.engine.postgres.standing import Standing

PREFIX = b"/rest/v1"


def build_served(app: Blueprint, settings: Settings, clock: Clock, *, dev: bool = False) -> House:
    """Read the database that the settings name, and wire it to them. It blocks.

    Raises `SetupFault` where its driver is missing, or it cannot be reached.
    """
    try:
        from undercroft.engine.postgres.engine import PostgresEngine
        from undercroft.engine.postgres.standing import read_standing
    except ImportError as error:
        raise SetupFault(
            f"PostgreSQL's driver is not installed: {error}", hint="pip install 'undercroft[postgres]'"
        ) from error
    reached = postgres_settings(settings)
    settings = with_database_s_own(settings, reached.url)
    api = settings.api
    standing = read_standing(reached.url, api.schemas, api.extra_search_path, timezones=settings.postgrest.timezones)
    engine = PostgresEngine(postgres_settings(settings), json_serializer=write_json)
    dialect = DatabaseDialect(TextDialect(write_json), exact=settings.postgrest.stand_in)
    limits = DatabaseSettings(api.aggregates, api.max_rows)
    served = DatabasePipeline(engine, dialect, serving(standing, settings), limits)
    log = structlog.get_logger()
    keys = session_keys(settings) if settings.postgrest.stand_in else installation_keys(settings, clock, dev=dev)
    # The app's own machinery has nothing to do here: it knows of no table and no function.
    idle = Pipeline(
        engine,
        AppPostgresDialect(TextDialect(write_json)),
        Catalog({}, {}, api.schemas[0]),
        Rules({}, {}, frozenset()),
        sort_hooks([]),
        log,
    )
    verbose = settings.postgrest.error_verbosity == "verbose"
    room = DatabaseRoom(served, rest_settings(settings, app.title), plans=api.plan, verbose=verbose)
    prefix = b"" if settings.postgrest.stand_in else PREFIX
    door = Door(
        {prefix: room}, identity(keys, settings, clock), door_settings(settings), log, fault_headers=fault_headers
    )
    outside = Outside(
        app.mounts,
        title=app.title,
        docs=docs_page(settings, app.title),
        check=lambda: engine.read("SELECT 1", ()),
    )
    return House(settings, keys, engine, idle, Caller(idle, {}), door, outside, prepare=lambda: None)


def postgres_settings(settings: Settings) -> PostgresSettings:
    """How the database is reached; errors are told in its own words."""
    from undercroft.engine.postgres.settings import PostgresSettings

    database = settings.database
    return PostgresSettings(
        database.url.reveal() if database.url else "postgresql://",
        pool_most=database.pool,
        wait_seconds=database.pool_timeout,
        wait_queue=database.write_queue,
        statement_seconds=None if settings.postgrest.stand_in else database.statement_timeout,
        lease_seconds=database.hook_timeout,
        idle_seconds=database.pool_idle,
        life_seconds=database.pool_lifetime,
        prepare=None if database.prepare else False,
        own_words=False,
    )


def with_database_s_own(settings: Settings, url: str) -> Settings:
    """The settings with what the database says of them (`pgrst.*`) over them. Raises `SetupFault`."""
    from undercroft.engine.postgres.standing import read_configuration

    if not settings.postgrest.config:
        return settings
    pre_config = settings.postgrest.pre_config
    said = read_configuration(url, IN_DATABASE, quoted(pre_config) if pre_config else None)
    return overlaid(settings, {IN_DATABASE[name]: value for name, value in said.items()}) if said else settings


def serving(standing: Standing, settings: Settings) -> Serving:
    """What the pipeline must know of a database."""
    postgrest = settings.postgrest
    impersonation = Impersonation(
        extra_search_path=settings.api.extra_search_path,
        app_settings=tuple((f"app.settings.{name}", value) for name, value in postgrest.app_settings.items()),
        pre_request=postgrest.pre_request,
        hoisted=frozenset(postgrest.hoisted_tx_settings),
        roles=role_settings(standing.roles),
    )
    return Serving(standing.catalogs, impersonation, standing.timezones if postgrest.timezones else frozenset())
