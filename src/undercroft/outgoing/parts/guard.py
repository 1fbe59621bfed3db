"""May a call go to this machine, and to these addresses of it?"""

from __future__ import annotations

from collections.abc import Sequence

from undercroft.outgoing.errors import Refused
from undercroft.outgoing.parts.addresses import Address, read_address, unwrapped, why_refused
from undercroft.outgoing.parts.urls import Target
from undercroft.outgoing.settings import Inside, OutgoingSettings

_LOCAL = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa", ".lan", ".corp", ".intranet", ".private")
"""Endings of names that mean something inside: they are refused before anybody is asked for their addresses."""


class Guard:
    """The rule for one installation. It asks nobody: names are resolved elsewhere, once, and judged here."""

    def __init__(self, settings: OutgoingSettings) -> None:
        self._allow = settings.allow
        self._ports = settings.ports
        self._networks = any(inside.network is not None for inside in settings.allow)

    def check_target(self, target: Target) -> None:
        """Judge a URL before anything is resolved. Raises `Refused`."""
        if target.address is not None:
            self.check_address(target.host, target.port, target.address)
            return
        if any(self._fits(inside, target.port) for inside in self._named(target.host)):
            return
        if self._networks:
            return  # whether it is one of those is known when its addresses are
        if target.port not in self._ports:
            raise Refused(f"port {target.port} is not among [outgoing] ports")
        if "." not in target.host or target.host.endswith(_LOCAL):
            raise Refused("the name means a machine inside")

    def check_addresses(self, host: str, port: int, texts: Sequence[str]) -> list[Address]:
        """The addresses of a name, each of which must be allowed: one that is not spoils all. Raises `Refused`."""
        addresses = [read_address(text) for text in texts]
        if not addresses:
            raise Refused("the name has no address")
        judged: list[Address] = []
        for address, text in zip(addresses, texts, strict=True):
            if address is None:
                raise Refused(f"{text[:60]} is not an address")
            self.check_address(host, port, address)
            judged.append(address)
        return judged

    def check_address(self, host: str, port: int, address: Address) -> None:
        """Judge one address. Raises `Refused`."""
        if any(self._fits(inside, port) for inside in self._named(host)):
            return
        real = unwrapped(address)
        for inside in self._allow:
            network = inside.network
            if network is not None and real.version == network.version and real in network and self._fits(inside, port):
                return
        why = why_refused(address)
        if why is not None:
            raise Refused(f"{address} is inside: {why}")
        if port not in self._ports:
            raise Refused(f"port {port} is not among [outgoing] ports")

    def _named(self, host: str) -> list[Inside]:
        return [inside for inside in self._allow if inside.host is not None and inside.host == host]

    def _fits(self, inside: Inside, port: int) -> bool:
        if inside.port is None:
            return port in self._ports
        return inside.port in (0, port)
