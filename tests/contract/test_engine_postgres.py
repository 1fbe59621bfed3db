"""What only an engine with a server has: connections that are lost, lent, cancelled, and said who they work for."""

# ruff: noqa: ASYNC240
# The whole of a transaction is what raises here; nothing else runs on these loops.

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.contract.engine_cases import number
from undercroft.base.faults import Fault, Overloaded, SetupFault
from undercroft.engine import Cursor, DatabaseFault, Local

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]

try:  # the driver is an extra
    from undercroft.engine.postgres.engine import PostgresEngine
    from undercroft.engine.postgres.settings import PostgresSettings
except ImportError:
    pass

UNAVAILABLE = {"PGRST000", "PGRST001", "57P01", "57P02", "57P03", "08007", "UC503"}
"""What may be told while the server is away: each is a 503 with Retry-After."""


@pytest.fixture
async def engine(postgres_url: str) -> AsyncIterator[PostgresEngine]:
    started = PostgresEngine(PostgresSettings(postgres_url, pool_most=4))
    await started.start()
    yield started
    await started.close()


async def run(engine: PostgresEngine, *statements: str) -> None:
    await engine.write(lambda cursor: [cursor.all(each) for each in statements])


def connections(engine: PostgresEngine) -> set[Any]:
    pool = engine._pool
    assert pool is not None
    return pool._all


# --- faults ---

TABLES = [
    """CREATE TABLE people (
        id integer PRIMARY KEY, mail text NOT NULL UNIQUE, town text, boss integer REFERENCES people (id),
        CONSTRAINT no_nowhere CHECK (town <> '')
    )""",
    "INSERT INTO people (id, mail, town) VALUES (1, 'secret@example.org', 'Bree')",
]
CASES = [
    ("INSERT INTO people VALUES (1, 'x')", "23505", 'unique constraint "people_pkey"', "Key (id) already exists."),
    ("INSERT INTO people VALUES (2, 'secret@example.org')", "23505", '"people_mail_key"', "Key (mail) already exists."),
    ("INSERT INTO people (id) VALUES (2)", "23502", 'null value in column "mail" of relation "people"', None),
    ("INSERT INTO people VALUES (2, 'x', '')", "23514", '"people" violates check constraint "no_nowhere"', None),
    ("INSERT INTO people VALUES (2, 'x', 'y', 9)", "23503", "on table violates foreign key constraint", None),
    ("SELECT 9223372036854775807 + 1", "22003", "bigint out of range", None),
    ("SELECT * FROM nowhere", "42P01", 'relation "nowhere" does not exist', None),
    ("SELEC 1", "42601", "syntax error", None),
]


@pytest.mark.parametrize(("statement", "code", "words", "details"), CASES)
async def test_faults_have_the_words_of_this_house(
    engine: PostgresEngine, statement: str, code: str, words: str, details: str | None
) -> None:
    await run(engine, *TABLES)
    for _ in range(2):
        with pytest.raises(DatabaseFault) as caught:
            await engine.write(lambda cursor: cursor.all(statement))
        assert (caught.value.code, caught.value.details) == (code, details)
        assert words in caught.value.message
        assert "secret" not in f"{caught.value.message} {caught.value.details} {caught.value.hint}"
    assert await number(engine, "SELECT count(*) FROM people") == 1


async def test_faults_have_postgresqls_words_where_they_are_asked_for(postgres_url: str) -> None:
    engine = PostgresEngine(PostgresSettings(postgres_url, own_words=False))
    await engine.start()
    await run(engine, *TABLES)
    with pytest.raises(DatabaseFault) as caught:
        await run(engine, "INSERT INTO people VALUES (1, 'x')")
    assert caught.value.details == "Key (id)=(1) already exists."
    with pytest.raises(DatabaseFault) as caught:
        await run(
            engine, "DO $$ BEGIN RAISE SQLSTATE 'PT402' USING message = 'Pay', detail = 'Much', hint = 'Soon'; END $$"
        )
    assert (caught.value.code, caught.value.message) == ("PT402", "Pay")
    assert (caught.value.details, caught.value.hint) == ("Much", "Soon")
    await engine.close()


