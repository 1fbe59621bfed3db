"""One request on the wire, through a pool of guarded connections."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore2
import httpx2

from undercroft.outgoing.errors import TooLate, broken, crowded, too_late, unreachable
from undercroft.outgoing.parts.places import Places
from undercroft.outgoing.parts.progress import waiting_for
from undercroft.outgoing.parts.redirects import Sent


def _nobody() -> None:
    """Tells nobody."""


class Wire:
    """A pool of connections. Cookies are kept by nobody, proxies of the environment are not asked."""

    def __init__(self, network: httpcore2.AsyncNetworkBackend, trusted: ssl.SSLContext, *, connections: int) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=trusted,
            max_connections=connections,
            max_keepalive_connections=connections // 2,
            keepalive_expiry=30.0,
            network_backend=network,
        )
        self._hosts = Places(max(1, connections // 2))
        self._all = Places(connections)

    @asynccontextmanager
    async def send(
        self, sent: Sent, *, connect: float, read: float, failed: Callable[[], None] = _nobody
    ) -> AsyncIterator[httpcore2.Response]:
        """Send, and give the answer with its body still to be read. Seconds. `failed` is called where it was the other
        machine that failed.

        Raises `Refused`, `TooLate`, `Crowded`, and `OutgoingFault` for no connection and for what is no HTTP.
        """
        target = sent.target
        request = httpcore2.Request(
            method=sent.method.encode("ascii"),
            url=httpcore2.URL(
                scheme=target.url.raw_scheme,
                host=target.host.encode("ascii"),
                port=target.port,
                target=target.url.raw_path,
            ),
            headers=_headers(sent),
            content=sent.body,
            extensions={"timeout": {"connect": connect, "read": read, "write": read, "pool": connect}},
        )
        async with self._place(target.host, connect):
            with waiting_for(target.origin):
                try:
                    answer = await self._pool.handle_async_request(request)
                    try:
                        yield answer
                    finally:
                        await answer.aclose()
                except httpcore2.PoolTimeout:
                    raise crowded(target.host, connect) from None
                except httpcore2.LocalProtocolError as error:
                    raise broken(target.origin, _told(error)) from None
                except httpcore2.TimeoutException as error:
                    failed()
                    raise _timed_out(error, target.origin, connect, read) from None
                except (httpcore2.ConnectError, httpcore2.UnsupportedProtocol) as error:
                    failed()
                    raise unreachable(target.origin, _told(error)) from None
                except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
                    failed()
                    raise broken(target.origin, _told(error)) from None

    @asynccontextmanager
    async def _place(self, host: str, seconds: float) -> AsyncIterator[None]:
        """A connection's place: at most half of them are for one machine. Raises `Crowded`."""
        try:
            await self._hosts.take(host, seconds)
            try:
                await self._all.take("", seconds)
            except BaseException:
                self._hosts.give_back(host)
                raise
        except TimeoutError:
            raise crowded(host, seconds) from None
        try:
            yield
        finally:
            self._all.give_back("")
            self._hosts.give_back(host)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


def trusted_by(ca_path: Path | None) -> ssl.SSLContext:
    """Whose certificates are believed: those of a file, or of the system. It reads files: not for the loop's thread."""
    return ssl.create_default_context(cafile=ca_path) if ca_path else httpx2.create_ssl_context(trust_env=False)


def _headers(sent: Sent) -> list[tuple[bytes, bytes]]:
    host = sent.target.url.netloc
    length = () if sent.body is None else (("content-length", str(len(sent.body))),)
    given = (*sent.headers, *length)
    return [(b"host", host), *((name.encode("ascii"), value.encode("latin-1")) for name, value in given)]


def _timed_out(error: Exception, origin: str, connect: float, read: float) -> TooLate:
    early = isinstance(error, httpcore2.ConnectTimeout)
    return too_late(origin, connect if early else read)


def _told(error: Exception) -> str:
    """What kind of failure it was; the words of a library may hold addresses."""
    below: BaseException | None = error
    while below is not None and not isinstance(below, ssl.SSLError):
        below = below.__cause__ or below.__context__
    return type(error).__name__ if below is None else "TLS"
