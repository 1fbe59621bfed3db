"""Connections to checked addresses only: a name is resolved once, judged, and that very address is connected to.

Here and nowhere above, since everything that is connected to passes here: a name that has another address a moment
later (DNS rebinding) changes nothing. TLS still asks for the certificate of the name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpcore2

from undercroft.base.clock import Clock
from undercroft.outgoing.parts.addresses import Address, read_address
from undercroft.outgoing.parts.guard import Guard
from undercroft.outgoing.types import Resolver


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """See `httpcore2.AsyncNetworkBackend`; raises `Refused` beside what that raises."""

    def __init__(self, guard: Guard, resolve: Resolver, clock: Clock) -> None:
        self._guard = guard
        self._resolve = resolve
        self._clock = clock
        self._below = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the base class has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers, of those that the name has now and that are all allowed."""
        end = None if timeout is None else self._clock.monotonic() + timeout
        addresses = await self._addresses(host, port, timeout)
        failed: Exception | None = None
        for address in addresses:
            left = None if end is None else end - self._clock.monotonic()
            if left is not None and left <= 0:
                break
            try:
                return await self._below.connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed or httpcore2.ConnectTimeout("no time left")

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        """Never."""
        raise httpcore2.ConnectError("sockets in files are not called")

    async def _addresses(self, host: str, port: int, timeout: float | None) -> list[Address]:  # noqa: ASYNC109
        written = read_address(host)
        if written is not None:
            self._guard.check_address(host, port, written)
            return [written]
        try:
            async with asyncio.timeout(timeout):
                found = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore2.ConnectTimeout("the name was not resolved in time") from None
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("the name has no address") from None
        return self._guard.check_addresses(host, port, found)