async def test_values_come_and_go(engine: PostgresEngine) -> None:
    text = "SELECT $1::bigint, $2::boolean, $3::bytea, $4::float8, $5::numeric, $6::text[], $7::text, $8::jsonb"
    given = (2**62, True, b"\0\xff", 0.1, "1.50", ["a", None, 'b"\\,'], "ä' \\", '{"a": 1}')
    got = await engine.read(text, given)
    assert got[:4] == given[:4]
    assert str(got[4]) == "1.50"
    assert got[5] == '{a,NULL,"b\\"\\\\,"}'
    assert got[6:] == given[6:]


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
async def test_texts_that_cannot_be_held(engine: PostgresEngine, value: str) -> None:
    with pytest.raises(DatabaseFault) as caught:
        await engine.read("SELECT $1::text", (value,))
    assert caught.value.code == "22021"


async def test_a_unit_that_swallows_a_failure_is_not_acknowledged(engine: PostgresEngine) -> None:
    await run(engine, "CREATE TABLE t (id integer PRIMARY KEY)")

    def work(cursor: Cursor) -> None:
        cursor.all("INSERT INTO t VALUES (1)")
        with pytest.raises(DatabaseFault):
            cursor.all("SELECT 1 / 0")

    with pytest.raises(DatabaseFault) as caught:
        await engine.write(work)
    assert caught.value.code == "25P02"
    assert await number(engine, "SELECT count(*) FROM t") == 0


# --- who it works for ---


async def test_what_is_local_holds_for_one_transaction(engine: PostgresEngine) -> None:
    await run(engine, "CREATE ROLE undercroft_guest_x", "GRANT undercroft_guest_x TO CURRENT_USER")
    try:
        local = Local(role="undercroft_guest_x", settings=(("request.jwt.claims", '{"sub":"ann"}'),), read_only=True)
        ask = "SELECT current_user::text, current_setting('request.jwt.claims', true)"
        for _ in range(3):
            assert await engine.read(ask, (), local) == ("undercroft_guest_x", '{"sub":"ann"}')
            user, claims = await engine.read(ask, ())
            assert (user, claims or "") == ("postgres", "")
        assert await engine.write(lambda cursor: cursor.one(ask), local=local) == (
            "undercroft_guest_x",
            '{"sub":"ann"}',
        )
        async with engine.transaction(local=local, read_only=True) as transaction:
            assert transaction.one(ask) == ("undercroft_guest_x", '{"sub":"ann"}')
        with pytest.raises(DatabaseFault) as caught:
            await engine.write(lambda cursor: cursor.all("CREATE TABLE no (id integer)"), local=Local(read_only=True))
        assert caught.value.code == "25006"
        assert (await engine.read(ask, ()))[0] == "postgres"
    finally:
        await run(engine, "DROP ROLE undercroft_guest_x")


async def test_what_runs_before_goes_along(engine: PostgresEngine) -> None:
    local = Local(before=("SELECT set_config('my.word', 'hello', true)",), isolation="REPEATABLE READ")
    ask = "SELECT current_setting('my.word'), current_setting('transaction_isolation')"
    assert await engine.read(ask, (), local) == ("hello", "repeatable read")
    with pytest.raises(DatabaseFault) as caught:
        await engine.read("SELECT 1", (), Local(before=("SELECT 1 / 0",)))
    assert caught.value.code == "22012"


