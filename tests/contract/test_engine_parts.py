"""Parts of a transaction for Python logic that may take long, or may not write, on every engine."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio

import pytest

from tests.contract.engine_cases import ENDLESS, LONG, Open, number
from tests.contract.items import ADD, COUNT
from undercroft.engine import DatabaseFault, Engine
from undercroft.engine.late import late_transaction

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("way", ["fetch", "run_long"])
async def test_what_takes_long_holds_up_nobody_else(open_engine: Open, way: str) -> None:
    waits: list[float] = []
    clock = asyncio.get_running_loop().time

    async def beat() -> None:
        while True:
            before = clock()
            await asyncio.sleep(0.005)
            waits.append(clock() - before)

    async with open_engine(statement_seconds=120) as engine:
        beating = asyncio.create_task(beat())
        async with engine.transaction(seconds=120) as transaction:
            await asyncio.sleep(0)
            began = clock()
            if way == "fetch":
                rows = await transaction.fetch(LONG, (3_000_000,))
            else:
                rows = await transaction.run_long(lambda cursor: cursor.all(LONG, (3_000_000,)))
            took = clock() - began
        beating.cancel()
    assert rows[0][0] > 0
    assert took > 0.1, "too short to show anything"
    assert waits
    assert max(waits) < took / 2


async def test_long_work_that_fails_is_undone_alone(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        await transaction.run_long(lambda cursor: cursor.all(ADD, ("a",)))
        with pytest.raises(DatabaseFault) as caught:
            await transaction.run_long(lambda cursor: [cursor.all(ADD, ("b",)) for _ in range(2)])
        assert caught.value.code == "23505"
    assert await number(engine, "SELECT group_concat(name) FROM items") == "a"


async def test_long_work_ends_with_its_time(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(seconds=0.3) as transaction:
            await transaction.run_long(lambda cursor: [cursor.all(ADD, ("a",)), cursor.all(ENDLESS)])
    assert caught.value.code == "57014"
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)


async def test_a_reading_part_refuses_writes_and_ends(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        await transaction.fetch(ADD, ("a",))
        async with transaction.reading():
            assert await transaction.fetch(COUNT) == [(1,)]
        await transaction.fetch(ADD, ("b",))
    assert await number(engine, COUNT) == 2
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction() as transaction:
            await transaction.fetch(ADD, ("c",))
            async with transaction.reading():
                await transaction.fetch(ADD, ("d",))
    assert caught.value.code == "25006"
    assert await number(engine, COUNT) == 2


async def test_the_same_holds_of_one_that_begins_late(engine: Engine) -> None:
    async with late_transaction(engine.transaction) as transaction:
        await transaction.run_long(lambda cursor: cursor.all(ADD, ("a",)))
        async with transaction.reading():
            assert await transaction.fetch(COUNT) == [(1,)]
    assert await number(engine, COUNT) == 1
