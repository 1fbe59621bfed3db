"""Writing, on every engine: each alone as to its failures, together as to the commit, answered only after it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.engine_cases import ENDLESS, Open, number, sqlite_only
from undercroft.base.faults import Fault, Overloaded
from undercroft.engine import Cursor, DatabaseFault, Engine

pytestmark = pytest.mark.anyio


def insert(name: str | None, stock: int = 0) -> Callable[[Cursor], int]:
    def work(cursor: Cursor) -> int:
        key: int = cursor.one("INSERT INTO items (name, stock) VALUES (?, ?) RETURNING id", (name, stock))[0]
        return key

    return work


@sqlite_only
async def test_waiting_writers_share_commits(engine: Engine) -> None:
    """64 connections, each waiting for its answer: at most one commit per eight answers."""
    commits, answered = engine.stats.commits, engine.stats.acknowledged

    async def client(number: int) -> None:
        for index in range(20):
            await engine.write(insert(f"{number}.{index}"))

    await asyncio.gather(*(client(number) for number in range(64)))
    answers = engine.stats.acknowledged - answered
    assert answers == 64 * 20
    assert await number(engine, "SELECT count(*) FROM items") == answers
    assert (engine.stats.commits - commits) * 8 <= answers
    assert engine.stats.waiting == 0


async def test_one_failure_undoes_only_itself(engine: Engine) -> None:
    async def attempt(index: int) -> bool:
        def work(cursor: Cursor) -> None:
            cursor.all("INSERT INTO items (name) VALUES (?)", (f"before {index}",))
            if index % 3 == 0:
                cursor.all("INSERT INTO items (name) VALUES ('taken')")
            if index % 3 == 1:
                raise Fault("no", code="PGRST000")

        try:
            await engine.write(work)
        except Fault:
            return False
        return True

    outcomes = await asyncio.gather(*(attempt(index) for index in range(90)))
    done = {f"before {index}" for index, ok in enumerate(outcomes) if ok}
    kept = {name for (name,) in await engine.write(lambda c: c.all("SELECT name FROM items"))}
    assert kept - {"taken"} == done
    assert sum(outcomes) == 31  # of each three: none of the first but one, none of the second, every third


async def test_a_fault_of_the_work_comes_out_as_it_is(engine: Engine) -> None:
    fault = Fault("not this one", code="PGRST999")

    def refuse(cursor: Cursor) -> None:
        cursor.all("INSERT INTO items (name) VALUES ('x')")
        raise fault

    with pytest.raises(Fault) as caught:
        await engine.write(refuse)
    assert caught.value is fault
    assert await number(engine, "SELECT count(*) FROM items") == 0


@sqlite_only
async def test_work_may_catch_a_failed_statement_and_go_on(engine: Engine) -> None:
    def work(cursor: Cursor) -> int:
        insert("a")(cursor)
        with pytest.raises(DatabaseFault):
            insert("a")(cursor)
        return insert("b")(cursor)

    await engine.write(work)
    assert await number(engine, "SELECT group_concat(name) FROM items") == "a,b"


async def test_rollback_answers_and_leaves_nothing(engine: Engine) -> None:
    assert await engine.write(insert("tried"), rollback=True) == 1
    assert await number(engine, "SELECT count(*) FROM items") == 0


async def test_an_interrupted_write_does_not_take_its_neighbours_along(open_engine: Open) -> None:
    """SQLite undoes the whole transaction when a writing statement is interrupted: the others are run again."""
    async with open_engine(statement_seconds=0.2, gather_seconds=0.05) as engine:
        endless = f"INSERT INTO items (stock) {ENDLESS.replace('sum(i)', 'i')}"
        for _ in range(3):
            writes: list[Any] = [engine.write(insert(None)) for _ in range(5)]
            writes.insert(3, engine.write(lambda cursor: cursor.all(endless)))
            ended = await asyncio.gather(*writes, return_exceptions=True)
            failures = [error for error in ended if isinstance(error, Exception)]
            assert [getattr(error, "code", error) for error in failures] == ["57014"]
        assert await number(engine, "SELECT count(*) FROM items") == 15


async def test_work_cannot_go_on_after_its_transaction_is_lost(open_engine: Open) -> None:
    async with open_engine(statement_seconds=0.1) as engine:

        def stubborn(cursor: Cursor) -> None:
            with pytest.raises(DatabaseFault):
                cursor.all(f"INSERT INTO items (stock) {ENDLESS.replace('sum(i)', 'i')}")
            insert("by itself")(cursor)

        with pytest.raises(DatabaseFault):
            await engine.write(stubborn)
        assert await number(engine, "SELECT count(*) FROM items") == 0
        await engine.write(insert("next"))
        assert await number(engine, "SELECT count(*) FROM items") == 1


async def test_a_deferred_key_fails_its_own_write_only(engine: Engine) -> None:
    await engine.write(
        lambda cursor: cursor.all(
            "CREATE TABLE late (id INTEGER PRIMARY KEY, item_id INTEGER,"
            " FOREIGN KEY (item_id) REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    )

    def orphan(cursor: Cursor) -> None:
        cursor.all("INSERT INTO late (item_id) VALUES (999)")

    async def leased() -> None:
        async with engine.transaction() as transaction:
            transaction.all("INSERT INTO items (name) VALUES (NULL)")

    for turn in range(2):
        works = [insert(f"{turn}.{index}") for index in range(4)]
        ended = await asyncio.gather(*map(engine.write, works), engine.write(orphan), leased(), return_exceptions=True)
        assert [getattr(error, "code", None) for error in ended[:5]] == [None] * 4 + ["23503"]
        # A lease cannot be run again; once it is known that keys may fail late, it gets a commit of its own.
        shared = engine.dialect.name == "sqlite" and turn == 0
        assert getattr(ended[5], "code", None) == ("40001" if shared else None)
    assert await number(engine, "SELECT count(*) FROM items") == (9 if engine.dialect.name == "sqlite" else 10)
    assert await number(engine, "SELECT count(*) FROM late") == 0


@sqlite_only
async def test_too_many_writes_are_turned_away(open_engine: Open) -> None:
    async with open_engine(write_queue=10) as engine:
        ended = await asyncio.gather(*(engine.write(insert(None)) for _ in range(50)), return_exceptions=True)
        turned_away = [error for error in ended if isinstance(error, Overloaded)]
        assert len(turned_away) == 40
        assert turned_away[0].retry_after == 1
        assert await number(engine, "SELECT count(*) FROM items") == 10
        assert engine.stats.waiting == 0


@sqlite_only
async def test_a_write_cancelled_in_the_queue_is_not_done(engine: Engine) -> None:
    async with engine.transaction() as transaction:
        waiting = asyncio.create_task(engine.write(insert("never")))
        await asyncio.sleep(0.01)
        waiting.cancel()
        transaction.all("INSERT INTO items (name) VALUES ('held')")
    assert await number(engine, "SELECT group_concat(name) FROM items") == "held"


async def test_cancelling_anything_at_any_moment_leaves_everything_clean(engine: Engine) -> None:
    chance = random.Random(7)
    certain: set[str] = set()
    started: set[str] = set()

    async def write(name: str) -> None:
        started.add(name)
        await engine.write(insert(name))
        certain.add(name)

    async def lease(name: str) -> None:
        started.add(name)
        async with engine.transaction() as transaction:
            transaction.one("INSERT INTO items (name) VALUES (?) RETURNING id", (name,))
            await asyncio.sleep(chance.random() * 0.002)
        certain.add(name)

    async def snapshot(name: str) -> None:
        async with engine.transaction(read_only=True) as transaction:
            transaction.one("SELECT count(*) FROM items")
            await asyncio.sleep(chance.random() * 0.002)

    for turn in range(60):
        kinds = [chance.choice([write, write, lease, snapshot]) for _ in range(12)]
        tasks = [asyncio.create_task(kind(f"{turn}.{index}")) for index, kind in enumerate(kinds)]
        for task in tasks:
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.001)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await engine.write(insert("end"))
    kept = {name for (name,) in await engine.write(lambda cursor: cursor.all("SELECT name FROM items"))}
    assert certain <= kept <= started | {"end"}
    assert engine.stats.waiting == 0
    async with engine.transaction(read_only=True) as transaction:
        assert transaction.one("SELECT count(*) FROM items") == (len(kept),)


async def test_parallel_decrements_never_sell_what_is_not_there(engine: Engine) -> None:
    await engine.write(insert("seats", 40))
    taking = "UPDATE items SET stock = stock - 1 WHERE name = 'seats' AND stock > 0 RETURNING stock"

    async def buy() -> bool:
        return bool(await engine.write(lambda cursor: cursor.all(taking)))

    sold = await asyncio.gather(*(buy() for _ in range(64)))
    assert sum(sold) == 40
    assert await number(engine, "SELECT stock FROM items") == 0


async def test_closing_answers_what_is_queued(open_engine: Open) -> None:
    async with open_engine() as engine:
        writes = [asyncio.create_task(engine.write(insert(None))) for _ in range(50)]
        await asyncio.sleep(0)
        await engine.close()
        assert sorted(await asyncio.gather(*writes)) == list(range(1, 51))


async def test_a_lone_writer_does_not_wait_for_company(open_engine: Open) -> None:
    async with open_engine(gather_seconds=0.5) as engine:
        before = time.monotonic()
        for _ in range(5):
            await engine.write(insert(None))
        assert time.monotonic() - before < 0.5