@pytest.mark.parametrize("local", [None, Local(read_only=True), Local(read_only=True, isolation="SERIALIZABLE")])
async def test_a_read_writes_nothing_and_fails_as_a_whole(engine: PostgresEngine, local: Local | None) -> None:
    await run(engine, "CREATE TABLE untouched (id integer)")
    with pytest.raises(DatabaseFault) as caught:
        await engine.read("INSERT INTO untouched VALUES (1) RETURNING id", (), local)
    assert caught.value.code == "25006"
    assert await engine.read("SELECT count(*) FROM untouched", (), local) == (0,)
    loud = Local(read_only=True, settings=(("my.word", "it's"),), before=("SELECT set_config('my.other', 'x', true)",))
    assert await engine.read("SELECT current_setting('my.word')", (), loud) == ("it's",)
    with pytest.raises(DatabaseFault):
        await engine.read("SELECT 1 / 0", (), loud)
    told = "SELECT coalesce(current_setting('my.word', true), '') || coalesce(current_setting('my.other', true), '')"
    assert await engine.read(told, (), local) == ("",)


async def test_every_answer_is_its_callers_own(engine: PostgresEngine, rounds: Callable[[int, int], int]) -> None:
    """Many callers, a few connections, waits cut off at any moment: nobody ever gets what another one asked."""
    chance = random.Random(11)
    left = rounds(2000, 1_000_000)
    wrong: list[object] = []
    answered = 0

    async def client(name: int) -> None:
        nonlocal left, answered
        while left > 0:
            left -= 1
            mine = f"{name}.{left}"
            local = Local(settings=(("request.jwt.claims", mine),), read_only=True)
            text = f"SELECT current_setting('request.jwt.claims', true), $1::text, {chance.randrange(40)}"
            if chance.random() < 0.2:
                text = text.replace("SELECT", "SELECT pg_sleep(0.002)::text,")
            task = asyncio.create_task(engine.read(text, (mine,), local if chance.random() < 0.7 else None))
            if chance.random() < 0.3:
                await asyncio.sleep(chance.random() * 0.003)
                task.cancel()
            try:
                row = await task
            except asyncio.CancelledError:
                continue
            answered += 1
            claims, value = row[-3:-1]
            if value != mine or claims not in (mine, None, ""):
                wrong.append((mine, row))

    await asyncio.gather(*(client(name) for name in range(16)))
    assert wrong == []
    assert answered > 0
    assert (await engine.read("SELECT current_setting('request.jwt.claims', true)", ()))[0] in (None, "")
    await asyncio.sleep(0.2)
    assert all(connection.clean for connection in connections(engine))
    assert len(connections(engine)) <= 4


