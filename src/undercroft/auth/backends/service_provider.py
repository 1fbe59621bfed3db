"""Us, as identity providers know us: our name, our key, and the way to their metadata."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from undercroft.auth.backends.providers.calls import Http
from undercroft.auth.backends.saml_file import saml_key
from undercroft.auth.errors import AuthFault
from undercroft.auth.parts.saml.certificate import self_signed
from undercroft.auth.parts.saml.documents import LARGEST
from undercroft.auth.parts.saml.metadata import written
from undercroft.base.clock import Clock
from undercroft.base.faults import Fault, SetupFault

if TYPE_CHECKING:
    from pathlib import Path

    from undercroft.base.settings.saml_section import AuthSaml

_TIMEOUT = 10.0
_PAUSE = 60.0
"""Seconds between two looks for newer metadata of one provider, whatever comes of them."""


@dataclass(slots=True, eq=False)
class ServiceProvider:
    """The service provider that this app is."""

    address: str
    """Of `/auth/v1`, as browsers reach it on their way: all of it is one host, whose cookie binds them."""
    key: Any = field(repr=False)
    certificate: str
    encrypts: bool
    """Whether assertions may come encrypted."""
    clock: Clock
    http: Http
    _again: dict[str, float] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    @property
    def entity_id(self) -> str:
        """Our name."""
        return f"{self.address}/saml/metadata"

    @property
    def acs(self) -> str:
        """Where responses come in."""
        return f"{self.address}/saml/acs"

    @property
    def is_secure(self) -> bool:
        """Whether browsers come by https."""
        return self.address.startswith("https://")

    def metadata(self) -> bytes:
        """What we say of ourselves."""
        return written(self.entity_id, self.acs, self.certificate, encrypts=self.encrypts)

    async def fetched(self, url: str) -> bytes:
        """Metadata from where a provider has them. Raises `AuthFault`."""
        try:
            reply = await self.http.get(
                url, headers={"accept": "application/samlmetadata+xml, application/xml, text/xml"}, timeout=_TIMEOUT,
                limit=LARGEST, redirects=0, attempts=2,
            )  # fmt: skip
        except Fault as fault:
            raise unfetched() from fault
        if not reply.ok:
            raise unfetched()
        return reply.body

    def lock(self, provider: str) -> asyncio.Lock:
        """One look at a time for newer metadata of a provider."""
        return self._locks.setdefault(provider, asyncio.Lock())

    def may_look(self, provider: str) -> bool:
        """Whether it is time to look for them again; the look is counted."""
        now = self.clock.timestamp()
        if now < self._again.get(provider, 0.0):
            return False
        self._again[provider] = now + _PAUSE
        return True


def unfetched() -> AuthFault:
    """Metadata that are not to be had."""
    return AuthFault("saml_metadata_fetch_failed", "Unable to fetch the SAML metadata of the identity provider")


def service_provider(
    given: AuthSaml, address: str, data_dir: Path, clock: Clock, http: Http | None
) -> ServiceProvider | None:
    """The service provider of the settings; None where SAML is off. `address` is that of `/auth/v1`. Raises
    `SetupFault`."""
    if not given.enabled:
        return None
    if find_spec("signxml") is None or find_spec("lxml") is None:
        raise SetupFault("[auth.saml] enabled = true needs an extra", hint="pip install 'undercroft[saml]'")
    if http is None:
        raise SetupFault("[auth.saml] enabled = true needs calls to other machines")
    key = saml_key(given.private_key, data_dir)
    base = (given.external_url or address).rstrip("/")
    return ServiceProvider(base, key, self_signed(key), given.allow_encrypted_assertions, clock, http)
