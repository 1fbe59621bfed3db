"""People of an app, wired: the room of `/auth/v1`, with the ports to mail and keys."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from undercroft.access.actor import SERVICE
from undercroft.auth import SealingKeys
from undercroft.auth.backends.hashing import Hasher
from undercroft.auth.parts.signing import sign
from undercroft.auth.routes import AuthRoom
from undercroft.auth.service.identity import Identity
from undercroft.auth.service.limits import Limits
from undercroft.auth.service.room import Room
from undercroft.auth.types import Keys
from undercroft.base.clock import Clock
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.engine.types import Transaction
from undercroft.pipeline.ports import not_here
from undercroft.pipeline.run import Pipeline
from undercroft.web.callers import read_proxies

AUTH = b"/auth/v1"


def auth_of(
    settings: Settings, pipeline: Pipeline, identity: Identity, keys: Keys, clock: Clock, log: Any
) -> tuple[AuthRoom, Room]:
    """The room of people, and what its verbs share. Raises `SetupFault`."""

    async def notify(transaction: Transaction, template: str, to: str, data: Mapping[str, Any]) -> None:
        if pipeline.ports.mail is None:
            raise not_here("mail")
        await pipeline.ports.mail(transaction, SERVICE, template, to, data)

    auth = settings.auth
    sealing = SealingKeys(auth, settings.database.data)

    @cache
    def key() -> Secret:
        return sealing.lasting()

    room = Room(
        pipeline.engine,
        clock,
        auth,
        address_of(settings),
        Hasher(auth.hashing, auth.hashing_queue),
        Limits(pipeline.engine, clock),
        lambda claims: sign(claims, keys.signing),
        key,
        notify,
        log,
        sealing=sealing.ring,
    )
    return AuthRoom(room, identity, read_proxies(settings.server.trusted_proxies)), room


def address_of(settings: Settings) -> str:
    """The address of `/auth/v1`: from the settings, and from nothing that a caller says."""
    given = settings.auth.external_url or f"{(settings.api.external_url or '').rstrip('/')}{AUTH.decode()}"
    return given.rstrip("/")
