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
from undercroft.outgoing.backends.resolver import THREADS
from undercroft.outgoing.errors import crowded
from undercroft.outgoing.parts.addresses import Address, read_address
from undercroft.outgoing.parts.guard import Guard
from undercroft.outgoing.parts.places import Places
from undercroft.outgoing.parts.progress import waiting_for
from undercroft.outgoing.types import Resolver


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """See `httpcore2.AsyncNetworkBackend`; raises `Refused` and `Crowded` beside what that raises."""

    def __init__(self, guard: Guard, resolve: Resolver, clock: Clock) -> None:
        self._guard = guard
        self._resolve = resolve
        self._clock = clock
        self._below = httpcore2.AnyIOBackend()
        self._domains = Places(THREADS // 4)
        self._all = Places(THREADS)
        self._looking: set[asyncio.Future[list[str]]] = set()

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
        left = await self._take_turn(host, timeout)
        try:
            async with asyncio.timeout(left):
                found = await asyncio.shield(self._looked_up(host, port))
        except TimeoutError:
            raise httpcore2.ConnectTimeout("the name was not resolved in time") from None
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("the name has no address") from None
        return self._guard.check_addresses(host, port, found)

    async def _take_turn(self, host: str, timeout: float | None) -> float | None:  # noqa: ASYNC109
        """Wait for a look-up's place; seconds that are left then. Raises `Crowded`: other names are slow."""
        end = None if timeout is None else self._clock.monotonic() + timeout
        with waiting_for(None):
            try:
                await self._domains.take(_domain(host), timeout)
                try:
                    await self._all.take("", None if end is None else end - self._clock.monotonic())
                except BaseException:
                    self._domains.give_back(_domain(host))
                    raise
            except TimeoutError:
                raise crowded(host, timeout or 0) from None
        return None if end is None else end - self._clock.monotonic()

    def _looked_up(self, host: str, port: int) -> asyncio.Future[list[str]]:
        """A look-up, which keeps its place until it is over, also where nobody waits for it any more."""

        def over(looked: asyncio.Future[list[str]]) -> None:
            self._looking.discard(looked)
            self._all.give_back("")
            self._domains.give_back(_domain(host))

        looking = asyncio.ensure_future(self._resolve(host, port))
        self._looking.add(looking)
        looking.add_done_callback(over)
        return looking


def _domain(host: str) -> str:
    """Names of one domain are often answered by one server, which may be slow on purpose for any number of them."""
    return ".".join(host.rsplit(".", 2)[-2:])
