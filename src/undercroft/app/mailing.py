"""Mail of an app, wired: its backend, its templates, its signer, and the job that sends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undercroft.access.actor import Actor
from undercroft.app.blueprint import Blueprint
from undercroft.auth.backends.template_files import TEMPLATES, read_templates
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.engine.types import Transaction
from undercroft.mail.backends.local import CaughtBackend, ConsoleBackend, MemoryBackend
from undercroft.mail.parts.addresses import address_of
from undercroft.mail.parts.signatures import Signer
from undercroft.mail.service import Mailer
from undercroft.mail.settings import backend_name, mail_settings, servers_of, signing_key
from undercroft.mail.tasks import send_job
from undercroft.mail.types import Backend
from undercroft.models.jobs import Planned
from undercroft.organisations.service import TEMPLATES as INVITATIONS
from undercroft.pipeline.ports import not_here
from undercroft.pipeline.run import Pipeline

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from undercroft.mail.parts.templates import Templates


def mailer_of(app: Blueprint, settings: Settings, pipeline: Pipeline, clock: Clock, log: Any, *, dev: bool) -> Mailer:
    """The app's mailer, also as the port of its contexts. Raises `SetupFault` for settings that are wrong."""
    name = backend_name(settings, dev=dev)
    worded = read_templates(settings.auth.email)
    public = {"title": app.title, "external_url": settings.api.external_url or ""}
    key = signing_key(settings)

    async def enqueue(transaction: Transaction, actor: Actor, calls: Sequence[Planned]) -> list[int]:
        if pipeline.ports.enqueue is None:  # set later, as the jobs of all rooms are known
            raise not_here("ctx.mail")
        return await pipeline.ports.enqueue(transaction, actor, calls)

    @cache
    def templates() -> Templates:
        from undercroft.mail.parts.templates import Templates

        return Templates(templates_folder(app, settings), public, first=worded, last=(TEMPLATES, INVITATIONS))

    mailer = Mailer(
        pipeline.engine,
        clock,
        mail_settings(settings, address_of, stand_in=name not in (None, "smtp")),
        None if name is None else backend_of(name, settings, clock, log),
        templates,
        enqueue,
        log,
        None if key is None else Signer(settings.mail.dkim.domain or "", settings.mail.dkim.selector, key),
    )
    if name == "smtp":
        templates()  # no request waits until they are loaded; an app that sends nothing starts without them
    mailer.job = send_job(mailer)
    pipeline.ports.mail = mailer
    return mailer


def mail_pages(mailer: Mailer | None, *, dev: bool) -> list[BaseRoute]:
    """The page of caught mails: while developing, where there are any."""
    if not dev or mailer is None or mailer.backend is None or not mailer.backend.keeps:
        return []
    from undercroft.mail.routes import inbox_routes

    return inbox_routes(mailer)


def backend_of(name: str, settings: Settings, clock: Clock, log: Any) -> Backend:
    """The backend of this name. Raises `SetupFault`."""
    if name == "smtp":
        return _smtp(settings, clock, log)
    if name == "console":
        return ConsoleBackend(sys.stdout.write)
    return MemoryBackend() if name == "memory" else CaughtBackend()


def _smtp(settings: Settings, clock: Clock, log: Any) -> Backend:
    try:
        from undercroft.mail.backends.smtp import SmtpBackend, SmtpSettings
    except ImportError as error:
        raise SetupFault(
            f"mail servers are set, and what speaks to them is not installed: {error}",
            hint="pip install 'undercroft[mail]'",
        ) from error
    mail = settings.mail
    given = SmtpSettings(mail.connections, mail.timeout, mail.rest, mail.ca_path)
    return SmtpBackend(servers_of(settings), given, clock, log)


def templates_folder(app: Blueprint, settings: Settings) -> Path:
    """Where the templates of mails are: as the settings say, else beside the app file."""
    beside = app.migrations.parent if app.migrations is not None else Path.cwd()
    return settings.mail.templates or beside / "templates" / "mail"
