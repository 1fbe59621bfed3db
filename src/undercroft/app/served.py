"""The house over an existing PostgreSQL database, where its own roles, grants and row-level security decide."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import structlog

from undercroft.access.policy import Rules
from undercroft.app.blueprint import Blueprint
from undercroft.app.graphql_database import carrying_of, database_answering_of
from undercroft.app.graphql_http import GRAPHQL, graphql_room_of
from undercroft.app.house import House
from undercroft.app.wiring import docs_page, door_settings, rest_settings
from undercroft.auth.service.identity import identity, installation_keys, session_keys
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.base.settings.postgrest import IN_DATABASE, overlaid
from undercroft.catalog.types import Catalog
from undercroft.graphql.parts.describing.described import Described
from undercroft.pipeline.call import Caller
from undercroft.pipeline.database import DatabasePipeline, DatabaseSettings, Serving
from undercroft.pipeline.hooks import sort_hooks
from undercroft.pipeline.impersonation import Impersonation, quoted, role_settings
from undercroft.pipeline.run import Pipeline
from undercroft.rest.database import DatabaseRoom
from undercroft.rest.database_root import DatabaseRoot
from undercroft.rest.response import fault_headers
from undercroft.sql.codecs import write_json
from undercroft.sql.database import DatabaseDialect
from undercroft.sql.postgres import AppPostgresDialect, TextDialect
from undercroft.web.actor import Identify
from undercroft.web.door import Door
from undercroft.web.faults import body_of, terse_body_of
from undercroft.web.outside import Outside
from undercroft.web.types import Room

if TYPE_CHECKING:
    from undercroft.auth.types import Keys
    from undercroft.engine.postgres.settings import PostgresSettings
    from undercroft.engine.postgres.standing import Standing

PREFIX = b"/rest/v1"


def build_served(app: Blueprint, settings: Settings, clock: Clock, *, dev: bool = False) -> House:
    """Read the database that the settings name, and wire it to them. It blocks.

    Raises `SetupFault` where its driver is missing, or it cannot be reached.
    """
    try:
        from undercroft.app.reloading import Reloading, listening_to
    except ImportError as error:
        raise SetupFault(
            f"PostgreSQL's driver is not installed: {error}", hint="pip install 'undercroft[postgres]'"
        ) from error
    served = Served(app, settings, clock, dev=dev)
    house = served.house()
    house.beside = Reloading(served.read_again, listening_to(settings), served.log)
    return house


class Served:
    """One database that decides for itself: what was read of it, and the rooms that stand over that."""

    def __init__(self, app: Blueprint, settings: Settings, clock: Clock, *, dev: bool) -> None:
        from undercroft.engine.postgres.engine import PostgresEngine

        self.log: Any = structlog.get_logger()
        self._app = app
        self._given = settings
        """The settings without what the database says of them."""
        self._clock = clock
        self._dev = dev
        self._url = postgres_settings(settings).url
        self._settings = with_database_s_own(settings, self._url)
        self._standing = self._read_standing()
        self._engine = PostgresEngine(postgres_settings(self._settings), json_serializer=write_json)
        self._keys = self._make_keys()
        self._identify = self._identity(self._settings)
        self._house: House | None = None

    def house(self) -> House:
        """Everything, joined."""
        settings, engine = self._settings, self._engine
        # The app's own machinery has nothing to do here: it knows of no table and no function.
        idle = Pipeline(
            engine,
            AppPostgresDialect(TextDialect(write_json)),
            Catalog({}, {}, settings.api.schemas[0]),
            Rules({}, {}, frozenset()),
            sort_hooks([]),
            self.log,
        )
        outside = Outside(
            self._app.mounts,
            title=self._app.title,
            docs=docs_page(settings, self._app.title),
            check=lambda: engine.read("SELECT 1", ()),
        )
        caller = Caller(idle, {})
        self._house = House(settings, self._keys, engine, idle, caller, self._door(), outside, prepare=lambda: None)
        self._house.describe = self.describe
        return self._house

    def _door(self) -> Door:
        """The rooms over what is known now; nothing is remembered in them of what was known before."""
        settings, pipeline = self._settings, self._pipeline()
        fault_body = body_of if settings.postgrest.error_verbosity == "verbose" else terse_body_of
        prefix = b"" if settings.postgrest.stand_in else PREFIX
        room = DatabaseRoom(
            pipeline,
            rest_settings(settings, self._app.title),
            root_of(pipeline, settings, prefix),
            plans=settings.api.plan,
            fault_body=fault_body,
            legacy_names=settings.postgrest.legacy_target_names,
            anon_role=settings.api.anon_role,
        )
        rooms: dict[bytes, Room] = {prefix: room}
        if settings.graphql.enabled and not settings.postgrest.stand_in:
            answering = partial(database_answering_of, pipeline, settings, self.log, dev=self._dev)
            rooms[GRAPHQL] = graphql_room_of(answering, settings, self._app.title, self.log)
        return Door(
            rooms,
            self._identify,
            door_settings(settings),
            self.log,
            fault_headers=fault_headers,
            fault_body=fault_body,
        )

    def _pipeline(self) -> DatabasePipeline:
        settings = self._settings
        dialect = DatabaseDialect(TextDialect(write_json), exact=settings.postgrest.stand_in)
        limits = DatabaseSettings(settings.api.aggregates, settings.api.max_rows)
        return DatabasePipeline(self._engine, dialect, serving(self._standing, settings), limits)

    async def describe(self, role: str) -> Described:
        """What GraphQL is for a role, in the first schema. Raises `DatabaseFault` for a role that there is not."""
        return await carrying_of(self._pipeline(), self._settings.api.schemas[0], self._settings).describe(role)

    # --- reading ---

    async def read_again(self, what: Literal["schema", "config"]) -> None:
        """Read the settings too for `config`, and serve by them from the next request on.

        What is running keeps what it has: address, port, pool. Raises `SetupFault`, and then all is as it was.
        """
        settings = await asyncio.to_thread(self._read_settings) if what == "config" else self._settings
        before, self._settings = self._settings, settings
        try:
            standing = await asyncio.to_thread(self._read_standing)
            if what == "config":
                self._keys = self._make_keys()
                self._identify = self._identity(settings)
        except BaseException:
            self._settings = before
            raise
        self._standing = standing
        self._engine.prepare_anew()
        if self._house is not None:
            self._house.door = self._door()

    def _read_settings(self) -> Settings:
        if self._app.read_settings is not None:
            self._given = self._app.read_settings()
        return with_database_s_own(self._given, self._url)

    def _read_standing(self) -> Standing:
        from undercroft.engine.postgres.standing import read_standing

        api, timezones = self._settings.api, self._settings.postgrest.timezones
        standing = read_standing(self._url, api.schemas, api.extra_search_path, timezones=timezones)
        for lack in lacks(standing, self._settings):
            self.log.warning("the database is not ready for its callers", lack=lack)
        return standing

    def _identity(self, settings: Settings) -> Identify:
        known = identity(self._keys, settings, self._clock)
        # A PostgREST knows of no key but the token: what else a client sends along is for others.
        return (lambda authorization, apikey: known(authorization, None)) if settings.postgrest.stand_in else known

    def _make_keys(self) -> Keys:
        if self._settings.postgrest.stand_in:
            return session_keys(self._settings)
        return installation_keys(self._settings, self._clock, dev=self._dev)


def root_of(pipeline: DatabasePipeline, settings: Settings, prefix: bytes) -> DatabaseRoot:
    """What is told at the root of the API, which stands under `prefix`."""
    host, api, postgrest = settings.server.host, settings.api, settings.postgrest
    address = f"http://{f'[{host}]' if ':' in host else host}:{api.port}{prefix.decode() or '/'}"
    return DatabaseRoot(
        pipeline,
        with_port(api.external_url or address),
        shown=api.openapi != "disabled",
        everything=postgrest.ignore_privileges,
        secured=postgrest.security_active,
        function=postgrest.root_spec,
    )


def with_port(address: str) -> str:
    """The address with the port that its scheme stands for, where it names none: PostgREST's clients are told it."""
    parts = urlsplit(address)
    port = {"http": 80, "https": 443}.get(parts.scheme)
    if port is None or parts.port is not None or not parts.hostname:
        return address
    return parts._replace(netloc=f"{parts.netloc}:{port}").geturl()


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
        lock_seconds=database.lock_timeout,
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


def lacks(standing: Standing, settings: Settings) -> list[str]:
    """What the settings name and the database does not have, with what to do."""
    api = settings.api
    found = [
        f"there is no schema {schema}: create it, or name others as {_named('db-schemas', '[api] schemas', settings)}"
        for schema in api.schemas
        if schema not in standing.schemas
    ]
    if api.anon_role and api.anon_role not in standing.impersonable:
        found.append(
            f"nobody without a token is let in: the connecting role cannot become {api.anon_role}. "
            f"CREATE ROLE {api.anon_role} NOLOGIN; GRANT {api.anon_role} TO the connecting role; "
            f"or name another as {_named('db-anon-role', '[api] anon_role', settings)}"
        )
    return found


def _named(theirs: str, ours: str, settings: Settings) -> str:
    return theirs if settings.postgrest.stand_in else ours


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
