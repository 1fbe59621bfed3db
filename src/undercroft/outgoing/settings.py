"""What calls to other machines are allowed. Seconds and bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class Inside:
    """An entry of the list of machines inside that may be called: a network or a name, on one port or several."""

    network: IPv4Network | IPv6Network | None
    host: str | None
    port: int | None
    """The one port; 0 for any; None for those that calls may go to anyway."""


@dataclass(frozen=True, slots=True)
class OutgoingSettings:
    """What one client allows."""

    allow: tuple[Inside, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})
    timeout: float = 30.0
    """For a call with its redirects and repetitions."""
    connect_timeout: float = 5.0
    read_timeout: float = 15.0
    """Between two pieces of an answer."""
    answer_limit: int = 10 * 1024 * 1024
    connections: int = 100
    attempts: int = 3
    redirects: int = 5
    breaker_failures: int = 5
    breaker_pause: float = 30.0
    ca_path: Path | None = None
    """Certificates that are trusted in place of the system's."""


def read_inside(entries: Iterable[str]) -> tuple[Inside, ...]:
    """`10.0.0.0/8`, `billing.internal:8080`, `[::1]:*`. Raises `SetupFault` for what is none."""
    return tuple(_entry(text.strip().lower()) for text in entries)


def _entry(text: str) -> Inside:
    place, port = _split(text)
    try:
        return Inside(ip_network(place.strip("[]")), None, port)
    except ValueError:
        pass
    if not place or set(place) - set("abcdefghijklmnopqrstuvwxyz0123456789-_.") or place.replace(".", "").isdigit():
        raise _unreadable(text)
    return Inside(None, place.removesuffix("."), port)


def _split(text: str) -> tuple[str, int | None]:
    place, colon, port = text.rpartition(":")
    if not colon or (":" in place and not place.endswith("]")):
        return text, None
    if port == "*":
        return place, 0
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise _unreadable(text)
    return place, int(port)


def _unreadable(text: str) -> SetupFault:
    return SetupFault(
        f'[outgoing] allow: "{text}" is neither a network nor the name of a machine',
        hint='As "10.1.0.0/16", "billing.internal", "billing.internal:8080" or "127.0.0.1:*".',
    )
