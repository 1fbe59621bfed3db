"""Statements whose rows nobody wants, on every engine: they are done where they stand, or the transaction is not."""

# ruff: noqa: PT012, SIM117
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from tests.contract.engine_cases import LONG, number, postgres_only
from tests.contract.items import ADD, COUNT, NAMES, Item
from undercroft.engine import DatabaseFault, Engine, Transaction

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("after", ["nothing", "fetch", "session", "run"])
async def test_what_is_sent_is_done_whatever_comes_after_it(engine: Engine, after: str) -> None:
    async with engine.transaction() as transaction:
        await transaction.send(ADD, ("sent",))
        if after == "fetch":
            assert await transaction.fetch(COUNT) == [(1,)]
        elif after == "session":
            transaction.session().add(Item(name="added"))
        elif after == "run":
            transaction.run(lambda cursor: cursor.all(ADD, ("run",)))
    assert await number(engine, COUNT) == (2 if after in ("session", "run") else 1)


async def test_what_is_sent_is_undone_with_its_transaction(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction() as transaction:
            await transaction.send(ADD, ("sent",))
            raise ZeroDivisionError
    assert await number(engine, COUNT) == 0


async def test_what_is_sent_before_a_part_stays_and_what_is_sent_in_it_goes_with_it(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        await transaction.send(ADD, ("before",))
        await session.flush()
        nested = await session.begin_nested()
        await transaction.send(ADD, ("within",))
        await nested.rollback()
        await transaction.send(ADD, ("behind",))
        assert list(await session.scalars(select(Item.name).order_by(Item.id))) == ["before", "behind"]
    assert await number(engine, NAMES) == "before,behind"


@pytest.mark.parametrize("way", ["fetch", "send", "perform", "run_long"])
async def test_what_goes_past_the_session_is_undone_with_its_part(engine: Engine, way: str) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():  # SQLAlchemy alone would begin it with the session's first statement
                if way in ("fetch", "send"):
                    await getattr(transaction, way)(ADD, ("undone",))
                else:
                    await getattr(transaction, way)(lambda cursor: cursor.all(ADD, ("undone",)))
                raise ZeroDivisionError
        await transaction.fetch(ADD, ("kept",))
    assert await number(engine, COUNT) == 1


async def test_a_sessions_rollback_undoes_what_was_sent_in_it(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        assert await session.scalar(select(func.count()).select_from(Item)) == 0
        await transaction.send(ADD, ("undone",))
        await session.rollback()
    assert await number(engine, COUNT) == 0


async def test_what_is_sent_and_refused_commits_nothing(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction() as transaction:
            await transaction.fetch(ADD, ("same",))
            await transaction.send(ADD, ("same",))
    assert caught.value.code == "23505"
    assert await number(engine, COUNT) == 0
    async with engine.transaction() as transaction:  # the connection is as it was
        await transaction.send(ADD, ("same",))
    assert await number(engine, COUNT) == 1


# --- where a statement that waits for the next one could be lost, or done at the wrong place ---


async def test_a_snapshot_refuses_what_is_sent(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(read_only=True) as transaction:
            await transaction.send(ADD, ("x",))
    assert caught.value.code == "25006"


async def test_a_part_that_only_reads_refuses_what_is_sent(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction() as transaction:
            async with transaction.reading():
                await transaction.send(ADD, ("x",))
    assert caught.value.code == "25006"
    assert await number(engine, COUNT) == 0


async def test_a_part_that_only_reads_lets_pass_what_was_sent_before_it_and_is_behind_it(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        await transaction.send(ADD, ("before",))
        async with transaction.reading():
            assert await transaction.fetch(COUNT) == [(1,)]
        await transaction.send(ADD, ("behind",))
    assert await number(engine, NAMES) == "before,behind"


async def test_many_rows_of_a_session_come_after_what_was_sent_before_them(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        await transaction.session().connection()
        await transaction.send(ADD, ("sent",))
        await transaction.session().execute(insert(Item), [{"name": "one"}, {"name": "two"}])
    assert await number(engine, NAMES) == "sent,one,two"


@pytest.mark.parametrize("rows", [1, 2])
async def test_a_part_that_failed_can_be_undone_with_what_was_sent_in_it(engine: Engine, rows: int) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        await transaction.send(ADD, ("before",))
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                await transaction.send(ADD, ("within",))
                await session.execute(insert(Item), [{"name": "same", "stock": -1}] * rows)
        await transaction.send(ADD, ("behind",))
    assert await number(engine, NAMES) == "before,behind"


async def test_a_refused_statement_is_undone_with_the_part_it_was_sent_in(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        await transaction.fetch(ADD, ("same",))
        with pytest.raises((ZeroDivisionError, DatabaseFault)):
            async with session.begin_nested():
                await transaction.send(ADD, ("same",))
                raise ZeroDivisionError
        await transaction.send(ADD, ("behind",))
    assert await number(engine, NAMES) == "same,behind"


async def test_what_is_sent_in_the_part_of_a_part_goes_with_the_outer_one(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                async with session.begin_nested():
                    await transaction.send(ADD, ("undone",))
                raise ZeroDivisionError
        async with session.begin_nested():
            async with session.begin_nested():
                await transaction.send(ADD, ("kept",))
    assert await number(engine, NAMES) == "kept"


async def test_what_is_sent_is_not_lost_with_the_statement_that_was_to_take_it_along(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await transaction.fetch(LONG, (1_000_000,))
        await transaction.send(ADD, ("sent",))
        async with asyncio.timeout(4):
            while not await _is_free(transaction):  # noqa: ASYNC110  # nobody tells of it
                await asyncio.sleep(0.05)
    assert await number(engine, COUNT) == 1


async def _is_free(transaction: Transaction) -> bool:
    """Whether what nobody waits for any more is over."""
    try:
        await transaction.fetch(COUNT)
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("end", ["close", "commit", "nothing"])
async def test_what_is_sent_behind_the_end_of_a_session_is_done(engine: Engine, end: str) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        session.add(Item(name="added"))
        await session.flush()
        if end != "nothing":
            await getattr(session, end)()
        await transaction.send(ADD, ("sent",))
    assert await number(engine, NAMES) == ("sent" if end == "close" else "added,sent")


async def test_nothing_can_be_sent_once_it_is_over_or_late(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        pass
    with pytest.raises(DatabaseFault):
        await transaction.send(ADD, ("x",))
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(seconds=0.05) as transaction:
            time.sleep(0.1)  # noqa: ASYNC251  # the loop is busy
            await transaction.send(ADD, ("x",))
    assert caught.value.code == "57014"
    assert await number(engine, COUNT) == 0


async def test_what_was_sent_is_undone_where_the_task_is_cancelled(engine: Engine) -> None:
    async def work() -> None:
        async with engine.transaction() as transaction:
            await transaction.send(ADD, ("sent",))
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await number(engine, COUNT) == 0


@postgres_only
async def test_what_was_sent_over_a_lost_connection_is_a_fault(engine: Engine) -> None:
    with pytest.raises(DatabaseFault):
        async with engine.transaction() as transaction:
            ((pid,),) = await transaction.fetch("SELECT pg_backend_pid()")
            await transaction.send(ADD, ("sent",))
            await engine.write(lambda cursor: cursor.all("SELECT pg_terminate_backend(?)", (pid,)))
    assert await number(engine, COUNT) == 0
