"""Functions, pages and files, wired: what an app answers itself."""

from __future__ import annotations

from collections.abc import Iterable

from undercroft.app.blueprint import Blueprint
from undercroft.auth.types import Keys
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.functions.routes import FunctionsRoom
from undercroft.functions.service import Functions, by_name
from undercroft.functions.types import Endpoint
from undercroft.pages.backends.templates import Templates
from undercroft.pages.parts.paths import Paths
from undercroft.pages.routes import FileServer, PagesRoom, Site, address_in
from undercroft.pages.service import Pages
from undercroft.pages.settings import PageSettings
from undercroft.pages.types import PageRoute
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.run import Pipeline
from undercroft.web.actor import Identify
from undercroft.web.cookies import Renew
from undercroft.web.door import Door
from undercroft.web.forgery import Stamps

FUNCTIONS = b"/functions/v1"
_RESERVED = (
    "/auth/ui", "/auth/v1", "/docs", "/functions/v1", "/graphql/v1", "/healthz", "/readyz", "/realtime/v1", "/rest/v1",
    "/storage/v1", "/webhooks/v1",
)  # fmt: skip
"""Where the house itself stands, or will."""


def functions_room(
    app: Blueprint, pipeline: Pipeline, settings: Settings, idempotency: Idempotency | None
) -> FunctionsRoom:
    """The functions of an app. Raises `SetupFault` where two have one name."""
    return FunctionsRoom(Functions(pipeline, by_name(app.endpoints), settings.server.handler_timeout, idempotency))


def addresses_of(app: Blueprint) -> dict[str, Endpoint | PageRoute]:
    """Everything that the app itself answers with, by methods and path: "POST /functions/v1/hello"."""
    found: dict[str, Endpoint | PageRoute] = {
        f"{','.join(sorted(each.methods))} {FUNCTIONS.decode()}/{each.name}": each for each in app.endpoints
    }
    return found | {f"{','.join(sorted(page.methods))} {page.path}": page for page in app.pages}


def site_of(
    app: Blueprint, pipeline: Pipeline, settings: Settings, keys: Keys, clock: Clock, door: Door, identify: Identify,
    renew: Renew | None, *, dev: bool,
) -> Site | None:  # fmt: skip
    """The pages and files of an app; None where it has neither. `renew` keeps people signed in. Raises `SetupFault`
    where two have one path.
    """
    if not app.pages and not app.files:
        return None
    taken = [*_RESERVED, *(path for path, _ in app.mounts)]
    _check_paths([(page.path, page.handler.source) for page in app.pages], taken)
    _check_paths([(files.prefix or "/", files.source) for files in app.files], taken)
    servers = [FileServer(files) for files in app.files]
    page_settings = PageSettings(
        settings.api.external_url,
        settings.pages.content_security_policy,
        settings.pages.form_lifetime,
        settings.server.handler_timeout,
        dev or app.developing,
        is_secure(settings),
    )
    pages = Pages(
        pipeline,
        Paths((page.path, page) for page in app.pages),
        stamps_of(settings, keys),
        Templates(reload=page_settings.reload),
        address_in([server for server in servers if not server.files.fallback]),
        clock,
        page_settings,
        tuple(dict.fromkeys(page.templates for page in app.pages)),
        identify=identify,
        renew=renew,
    )
    return Site(PagesRoom(pages), pages, servers, door)


def is_secure(settings: Settings) -> bool:
    """Whether browsers come over https, as far as the settings say where."""
    said = (settings.api.external_url, settings.auth.external_url)
    return any(address is not None and address.lower().startswith("https://") for address in said)


def stamps_of(settings: Settings, keys: Keys) -> Stamps:
    """What marks forms as ours; those of the app's pages and of ours are known to both."""
    return Stamps(keys.signing.reveal_bytes(), settings.pages.form_lifetime)


def _check_paths(declared: Iterable[tuple[str, str]], taken: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for path, source in declared:
        if path in seen:
            raise SetupFault(f"{source}: {path} is already declared at {seen[path]}")
        seen[path] = source
        for prefix in taken:
            if path == prefix or path.startswith(f"{prefix}/"):
                raise SetupFault(f"{source}: {path} is where something else stands ({prefix or '/'})")
