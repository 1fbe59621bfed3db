"""A real mail server for tests, on the loop of the test: it keeps what it takes, and fails when it is told to."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Answer = Callable[[str, str], str | None]
"""Takes a command ("MAIL", "RCPT", "DATA") and its address; gives what is said in place of "250", or None."""


@dataclass(eq=False)
class MailServer:
    """What it has taken, and how it answers."""

    port: int = 0
    taken: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    connections: int = 0
    logins: list[str] = field(default_factory=list)
    keep: bool = True
    """Whether bodies are kept, or only counted by their Message-ID."""
    ids: list[str] = field(default_factory=list)
    answer: Answer = lambda command, address: None
    drop_before: str | None = None
    """Hang up in the place of an answer to this command."""
    drop_answers: int = 0
    """Take so many messages and hang up before saying so."""
    password: str | None = None
    _server: asyncio.Server | None = None
    _open: set[Any] = field(default_factory=set)

    @property
    def mails(self) -> list[EmailMessage]:
        """What it took, as a mail program reads it."""
        return [message_from_bytes(each, _class=EmailMessage, policy=SMTPUTF8) for each in self.taken]

    # --- aiosmtpd's hooks ---

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        said = self._said(server, "MAIL", address)
        if said is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        said = self._said(server, "RCPT", address)
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        said = self._said(server, "DATA", envelope.rcpt_tos[0])
        if said is not None:
            return said
        content: bytes = envelope.content
        if self.keep:
            self.taken.append(content)
            self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        self.ids.append(message_id(content))
        if self.drop_answers:
            self.drop_answers -= 1
            server.transport.abort()
        return "250 taken"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and data.password.decode() == self.password
        if good:
            self.logins.append(data.login.decode())
        return AuthResult(success=good, handled=good)

    def _said(self, server: Any, command: str, address: str) -> str | None:
        if self.drop_before == command:
            server.transport.abort()
            return "421 gone"
        return self.answer(command, address)

    # --- its life ---

    async def stop(self) -> None:
        """Refuse connections, and hang up on those there are."""
        if self._server is not None:
            self._server.close()
            for protocol in list(self._open):
                if protocol.transport is not None:
                    protocol.transport.abort()
            self._server = None

    async def start(self, **options: Any) -> None:
        """Listen, on the port it had where it had one."""
        tls: ssl.SSLContext | None = options.pop("ssl", None)
        server = self

        class Counted(SMTP):
            def connection_made(self, transport: Any) -> None:
                server.connections += 1
                server._open.add(self)
                super().connection_made(transport)

            def connection_lost(self, error: Exception | None) -> None:
                server._open.discard(self)
                super().connection_lost(error)

        def protocol() -> SMTP:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a login without STARTTLS, where TLS was there before
                return Counted(self, enable_SMTPUTF8=options.get("utf8", True), hostname="mx.test", **wanted)

        wanted = {key: value for key, value in options.items() if key != "utf8"}
        if self.password is not None:
            wanted |= {"authenticator": self.authenticate, "auth_required": True}
            wanted.setdefault("auth_require_tls", tls is None)
        self._server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", self.port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]


@asynccontextmanager
async def mail_server(password: str | None = None, **options: Any) -> AsyncIterator[MailServer]:
    """A mail server on a free port of 127.0.0.1; `options` are aiosmtpd's, `ssl` is TLS from the first byte."""
    server = MailServer(password=password)
    await server.start(**options)
    try:
        yield server
    finally:
        await server.stop()


def message_id(content: bytes) -> str:
    """The Message-ID of a message, read no further."""
    head = content.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    return next(line.partition(":")[2].strip() for line in head.split("\r\n") if line.lower().startswith("message-id:"))


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS for 127.0.0.1 that nobody signed but itself, and the file for those who believe it."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    public, private = folder / "server.pem", folder / "server.key"
    public.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(public, private)
    return context, public