@pytest.mark.parametrize("local", [None, Local(settings=(("my.word", "x"),))], ids=["alone", "local"])
async def test_a_commit_that_fails_says_why(engine: PostgresEngine, postgres_url: str, local: Local | None) -> None:
    """Also where it is the first one of its connection, and something is to be put back after it."""
    await run(engine, "CREATE TABLE a (id integer PRIMARY KEY)")
    await run(engine, "CREATE TABLE b (a integer REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
    fresh = PostgresEngine(PostgresSettings(postgres_url))
    await fresh.start()
    for _ in range(2):
        with pytest.raises(DatabaseFault) as caught:
            await fresh.write(lambda cursor: cursor.all("INSERT INTO b VALUES (1)"), local=local)
        assert caught.value.code == "23503"
    await fresh.close()


async def test_what_is_set_for_a_session_does_not_outlive_its_transaction(engine: PostgresEngine) -> None:
    from sqlalchemy import text

    ask = "SELECT current_setting('work_mem'), coalesce(current_setting('my.word', true), '')"
    before = await engine.read(ask, ())
    leave = "SELECT set_config('work_mem', '5MB', false), set_config('my.word', 'left', false)"
    for _ in range(3):
        await engine.write(lambda cursor: cursor.all(leave), local=Local())
        assert await engine.read(ask, ()) == before
        for read_only in (False, True):
            async with engine.transaction(read_only=read_only) as transaction:
                await transaction.session().execute(text(leave))
            assert await engine.read(ask, ()) == before
    assert len(connections(engine)) == 1


# --- connections ---


async def test_a_cancelled_statement_ends_on_the_server(engine: PostgresEngine) -> None:
    for _ in range(3):
        reading = asyncio.create_task(engine.read("SELECT pg_sleep(30)::text", ()))
        await asyncio.sleep(0.1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await asyncio.sleep(0.3)
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active'"
    assert await number(engine, running + " AND pid <> pg_backend_pid()") == 0
    assert all(connection.clean for connection in connections(engine))


async def test_a_cancelled_write_leaves_no_transaction_open(engine: PostgresEngine) -> None:
    await run(engine, "CREATE TABLE t (id integer PRIMARY KEY)")

    def work(cursor: Cursor) -> None:
        cursor.all("INSERT INTO t VALUES (1)")
        cursor.all("SELECT pg_sleep(30)")

    writing = asyncio.create_task(engine.write(work))
    await asyncio.sleep(0.1)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await run(engine, "INSERT INTO t VALUES (1)")
    assert await number(engine, "SELECT count(*) FROM t") == 1


async def test_connections_are_given_in_the_order_of_asking(postgres_url: str) -> None:
    engine = PostgresEngine(PostgresSettings(postgres_url, pool_most=1))
    await engine.start()
    order: list[int] = []

    async def ask(index: int) -> None:
        await engine.read("SELECT pg_sleep(0.001)::text", ())
        order.append(index)

    await asyncio.gather(*(ask(index) for index in range(50)))
    assert order == list(range(50))
    await engine.close()


async def test_who_waits_too_long_is_turned_away(postgres_url: str) -> None:
    engine = PostgresEngine(PostgresSettings(postgres_url, pool_most=1, wait_seconds=0.1, wait_queue=3))
    await engine.start()
    before = time.monotonic()
    asked = [asyncio.create_task(engine.read("SELECT pg_sleep(1)::text", ())) for _ in range(8)]
    ended = await asyncio.gather(*asked, return_exceptions=True)
    refused = [error for error in ended if isinstance(error, Overloaded)]
    assert len(refused) == 7
    assert all(error.retry_after for error in refused)
    assert engine.stats.overloaded == 7
    assert time.monotonic() - before < 3
    await engine.close()


async def test_a_table_that_changes_is_read_as_it_is(engine: PostgresEngine) -> None:
    """A prepared statement whose result has other types than before is prepared anew."""
    await run(engine, "CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)")
    for _ in range(3):
        assert await engine.read("SELECT * FROM t", ()) == (1,)
    await run(engine, "ALTER TABLE t ALTER a TYPE text", "ALTER TABLE t ADD b integer DEFAULT 2")
    assert await engine.read("SELECT * FROM t", ()) == ("1", 2)


async def test_prepared_statements_are_bounded(postgres_url: str) -> None:
    engine = PostgresEngine(PostgresSettings(postgres_url, pool_most=1, cached_statements=10))
    await engine.start()
    for index in range(50):
        assert await engine.read(f"SELECT {index}", ()) == (index,)
    assert await number(engine, "SELECT count(*) FROM pg_prepared_statements") <= 11
    await engine.close()


async def test_a_statement_that_is_given_up_is_not_in_the_way_of_isolation(postgres_url: str) -> None:
    engine = PostgresEngine(PostgresSettings(postgres_url, pool_most=1, cached_statements=5))
    await engine.start()
    shown = "SHOW transaction_isolation"
    for index in range(20):
        await number(engine, f"SELECT {index}")
        local = Local(isolation="SERIALIZABLE" if index % 2 else "REPEATABLE READ")
        told = await engine.write(lambda cursor: cursor.one(shown)[0], local=local)
        assert told == str(local.isolation).lower()
    await engine.close()


async def test_without_prepared_statements_nothing_stays_on_a_connection(postgres_url: str) -> None:
    """As behind a pooler that lends connections for single transactions."""
    engine = PostgresEngine(PostgresSettings(postgres_url, prepare=False, session=(("TimeZone", "Asia/Tokyo"),)))
    await engine.start()
    assert await number(engine, "SELECT count(*) FROM pg_prepared_statements") == 0
    assert await number(engine, "SELECT current_setting('TimeZone')") == "Asia/Tokyo"
    with pytest.raises(DatabaseFault) as caught:
        await engine.read("CREATE TABLE t (id integer)", ())
    assert caught.value.code == "25006"
    await run(engine, "CREATE TABLE t (id integer)")
    for connection in list(connections(engine)):
        result = await connection.exchange([("SELECT current_setting('default_transaction_read_only')", ())])
        assert connection.row("", result[0]) == ("off",)
    await engine.close()


async def test_a_connection_that_was_ended_is_not_noticed(engine: PostgresEngine) -> None:
    """Idle ones are replaced; a read, and a write before its COMMIT, is asked again on another."""
    await run(engine, "CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY)")
    for _ in range(5):
        pids = [connection.backend_pid for connection in connections(engine)]
        ender = PostgresEngine(engine.settings)
        await ender.start()
        for pid in pids:
            await ender.read("SELECT pg_terminate_backend($1::integer)", (pid,))
        await engine.write(lambda cursor: cursor.all("INSERT INTO t DEFAULT VALUES"))
        assert await number(engine, "SELECT 1") == 1
        await ender.close()
    assert await number(engine, "SELECT count(*) FROM t") == 5


async def test_a_session_that_is_ended_is_a_503(engine: PostgresEngine) -> None:
    with pytest.raises(DatabaseFault) as caught:
        async with engine.transaction() as transaction:
            transaction.all("SELECT pg_terminate_backend(pg_backend_pid())")
    assert caught.value.code in UNAVAILABLE
    assert caught.value.retry_after
    assert await number(engine, "SELECT 1") == 1


async def test_a_session_that_stood_idle_for_too_long_is_a_503(postgres_url: str) -> None:
    settings = PostgresSettings(postgres_url, session=(("idle_in_transaction_session_timeout", "100ms"),))
    engine = PostgresEngine(settings)
    await engine.start()

    async def dawdle() -> None:
        async with engine.transaction() as transaction:
            transaction.all("SELECT 1")
            await asyncio.sleep(0.4)
            transaction.all("SELECT 1")

    with pytest.raises(DatabaseFault) as caught:
        await dawdle()
    assert caught.value.code in UNAVAILABLE | {"25P03"}
    assert caught.value.retry_after
    assert await number(engine, "SELECT 1") == 1
    await engine.close()


async def test_fewer_connections_than_one_would_like(postgres_url: str) -> None:
    """The server gives no more (53300): everybody is served by those that there are, in turn."""
    owner = PostgresEngine(PostgresSettings(postgres_url))
    await owner.start()
    await run(owner, "CREATE ROLE undercroft_few_x LOGIN CONNECTION LIMIT 2")
    try:
        few = PostgresEngine(PostgresSettings(postgres_url.replace("postgres@", "undercroft_few_x@"), pool_most=8))
        await few.start()
        told = await asyncio.gather(*(few.read("SELECT pg_sleep(0.01)::text, $1::integer", (n,)) for n in range(60)))
        assert [row[1] for row in told] == list(range(60))
        assert len(connections(few)) == 2
        await few.close()
    finally:
        await run(owner, "DROP ROLE undercroft_few_x")
        await owner.close()


async def test_deadlocks_are_run_again(engine: PostgresEngine) -> None:
    await run(engine, "CREATE TABLE t (id integer PRIMARY KEY, n integer)", "INSERT INTO t VALUES (1, 0), (2, 0)")

    def transfer(one: int, other: int) -> Callable[[Cursor], None]:
        def work(cursor: Cursor) -> None:
            cursor.all("UPDATE t SET n = n + 1 WHERE id = $1::integer", (one,))
            cursor.all("SELECT pg_sleep(0.05)")
            cursor.all("UPDATE t SET n = n + 1 WHERE id = $1::integer", (other,))

        return work

    await asyncio.gather(engine.write(transfer(1, 2)), engine.write(transfer(2, 1)))
    assert await engine.read("SELECT min(n), max(n) FROM t", ()) == (2, 2)


# --- the server away ---


async def test_a_server_that_is_not_there_is_named_at_the_start() -> None:
    engine = PostgresEngine(PostgresSettings("postgresql://nobody:geheim@127.0.0.1:1/none"))
    with pytest.raises(SetupFault, match="cannot be reached") as caught:
        await engine.start()
    assert "geheim" not in str(caught.value)
    with pytest.raises(SetupFault, match="no address"):
        await PostgresEngine(PostgresSettings("postgresql://x?nonsense=1")).start()


@pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
async def test_a_server_that_crashes_is_back_within_two_seconds() -> None:
    with postgres.cluster() as cluster:
        engine = PostgresEngine(PostgresSettings(cluster.url, pool_most=4))
        await engine.start()
        await run(engine, "CREATE TABLE t (id integer PRIMARY KEY)")
        acknowledged: set[int] = set()
        told: set[str] = set()
        slowest = 0.0
        without_retry: list[Fault] = []
        done = False

        async def client(first: int) -> None:
            nonlocal slowest
            key = first
            while not done:
                began = time.monotonic()
                try:
                    await engine.write(lambda cursor, key=key: cursor.all("INSERT INTO t VALUES ($1)", (key,)))  # type: ignore[misc]
                    acknowledged.add(key)
                    await engine.read("SELECT 1", ())
                except Fault as fault:
                    told.add(fault.code)
                    if not fault.retry_after:
                        without_retry.append(fault)
                    slowest = max(slowest, time.monotonic() - began)
                    await asyncio.sleep(0.01)
                key += 8

        clients = [asyncio.create_task(client(index)) for index in range(8)]
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.stop, signal.SIGQUIT)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.start)
        back = time.monotonic()
        while True:
            try:
                await engine.read("SELECT 1", ())
                break
            except Fault:
                await asyncio.sleep(0.02)
        assert time.monotonic() - back < 2
        await asyncio.sleep(0.2)
        done = True
        await asyncio.gather(*clients)
        assert told
        assert told <= UNAVAILABLE, told
        assert slowest < 5, "somebody waited on a connection that had gone"
        assert without_retry == []
        kept = {key for (key,) in await engine.write(lambda cursor: cursor.all("SELECT id FROM t"))}
        assert acknowledged <= kept
        await engine.close()


async def test_nothing_stays_open(postgres_url: str) -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    if not Path("/proc/self/fd").is_dir():
        return
    engine = PostgresEngine(PostgresSettings(postgres_url))
    await engine.start()
    await engine.close()
    before = descriptors()
    await engine.start()
    await asyncio.gather(*(engine.read("SELECT 1", ()) for _ in range(20)))
    assert descriptors() > before
    await engine.close()
    assert descriptors() <= before


async def test_what_failed_is_told_also_where_a_full_cache_gives_up_statements(postgres_url: str) -> None:
    """A statement is not given up in a transaction that has failed: the refusal of that would stand before its end."""
    engine = PostgresEngine(PostgresSettings(postgres_url, pool_most=1, cached_statements=3))
    await engine.start()
    try:
        for number in range(12):
            with pytest.raises(DatabaseFault) as told:
                async with engine.transaction() as transaction:
                    transaction.run(lambda cursor: cursor.all(f"SELECT {number} / 0"))  # noqa: B023  # run at once
            assert told.value.code == "22012"
    finally:
        await engine.close()
