"""A transaction that begins at its first use, on every engine."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from tests.contract.engine_cases import SCHEMA_ITEMS, Open, number
from tests.contract.items import ADD, COUNT, Item
from undercroft.engine import DatabaseFault, Engine
from undercroft.engine.late import LateTransaction, late_transaction

pytestmark = pytest.mark.anyio


@pytest.fixture
async def late(engine: Engine) -> Engine:
    await engine.write(lambda cursor: cursor.all(SCHEMA_ITEMS))
    return engine


async def test_one_that_nobody_uses_never_begins(late: Engine) -> None:
    commits = late.stats.commits
    async with late_transaction(late.transaction) as transaction:
        assert not transaction.begun
        await late.write(lambda cursor: cursor.all(ADD, ("somebody else, who need not wait",)))
    assert not transaction.begun
    assert late.stats.commits == commits + 1


@pytest.mark.parametrize("way", ["fetch", "perform", "session", "pending"])
async def test_its_first_use_begins_it_and_its_end_commits(late: Engine, way: str) -> None:
    async with late_transaction(late.transaction) as transaction:
        await _write(transaction, way)
    assert await number(late, COUNT) == 1


@pytest.mark.parametrize("way", ["fetch", "perform", "session", "pending"])
async def test_an_exception_undoes_all_of_it(late: Engine, way: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with late_transaction(late.transaction) as transaction:
            await _write(transaction, way)
            raise ZeroDivisionError
    assert await number(late, COUNT) == 0


async def _write(transaction: LateTransaction, way: str) -> None:
    if way == "fetch":
        await transaction.fetch(ADD, ("x",))
    elif way == "perform":
        await transaction.perform(lambda cursor: cursor.all(ADD, ("x",)))
    else:
        transaction.session().add(Item(name="x"))
        if way == "session":
            await transaction.session().flush()


async def test_session_and_statements_are_of_one_transaction(late: Engine) -> None:
    async with late_transaction(late.transaction) as transaction:
        session = transaction.session()
        assert await session.scalar(select(func.count()).select_from(Item)) == 0
        await transaction.fetch(ADD, ("x",))
        found = await session.scalars(select(Item.name))
        assert list(found) == ["x"]
        session.add(Item(name="y"))
        await session.commit()
        session.add(Item(name="z"))
        await session.flush()
        await session.rollback()
        assert transaction.one(COUNT) == (2,)
    assert await number(late, COUNT) == 2


async def test_what_is_not_awaited_needs_one_that_has_begun(late: Engine) -> None:
    async with late_transaction(late.transaction) as transaction:
        with pytest.raises(DatabaseFault, match="has not begun"):
            transaction.all(COUNT)
        await transaction.open()
        assert transaction.one(COUNT) == (0,)


async def test_its_time_runs_from_its_beginning(open_engine: Open) -> None:
    async with open_engine() as engine:
        await engine.write(lambda cursor: cursor.all(SCHEMA_ITEMS))
        async with late_transaction(lambda: engine.transaction(seconds=0.2)) as transaction:
            await asyncio.sleep(0.3)
            await transaction.fetch(ADD, ("in time",))
        with pytest.raises(DatabaseFault) as caught:
            async with late_transaction(lambda: engine.transaction(seconds=0.1)) as transaction:
                await transaction.fetch(ADD, ("too late",))
                await asyncio.sleep(5)
        assert caught.value.code == "57014"
        assert await number(engine, COUNT) == 1


async def test_once_over_it_refuses(late: Engine) -> None:
    async with late_transaction(late.transaction) as transaction:
        pass
    with pytest.raises(DatabaseFault):
        await transaction.fetch(COUNT)


async def test_callbacks_run_after_the_commit_and_only_then(late: Engine) -> None:
    seen: list[str] = []
    async with late_transaction(late.transaction) as transaction:
        transaction.after_commit(lambda: seen.append("kept"))
        await transaction.fetch(ADD, ("x",))
        assert seen == []
    assert seen == ["kept"]
    with pytest.raises(ZeroDivisionError):
        async with late_transaction(late.transaction) as transaction:
            transaction.after_commit(lambda: seen.append("undone"))
            await transaction.fetch(ADD, ("y",))
            raise ZeroDivisionError
    assert seen == ["kept"]


async def test_what_only_reads_may_stand_in_a_part_of_the_session(late: Engine) -> None:
    async with late_transaction(late.transaction) as transaction:
        session = transaction.session()
        async with session.begin_nested():
            async with transaction.reading():
                assert await session.scalar(select(func.count()).select_from(Item)) == 0
            session.add(Item(name="x"))
    assert await number(late, COUNT) == 1
