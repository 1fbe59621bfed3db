"""`App`, and `build`: the one place that knows every room. Lists, no logic."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from undercroft.access.actor import ANON, AUTHENTICATED, SERVICE_ROLE
from undercroft.access.guard import Guard
from undercroft.access.policy import Command, Policy, Rules, rules_of
from undercroft.auth.service import identity, installation_keys
from undercroft.auth.tables import User
from undercroft.auth.types import Keys
from undercroft.base.clock import Clock, SystemClock
from undercroft.base.faults import Fault, SetupFault
from undercroft.base.settings import Settings
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.catalog.types import Catalog
from undercroft.engine import SQLiteEngine, SQLiteSettings, migrate
from undercroft.engine.reflect import any_text, reflect_file
from undercroft.models.base import Model
from undercroft.models.declarations import Declarations
from undercroft.models.functions import Function
from undercroft.pipeline.call import Caller
from undercroft.pipeline.hooks import sort_hooks
from undercroft.pipeline.run import Pipeline, PipelineSettings
from undercroft.rest import RestRoom
from undercroft.rest.parts.limits import Limits
from undercroft.rest.response import fault_headers
from undercroft.rest.routes import RestSettings
from undercroft.sql.codecs import json_encoder
from undercroft.sql.sqlite import LooseSqliteDialect, SqliteDialect
from undercroft.web.docs import Docs
from undercroft.web.door import Door, DoorSettings, raw_path
from undercroft.web.outside import Outside
from undercroft.web.types import ASGIApp, Receive, Scope, Send

DATABASE_FILE = "data.db"


class App(Declarations):
    """An app: what its file declares, and an ASGI application that serves it.

    `models` is the declarative base whose tables are served; an existing project's own base will do. `settings` are
    read from `undercroft.toml` and the environment when they are left out. `existing` says that the database belongs to
    somebody else: its schema is never written to, and a column may hold values of any type.
    """

    def __init__(
        self,
        models: type[DeclarativeBase] = Model,
        *,
        title: str = "Undercroft",
        settings: Settings | None = None,
        existing: bool = False,
    ) -> None:
        super().__init__()
        self.models = models
        self.title = title
        self.settings = settings
        self.mounts: list[tuple[str, ASGIApp]] = []
        self.bypass = frozenset({SERVICE_ROLE})
        """Roles to which no policy applies."""
        self.house: House | None = None
        """A house that was built by hand; by default one is built from the settings at the start."""
        self._house: House | None = None
        self._starting: asyncio.Lock | None = None
        self.existing = existing
        self.migrations: Path | None = None
        """The folder of revision files; whoever loads an app file sets it to the one beside the file."""
        self.developing = False
        """Changes of the models are applied at the start, as `undercroft dev` does it."""
        if not existing and models.metadata is not User.metadata and "auth.users" not in models.metadata.tables:
            User.__table__.to_metadata(models.metadata)  # type: ignore[attr-defined]  # it is a Table

    @property
    def metadata(self) -> MetaData:
        """Everything that the database must hold."""
        return self.models.metadata

    def catalog(self, spoken: str) -> Catalog:
        """The tables that the data API may name; `spoken` is what their schema is called in messages."""
        return read_catalog(
            self.metadata, mappers=mappers_of(self.models), spoken=spoken, without_rowid=_is_without_rowid
        )

    def mount(self, path: str, application: ASGIApp) -> None:
        """Serve another ASGI application, FastAPI's for one, under a path."""
        self.mounts.append((path.rstrip("/"), application))

    async def start(self) -> House:
        """Open everything, once. Raises `SetupFault`."""
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._house is None:
                house = self.house or build(self, self.settings or load_settings())
                await house.start()
                self._house = house
        return self._house

    async def stop(self) -> None:
        """Answer what is queued and close; the app may be started again."""
        house, self._house = self._house, None
        if house is not None:
            await house.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        house = self._house
        if scope["type"] == "http":
            # Mounted in another application, nobody announces the start: the first request does.
            await (house or await self.start()).serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await (house or await self.start()).outside(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


@dataclass(slots=True, eq=False)
class House:
    """A built app: every room, and what joins them."""

    settings: Settings
    keys: Keys
    engine: SQLiteEngine
    pipeline: Pipeline
    caller: Caller
    door: Door
    outside: Outside
    prepare: Callable[[], object]

    async def start(self) -> None:
        self.prepare()
        try:
            await self.engine.start()
            for each in self.outside.mounted:
                await each.start()
        except BaseException:
            await self.close()
            raise
        self.outside.ready = True

    async def close(self) -> None:
        self.outside.ready = False
        for each in reversed(self.outside.mounted):
            await each.stop()
        await self.engine.close()

    def serve(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """An ASGI application for HTTP. It only shows the way: a coroutine less for every request."""
        found = self.door.room_of(raw_path(scope))
        if found is None:
            return self.outside(scope, receive, send)
        return self.door(scope, receive, send, *found)


def load_settings(file: Path | None = None) -> Settings:
    """The settings of `undercroft.toml`, where there is one, and of the environment. Raises `SetupFault`."""
    found = file or (Path("undercroft.toml") if Path("undercroft.toml").exists() else None)
    return Settings.load(found, os.environ)


def build(
    app: App,
    settings: Settings,
    *,
    clock: Clock | None = None,
    dev: bool = False,
    prefix: bytes = b"/rest/v1",
    require_filter: bool = True,
) -> House:
    """Wire an app to its settings: `prefix` is where the data API stands. Raises `SetupFault` where either is wrong."""
    clock = clock or SystemClock()
    log = structlog.get_logger()
    keys = installation_keys(settings, clock, dev=dev)
    engine = SQLiteEngine(sqlite_settings(settings), prepare=any_text if app.existing else None)
    engine.dialect._json_serializer = lambda value: json_encoder.encode(value).decode()
    catalog = app.catalog(settings.api.schemas[0])
    rules = rules_of(app.policies, app.column_rules, app.bypass)
    check_rules(catalog, rules)
    pipeline = Pipeline(
        engine,
        LooseSqliteDialect(engine.dialect) if app.existing else SqliteDialect(engine.dialect),
        catalog,
        rules,
        sort_hooks(app.hooks),
        log,
        PipelineSettings(
            aggregates=settings.api.aggregates,
            require_filter=require_filter,
            hook_seconds=settings.database.hook_timeout,
        ),
    )
    caller = Caller(pipeline, functions_by_name(app.functions))
    rest = RestRoom(pipeline, caller, rest_settings(settings, app.title))
    door = Door(
        {prefix: rest}, identity(keys, settings, clock), door_settings(settings), log, fault_headers=fault_headers
    )
    return House(
        settings,
        keys,
        engine,
        pipeline,
        caller,
        door,
        Outside(
            app.mounts,
            title=app.title,
            docs=docs_page(settings, app.title),
            check=lambda: engine.read("SELECT count(*) FROM sqlite_master", ()),
        ),
        prepare=lambda: None if app.existing else bring_up(app, settings),
    )


def database_app(settings: Settings) -> App:
    """An app without a file: the database that `[database] url` names, by reflection.

    Closed to everybody but `service_role`, unless `[api] anon` is "read". Raises `SetupFault` where there is no such
    file.
    """
    engine = SQLiteEngine(sqlite_settings(settings))
    found = reflect_file(engine)
    for notice in found.notices:
        structlog.get_logger().warning("reflection", notice=notice)
    base = type("Base", (DeclarativeBase,), {"metadata": found.metadata})
    app = App(base, title=engine.settings.path.stem, settings=settings, existing=True)
    if settings.api.anon == "read":
        roles = (settings.api.anon_role or ANON, AUTHENTICATED)
        app.policies += [read_by_all(table.name, roles) for table in found.metadata.tables.values() if not table.schema]
    return app


def read_by_all(table: str, roles: Iterable[str]) -> Policy:
    """Every row of a table, for whoever has one of these roles."""
    source = '[api] anon = "read"'
    reason = f"{source}: everybody reads every table and view of this database."
    select: frozenset[Command] = frozenset({"select"})
    return Policy("anon_read", table, select, _always, _always, frozenset(roles), reason, source)


def _always(row: Any) -> bool:
    return True


def bring_up(app: App, settings: Settings) -> migrate.Applied:
    """The database as the models want it: applied while developing, insisted on elsewhere. Raises `SetupFault`."""
    place = migrate.place_of(sqlite_settings(settings), settings.database.data)
    bring = migrate.sync if app.developing else migrate.ensure
    return bring(app.metadata, place, app.migrations)


def check_rules(catalog: Catalog, rules: Rules) -> None:
    """Call every policy once, so that a mistake in one stops the start and names its line. Raises `SetupFault`."""
    for policies in rules.policies.values():
        for policy in policies:
            table = catalog.tables.get(policy.table)
            if table is None:
                raise SetupFault(
                    f"{policy.source}: the policy {policy.name} is for the table {policy.table}, which is not served"
                )
            role, command = min(policy.roles or {ANON}), min(policy.commands)
            alone = Guard(Rules({policy.table: (policy,)}, {}, bypass=frozenset()), role)
            try:
                alone.using(table, command, table.element)
                if policy.check is not policy.using:
                    alone.check(table, command, table.element)
            except Exception as error:
                raise SetupFault(f"{policy.source}: the policy {policy.name} cannot be used: {error}") from error


def functions_by_name(functions: list[Function]) -> dict[str, Function]:
    """Functions by name. Raises `SetupFault` where two have one name."""
    found: dict[str, Function] = {}
    for function in functions:
        other = found.setdefault(function.name, function)
        if other is not function:
            raise SetupFault(f"{function.source}: a function {function.name} is already declared at {other.source}")
    return found


def sqlite_settings(settings: Settings) -> SQLiteSettings:
    """Where the file is and how it is driven. Raises `SetupFault` for a URL of another engine."""
    database = settings.database
    return SQLiteSettings(
        path=database_path(settings),
        read_budget_steps=database.read_budget_steps,
        statement_seconds=database.statement_timeout,
        lease_seconds=database.hook_timeout,
        readers=database.readers,
        write_queue=database.write_queue,
    )


def database_path(settings: Settings) -> Path:
    """The SQLite file of the settings: the one that `[database] url` names, else the one in the data directory."""
    url = settings.database.url.reveal() if settings.database.url else None
    if url is None:
        return settings.database.data / DATABASE_FILE
    if not url.startswith("sqlite:///"):
        raise SetupFault(
            "[database] url must begin with sqlite:/// for now",
            hint="sqlite:///file.db, or sqlite:////absolute/file.db",
        )
    return Path(url.removeprefix("sqlite:///"))


def rest_settings(settings: Settings, title: str) -> RestSettings:
    """What the data API allows."""
    api, server = settings.api, settings.server
    limits = Limits(url_bytes=server.url_limit, body_bytes=server.body_limit, json_depth=server.json_depth)
    return RestSettings(
        limits,
        api.schemas,
        api.max_rows,
        api.max_affected,
        api.tx_end,
        api.external_url,
        title,
        api.openapi != "disabled",
    )


def docs_page(settings: Settings, title: str) -> Docs | None:
    """The page at /docs, where the API describes itself at all."""
    return Docs(title, settings.api.external_url) if settings.api.openapi != "disabled" else None


def door_settings(settings: Settings) -> DoorSettings:
    """What the door allows and tells."""
    server = settings.server
    return DoorSettings(
        body_limit=server.body_limit,
        max_requests=server.max_requests,
        max_queue=server.max_queue,
        cors_origins=frozenset(origin.encode() for origin in server.cors_allowed_origins),
        trace_header=server.trace_header.lower().encode() if server.trace_header else None,
        timing=server.timing,
        log_all=settings.log.requests,
    )


def _is_without_rowid(table: Any) -> bool:
    return table.dialect_options["sqlite"]["with_rowid"] is False


__all__ = ["App", "Fault", "House", "build", "database_app", "load_settings"]
