"""What every backend of mail does alike: it takes a message, says so, and can be closed twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog

from tests.mailserver import mail_server
from tests.unit.mail.test_messages import LETTER
from undercroft.base.clock import ManualClock
from undercroft.mail.backends.local import KEPT, CaughtBackend, ConsoleBackend, MemoryBackend
from undercroft.mail.backends.smtp import SmtpBackend, SmtpSettings
from undercroft.mail.parts.messages import message_of
from undercroft.mail.types import Backend, Server

pytestmark = pytest.mark.anyio
MESSAGE = message_of(LETTER)


@pytest.fixture(params=["smtp", "console", "memory", "caught"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with mail_server() as server:
        made: dict[str, Backend] = {
            "smtp": SmtpBackend(
                [Server("127.0.0.1", server.port, "none")], SmtpSettings(), ManualClock(), structlog.get_logger()
            ),
            "console": ConsoleBackend(lambda text: None),
            "memory": MemoryBackend(),
            "caught": CaughtBackend(),
        }
        yield made[request.param]


async def test_it_takes_a_message_and_says_so(backend: Backend) -> None:
    await backend.start()
    for _ in range(3):
        taken = await backend.send(MESSAGE)
        assert taken.server
        assert taken.answer
    await backend.stop()
    await backend.stop()
    assert backend.keeps is (backend.name == "caught")


async def test_the_console_shows_what_people_read_and_nothing_that_drives_it() -> None:
    told: list[str] = []
    console = ConsoleBackend(told.append)
    await console.send(MESSAGE)
    assert told[0].startswith("From: Shöp <shop@example.com>\nTo: Ada <ada@example.com>\nSubject: Grüße 🎉")
    assert "Grüße\n.\n..punkt\nFrom here\n" in told[0]
    await console.send(message_of(replace(LETTER, text="\x1b]0;title\x07 \x9b31m red")))
    assert "\x1b" not in told[1]
    assert "\x9b" not in told[1]
    assert "\x07" not in told[1]


async def test_memory_keeps_the_last_ones() -> None:
    memory = MemoryBackend()
    for _ in range(KEPT + 5):
        await memory.send(MESSAGE)
    assert len(memory.sent) == KEPT
    memory.sent.clear()
    await memory.send(MESSAGE)
    assert memory.mails[0]["To"] == "Ada <ada@example.com>"
