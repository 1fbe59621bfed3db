"""Delivering: one attempt at a time, which holds no transaction while the other machine is waited for."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from undercroft.base.trace import Trace
from undercroft.engine.types import Transaction
from undercroft.outgoing import Client, Options, OutgoingFault, Reply
from undercroft.outgoing.errors import Crowded
from undercroft.outgoing.parts.breaker import Breakers
from undercroft.outgoing.parts.redirects import Sent
from undercroft.outgoing.parts.waits import read_retry_after
from undercroft.webhooks.errors import SealFault
from undercroft.webhooks.parts.schedule import wait_after
from undercroft.webhooks.parts.signing import read_secret, sign
from undercroft.webhooks.service.room import Room
from undercroft.webhooks.tables import CANCELLED, DELIVERED, FAILED, WAITING
from undercroft.webhooks.types import MICROSECONDS

FAILURES, PAUSE = 3, 30.0
"""So many failures in a row, and an endpoint is left alone for so many seconds: its backlog must not take the worker's
places one after the other."""
UNABLE = frozenset({429, 500, 502, 503, 504})
"""Statuses that say that an endpoint cannot take anything at the moment."""
MOST_KEPT = 1024
"""Bytes of an answer that are kept."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery as it is about to be made."""

    delivery: int
    attempts: int
    """Before this one."""
    message_id: str
    body: str
    endpoint: int
    url: str
    enabled: bool
    uid: str
    secrets: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt came out."""

    letter: Letter
    at: int
    status: int | None = None
    ms: int = 0
    error: str | None = None
    answer: str = ""
    retry_after: float | None = None
    cancelled: bool = False
    later: float = 0.0
    """Seconds after which it is to be tried: the endpoint is left alone or no place was free, and nothing was sent."""


@dataclass(slots=True, eq=False)
class Deliverer:
    """Makes deliveries."""

    room: Room
    client: Client
    log: Any
    uniform: Callable[[float, float], float] = random.uniform
    _breakers: Breakers = field(init=False)
    """By endpoint: at one address there may be the endpoints of many."""

    def __post_init__(self) -> None:
        self._breakers = Breakers(self.room.clock.monotonic, failures=FAILURES, pause=PAUSE)

    async def attempt(self, delivery: int, attempt: int) -> Outcome | None:
        """Send one; None where there is nothing to do: it is over, or another job has it."""
        letter = await self._letter(delivery, attempt)
        if letter is None:
            return None
        if not letter.enabled:
            return Outcome(letter, self.room.now(), error="the endpoint is disabled", cancelled=True)
        left = self._breakers.wait(letter.endpoint)
        if left > 0:
            return Outcome(letter, self.room.now(), later=left * self.uniform(1.0, 1.5))
        outcome = await self._send(letter)
        if outcome.later:
            return outcome
        if outcome.status is None or outcome.status in UNABLE:
            self._breakers.failed(letter.endpoint)
        else:
            self._breakers.succeeded(letter.endpoint)
        return outcome

    async def _send(self, letter: Letter) -> Outcome:
        await self.client.ready()
        now = self.room.now()
        try:
            reply = await self.client.call(self._sent(letter, now), self._options())
        except SealFault as fault:
            return Outcome(letter, now, error=fault.message)
        except Crowded:  # other calls were many: no attempt was made
            return Outcome(letter, now, later=self.uniform(1.0, 5.0))
        except OutgoingFault as fault:
            ms = (self.room.now() - now) // 1000
            error = f"{fault.message}: {fault.details}" if fault.details else fault.message
            return Outcome(letter, now, ms=ms, error=error)
        return self._outcome(letter, now, reply)

    async def record(self, transaction: Transaction, outcome: Outcome) -> float | None:
        """Write an attempt down; in how many seconds there is to be another one, or None where there is not."""
        letter, room = outcome.letter, self.room
        ok = outcome.status is not None and 200 <= outcome.status < 300
        done = letter.attempts + (0 if outcome.cancelled else 1)
        wait = None if ok or outcome.cancelled else wait_after(done, outcome.retry_after, self.uniform)
        if outcome.status == GONE:
            wait = None
        state = DELIVERED if ok else CANCELLED if outcome.cancelled else FAILED if wait is None else WAITING
        now = room.now()
        end = room.statements.end_delivery
        due = None if wait is None else now + round(wait * MICROSECONDS)
        finished = now if wait is None else None
        ended = await transaction.fetch(
            end.text,
            end.args(
                id=letter.delivery, before=letter.attempts, state=state, attempts=done, due=due,
                status=outcome.status, finished=finished,
            ),
        )  # fmt: skip
        if not ended:  # somebody began anew meanwhile
            return None
        await self._write_attempt(transaction, outcome)
        if outcome.status == GONE:
            await self._disable(transaction, letter)
        told = {"delivery": letter.delivery, "endpoint": letter.endpoint, "attempt": done, "status": outcome.status}
        (self.log.info if ok else self.log.warning)(f"webhooks: {state}", **told, ms=outcome.ms, error=outcome.error)
        return wait

    async def _letter(self, delivery: int, attempt: int) -> Letter | None:
        statement = self.room.statements.to_send
        async with self.room.engine.transaction(read_only=True) as transaction:
            rows = await transaction.fetch(statement.text, statement.args(id=delivery))
        if not rows:
            return None
        state, attempts, uid, body, endpoint, url, enabled, endpoint_uid, secrets = rows[0]
        if state != WAITING or attempts != attempt:
            return None
        return Letter(delivery, attempts, uid, body, endpoint, url, bool(enabled), endpoint_uid, secrets)

    def _sent(self, letter: Letter, now: int) -> Sent:
        target = self.room.target(letter.url)
        body = letter.body.encode()
        timestamp = now // MICROSECONDS
        headers = {
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "undercroft-webhooks",
            "webhook-id": letter.message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(letter.message_id, timestamp, body, self._keys(letter, now)),
            **dict(Trace().headers(self.room.random_bytes)),
        }
        return Sent("POST", target, tuple(headers.items()), body)

    def _keys(self, letter: Letter, now: int) -> list[bytes]:
        """The keys in force, the newest first."""
        return [
            read_secret(self.room.sealer.open(sealed, letter.uid))
            for sealed, until in json.loads(letter.secrets)
            if until is None or until > now
        ]

    def _options(self) -> Options:
        seconds = self.room.settings.timeout
        # The breaker of the client is by origin, ours by endpoint.
        return Options(seconds, attempts=1, redirects=0, limit=MOST_KEPT, cut=True, breaker=False, read=seconds)

    def _outcome(self, letter: Letter, at: int, reply: Reply) -> Outcome:
        asked = read_retry_after(reply.headers.get("retry-after"), self.room.clock.timestamp())
        answer = reply.body.decode("utf-8", "replace").replace("\0", "\ufffd")
        return Outcome(letter, at, reply.status, round(reply.seconds * 1000), None, answer, asked)

    async def _write_attempt(self, transaction: Transaction, outcome: Outcome) -> None:
        add = self.room.statements.add_attempt
        given = add.args(
            delivery_id=outcome.letter.delivery, at=outcome.at, status=outcome.status, ms=outcome.ms,
            error=outcome.error, answer=outcome.answer,
        )  # fmt: skip
        await transaction.fetch(add.text, given)

    async def _disable(self, transaction: Transaction, letter: Letter) -> None:
        disable = self.room.statements.disable
        await transaction.fetch(disable.text, disable.args(id=letter.endpoint, disabled="it answered 410 Gone"))
