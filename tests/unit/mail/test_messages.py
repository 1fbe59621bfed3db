"""A letter becomes a message that any mail program reads, the same at every try, with no header but ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import compat32
from email.utils import parseaddr
from typing import Any

import pytest

from undercroft.mail.backends.local import read_message
from undercroft.mail.errors import AddressFault
from undercroft.mail.parts.addresses import address_of
from undercroft.mail.parts.letters import attachments_as_text, attachments_of, letter_of
from undercroft.mail.parts.messages import message_of
from undercroft.mail.types import Address, Letter
from undercroft.models.mail import Attachment

LETTER = Letter(
    message_id="<abc@example.com>",
    sender=address_of("Shöp <shop@example.com>"),
    recipient=address_of("Ada <ada@example.com>"),
    subject="Grüße 🎉 " + "und noch viel mehr " * 8 + "Ende",
    html="<p>Grüße & mehr</p>",
    text="Grüße\n.\n..punkt\nFrom here\n",
    date=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


def test_it_is_read_as_it_was_meant() -> None:
    message = message_of(LETTER)
    mail = read_message(message)
    assert (message.envelope_from, message.envelope_to) == ("shop@example.com", "ada@example.com")
    assert mail["Subject"] == LETTER.subject
    assert (mail["From"], mail["To"]) == ("Shöp <shop@example.com>", "Ada <ada@example.com>")
    assert mail["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert mail["Message-ID"] == "<abc@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    plain, html = mail.iter_parts()
    assert _content(plain) == LETTER.text
    assert _content(html) == LETTER.html + "\n"


def _content(part: Any) -> str:
    return str(part.get_content()).replace("\r\n", "\n")


def test_it_is_seven_bits_in_lines_that_every_server_takes() -> None:
    long = replace(LETTER, html="<p>" + "ä" * 5000 + "x" * 5000 + "</p>", text="y" * 5000)
    content = message_of(long).content
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_of_one_letter_it_is_always_the_same() -> None:
    with_file = replace(LETTER, attachments=(Attachment("a.txt", "text/plain", b"x"),))
    assert message_of(with_file) == message_of(with_file)


def test_attachments_go_along() -> None:
    files = (
        Attachment("Rechnung ä.pdf", "application/pdf", bytes(range(256))),
        Attachment("b.csv", "text/csv", b"a;b"),
    )
    mail = read_message(message_of(replace(LETTER, attachments=files)))
    found = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ]
    assert found == [(file.name, file.media_type, file.content) for file in files]
    assert attachments_of(attachments_as_text(files)) == files


@pytest.mark.parametrize(
    "file",
    [
        Attachment("a\r\nX: y", "text/plain", b""),
        Attachment("../a", "text/plain", b""),
        Attachment("a\\b", "text/plain", b""),
        Attachment("", "text/plain", b""),
        Attachment("a", "text", b""),
        Attachment("a", "text/plain\r\nX: y", b""),
        Attachment("a", 'text/plain; name="x"', b""),
        Attachment("a", "message/rfc822", b""),
        Attachment("a", "multipart/mixed", b""),
    ],
)
def test_an_attachment_brings_no_header(file: Attachment) -> None:
    with pytest.raises(AddressFault):
        attachments_as_text([file])
    with pytest.raises(AddressFault):
        message_of(replace(LETTER, attachments=(file,)))


def test_one_click_unsubscribing_is_in_its_two_headers_whole() -> None:
    url = "https://example.com/leave?token=" + "a1-" * 200
    content = message_of(replace(LETTER, unsubscribe=url)).content
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "javascript:x", "https://x.com/ a", "https://x.com/>,<https://y.com", "https://x\r\ny"],
)
def test_unsubscribing_needs_an_address_with_https(url: str) -> None:
    with pytest.raises(AddressFault):
        message_of(replace(LETTER, unsubscribe=url))


@pytest.mark.parametrize(
    "words",
    [
        "=?utf-8?q?=0D=0A?=X-Injected: yes",
        "a =?utf-8?b?DQpYOiB5?= b",
        "x" * 300,
        "word " * 60 + "end",
        "ä" * 300,
        'a "quoted" \\ name, with; signs <x>',
        "🎉" * 40,
    ],
)
def test_words_of_a_header_are_read_as_they_were_written(words: str) -> None:
    sender = Address(words, "shop", "example.com")
    message = message_of(replace(LETTER, subject=words, sender=sender, reply_to=sender))
    head = message.content.partition(b"\r\n\r\n")[0]
    assert max(map(len, head.split(b"\r\n"))) <= 998
    assert not any(line.startswith(b"X") for line in head.split(b"\r\n"))
    mail = message_from_bytes(message.content, policy=compat32)
    assert str(make_header(decode_header(mail["Subject"]))).replace("\r\n", "") == words
    (name, bare) = parseaddr(mail["From"])
    assert (str(make_header(decode_header(name))), bare) == (words, "shop@example.com")
    assert mail["Reply-To"] == mail["From"]


@pytest.mark.parametrize("field", ["subject", "message_id"])
def test_no_line_end_reaches_a_header(field: str) -> None:
    changed: dict[str, Any] = {field: "a\r\nBcc: b@example.com"}
    with pytest.raises(AddressFault):
        message_of(replace(LETTER, **changed))


def test_an_address_beyond_ascii_is_told_of() -> None:
    message = message_of(replace(LETTER, recipient=address_of("用户@例子.example")))
    assert message.needs_utf8
    assert "用户@xn--fsqu00a.example".encode() in message.content
    assert not message_of(LETTER).needs_utf8


def test_bounces_go_where_the_envelope_says() -> None:
    message = message_of(replace(LETTER, reply_to=address_of("help@example.com")), envelope_from="bounces@example.com")
    assert message.envelope_from == "bounces@example.com"
    assert read_message(message)["Reply-To"] == "help@example.com"


def test_a_row_becomes_its_letter() -> None:
    row = {
        "message_id": "<abc@example.com>", "sender": str(LETTER.sender), "recipient": str(LETTER.recipient),
        "subject": LETTER.subject, "html": LETTER.html, "text": LETTER.text, "reply_to": None, "unsubscribe": None,
        "attachments": "[]", "created": round(LETTER.date.timestamp() * 1_000_000),
    }  # fmt: skip
    assert letter_of(row) == LETTER
