"""People of an app, wired: the room of `/auth/v1`, with the ports to mail and keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from undercroft.access.actor import SERVICE
from undercroft.app.hosted_pages import address_of_pages
from undercroft.app.signing_hooks import hooks_of, notify_by, text_by
from undercroft.auth import SealingKeys
from undercroft.auth.backends.breached import breached_by
from undercroft.auth.backends.breached_range import BreachedRange
from undercroft.auth.backends.captcha import Captcha
from undercroft.auth.backends.hashing import Hasher
from undercroft.auth.backends.providers import Calls
from undercroft.auth.backends.service_provider import service_provider
from undercroft.auth.backends.template_files import FOLDER
from undercroft.auth.routes import AuthRoom
from undercroft.auth.service.custom_providers import check_settings
from undercroft.auth.service.identity import Identity, installation_keys, key_ring
from undercroft.auth.service.keys import Signing, files_of
from undercroft.auth.service.limits import Limits
from undercroft.auth.service.revoking import Revoking
from undercroft.auth.service.room import Room, Text
from undercroft.auth.types import Keys
from undercroft.auth.types.hooks import AuthHook, HookName
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.base.settings.auth_section import AuthCaptcha
from undercroft.engine.types import Transaction
from undercroft.models.mail import MailRequest
from undercroft.pipeline.ports import Http, not_here
from undercroft.pipeline.run import Pipeline
from undercroft.web.callers import read_proxies

AUTH = b"/auth/v1"


def auth_of(
    settings: Settings,
    pipeline: Pipeline,
    identity: Identity,
    keys: Keys,
    clock: Clock,
    log: Any,
    text: Text | None,
    declared: Mapping[HookName, AuthHook],
) -> tuple[AuthRoom, Room, Revoking]:
    """The room of people, what its verbs share, and what tells of what happened elsewhere. Raises `SetupFault`."""

    async def notify(transaction: Transaction, template: str, to: str, data: Mapping[str, Any]) -> None:
        if pipeline.ports.mail is None:
            raise not_here("mail")
        await pipeline.ports.mail(transaction, SERVICE, MailRequest(f"{FOLDER}/{template}", to, data))

    auth, ui = settings.auth, address_of_pages(settings, address_of(settings))
    if ui:  # a mail that one of our pages asked for leads back to it
        more = (*auth.additional_redirect_urls, f"{ui}/callback")
        auth = auth.model_copy(update={"additional_redirect_urls": more})
    sealing = SealingKeys(auth, settings.database.data)

    @cache
    def key() -> Secret:
        return sealing.lasting()

    hooks = hooks_of(declared, pipeline, clock, log)
    signing = Signing(settings, keys)

    def trust() -> None:
        found = installation_keys(settings, clock, dev=True)
        identity.trust(key_ring(found, settings))
        signing.trust(found)

    lifetime = float(auth.jwt_expiry + auth.jwt_leeway)
    revoking = Revoking(pipeline.engine, clock, identity, lifetime, log, files=files_of(settings), trust=trust)
    room = Room(
        pipeline.engine,
        clock,
        auth,
        address_of(settings),
        Hasher(auth.hashing, auth.hashing_queue),
        Limits(pipeline.engine, clock),
        signing,
        key,
        notify_by(hooks, notify),
        log,
        breached=breached_of(auth.breached_passwords, pipeline.ports.http, log),
        public_keys=signing.public,
        revoked=revoking.refuse,
        sealing=sealing.ring,
        text=text_by(hooks, text, auth.sms.template),
        belonging=pipeline.ports.belonging,
        captcha=captcha_of(auth.captcha, pipeline.ports.http),
        hooks=hooks,
        saml=service_provider(auth.saml, address_of(settings), settings.database.data, clock, pipeline.ports.http),
        places=Calls(pipeline.ports.http, clock) if pipeline.ports.http is not None else None,
        ui=ui,
    )
    check_settings(auth.external)
    return AuthRoom(room, identity, read_proxies(settings.server.trusted_proxies)), room, revoking


def breached_of(setting: str, http: Http | None, log: Any) -> Callable[[str], Awaitable[bool]]:
    """Who knows the passwords that everybody has: a list here, or a service. Raises `SetupFault`."""
    if setting.startswith(("https://", "http://")):
        if http is None:
            raise SetupFault(f"[auth] breached_passwords {setting} cannot be asked here")
        return BreachedRange(http, setting, log)
    is_listed = breached_by(setting)

    async def breached(password: str) -> bool:
        return is_listed(password)

    return breached


def captcha_of(given: AuthCaptcha, http: Http | None) -> Captcha | None:
    """Whom captchas are shown to; None where none is asked for. Raises `SetupFault`."""
    if not given.enabled:
        return None
    if given.secret is None or http is None:
        raise SetupFault("[auth.captcha] enabled = true needs a secret", hint="It goes with the site's key.")
    return Captcha(http, given.provider, given.secret)


def address_of(settings: Settings) -> str:
    """The address of `/auth/v1`: from the settings, and from nothing that a caller says."""
    base = settings.api.external_url or f"http://localhost:{settings.api.port}"
    return (settings.auth.external_url or f"{base.rstrip('/')}{AUTH.decode()}").rstrip("/")
