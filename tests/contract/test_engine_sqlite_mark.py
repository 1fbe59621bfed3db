"""A held read mark spares reads their system calls and changes nothing that anybody can see."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contract.engine_cases import LIBRARIES, SCHEMA_ITEMS
from tests.contract.items import COUNT
from undercroft.engine import SQLiteEngine, SQLiteSettings
from undercroft.engine.sqlite import mark
from undercroft.engine.sqlite.library import choose
from undercroft.engine.sqlite.mark import CLOSE, HELD_SECONDS, PAUSE_SECONDS, QUIET_SECONDS, HeldMark
from undercroft.engine.types import Cursor

pytestmark = pytest.mark.anyio
WRITER = """
import sys
import {module} as sqlite
connection = sqlite.connect({path!r}, isolation_level=None, timeout=5)
for line in sys.stdin:
    connection.execute(line)
    print("done", flush=True)
"""


@pytest.fixture(params=LIBRARIES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> SQLiteSettings:
    return SQLiteSettings(path=tmp_path / "app.db", library=request.param)


@pytest.fixture
async def engine(settings: SQLiteSettings) -> AsyncIterator[SQLiteEngine]:
    engine = SQLiteEngine(settings)
    await engine.start()
    try:
        await engine.write(lambda cursor: cursor.all(SCHEMA_ITEMS))
        yield engine
    finally:
        await engine.close()


def mark_of(engine: SQLiteEngine) -> HeldMark:
    assert engine._mark is not None
    return engine._mark


async def until_held(engine: SQLiteEngine) -> None:
    """Read closely until the mark is held."""
    until = time.monotonic() + 5
    while not mark_of(engine).held:
        assert time.monotonic() < until, "the mark is never held"
        for _ in range(3 * CLOSE):
            engine.read_now(COUNT, ())
            if mark_of(engine).held:
                return
        await asyncio.sleep(PAUSE_SECONDS)


def insert(number: int, cursor: Cursor) -> None:
    cursor.all("INSERT INTO items (id) VALUES (?)", (number,))


def other(engine: SQLiteEngine) -> Any:
    """Another connection of this process, which does not wait for locks."""
    return engine.library.module.connect(str(engine.settings.path), isolation_level=None, timeout=0)


@contextmanager
def neighbour(engine: SQLiteEngine) -> Iterator[Any]:
    """Another process with the same file, that runs what it is told."""
    text = WRITER.format(module=engine.library.module.__name__, path=str(engine.settings.path))
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018  # for mypy

        def run(statement: str) -> None:
            process.stdin.write(statement + "\n")  # type: ignore[union-attr]  # asserted above
            process.stdin.flush()  # type: ignore[union-attr]  # asserted above
            assert process.stdout.readline() == "done\n"  # type: ignore[union-attr]  # asserted above

        try:
            yield run
        finally:
            process.stdin.close()


async def test_reads_that_follow_each_other_closely_take_it_and_others_do_not(engine: SQLiteEngine) -> None:
    await asyncio.sleep(QUIET_SECONDS)
    for _ in range(CLOSE * 2):
        engine.read_now(COUNT, ())
        time.sleep(mark.CLOSE_SECONDS * 1.5 / CLOSE)  # noqa: ASYNC251  # the loop has nothing else to do
    assert not mark_of(engine).held
    await until_held(engine)


async def test_it_is_a_lock_that_is_let_go_of_soon(engine: SQLiteEngine) -> None:
    """A log that is read cannot be cut back: that it can a moment later, while reads go on, is what counts."""
    connection = other(engine)
    try:
        connection.execute("INSERT INTO items (id) VALUES (1)")
        await until_held(engine)
        connection.execute("INSERT INTO items (id) VALUES (2)")
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 1, "there was no lock"
        await asyncio.sleep(HELD_SECONDS * 2)
        assert not mark_of(engine).held
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        assert Path(f"{engine.settings.path}-wal").stat().st_size == 0  # noqa: ASYNC240  # a look at a size
    finally:
        connection.close()


async def test_a_checkpoint_of_another_process_gets_through_reads_without_end(engine: SQLiteEngine) -> None:
    with neighbour(engine) as run:
        for number in range(3):
            run(f"INSERT INTO items (id) VALUES ({number})")
            await until_held(engine)
            checkpoint = asyncio.create_task(asyncio.to_thread(run, "PRAGMA wal_checkpoint(TRUNCATE)"))
            until = time.monotonic() + 10
            while not checkpoint.done():
                assert time.monotonic() < until, "the checkpoint waits for ever"
                for _ in range(CLOSE):
                    engine.read_now(COUNT, ())
                await asyncio.sleep(0)
            await checkpoint
            assert Path(f"{engine.settings.path}-wal").stat().st_size == 0  # noqa: ASYNC240  # a look at a size


async def test_what_another_process_has_committed_is_in_the_next_read(engine: SQLiteEngine) -> None:
    with neighbour(engine) as run:
        for number in range(1, 31):
            await until_held(engine)
            run(f"INSERT INTO items (id) VALUES ({number})")
            assert mark_of(engine).held, "the moment that this is about has passed"
            assert engine.read_now(COUNT, ()) == (number,)


async def test_what_this_process_has_committed_is_in_the_next_read(engine: SQLiteEngine) -> None:
    for number in range(1, 31):
        await until_held(engine)
        await engine.write(partial(insert, number))
        assert engine.read_now(COUNT, ()) == (number,)


async def test_a_write_finds_no_mark_in_its_way(engine: SQLiteEngine) -> None:
    held: list[bool] = []

    def write(number: int, cursor: Cursor) -> None:
        held.append(mark_of(engine).held)
        insert(number, cursor)

    for number in range(5):
        await until_held(engine)
        await engine.write(partial(write, number))
        for _ in range(CLOSE * 3):
            engine.read_now(COUNT, ())
        held.append(mark_of(engine).held)  # somebody has just written
    assert held == [False] * 10


async def test_the_log_starts_anew_under_reads_and_writes_without_end(settings: SQLiteSettings) -> None:
    small = SQLiteSettings(settings.path, settings.library, checkpoint_pages=20)
    engine = SQLiteEngine(small)
    await engine.start()
    log = Path(f"{small.path}-wal")
    try:
        await engine.write(lambda cursor: cursor.all("CREATE TABLE t (x TEXT)"))
        for _ in range(40):
            await engine.write(lambda cursor: cursor.all("INSERT INTO t VALUES (?)", ("x" * 40_000,)))
            for _ in range(CLOSE * 8):
                engine.read_now("SELECT count(*) FROM t", ())
        assert log.stat().st_size < 10 * 40_000  # noqa: ASYNC240  # a look at a size
    finally:
        await engine.close()


async def test_an_engine_can_be_closed_while_it_is_held_and_opened_again(engine: SQLiteEngine) -> None:
    for _ in range(3):
        await until_held(engine)
        await engine.close()
        await engine.start()
    await engine.close()
    assert not Path(f"{engine.settings.path}-wal").exists(), "the last to close cuts the log back"  # noqa: ASYNC240


async def test_a_database_that_cannot_be_read_is_told_of_by_reads_alone(tmp_path: Path) -> None:
    library = choose("auto")

    def broken() -> Any:
        path = tmp_path / "broken.db"
        path.write_bytes(b"no database" * 1000)
        return library.module.connect(str(path), isolation_level=None)

    held = HeldMark(broken, asyncio.get_running_loop(), is_writing=lambda: False, driver_error=library.module.Error)
    for _ in range(3):
        held.note()
        assert not held.held
    held.close()
