"""Where a request comes from: the machine that spoke to us, or the one that a proxy of ours names."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from undercroft.base.faults import SetupFault
from undercroft.web.types import Request

Network = IPv4Network | IPv6Network


def read_proxies(texts: Iterable[str]) -> tuple[Network, ...]:
    """The machines that are believed when they name another one. Raises `SetupFault`."""
    found = []
    for text in texts:
        try:
            found.append(ip_network(text, strict=False))
        except ValueError as error:
            raise SetupFault(f"[server] trusted_proxies: {error}", hint="10.0.0.0/8, or one address") from None
    return tuple(found)


def address_of(request: Request, proxies: tuple[Network, ...]) -> str:
    """The caller's address; "" where nobody knows, as on a socket file.

    Of `X-Forwarded-For` the last address counts that is none of our proxies: what stands before it, the caller wrote.
    """
    peer = request.peer[0] if request.peer else ""
    if not proxies or not _is_proxy(peer, proxies):
        return peer
    named = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-for"]
    for each in reversed(",".join(named).split(",")):
        address = each.strip().strip("[]")
        if not _is_proxy(address, proxies):
            return address if _is_address(address) else peer
    return peer


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_proxy(text: str, proxies: tuple[Network, ...]) -> bool:
    if not text:
        return False
    try:
        found = ip_address(text)
    except ValueError:
        return False
    return any(found in network for network in proxies)
