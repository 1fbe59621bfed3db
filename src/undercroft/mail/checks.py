"""What can be said of mail before it is sent: for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from undercroft.base.findings import Finding
from undercroft.mail.settings import LOOPBACK, backend_name, servers_of

if TYPE_CHECKING:
    from undercroft.base.settings import Settings


def check_mail(settings: Settings) -> Iterator[Finding]:
    """UC113: a password or a mail that others can read on its way. UC114: half a set-up. UC115: mails go nowhere.

    Raises `SetupFault` where a server cannot be read.
    """
    servers, mail = servers_of(settings), settings.mail
    for server in servers:
        if server.security == "none" and server.host not in LOOPBACK:
            yield Finding(
                "UC113",
                "warning",
                f"[mail] servers {server.name}",
                "mails and the login go to this server in the clear",
                "Take smtps:// or smtp://, which is STARTTLS.",
            )
    sender = mail.sender or (settings.auth.email.smtp.enabled and settings.auth.email.smtp.admin_email)
    if backend_name(settings, dev=False) == "smtp" and not sender:
        yield Finding(
            "UC114",
            "warning",
            "[mail] sender",
            "there are mail servers and no sender: no mail can be sent",
            'Set it, as in "Shop <shop@example.com>".',
        )
    if sender and backend_name(settings, dev=False) is None:
        yield Finding(
            "UC114",
            "warning",
            "[mail] servers",
            "there is a sender and no mail server: no mail can be sent",
            "Name one, as in smtps://user:password@host.",
        )
    if mail.backend in ("memory", "caught"):
        yield Finding(
            "UC115",
            "note",
            "[mail] backend",
            f'with the backend "{mail.backend}", mails go nowhere',
            'Set "auto" or "smtp" where people are to get them.',
        )
