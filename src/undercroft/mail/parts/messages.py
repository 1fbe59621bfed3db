"""From a letter to the bytes that a server takes: both parts, attachments, headers that stay what they are.

Written line by line, in the few shapes that there are: nothing that somebody wrote is ever parsed on its way. The
standard library's `email` would read words as if they were encoded (`=?utf-8?q?=0D=0A?=`), and decode them into a
header of their own; it also takes twenty times as long.

Source: RFC 5322, RFC 2045 to 2047, RFC 2231 for names of files; RFC 8058 for one-click unsubscribing; RFC 3834 for
`Auto-Submitted`, which tells answering machines to keep quiet.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterator, Sequence
from email.header import Header
from email.utils import format_datetime
from urllib.parse import quote

from undercroft.mail.errors import AddressFault
from undercroft.mail.parts.addresses import check_header
from undercroft.mail.types import Address, Letter, Message
from undercroft.models.mail import Attachment

_MEDIA_TYPE = re.compile(r"([A-Za-z0-9!#$&^_.+-]{1,127})/([A-Za-z0-9!#$&^_.+-]{1,127})")
_URL = re.compile(r"https://[!-;=?-~]+")
_LINE_END = re.compile(r"\r\n|\r|\n")
_LONGEST_WORD = 70
"""Characters that stand in a line of a header as they are."""


def message_of(letter: Letter, *, envelope_from: str | None = None) -> Message:
    """The letter as bytes, with its envelope; of one letter always the same. Raises `AddressFault`."""
    addresses = [letter.sender, letter.recipient, *([letter.reply_to] if letter.reply_to else [])]
    # Encoded, no line of a part holds "=_": a boundary is not to be found within one.
    boundary = "=_" + re.sub(r"[^A-Za-z0-9]", "", letter.message_id)[:40]
    body = _text("plain", letter.text)
    if letter.html:
        body = _several("alternative", f"{boundary}_1", [body, _text("html", letter.html)])
    if letter.attachments:
        body = _several("mixed", f"{boundary}_0", [body, *(_file(each) for each in letter.attachments)])
    head = "".join(f"{name}: {value}\r\n" for name, value in _headers(letter))
    wide = any(address.needs_utf8 for address in addresses)
    return Message(envelope_from or letter.sender.bare, letter.recipient.bare, head.encode() + body, wide)


def _headers(letter: Letter) -> Iterator[tuple[str, str]]:
    """Every header as it is written."""
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
    yield "MIME-Version", "1.0"


def _text(kind: str, text: str) -> bytes:
    """A part of text with its headers. Each line ends as in a mail, by which the encoder knows how to end its own."""
    lines = _LINE_END.sub("\r\n", text if text.endswith(("\r", "\n")) else f"{text}\n")
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + b2a_qp(lines.encode())


def _file(attachment: Attachment) -> bytes:
    main, sub = check_attachment(attachment)
    head = (
        f"Content-Type: {main}/{sub}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-Disposition: attachment; filename*=utf-8''{quote(attachment.name, safe='')}\r\n\r\n"
    )
    return head.encode() + encodebytes(attachment.content).replace(b"\n", b"\r\n")


def _several(kind: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'
    between = f"--{boundary}\r\n".encode()
    return head.encode() + b"".join(between + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


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
