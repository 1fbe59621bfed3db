"""The SMTP backend against real servers: what arrives, what a refusal means, and what happens when one fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.mailserver import MailServer, certificate, mail_server
from tests.unit.mail.test_messages import LETTER
from undercroft.base.clock import ManualClock
from undercroft.base.faults import SetupFault
from undercroft.base.secret import Secret
from undercroft.mail.backends.smtp import SmtpBackend, SmtpSettings
from undercroft.mail.errors import NotNow, Refused
from undercroft.mail.parts.addresses import address_of
from undercroft.mail.parts.messages import message_of
from undercroft.mail.types import Message, Security, Server
from undercroft.models.mail import Attachment

pytestmark = pytest.mark.anyio
MESSAGE = message_of(LETTER)
FAST = SmtpSettings(timeout=3.0, rest=10.0)


def backend(*servers: MailServer | Server, clock: Any = None, settings: SmtpSettings = FAST) -> SmtpBackend:
    listed = [Server("127.0.0.1", each.port, "none") if isinstance(each, MailServer) else each for each in servers]
    return SmtpBackend(listed, settings, clock or ManualClock(), structlog.get_logger())


def numbered(number: int) -> Message:
    return message_of(replace(LETTER, message_id=f"<{number}@example.com>"))


async def test_what_is_sent_arrives_whole() -> None:
    file = Attachment("Rechnung ä.pdf", "application/pdf", bytes(range(256)) * 100)
    letter = replace(LETTER, attachments=(file,), text=".\n..\nFrom me\nGrüße 🎉\n")
    async with mail_server() as server:
        sender = backend(server)
        taken = await sender.send(message_of(letter, envelope_from="bounces@example.com"))
        await sender.stop()
    assert taken.answer.startswith("250")
    assert server.envelopes == [("bounces@example.com", ["ada@example.com"])]
    (mail,) = server.mails
    assert mail["Subject"] == LETTER.subject
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == letter.text
    assert html.get_content().strip() == letter.html
    (part,) = mail.iter_attachments()
    assert (part.get_filename(), part.get_content()) == (file.name, file.content)


async def test_connections_are_used_again_and_bounded() -> None:
    async with mail_server() as server:
        sender = backend(server, settings=replace(FAST, connections=3))
        await asyncio.gather(*(sender.send(numbered(each)) for each in range(40)))
        for each in range(40, 50):
            await sender.send(numbered(each))
        await sender.stop()
    assert sorted(server.ids) == sorted(f"<{each}@example.com>" for each in range(50))
    assert server.connections == 3


async def test_a_connection_that_the_server_gave_up_is_not_its_fault() -> None:
    async with mail_server() as server:
        sender = backend(server)
        await sender.send(numbered(1))
        for protocol in list(server._open):
            protocol.transport.abort()
        await sender.send(numbered(2))
        server.answer = lambda command, _: "421 enough of this connection" if server.connections < 3 else None
        await sender.send(numbered(3))
        await sender.stop()
    assert server.ids == ["<1@example.com>", "<2@example.com>", "<3@example.com>"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_tls_is_checked_and_logins_are_made(tmp_path: Path, security: Security) -> None:
    context, ca = certificate(tmp_path)
    options: dict[str, Any] = {"ssl": context} if security == "tls" else {"tls_context": context}
    async with mail_server(password="correct", **options) as server:
        at = Server("127.0.0.1", server.port, security, "ada", Secret("correct"))
        sender = backend(at, settings=replace(FAST, ca_path=ca))
        await sender.send(MESSAGE)
        await sender.stop()
        assert server.logins == ["ada"]
        with pytest.raises(NotNow, match="certificate verify failed"):
            await backend(at).send(MESSAGE)
        wrong = replace(at, password=Secret("wrong-password"))
        with pytest.raises(NotNow) as caught:
            await backend(wrong, settings=replace(FAST, ca_path=ca)).send(MESSAGE)
        assert "535" in caught.value.answer
        assert "wrong-password" not in caught.value.answer
    assert len(server.taken) == 1


async def test_starttls_is_never_given_up_for_the_clear() -> None:
    async with mail_server() as server:
        at = Server("127.0.0.1", server.port, "starttls", "ada", Secret("correct"))
        with pytest.raises(NotNow):
            await backend(at).send(MESSAGE)
        assert (server.taken, server.logins) == ([], [])


def test_certificates_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="ca_path"):
        backend(settings=replace(FAST, ca_path=tmp_path / "none.pem"))


@pytest.mark.parametrize(
    ("command", "said", "bounce"),
    [
        ("RCPT", "550 5.1.1 no such user", True),
        ("RCPT", "550 5.7.1 no relaying", False),
        ("DATA", "554 5.7.1 this is spam", False),
        ("MAIL", "552 5.3.4 too large", False),
    ],
)
async def test_a_message_that_is_refused_goes_to_no_other_server(command: str, said: str, bounce: bool) -> None:
    async with mail_server() as first, mail_server() as second:
        first.answer = lambda asked, _: said if asked == command else None
        sender = backend(first, second)
        with pytest.raises(Refused) as caught:
            await sender.send(MESSAGE)
        assert caught.value.bounce is bounce
        assert said[4:] in caught.value.answer
        first.answer = lambda *_: None
        await sender.send(MESSAGE)
        await sender.stop()
    assert (len(first.taken), len(second.taken)) == (1, 0)
    assert first.connections == 1, "a refusal of a message leaves the connection as it is"


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("said", ["451 4.3.0 try later", "421 4.3.2 going down"])
async def test_what_one_does_not_take_now_the_next_one_does(command: str, said: str) -> None:
    async with mail_server() as first, mail_server() as second:
        first.answer = lambda asked, _: said if asked == command else None
        sender = backend(first, second)
        await sender.send(MESSAGE)
        await sender.stop()
    assert (len(first.taken), len(second.taken)) == (0, 1)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_hangs_up_is_left_alone_for_a_while(command: str) -> None:
    clock = ManualClock()
    async with mail_server() as first, mail_server() as second:
        first.drop_before = command
        sender = backend(first, second, clock=clock)
        await sender.send(numbered(1))
        await sender.send(numbered(2))
        assert first.connections == 1, "it rests"
        first.drop_before = None
        clock.advance(10.1)
        await sender.send(numbered(3))
        await sender.stop()
    assert (first.ids, second.ids) == (["<3@example.com>"], ["<1@example.com>", "<2@example.com>"])


async def test_a_server_that_is_not_there_and_one_that_says_nothing() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    mute = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    async with mute, mail_server() as last:
        gone = Server("127.0.0.1", 1, "none")
        sender = backend(gone, Server("127.0.0.1", port, "none"), last, settings=replace(FAST, timeout=0.3))
        await sender.send(MESSAGE)
        await sender.stop()
    assert len(last.taken) == 1


async def test_those_who_wait_for_a_place_do_not_wait_for_a_server_that_failed_meanwhile() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        try:
            await reader.read()
        finally:
            writer.close()

    mute = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    async with mute, mail_server() as last:
        settings = replace(FAST, timeout=0.3, connections=2)
        sender = backend(Server("127.0.0.1", port, "none"), last, settings=settings)
        await asyncio.gather(*(sender.send(numbered(number)) for number in range(16)))
        await sender.stop()
    assert len(last.ids) == 16
    assert asked == 2


async def test_when_every_server_fails_it_is_said_for_how_long() -> None:
    clock = ManualClock()
    sender = backend(Server("127.0.0.1", 1, "none"), Server("127.0.0.1", 2, "none"), clock=clock)
    with pytest.raises(NotNow, match=r"127\.0\.0\.1:1: .*127\.0\.0\.1:2: ") as caught:
        await sender.send(MESSAGE)
    assert caught.value.after == 10.0
    clock.advance(4)
    with pytest.raises(NotNow, match="rests") as caught:
        await sender.send(MESSAGE)
    assert caught.value.after == 6.0


async def test_one_dies_half_way_and_each_mail_arrives_once() -> None:
    async with mail_server() as first, mail_server() as second:
        first.keep = second.keep = False
        sender = backend(first, second)

        async def one(number: int) -> None:
            await sender.send(numbered(number))
            if len(first.ids) == 100:
                first.drop_before = "DATA"  # what it has taken it has said so

        for start in range(0, 200, 8):
            await asyncio.gather(*(one(number) for number in range(start, start + 8)))
        await sender.stop()
    assert sorted(first.ids + second.ids) == sorted(f"<{number}@example.com>" for number in range(200))
    assert len(first.ids) < 200
    assert len(second.ids) >= 80


async def test_an_answer_that_was_lost_has_the_same_message_handed_over_again() -> None:
    """The window that no client can close; the copies can be told by their Message-ID."""
    async with mail_server() as first, mail_server() as second:
        first.drop_answers = 1
        sender = backend(first, second)
        await sender.send(MESSAGE)
        await sender.stop()
    assert first.taken == second.taken
    assert first.ids == second.ids == ["<abc@example.com>"]


async def test_addresses_beyond_ascii_go_where_they_are_taken() -> None:
    message = message_of(replace(LETTER, recipient=address_of("用户@例子.example")))
    async with mail_server(utf8=False) as first, mail_server() as second:
        sender = backend(first, second)
        await sender.send(message)
        with pytest.raises(NotNow, match="SMTPUTF8"):
            await backend(first).send(message)
        await sender.stop()
    assert first.taken == []
    assert second.envelopes == [("shop@example.com", ["用户@xn--fsqu00a.example"])]


async def test_who_gives_up_leaves_no_half_conversation_behind() -> None:
    async with mail_server() as server:
        gate = asyncio.Event()
        sender = backend(server, settings=replace(FAST, connections=1))
        real = server.handle_RCPT

        async def slow(*args: Any) -> str:
            gate.set()
            await asyncio.sleep(0.2)
            return await real(*args)

        server.handle_RCPT = slow  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(sender.send(numbered(1)))
        await gate.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.handle_RCPT = real  # type: ignore[method-assign]
        await sender.send(numbered(2))
        await sender.stop()
    assert server.ids == ["<2@example.com>"]
