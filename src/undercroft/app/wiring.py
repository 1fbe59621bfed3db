"""What each room is told of the settings."""

from __future__ import annotations

import os
from pathlib import Path

from undercroft.base.settings import Settings
from undercroft.rest.parts.limits import Limits
from undercroft.rest.routes import RestSettings
from undercroft.web.docs import Docs
from undercroft.web.door import DoorSettings


def load_settings(file: Path | None = None) -> Settings:
    """The settings of `undercroft.toml`, where there is one, and of the environment. Raises `SetupFault`."""
    found = file or (Path("undercroft.toml") if Path("undercroft.toml").exists() else None)
    return Settings.load(found, os.environ)


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
        api.openapi_version,
        api.batch_limit,
    )


def docs_page(settings: Settings, title: str) -> Docs | None:
    """The page at /docs, where the API describes itself at all."""
    return Docs(title, settings.api.external_url) if settings.api.openapi != "disabled" else None


def door_settings(settings: Settings) -> DoorSettings:
    """What the door allows and tells."""
    server = settings.server
    return DoorSettings(
        body_limit=server.body_limit,
        body_seconds=server.body_timeout,
        max_requests=server.max_requests,
        max_queue=server.max_queue,
        max_streams=min(server.max_streams, max(1, server.max_requests - 1)),
        cors_origins=frozenset(origin.encode() for origin in server.cors_allowed_origins),
        trace_header=server.trace_header.lower().encode() if server.trace_header else None,
        timing=server.timing,
        log_all=settings.log.requests,
    )
