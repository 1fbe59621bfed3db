"""The open connections to one mail server: made when needed, used again, given up when they fail."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from undercroft.mail.parts.answers import Meaning, Stage, brief, meaning, told

if TYPE_CHECKING:
    from undercroft.mail.types import Message, Server

_STALE = 30.0
"""Seconds after which an unused connection is not trusted any more."""
_STAGES: dict[type[SMTPException], Stage] = {
    SMTPAuthenticationError: "login",
    SMTPSenderRefused: "sender",
    SMTPRecipientRefused: "recipient",
    SMTPDataError: "content",
}


class Failed(Exception):
    """A server did not take a message: what it said, its codes or what else happened, and what that means."""

    def __init__(self, answer: str, brief: str, meaning: Meaning) -> None:
        super().__init__(answer)
        self.answer = answer
        self.brief = brief
        self.meaning = meaning


class Connections:
    """At most `limit` connections to a server."""

    def __init__(self, server: Server, limit: int, timeout: float, context: ssl.SSLContext) -> None:
        self.server = server
        self._timeout = timeout
        self._context = context
        self.places = asyncio.Semaphore(limit)
        """Who sends holds one of them."""
        self._idle: list[tuple[SMTP, float]] = []
        self._name = _host_name()

    async def send(self, message: Message) -> str:
        """Hand a message over, by whoever has one of the `places`; what the server said. Raises `Failed`."""
        reused = self._reusable()
        if reused is not None:
            try:
                return await self._converse(reused, message)
            except Failed as failed:
                # A server may take leave of a connection whenever it likes: that says nothing about it.
                if failed.meaning != "server":
                    raise
        return await self._converse(await self._fresh(), message)

    async def close(self) -> None:
        """Take leave on every connection that is open."""
        idle, self._idle = self._idle, []
        for client, _ in idle:
            with suppress(SMTPException, OSError, TimeoutError):
                await client.quit(timeout=2)
            client.close()

    async def _fresh(self) -> SMTP:
        """A new connection, logged in. Raises `Failed`."""
        client = SMTP(
            hostname=self.server.host,
            port=self.server.port,
            local_hostname=self._name,
            timeout=self._timeout,
            use_tls=self.server.security == "tls",
            start_tls=self.server.security == "starttls",
            tls_context=None if self.server.security == "none" else self._context,
        )
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
            if self.server.user is not None:
                password = self.server.password
                await client.login(self.server.user, password.reveal() if password else "")
        except (SMTPException, OSError) as error:
            client.close()
            raise _failed(error, "server") from error
        except BaseException:
            client.close()
            raise
        return client

    async def _converse(self, client: SMTP, message: Message) -> str:
        """One message on an open connection, which is kept where it is still good. Raises `Failed`."""
        try:
            await client.mail(message.envelope_from, options=_options(client, message), encoding="utf-8")
            await client.rcpt(message.envelope_to, encoding="utf-8")
            # Patience here is what keeps a mail from being taken twice.
            answer = await client.data(message.content, timeout=self._timeout * 2)
        except SMTPResponseException as error:
            found = meaning(_STAGES.get(type(error), "connect"), error.code, error.message)
            await self._reset(client, good=found != "server")
            raise _failed(error, found) from error
        except (SMTPException, OSError) as error:
            client.close()
            raise _failed(error, "server") from error
        except BaseException:
            client.close()  # somebody gave up in the middle of a conversation: nobody can go on with it
            raise
        self._idle.append((client, monotonic()))
        return told(f"{answer.code} {answer.message}")

    async def _reset(self, client: SMTP, *, good: bool) -> None:
        if good:
            with suppress(SMTPException, OSError):
                await client.rset()
                self._idle.append((client, monotonic()))
                return
        client.close()

    def _reusable(self) -> SMTP | None:
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and monotonic() - since < _STALE:
                return client
            client.close()
        return None


def _options(client: SMTP, message: Message) -> list[str]:
    """What is asked of the server beside the sender. Raises `Failed` where it cannot write such an address."""
    options = []
    if client.supports_extension("size"):
        options.append(f"size={len(message.content)}")
    if message.needs_utf8:
        if not client.supports_extension("smtputf8"):
            words = "the server takes no addresses beyond ASCII (SMTPUTF8)"
            raise Failed(words, words, "later")
        options.append("SMTPUTF8")
    return options


def _failed(error: Exception, meaning: Meaning) -> Failed:
    if isinstance(error, SMTPResponseException):
        return Failed(told(f"{error.code} {error.message}"), brief(error.code, error.message), meaning)
    words = told(str(error) or type(error).__name__)
    return Failed(words, words, meaning)


def _host_name() -> str:
    """What we call ourselves: a look-up of the full name could take seconds."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"
