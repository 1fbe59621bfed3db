"""Our own pages for signing in, wired: their files, their cookies, and what keeps people signed in on all pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from undercroft.app.answering import is_secure, stamps_of
from undercroft.app.blueprint import Blueprint
from undercroft.auth.backends.page_files import PageFiles
from undercroft.auth.parts.colours import accents
from undercroft.auth.routes.hosted import HostedRoom
from undercroft.auth.routes.hosted.renewing import Renewing
from undercroft.auth.routes.hosted.visit import PREFIX, Hosted
from undercroft.auth.service.room import Room
from undercroft.auth.types import Keys
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.web.actor import Identify
from undercroft.web.callers import read_proxies
from undercroft.web.cookies import Cookies

UI = PREFIX.encode()


def hosted_room(
    app: Blueprint, settings: Settings, keys: Keys, room: Room, identify: Identify, clock: Clock, log: Any, *,
    dev: bool,
) -> tuple[HostedRoom, Renewing]:  # fmt: skip
    """The room of our pages, and what renews cookies. Raises `SetupFault`."""
    ui = settings.auth.ui
    if settings.auth.captcha.enabled and not ui.captcha_site_key:
        raise SetupFault(
            "[auth.ui] enabled = true needs captcha_site_key", hint="It goes with the secret of [auth.captcha]."
        )
    proxies, cookies = read_proxies(settings.server.trusted_proxies), Cookies(is_secure(settings))
    renewing = Renewing(room, cookies, proxies)
    beside = app.migrations.parent if app.migrations is not None else Path.cwd()
    hosted = Hosted(
        room,
        PageFiles(beside / "templates" / "auth", accents(ui.accent), reload=dev or app.developing),
        identify,
        stamps_of(settings, keys),
        cookies,
        clock,
        ui.title or app.title,
        _origin(settings.api.external_url),
    )
    return HostedRoom(hosted, renewing, proxies, log), renewing


def address_of_pages(settings: Settings, api: str) -> str:
    """Where browsers find our pages, whose API is at `api`; empty where there are none."""
    if not settings.auth.ui.enabled:
        return ""
    return f"{_origin(settings.api.external_url or api)}{PREFIX}"


def _origin(address: str | None) -> str | None:
    """As browsers write it."""
    if not address:
        return None
    url = urlsplit(address)
    host = f"[{url.hostname}]" if url.hostname and ":" in url.hostname else url.hostname or ""
    usual = {"https": 443, "http": 80}.get(url.scheme)
    return f"{url.scheme}://{host}" + (f":{url.port}" if url.port not in (None, usual) else "")
