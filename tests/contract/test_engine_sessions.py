"""SQLAlchemy sessions on a transaction, on every engine: they write with it and never end it."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import IntegrityError, MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from tests.contract.engine_cases import ENDLESS, LONG, Open, number
from tests.contract.items import ADD, COUNT, NAMES, Item, Part
from undercroft.engine import DatabaseFault, Engine, Transaction

pytestmark = pytest.mark.anyio


async def test_an_exception_undoes_what_a_session_wrote(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction() as transaction:
            session = transaction.session()
            session.add(Item(name="flushed"))
            await session.flush()
            session.add(Item(name="pending"))
            raise ZeroDivisionError
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)


async def test_a_session_is_of_the_very_transaction(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        transaction.all(ADD, ("by hand",))
        session = transaction.session()
        assert session is transaction.session()
        assert (await session.scalars(select(Item.name))).all() == ["by hand"]
        session.add(Item(name="mapped", parts=[Part(), Part()]))
        await session.flush()
        assert transaction.one(COUNT) == (2,)
    assert await number(engine, "SELECT count(*) FROM parts JOIN items ON items.id = item_id") == 2


async def test_what_a_session_still_holds_is_written_at_the_end(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        transaction.session().add(Item(name="pending"))
    assert await number(engine, COUNT) == 1


async def test_a_flush_that_fails_at_the_end_is_a_fault(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction() as transaction:
            transaction.session().add_all([Item(name="same"), Item(name="same")])
    assert caught.value.code == "23505"
    assert "items_name_key" in caught.value.message
    assert await number(engine, COUNT) == 0


async def test_a_sessions_commit_does_not_end_the_transaction(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        async with engine.transaction() as transaction:
            session = transaction.session()
            session.add(Item(name="a"))
            await session.commit()
            assert await number(engine, COUNT) == 0
            raise ZeroDivisionError
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)


async def test_a_sessions_rollback_undoes_since_its_last_commit(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        transaction.all(ADD, ("by hand",))
        session = transaction.session()
        session.add(Item(name="kept"))
        await session.commit()
        session.add(Item(name="undone"))
        await session.flush()
        await session.rollback()
        session.add(Item(name="after"))
    assert await number(engine, NAMES) == "by hand,kept,after"


async def test_a_session_goes_on_after_an_error_that_was_caught(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        session.add(Item(name="a"))
        await session.flush()
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                session.add(Item(name="a"))
        session.add(Item(name="b"))
    assert await number(engine, NAMES) == "a,b"


async def test_a_session_reads_on_a_snapshot(engine: Engine) -> None:
    await engine.write(lambda cursor: cursor.all(ADD, ("a",)))
    async with engine.transaction(read_only=True) as snapshot:
        item = (await snapshot.session().scalars(select(Item))).one()
        assert item.name == "a"


async def test_every_way_to_read_with_a_session(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        session = transaction.session()
        session.add_all([Item(id=number, name=f"n{number}", parts=[Part()]) for number in range(1, 6)])
        await session.flush()
        session.expunge_all()
        result = await session.execute(select(Item.id, Item.name).order_by(Item.id))
        assert list(result.keys()) == ["id", "name"]
        assert result.fetchone() == (1, "n1")
        assert result.fetchmany(2) == [(2, "n2"), (3, "n3")]
        assert result.all() == [(4, "n4"), (5, "n5")]
        streamed = await session.stream(select(Item.id).order_by(Item.id))
        assert [row.id async for row in streamed] == [1, 2, 3, 4, 5]
        loaded = (await session.scalars(select(Item).options(selectinload(Item.parts)).order_by(Item.id))).all()
        assert [len(item.parts) for item in loaded] == [1] * 5
        item = await session.get_one(Item, 3)
        await session.refresh(item, ["parts"])
        changed = await session.execute(update(Item).values(stock=1).where(Item.id < 3).returning(Item.id))
        assert sorted(changed.scalars()) == [1, 2]
        gone = await session.execute(delete(Part).where(Part.item_id == 1))
        assert gone.rowcount == 1  # type: ignore[attr-defined]  # a CursorResult
        await session.run_sync(lambda sync: sync.add(Item(id=9)))
    assert await number(engine, COUNT) == 6


async def test_a_hidden_query_is_refused_as_by_an_awaiting_driver(engine: Engine) -> None:
    await engine.write(lambda cursor: cursor.all(ADD, ("a",)))
    async with engine.transaction(read_only=True) as snapshot:
        item = (await snapshot.session().scalars(select(Item))).one()
        with pytest.raises(MissingGreenlet):
            _ = item.parts
        assert await snapshot.session().run_sync(lambda _: item.parts) == []


async def test_a_session_does_not_outlive_its_transaction(engine: Engine) -> None:
    async def keep(transaction: Transaction) -> AsyncSession:
        session = transaction.session()
        session.add(Item(name="a"))
        await session.flush()
        return session

    async with engine.transaction() as transaction:
        session = await keep(transaction)
    await engine.write(lambda cursor: cursor.all(ADD, ("b",)))
    with pytest.raises(Exception):  # noqa: B017, PT011  # SQLAlchemy's words for it vary
        await session.execute(text("INSERT INTO items (name) VALUES ('too late')"))
    assert await number(engine, COUNT) == 2


async def test_a_session_past_the_limit_is_a_timeout(engine: Engine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction(seconds=0.1) as transaction:
            session = transaction.session()
            session.add(Item(name="late"))
            await session.flush()
            await session.execute(text(ENDLESS))
    assert caught.value.code == "57014"
    assert await engine.write(lambda cursor: cursor.one(COUNT)) == (0,)


async def test_leases_under_load_with_sessions_keep_their_rows_apart(open_engine: Open) -> None:
    async with open_engine(lease_seconds=30) as engine:

        async def client(number: int) -> None:
            async with engine.transaction() as transaction:
                session = transaction.session()
                item = Item(name=str(number))
                session.add(item)
                await session.flush()
                await asyncio.sleep(0)
                session.add(Part(item_id=item.id))
                if number % 4 == 0:
                    raise ZeroDivisionError

        ended = await asyncio.gather(*(client(number) for number in range(40)), return_exceptions=True)
        assert sum(isinstance(error, ZeroDivisionError) for error in ended) == 10
        assert await number(engine, COUNT) == 30
        assert await number(engine, "SELECT count(*) FROM parts") == 30


async def test_a_long_read_of_a_session_does_not_hold_up_the_loop(open_engine: Open) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)

    most = 2_000_000
    async with (
        open_engine(statement_seconds=120) as engine,
        engine.transaction(read_only=True, seconds=120) as snapshot,
    ):
        watcher = asyncio.create_task(watch())
        before = time.monotonic()
        assert await snapshot.session().scalar(text(LONG.replace("?", str(most)))) == most * (most + 1) // 2
        took = time.monotonic() - before
        watcher.cancel()
    assert longest < took / 2


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_long_read_of_a_session_can_be_cancelled(engine: Engine, read_only: bool) -> None:
    async def read() -> None:
        async with engine.transaction(read_only=read_only, seconds=30) as transaction:
            session = transaction.session()
            await session.execute(text("SELECT 1"))
            await session.execute(text(ENDLESS))

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.1)
    before = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await engine.write(lambda cursor: cursor.all(ADD, ("a",)))
    async with engine.transaction(read_only=True) as snapshot:
        assert snapshot.one(COUNT) == (1,)
    assert time.monotonic() - before < 5


async def test_a_named_constraint_has_its_name_in_a_sessions_fault(engine: Engine) -> None:
    with pytest.raises(DatabaseFault, match='relation "items" violates check constraint "stock_not_negative"'):
        async with engine.transaction() as transaction:
            transaction.session().add(Item(name="a", stock=-1))
