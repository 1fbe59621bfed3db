"""Processes on one SQLite file wake each other by datagrams; here, several of them in one process."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from undercroft.jobs.backends.neighbours import Neighbours

pytestmark = [pytest.mark.anyio, pytest.mark.needs("linux")]


class Heard:
    """How often somebody was woken."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1

    async def until(self, holds: Callable[[int], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds(self.times):  # noqa: ASYNC110 -- a number has no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def listening(database: Path) -> AsyncIterator[tuple[Neighbours, Heard]]:
    made, heard = Neighbours(database, CapturingLogger()), Heard()
    await made.start(heard)
    try:
        yield made, heard
    finally:
        await made.stop()


@pytest.fixture(params=["short", "long" * 40], ids=["short", "long"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Also where the path is longer than the address of a socket may be."""
    folder = tmp_path / str(request.param)
    folder.mkdir()
    return folder / "data.db"


async def test_each_is_heard_by_all(database: Path) -> None:
    async with listening(database) as (one, first), listening(database) as (other, second):
        one.tell()
        assert first.times == 1
        await second.until(lambda times: times == 1)
        other.tell()
        await first.until(lambda times: times == 2)
        assert second.times == 2


async def test_who_does_not_work_is_heard_too_and_hears_nothing(database: Path) -> None:
    async with listening(database) as (_, heard):
        silent = Neighbours(database, CapturingLogger())
        await silent.say()
        await heard.until(lambda times: times == 1)
        await silent.stop()


async def test_a_thousand_words_at_once_hold_nobody_up(database: Path) -> None:
    async with listening(database) as (one, _), listening(database) as (_, heard):
        for _ in range(1000):
            one.tell()
        await heard.until(lambda times: times > 0)
        before = heard.times
        await asyncio.sleep(0.05)
        one.tell()
        await heard.until(lambda times: times > before)


async def test_one_that_was_killed_is_forgotten(database: Path) -> None:
    async with listening(database) as (one, _):
        dead = database.with_name("data.db.workers") / "dead"
        left = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        if len(str(dead)) < 100:
            left.bind(str(dead))
        left.close()
        await one.say()
        assert not dead.exists()
        one.tell()


async def test_nothing_is_left_and_nobody_else_may_send(database: Path) -> None:
    folder = database.with_name("data.db.workers")
    async with listening(database):
        assert len(list(folder.iterdir())) == 1
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == []


async def test_where_no_socket_can_be_made_a_worker_still_hears_itself(tmp_path: Path) -> None:
    (tmp_path / "data.db.workers").write_text("a file in the way")
    log, heard = CapturingLogger(), Heard()
    made = Neighbours(tmp_path / "data.db", log)
    await made.start(heard)
    assert [call.method_name for call in log.calls] == ["warning"]
    made.tell()
    assert heard.times == 1
    await made.stop()
