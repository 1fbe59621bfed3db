"""Reading, on every engine: inline when short, on a thread when long, never without a limit."""

from __future__ import annotations

import asyncio
import time

import pytest
import sqlalchemy as sa

from tests.contract.engine_cases import ENDLESS, LONG, Open, number, sqlite_only
from undercroft.base.faults import Overloaded
from undercroft.engine import DatabaseFault, Engine

pytestmark = pytest.mark.anyio


@sqlite_only
async def test_a_short_read_is_answered_without_waiting(engine: Engine) -> None:
    assert engine.read_now("SELECT ? + 1, ?", (1, "x")) == (2, "x")
    assert engine.stats.over_budget == 0


@sqlite_only
async def test_a_long_read_leaves_the_loop_and_gives_the_same_answer(engine: Engine) -> None:
    assert engine.read_now(LONG, (500_000,)) is None
    assert await engine.read(LONG, (500_000,)) == (500_000 * 500_001 // 2,)
    assert engine.stats.over_budget == 1


@sqlite_only
async def test_a_read_that_calls_python_for_its_rows_leaves_the_loop_at_once(engine: Engine) -> None:
    """Steps are not counted within: a few of them may take as long as a text is."""
    cast = "SELECT undercroft_cast('1', 'text', 'integer')"
    assert engine.read_now(cast, ()) is None
    assert await engine.read(cast, ()) == (1,)
    assert engine.read_now("SELECT 'undercroft_cast', 1", ()) == ("undercroft_cast", 1)
    async with engine.transaction() as transaction:
        found = await transaction.session().execute(sa.text(cast))
        assert found.scalar_one() == 1


async def test_a_long_read_does_not_hold_up_the_loop(open_engine: Open) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)

    async with open_engine(statement_seconds=120) as engine:
        watcher = asyncio.create_task(watch())
        before = time.monotonic()
        await engine.read(LONG, (2_000_000,))
        took = time.monotonic() - before
        watcher.cancel()
    assert longest < took / 2


@sqlite_only
async def test_many_short_reads_never_run_out_of_a_budget(open_engine: Open) -> None:
    """The database counts on from one run of a statement to the next: the budget must not."""
    async with open_engine(read_budget_steps=10_000) as engine:
        for _ in range(3_000):
            assert engine.read_now("SELECT count(*) FROM items WHERE id = ?", (1,)) == (0,)


async def test_a_read_has_a_time_limit(open_engine: Open) -> None:
    async with open_engine(statement_seconds=0.1) as engine:
        with pytest.raises(DatabaseFault) as caught:
            await engine.read(ENDLESS, ())
        assert caught.value.code == "57014"
        assert caught.value.message == "canceling statement due to statement timeout"
        assert await number(engine, LONG, 1) == 1


async def test_a_cancelled_read_stops_and_leaves_its_reader_clean(open_engine: Open) -> None:
    async with open_engine(readers=1, statement_seconds=30) as engine:
        reading = asyncio.create_task(engine.read(ENDLESS, ()))
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        before = time.monotonic()
        assert await engine.read_slow("SELECT 1", ()) == (1,)
        assert time.monotonic() - before < 5


async def test_too_many_long_reads_are_turned_away(open_engine: Open) -> None:
    async with open_engine(readers=1, read_queue=2, statement_seconds=0.3) as engine:
        readings = [asyncio.create_task(engine.read_slow(ENDLESS, ())) for _ in range(8)]
        ended = await asyncio.gather(*readings, return_exceptions=True)
        turned_away = [error for error in ended if isinstance(error, Overloaded)]
        assert len(turned_away) >= 5
        assert all(error.retry_after for error in turned_away)
        assert engine.stats.overloaded == len(turned_away)
        assert await engine.read_slow("SELECT 1", ()) == (1,)


async def test_a_statement_without_a_row_is_a_fault_of_ours(engine: Engine) -> None:
    for reading in (engine.read, engine.read_slow):
        with pytest.raises(DatabaseFault, match="no row"):
            await reading("SELECT 1 WHERE 1 = 0", ())


async def test_a_reader_cannot_write(engine: Engine) -> None:
    for reading in (engine.read, engine.read_slow):
        with pytest.raises(DatabaseFault) as caught:
            await reading("INSERT INTO items (name) VALUES ('a') RETURNING id", ())
        assert caught.value.code == "25006"
    assert await number(engine, "SELECT count(*) FROM items") == 0


async def test_what_was_answered_can_be_read_at_once(engine: Engine) -> None:
    for index in range(200):
        key = (await engine.write(lambda cursor: cursor.one("INSERT INTO items DEFAULT VALUES RETURNING id")))[0]
        assert key == index + 1
        assert await engine.read("SELECT max(id) FROM items", ()) == (key,)


async def test_a_closed_engine_says_so(open_engine: Open) -> None:
    async with open_engine() as engine:
        await engine.close()
        with pytest.raises(DatabaseFault, match="not open"):
            await engine.read("SELECT 1", ())
        with pytest.raises(DatabaseFault, match="not open"):
            await engine.write(lambda cursor: cursor.one("SELECT 1"))
        await engine.start()
        assert await number(engine, "SELECT 1") == 1
