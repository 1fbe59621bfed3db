"""What this room is told of the settings: servers from their URLs, the sender, the backend, the signer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from undercroft.base.faults import Fault, SetupFault
from undercroft.base.secret import Secret
from undercroft.mail.types import Address, MailSettings, Security, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from undercroft.base.settings import Settings

_KINDS: Mapping[str, tuple[Security, int]] = {
    "smtp": ("starttls", 587),
    "smtps": ("tls", 465),
    "smtp+plain": ("none", 25),
}
_HINT = "smtps://user:password@host, smtp://… for STARTTLS, or smtp+plain://… in the clear; signs in a password as %40"
LEASE = 4
"""For how many answers of a server one worker has a mail."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def servers_of(settings: Settings) -> tuple[Server, ...]:
    """Every server, in the order in which they are tried. Raises `SetupFault`; no password is in it."""
    smtp = settings.auth.email.smtp
    listed = tuple(server_at(url) for url in settings.mail.servers)
    if not smtp.enabled:
        return listed
    if not smtp.host:
        raise SetupFault("[auth.email.smtp] enabled = true needs a host")
    security: Security = "tls" if smtp.port == 465 else "none" if smtp.host in LOOPBACK else "starttls"
    return (Server(smtp.host, smtp.port, security, smtp.user or None, getattr(smtp, "pass")), *listed)


def server_at(url: Secret) -> Server:
    """The server that a URL names. Raises `SetupFault`."""
    try:
        parts = urlsplit(url.reveal().strip())
        security, usual = _KINDS[parts.scheme.lower()]
        host, port = parts.hostname, parts.port or usual
    except (ValueError, KeyError):
        raise SetupFault("[mail] servers has one that is no URL of a mail server", hint=_HINT) from None
    if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise SetupFault("[mail] servers has one that is no URL of a mail server", hint=_HINT)
    user = None if parts.username is None else unquote(parts.username)
    return Server(host, port, security, user, None if parts.password is None else Secret(unquote(parts.password)))


def backend_name(settings: Settings, *, dev: bool) -> str | None:
    """Which backend is used; None where there is nothing to send with."""
    chosen = settings.mail.backend
    if chosen == "auto":
        chosen = "caught" if dev else "smtp"
    return None if chosen == "smtp" and not servers_of(settings) else chosen


def mail_settings(settings: Settings, read: Callable[[str], Address], *, stand_in: bool) -> MailSettings:
    """The rest of it; `read` reads an address. `stand_in`: without a sender there is one, for mails that stay here.

    Raises `SetupFault` for an address that is none.
    """
    mail, smtp = settings.mail, settings.auth.email.smtp
    told = mail.sender or (smtp.admin_email if smtp.enabled else None) or ("app@localhost" if stand_in else None)
    try:
        sender = None if told is None else read(told)
        bounces = None if mail.bounces is None else read(mail.bounces).bare
    except Fault as fault:
        raise SetupFault(f"[mail] sender or bounces: {fault.message}", hint=fault.hint) from None
    if sender is not None and mail.sender is None and smtp.enabled and smtp.sender_name:
        sender = sender._replace(name=smtp.sender_name)
    return MailSettings(
        sender=sender,
        bounces=bounces,
        recipient_limit=mail.recipient_limit,
        recipient_period=mail.recipient_period,
        size_limit=mail.size_limit,
        lease=LEASE * mail.timeout,
        give_up=mail.give_up,
        keep=mail.keep,
    )


def signing_key(settings: Settings) -> Secret | None:
    """The private key of `[mail.dkim]`; None where nothing is signed. Raises `SetupFault` for a file that is not
    there."""
    dkim = settings.mail.dkim
    if not dkim.domain:
        return None
    if dkim.key is not None:
        return dkim.key
    if dkim.key_path is None:
        raise SetupFault("[mail.dkim] domain needs a key")
    try:
        return Secret(dkim.key_path.read_bytes())
    except OSError as error:
        raise SetupFault(f"[mail.dkim] key_path {dkim.key_path} cannot be read: {error.strerror}") from None
