"""From a letter to the bytes that a server takes: both parts, attachments, headers that stay what they are.

Source: RFC 5322, RFC 2045 and its like by the standard library's `email`; RFC 8058 for one-click unsubscribing; RFC
3834 for `Auto-Submitted`, which tells answering machines to keep quiet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import quote

from undercroft.mail.errors import AddressFault
from undercroft.mail.parts.addresses import check_header
from undercroft.mail.types import Address, Letter, Message
from undercroft.models.mail import Attachment

_MEDIA_TYPE = re.compile(r"([A-Za-z0-9!#$&^_.+-]{1,127})/([A-Za-z0-9!#$&^_.+-]{1,127})")
_URL = re.compile(r"https://[!-;=?-~]+")
# Bodies are encoded as seven bits, which every server takes. Headers that are given raw are left as they are.
_POLICY = SMTP.clone(cte_type="7bit", refold_source="none")
_UTF8 = _POLICY.clone(utf8=True)
_LONGEST_WORD = 70
"""Characters that stand in a line of a header as they are."""


def message_of(letter: Letter, *, envelope_from: str | None = None) -> Message:
    """The letter as bytes, with its envelope; of one letter always the same. Raises `AddressFault`."""
    addresses = [letter.sender, letter.recipient, *([letter.reply_to] if letter.reply_to else [])]
    wide = any(address.needs_utf8 for address in addresses)
    mail = EmailMessage(policy=_UTF8 if wide else _POLICY)
    for name, value in _headers(letter):
        mail.set_raw(name, value)
    mail.set_content(letter.text)
    if letter.html:
        mail.add_alternative(letter.html, subtype="html")
    for attachment in letter.attachments:
        _attach(mail, attachment)
    _set_boundaries(mail, letter.message_id)
    return Message(envelope_from or letter.sender.bare, letter.recipient.bare, mail.as_bytes(), wide)


def _headers(letter: Letter) -> Iterator[tuple[str, str]]:
    """Every header as it is written. Nothing here is read by `email` again: it would take words that somebody wrote as
    if they were encoded (`=?utf-8?q?=0D=0A?=`), and decode them into a header of their own.
    """
    yield "From", header_of_address(letter.sender)
    yield "To", header_of_address(letter.recipient)
    if letter.reply_to is not None:
        yield "Reply-To", header_of_address(letter.reply_to)
    yield "Subject", header_text(check_header("a mail's subject", letter.subject), "Subject")
    yield "Date", format_datetime(letter.date)
    yield "Message-ID", check_header("a message id", letter.message_id)
    yield "Auto-Submitted", "auto-generated"
    if letter.unsubscribe is not None:
        yield "List-Unsubscribe", f"<{check_unsubscribe(letter.unsubscribe)}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def header_text(text: str, name: str) -> str:
    """Words for a header, folded; encoded where they are not ASCII, or where they could be taken for encoded ones."""
    plain = text.isascii() and "=?" not in text and all(len(word) < _LONGEST_WORD for word in text.split(" "))
    return Header(text, "us-ascii" if plain else "utf-8", header_name=name).encode(linesep="\r\n")


def header_of_address(address: Address) -> str:
    """An address for a header (RFC 5322, 3.4)."""
    if not address.name:
        return address.bare
    name = check_header("a name", address.name)
    if name.isascii() and "=?" not in name and len(name) < _LONGEST_WORD:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address.bare}>'
    encoded = Header(name, "utf-8", header_name="Reply-To").encode(linesep="\r\n")
    return f"{encoded} <{address.bare}>"


def _attach(mail: EmailMessage, attachment: Attachment) -> None:
    main, sub = check_attachment(attachment)
    mail.add_attachment(attachment.content, maintype=main, subtype=sub)
    *_, part = mail.iter_parts()
    del part["Content-Disposition"]
    part.set_raw("Content-Disposition", f"attachment; filename*=utf-8''{quote(attachment.name, safe='')}")


def check_attachment(attachment: Attachment) -> tuple[str, str]:
    """Both halves of its media type. Raises `AddressFault` for a type or a name that is none."""
    found = _MEDIA_TYPE.fullmatch(attachment.media_type)
    if found is None or found[1].lower() in ("multipart", "message"):
        raise AddressFault(
            f'"{attachment.media_type[:80]}" is no media type of an attachment', hint="As in application/pdf."
        )
    check_header("an attachment's name", attachment.name)
    if not attachment.name or "/" in attachment.name or "\\" in attachment.name or len(attachment.name.encode()) > 255:
        raise AddressFault("an attachment needs a name without slashes", hint="As in invoice.pdf.")
    return found[1].lower(), found[2].lower()


def check_unsubscribe(url: str) -> str:
    """The address of one-click unsubscribing. Raises `AddressFault`: RFC 8058 wants https."""
    if not _URL.fullmatch(url) or len(url) > 900:
        raise AddressFault("the address to unsubscribe must be a URL with https://")
    return url


def _set_boundaries(mail: EmailMessage, message_id: str) -> None:
    """Boundaries by the message's own id: what is sent again is the same to the byte, and so is its signature."""
    seed = re.sub(r"[^A-Za-z0-9]", "", message_id)[:40]
    for number, part in enumerate(each for each in mail.walk() if each.is_multipart()):
        part.set_boundary(f"=_{seed}_{number}")
