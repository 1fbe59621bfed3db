"""One client for a worker: its connections, its breakers, its guard. It knows nothing of who calls."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from undercroft.base.clock import Clock
from undercroft.models.calls import Headers, Reply
from undercroft.outgoing.backends.resolver import SystemResolver
from undercroft.outgoing.errors import (
    Final,
    OutgoingFault,
    Refused,
    Resting,
    broken,
    resting,
    too_far,
    too_large,
    too_late,
)
from undercroft.outgoing.parts.bodies import Body, Inflation
from undercroft.outgoing.parts.breaker import Breakers
from undercroft.outgoing.parts.guard import Guard
from undercroft.outgoing.parts.progress import following
from undercroft.outgoing.parts.redirects import REDIRECTS, Sent, followed
from undercroft.outgoing.parts.waits import PASSING, backoff, may_repeat, read_retry_after
from undercroft.outgoing.service.streamed import Streamed
from undercroft.outgoing.settings import OutgoingSettings
from undercroft.outgoing.types import Resolver

if TYPE_CHECKING:
    import httpcore2

    from undercroft.outgoing.backends.transport import Wire

_FAILURES = frozenset({502, 503, 504})
"""Statuses that say that the machine cannot answer."""


@dataclass(frozen=True, slots=True)
class Options:
    """What one call asks for. Seconds and bytes."""

    timeout: float
    attempts: int
    redirects: int
    limit: int
    cut: bool = False
    """A longer answer is cut off, not refused."""
    breaker: bool = True
    read: float | None = None
    """Until the answer begins, and between two pieces of it; None as the settings say."""


class Client:
    """Makes calls. Start it, stop it, and hand it to whoever calls."""

    def __init__(
        self,
        settings: OutgoingSettings,
        clock: Clock,
        log: Any,
        *,
        resolve: Resolver | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._log = log
        self._sleep = sleep
        self._uniform = uniform
        self._guard = Guard(settings)
        self._system = SystemResolver()
        self._resolve = resolve or self._system
        self._breakers = Breakers(clock.monotonic, failures=settings.breaker_failures, pause=settings.breaker_pause)
        self._wire: Wire | None = None
        self._opening = asyncio.Lock()

    async def start(self) -> None:
        """Nothing is opened before the first call."""

    async def stop(self) -> None:
        """Close every connection; the client may be started again."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
        self._system.close()

    def options(self, timeout: float | None, attempts: int | None, redirects: int | None, limit: int | None) -> Options:
        """What a call asks for; by default what the settings say."""
        settings = self.settings
        return Options(
            settings.timeout if timeout is None else timeout,
            settings.attempts if attempts is None else attempts,
            settings.redirects if redirects is None else redirects,
            settings.answer_limit if limit is None else limit,
        )

    # --- calls ---

    async def call(self, sent: Sent, options: Options) -> Reply:
        """Send a request, again where it may be repeated, and read the answer whole.

        Raises `OutgoingFault`: `Refused` (UC470), `TooLate` (UC504), `Resting` (UC503), `Final` and any other failure
        (UC502). An answer of any status is a `Reply`.
        """
        started = self._clock.monotonic()
        origin = sent.target.origin
        try:
            with following() as progress:
                async with asyncio.timeout(options.timeout) as limit:
                    reply, attempts = await self._repeated(sent, options, started + options.timeout)
        except TimeoutError:
            if not limit.expired():
                raise
            if progress.origin is not None and options.breaker:
                self._breakers.failed(progress.origin)
            fault = too_late(origin, options.timeout)
            self._tell(sent, started, fault=fault)
            raise fault from None
        except OutgoingFault as fault:
            self._tell(sent, started, fault=fault)
            raise
        self._tell(sent, started, status=reply.status)
        seconds = self._clock.monotonic() - started
        return Reply(reply.status, reply.headers, reply.body, reply.url, seconds, attempts, reply.cut)

    async def _repeated(self, sent: Sent, options: Options, end: float) -> tuple[Reply, int]:
        """The answer, and how many attempts it took."""
        most = options.attempts if may_repeat(sent.method, {name for name, _ in sent.headers}) else 1
        attempt = 1
        while True:
            wait = backoff(attempt, self._uniform)
            try:
                reply = await self._followed(sent, options)
            except (Refused, Resting, Final):
                raise
            except OutgoingFault:
                if attempt >= most or self._clock.monotonic() + wait >= end:
                    raise
            else:
                asked = read_retry_after(reply.headers.get("retry-after"), self._clock.timestamp())
                wait = wait if asked is None else max(wait, asked)
                if reply.status not in PASSING or attempt >= most or self._clock.monotonic() + wait >= end:
                    return reply, attempt
            await self._sleep(wait)
            attempt += 1

    async def _followed(self, sent: Sent, options: Options) -> Reply:
        """The answer at the end of the redirects."""
        for _ in range(options.redirects + 1):
            reply = await self._once(sent, options)
            location = reply.headers.get("location")
            if reply.status not in REDIRECTS or location is None or options.redirects == 0:
                return reply
            sent = followed(sent, reply.status, location)
        raise too_far(sent.target.origin)

    async def _once(self, sent: Sent, options: Options) -> Reply:
        origin = sent.target.origin
        async with self._opened(sent, options) as answer:
            headers = Headers(answer.headers)
            try:
                body = Body("" if sent.method == "HEAD" else headers.get("content-encoding", ""), options.limit)
                parts: list[bytes] = []
                async with aclosing(answer.aiter_stream()) as pieces:
                    async for piece in pieces:
                        parts.append(body.take(piece))
                        if body.over:
                            break
                body.end()
            except Inflation as error:
                raise broken(origin, str(error)) from None
            if body.over and not options.cut:
                raise too_large(origin, options.limit)
        return Reply(answer.status, headers, b"".join(parts), str(sent.target.url), cut=body.over)

    @asynccontextmanager
    async def stream(self, sent: Sent, options: Options) -> AsyncIterator[Streamed]:
        """Send a request once, and give the answer while it comes; its body within the time limit. Raises as `call`."""
        origin = sent.target.origin
        try:
            async with asyncio.timeout(options.timeout) as limit:
                for _ in range(options.redirects + 1):
                    async with self._opened(sent, options) as answer:
                        headers = Headers(answer.headers)
                        location = headers.get("location")
                        if answer.status not in REDIRECTS or location is None or options.redirects == 0:
                            pieces = answer.aiter_stream()
                            yield Streamed(answer.status, headers, sent.target.origin, pieces, options.limit)
                            return
                    sent = followed(sent, answer.status, location)
                raise too_far(sent.target.origin)
        except TimeoutError:
            if not limit.expired():
                raise
            raise too_late(origin, options.timeout) from None

    @asynccontextmanager
    async def _opened(self, sent: Sent, options: Options) -> AsyncIterator[httpcore2.Response]:
        """One request on the wire, checked, and what its end means for the breaker."""
        origin = sent.target.origin
        self._guard.check_target(sent.target)
        left = self._breakers.wait(origin) if options.breaker else 0.0
        if left > 0:
            raise resting(origin, left)
        settings = self.settings
        read = settings.read_timeout if options.read is None else options.read
        wire = await self._open_wire()
        health = _Health(self._breakers if options.breaker else None, origin)
        try:
            async with wire.send(sent, connect=settings.connect_timeout, read=read, failed=health.fail) as answer:
                health.status = answer.status
                yield answer
        except Exception:
            health.tell()
            raise
        # A call that was cancelled tells nothing here: whose fault that was is known where its time is kept.
        health.tell()

    async def ready(self) -> None:
        """Load what calls need, off the loop: to be awaited before a URL is read. The first caller waits for it."""
        await self._open_wire()

    async def _open_wire(self) -> Wire:
        if self._wire is None:
            async with self._opening:
                if self._wire is None:
                    self._wire = await asyncio.to_thread(self._make_wire)
        return self._wire

    def _make_wire(self) -> Wire:
        """Load the library and the certificates: for an app that calls somebody, off the loop."""
        from undercroft.outgoing.backends.network import GuardedNetwork
        from undercroft.outgoing.backends.transport import Wire, trusted_by

        network = GuardedNetwork(self._guard, self._resolve, self._clock)
        return Wire(network, trusted_by(self.settings.ca_path), connections=self.settings.connections)

    def _tell(
        self, sent: Sent, started: float, *, status: int | None = None, fault: OutgoingFault | None = None
    ) -> None:
        """To the log: no path and no query, which may hold secrets."""
        told = {"method": sent.method, "origin": sent.target.origin}
        ms = round((self._clock.monotonic() - started) * 1000, 1)
        if fault is None:
            self._log.debug("call", **told, status=status, ms=ms)
        elif isinstance(fault, Refused):
            self._log.warning("call refused", **told, reason=fault.reason)
        else:
            self._log.info("call failed", **told, code=fault.code, reason=fault.details, ms=ms)


class _Health:
    """What a request tells of the machine: that it failed on the wire, or what it answered. Any other failure, as of a
    caller who reads its answer or of a place that was not free, says nothing of it."""

    __slots__ = ("_breakers", "_origin", "failed", "status")

    def __init__(self, breakers: Breakers | None, origin: str) -> None:
        self._breakers = breakers
        self._origin = origin
        self.failed = False
        self.status: int | None = None

    def fail(self) -> None:
        self.failed = True

    def tell(self) -> None:
        """To the breaker, where there is one."""
        if self._breakers is None:
            return
        if self.failed or self.status in _FAILURES:
            self._breakers.failed(self._origin)
        elif self.status is not None:
            self._breakers.succeeded(self._origin)
