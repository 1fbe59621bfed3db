"""Mails by SMTP: one server, and where it fails, the next.

Source: RFC 5321; RFC 3207 for STARTTLS, RFC 8314 for TLS from the first byte, RFC 4954 for logins, RFC 6531 for
addresses beyond ASCII. The one window that no client can close: the server has taken the message and its answer is
lost. Such a message is handed over again, with the same Message-ID.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undercroft.base.faults import SetupFault
from undercroft.mail.backends.connections import Connections, Failed
from undercroft.mail.errors import NotNow, Refused
from undercroft.mail.types import Message, Server, Taken
from undercroft.outgoing.parts.breaker import Breakers

if TYPE_CHECKING:
    from undercroft.base.clock import Clock

LONGEST_REST = 600.0
"""Seconds: a server that fails again and again is tried this often at least."""


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """How servers are spoken to. Seconds."""

    connections: int = 4
    """To each server, at most."""
    timeout: float = 30.0
    """For one answer of a server."""
    rest: float = 10.0
    """For how long a server that failed is left alone, at first."""
    ca_path: Path | None = None
    """Certificates to believe, beside those of the system."""


class SmtpBackend:
    """Sends by the first of its servers that takes a message."""

    name = "smtp"
    keeps = False

    def __init__(self, servers: Sequence[Server], settings: SmtpSettings, clock: Clock, log: Any) -> None:
        """Raises `SetupFault` where `ca_path` cannot be read."""
        context = _context(settings.ca_path)
        self._pools = [Connections(server, settings.connections, settings.timeout, context) for server in servers]
        self._breakers = Breakers(clock.monotonic, failures=1, pause=settings.rest, longest=LONGEST_REST)
        self._log = log

    async def start(self) -> None:
        """Connections are made when there is something to send."""

    async def stop(self) -> None:
        """Take leave of every server."""
        await asyncio.gather(*(pool.close() for pool in self._pools))

    async def send(self, message: Message) -> Taken:
        answers, briefly = [], []
        for index, pool in enumerate(self._pools):
            if self._breakers.left(index) > 0:
                continue
            async with pool.places:
                # It may have failed while this one waited for a place.
                if self._breakers.wait(index) > 0:
                    continue
                try:
                    answer = await pool.send(message)
                except Failed as failed:
                    answers.append(f"{pool.server.name}: {failed.answer}")
                    briefly.append(f"{pool.server.name}: {failed.brief}")
                    self._judge(index, failed, answers[-1], briefly[-1])
                    continue
            self._breakers.succeeded(index)
            return Taken(pool.server.name, answer)
        after = min((self._breakers.left(index) for index in range(len(self._pools))), default=0.0)
        rest = "every mail server rests after a failure"
        raise NotNow("; ".join(answers) or rest, after=after or None, brief="; ".join(briefly) or rest)

    def _judge(self, index: int, failed: Failed, answer: str, brief: str) -> None:
        """Remember what a failure says of the server. Raises `Refused` where it speaks of the message."""
        if failed.meaning in ("refused", "bounced"):
            self._breakers.succeeded(index)
            raise Refused(answer, bounce=failed.meaning == "bounced", brief=brief) from failed
        if failed.meaning == "later":
            self._breakers.succeeded(index)
            return
        seconds = self._breakers.failed(index)
        self._log.warning(
            "mail server failed", server=self._pools[index].server.name, answer=failed.brief, rests=seconds
        )


def _context(ca_path: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_path is not None:
        try:
            context.load_verify_locations(ca_path)
        except (OSError, ssl.SSLError) as error:
            raise SetupFault(f"[mail] ca_path {ca_path} cannot be read: {error}") from None
    return context
