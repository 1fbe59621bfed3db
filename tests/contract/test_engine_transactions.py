"""Transactions for Python logic, on every engine: the lease of the writer, and snapshots."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio
import time

import pytest

from tests.contract.engine_cases import ENDLESS, number, sqlite_only
from tests.contract.items import ADD, COUNT
from undercroft.engine import Cursor, DatabaseFault, Engine

pytestmark = pytest.mark.anyio


async def test_it_commits_at_the_end(engine: Engine) -> None:
    done: list[str] = []
    async with engine.transaction() as transaction:
        transaction.all(ADD, ("a",))
        transaction.after_commit(lambda: done.append("told"))
        assert transaction.one(COUNT) == (1,)
        assert await number(engine, COUNT) == 0
        assert done == []
    assert done == ["told"]
    assert await number(engine, COUNT) == 1


async def test_an_exception_undoes_everything(engine: Engine) -> None:
    done: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction() as transaction:
            transaction.all(ADD, ("a",))
            transaction.after_commit(lambda: done.append("told"))
            raise ZeroDivisionError
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)
    assert done == []


async def test_a_part_can_fail_alone(engine: Engine) -> None:
    def twice(cursor: Cursor) -> None:
        cursor.all(ADD, ("b",))
        cursor.all(ADD, ("b",))

    async with engine.transaction() as transaction:
        transaction.all(ADD, ("a",))
        with pytest.raises(DatabaseFault) as caught:
            transaction.run(twice)
        assert caught.value.code == "23505"
        assert transaction.run(lambda cursor: cursor.one(COUNT)) == (1,)
        transaction.run(lambda cursor: transaction.run(lambda inner: inner.all(ADD, ("c",))))
    assert await number(engine, "SELECT group_concat(name) FROM items") == "a,c"


@sqlite_only
async def test_leases_share_commits_too(engine: Engine) -> None:
    commits = engine.stats.commits

    async def client(number: int) -> None:
        for index in range(5):
            async with engine.transaction() as transaction:
                transaction.all(ADD, (f"{number}.{index}",))

    await asyncio.gather(*(client(number) for number in range(64)))
    assert await number(engine, COUNT) == 320
    assert (engine.stats.commits - commits) * 8 <= 320


async def test_it_has_a_time_limit(engine: Engine) -> None:
    before = time.monotonic()
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(seconds=0.1) as transaction:
            transaction.all(ADD, ("late",))
            await asyncio.sleep(30)
    assert caught.value.code == "57014"
    assert time.monotonic() - before < 5
    await engine.write(lambda cursor: cursor.all(ADD, ("next",)))
    assert await number(engine, "SELECT group_concat(name) FROM items") == "next"


async def test_the_limit_holds_when_the_loop_is_busy(engine: Engine) -> None:
    """The writer takes its connection back by itself: Python that never awaits cannot hold it."""
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(seconds=0.05) as transaction:
            transaction.all(ADD, ("late",))
            time.sleep(0.2)  # noqa: ASYNC251  # it is the point
            transaction.all(ADD, ("later",))
    assert caught.value.code == "57014"
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_timeout_of_the_logics_own_is_not_the_transactions(engine: Engine, read_only: bool) -> None:
    with pytest.raises(TimeoutError):
        async with engine.transaction(read_only=read_only), asyncio.timeout(0.01):
            await asyncio.sleep(30)


async def test_an_endless_statement_is_stopped(engine: Engine) -> None:
    for statement in (ENDLESS, f"INSERT INTO items (stock) {ENDLESS.replace('sum(i)', 'i')}"):
        with pytest.raises(DatabaseFault) as caught:
            async with engine.transaction(seconds=0.1) as transaction:
                transaction.all(ADD, ("lost",))
                transaction.all(statement)
        assert caught.value.code == "57014"
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)


async def test_it_is_over_when_it_is_over(engine: Engine) -> None:
    async with engine.transaction() as first:
        pass
    async with engine.transaction(read_only=True) as second:
        pass
    for transaction in (first, second):
        with pytest.raises(DatabaseFault) as caught:
            transaction.one(COUNT)
        assert caught.value.code == "25P02"


@pytest.mark.parametrize("statement", ["COMMIT", " rollback", "END", "BEGIN"])
async def test_it_cannot_be_ended_from_within(engine: Engine, statement: str) -> None:
    async with engine.transaction() as transaction:
        transaction.all(ADD, ("a",))
        with pytest.raises(DatabaseFault, match="must not begin or end"):
            transaction.all(statement)
    assert await number(engine, COUNT) == 1


async def test_a_write_inside_of_it_is_refused_and_not_waited_for(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        with pytest.raises(DatabaseFault, match="inside of a transaction"):
            await engine.write(lambda cursor: cursor.all(ADD, ("a",)))
        with pytest.raises(DatabaseFault, match="inside of a transaction"):
            async with engine.transaction():
                pass
        transaction.all(ADD, ("b",))
    await engine.write(lambda cursor: cursor.all(ADD, ("c",)))
    assert await number(engine, COUNT) == 2


async def test_a_snapshot_stays_as_it_was_and_cannot_write(engine: Engine) -> None:
    async with engine.transaction(read_only=True) as snapshot:
        assert snapshot.read_only
        assert snapshot.one(COUNT) == (0,)
        await engine.write(lambda cursor: cursor.all(ADD, ("a",)))
        assert snapshot.one(COUNT) == (0,)
        with pytest.raises(DatabaseFault) as caught:
            snapshot.all(ADD, ("b",))
        assert caught.value.code == "25006"
    async with engine.transaction(read_only=True) as snapshot:
        assert snapshot.one(COUNT) == (1,)


async def test_a_snapshot_has_a_time_limit(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(read_only=True, seconds=0.1) as snapshot:
            snapshot.one(ENDLESS)
    assert caught.value.code == "57014"
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(read_only=True, seconds=0.1):
            await asyncio.sleep(30)
    assert caught.value.code == "57014"
