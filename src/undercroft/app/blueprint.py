"""What an app's file declares, whole: tables, rules, functions, mounted applications. Nothing here serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from undercroft.access.actor import SERVICE_ROLE
from undercroft.auth.declarations import AuthDeclarations
from undercroft.auth.tables import TABLES as AUTH_TABLES
from undercroft.base.settings import Settings
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.catalog.types import Catalog
from undercroft.functions.declarations import FunctionDeclarations
from undercroft.graphql.declarations import GraphqlDeclarations
from undercroft.jobs.declarations import JobDeclarations
from undercroft.jobs.tables import METADATA as JOB_TABLES
from undercroft.mail.tables import METADATA as MAIL_TABLES
from undercroft.organisations import OrganisationDeclarations
from undercroft.pages.declarations import PageDeclarations
from undercroft.pipeline.tables import METADATA as KEY_TABLES
from undercroft.web.types import ASGIApp
from undercroft.webhooks.declarations import WebhookDeclarations
from undercroft.webhooks.tables import METADATA as WEBHOOK_TABLES

HOUSE_TABLES = (KEY_TABLES, JOB_TABLES, MAIL_TABLES, WEBHOOK_TABLES)
"""What rooms keep beside the app's own tables, in the schema `undercroft`."""


class Blueprint(
    OrganisationDeclarations,
    JobDeclarations,
    FunctionDeclarations,
    PageDeclarations,
    WebhookDeclarations,
    GraphqlDeclarations,
    AuthDeclarations,
):
    """The plan of a house."""

    def __init__(self, models: type[DeclarativeBase], *, title: str, existing: bool) -> None:
        super().__init__()
        self.models: type[DeclarativeBase] = models
        self.title = title
        self.mounts: list[tuple[str, ASGIApp]] = []
        self.bypass = frozenset({SERVICE_ROLE})
        """Roles to which no policy applies."""
        self.existing = existing
        """The database belongs to somebody else."""
        self.migrations: Path | None = None
        """The folder of revision files; whoever loads an app file sets it to the one beside the file."""
        self.read_settings: Callable[[], Settings] | None = None
        """Reads the settings anew from where they came from, where that can be done."""
        # SQLAlchemy holds classes weakly: those of a function that makes an app would be gone before they are served.
        self._classes = [mapper.class_ for mapper in models.registry.mappers]
        self.developing = False
        """Changes of the models are applied at the start, as `undercroft dev` does it."""
        if not existing:
            _add_tables(models.metadata)

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


def _is_without_rowid(table: Any) -> bool:
    return table.dialect_options["sqlite"]["with_rowid"] is False


def _add_tables(metadata: MetaData) -> None:
    """Have the house's own tables come with the app's, so that migrations and moves carry them."""
    for table in [*AUTH_TABLES, *(table for room in HOUSE_TABLES for table in room.tables.values())]:
        if table.key not in metadata.tables:
            table.to_metadata(metadata)
