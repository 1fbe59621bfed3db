"""The system's own resolver, off the loop."""

from __future__ import annotations

import asyncio
import socket


async def system_resolver(host: str, port: int) -> list[str]:
    """See `types.Resolver`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = (_spelled(address) for _, _, _, _, address in found)
    return list(dict.fromkeys(addresses))


def _spelled(address: tuple[object, ...]) -> str:
    """An address with its zone, where it has one: such are never public."""
    text = str(address[0])
    zone = address[3] if len(address) > 3 else 0
    return f"{text}%{zone}" if zone and "%" not in text else text
