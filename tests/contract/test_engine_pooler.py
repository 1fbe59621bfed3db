"""The engine behind PgBouncer in transaction mode, which lends a connection for a transaction and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests import pgbouncer
from tests.contract.engine_cases import number
from undercroft.engine import Cursor, DatabaseFault, Local

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres", "pgbouncer")]

try:  # the driver is an extra
    from undercroft.engine.postgres.engine import PostgresEngine
    from undercroft.engine.postgres.settings import PostgresSettings
except ImportError:
    pass


@pytest.fixture(params=[{}, {"ignore_startup_parameters": "options,extra_float_digits"}], ids=["refuses", "ignores"])
def url(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[str]:
    """PgBouncer refuses settings at the start of a connection, or drops them without a word."""
    with pgbouncer.pooled(postgres_url, size=2, **request.param) as found:
        yield found


@pytest.fixture
async def engine(url: str) -> AsyncIterator[PostgresEngine]:
    settings = PostgresSettings(url, pool_most=8, statement_seconds=1.5, session=(("TimeZone", "Asia/Tokyo"),))
    started = PostgresEngine(settings)
    await started.start()
    yield started
    await started.close()


async def test_it_finds_out_by_itself(engine: PostgresEngine, postgres_url: str) -> None:
    for _ in range(8):
        await asyncio.gather(*(engine.read(f"SELECT {index} + $1::integer", (1,)) for index in range(8)))
    direct = PostgresEngine(PostgresSettings(postgres_url))
    await direct.start()
    # What is prepared belongs to a session: none of those that the pooler holds has anything.
    assert await number(engine, "SELECT count(*) FROM pg_prepared_statements") == 0
    held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    assert await number(direct, held) <= 2
    await direct.close()


async def test_what_holds_for_every_connection_holds_in_every_transaction(engine: PostgresEngine) -> None:
    def work(cursor: Cursor) -> object:
        return cursor.one("SELECT current_setting('TimeZone'), current_setting('statement_timeout')")

    read = "SELECT current_setting('TimeZone'), current_setting('statement_timeout')"
    for _ in range(5):
        assert await engine.read(read, ()) == ("Asia/Tokyo", "1500ms")
        assert await engine.write(work) == ("Asia/Tokyo", "1500ms")
        async with engine.transaction(read_only=True) as transaction:
            assert transaction.one(read) == ("Asia/Tokyo", "1500ms")
    with pytest.raises(DatabaseFault) as caught:
        await engine.read("CREATE TABLE t (id integer)", ())
    assert caught.value.code == "25006"
    with pytest.raises(DatabaseFault) as caught:
        await engine.read("SELECT pg_sleep(9)::text", ())
    assert caught.value.code == "57014"


async def test_nothing_is_left_on_what_others_are_lent(engine: PostgresEngine, url: str) -> None:
    import psycopg

    local = Local(settings=(("request.jwt.claims", '{"sub":"ann"}'), ("search_path", "pg_catalog")))
    for _ in range(10):
        await engine.read("SELECT 1", (), local)
        await engine.write(lambda cursor: cursor.all("SELECT 1"), local=local)
    ask = "SELECT coalesce(current_setting('request.jwt.claims', true), ''), current_setting('search_path'), "
    ask += "current_setting('TimeZone'), current_setting('default_transaction_read_only')"
    with psycopg.connect(url, autocommit=True) as other:
        for _ in range(4):
            row = other.execute(ask.encode()).fetchone()
            assert row is not None
            assert (row[0], row[1], row[3]) == ("", '"$user", public', "off")
            assert row[2] != "Asia/Tokyo"


async def test_a_cancelled_caller_takes_nobody_elses_statement_along(engine: PostgresEngine) -> None:
    async def one(index: int) -> object:
        return await engine.read("SELECT $1::integer, pg_sleep(0.02)::text", (index,))

    for _ in range(10):
        asked = [asyncio.create_task(one(index)) for index in range(12)]
        await asyncio.sleep(0.03)
        for task in asked[::3]:
            task.cancel()
        ended = await asyncio.gather(*asked, return_exceptions=True)
        kept = [answer for index, answer in enumerate(ended) if index % 3]
        assert kept == [(index, "") for index in range(12) if index % 3]
