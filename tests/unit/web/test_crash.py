"""What the log is told of a fault of the program, where nobody has set up a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.base.faults import Fault
from undercroft.web.door import Door, DoorSettings
from undercroft.web.types import Answer, Request

pytestmark = pytest.mark.anyio
TOKEN = b"eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"


@pytest.fixture
def log_of_nobody() -> Iterator[structlog.typing.BindableLogger]:
    """structlog as it is without any configuration."""
    before = structlog.get_config()
    structlog.reset_defaults()
    yield structlog.get_logger()
    structlog.configure(**before)


async def failing_room(request: Request) -> Answer:
    secret_of_a_frame = 42
    raise ZeroDivisionError(f"{secret_of_a_frame // 42}")


def anybody(authorization: bytes | str | None, apikey: bytes | str | None) -> Actor:
    return ANONYMOUS


def no_headers(fault: Fault) -> tuple[tuple[bytes, bytes], ...]:
    return ()


async def test_a_crash_is_told_with_its_traceback_and_without_variables(
    log_of_nobody: structlog.typing.BindableLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    door = Door({b"/api": failing_room}, anybody, DoorSettings(), log_of_nobody, fault_headers=no_headers)
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer " + TOKEN)]
    scope = {"type": "http", "method": "GET", "path": "/api/x", "query_string": b"", "headers": headers}
    await door(scope, receive, send, failing_room, b"/x")
    told = capsys.readouterr().out
    assert sent[0]["status"] == 500
    assert b"ZeroDivision" not in sent[1]["body"]
    assert "ZeroDivisionError" in told
    assert "in failing_room" in told
    assert "secret_of_a_frame = 42\n" not in told
    assert TOKEN.decode()[:30] not in told
