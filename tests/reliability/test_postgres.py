"""PostgreSQL restarted, crashed, its sessions ended, and the standby promoted, under load over HTTP.

What was acknowledged is there, what was refused is not, and meanwhile everybody is told to come again.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import postgres
from tests.e2e.processes import Served, app_in, served
from tests.reliability.load import APP, loaded

pytestmark = [pytest.mark.needs("postgres", "linux"), pytest.mark.timeout(3600)]

READY_SECONDS = 2.0


@contextmanager
def serving(folder: Path, url: str, *words: str) -> Iterator[tuple[Served, Path]]:
    """The app of marks on a database; the server and its socket."""
    socket = app_in(folder, APP) / "s"
    arguments = ("serve", "app.py", "--database", url, "--unix-socket", str(socket), *words)
    with served(*arguments, cwd=folder, url="http://x", UNDERCROFT_LOG_FORMAT="json") as process:
        process.until(lambda: process.logged("ready"), "readiness")
        yield process, socket


def stored(url: str) -> set[int]:
    import psycopg

    with psycopg.connect(url) as connection:
        return {key for (key,) in connection.execute("SELECT id FROM marks")}


def crashes(process: Served) -> Sequence[object]:
    return process.logged("crash")


def test_a_restarted_server_is_found_again(
    tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Stopped in order, and crashed, in turn."""
    chance, waits = random.Random(9), list[float]()

    async def run(cluster: postgres.Cluster, socket: Path) -> None:
        async with loaded(socket) as load:
            assert await load.until_served() < 30
            for turn in range(rounds(2, 60)):
                await asyncio.sleep(0.1 + 0.3 * chance.random())
                how = (signal.SIGINT, signal.SIGQUIT)[turn % 2]
                await asyncio.to_thread(cluster.stop, how)
                assert (await load.client.get("/healthz")).status_code == 200
                assert (await load.client.get("/readyz")).status_code == 503
                await asyncio.sleep(0.5 * chance.random())
                await asyncio.to_thread(cluster.start)
                waits.append(await load.until_served())
        assert load.told
        load.check(stored(cluster.url))
        with capsys.disabled():
            print(f"\n  PostgreSQL restarted: {len(waits)} times, back after {max(waits):.2f} s at most; {load}")

    with postgres.cluster() as cluster, serving(tmp_path, cluster.url) as (process, socket):
        asyncio.run(run(cluster, socket))
        assert crashes(process) == []
    assert max(waits) < READY_SECONDS


def test_sessions_that_are_ended(
    tmp_path: Path, postgres_url: str, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """An administrator, or a proxy, ends sessions at any moment."""
    import psycopg

    chance = random.Random(10)
    end = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'undercroft' ORDER BY random() LIMIT 1
    """

    async def run(socket: Path) -> None:
        async with (
            loaded(socket) as load,
            await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as ender,
        ):
            assert await load.until_served() < 30
            for _ in range(rounds(60, 3000)):
                await asyncio.sleep(0.03 * chance.random())
                await ender.execute(end)
        load.check(stored(postgres_url))
        assert len(load.acked) + load.reads > 10 * sum(load.told.values())
        with capsys.disabled():
            print(f"\n  sessions ended: {load}")

    with serving(tmp_path, postgres_url) as (process, socket):
        asyncio.run(run(socket))
        assert crashes(process) == []


def test_a_promoted_standby_has_everything_and_the_former_primary_gets_nothing(
    tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    import psycopg

    async def run(primary: postgres.Cluster, standby: postgres.Cluster, socket: Path) -> float:
        async with loaded(socket) as load:
            assert await load.until_served() < 30
            await asyncio.sleep(0.5)
            await asyncio.to_thread(primary.stop, signal.SIGQUIT)
            await asyncio.to_thread(standby.promote)
            waited = await load.until_served()
            # The former primary comes back and takes itself for the primary still.
            await asyncio.to_thread(primary.start)
            before = stored(primary.url)
            for _ in range(10):
                await asyncio.to_thread(end_sessions, standby.url)
                await asyncio.sleep(0.05)
            assert await load.until_served() < READY_SECONDS
        assert stored(primary.url) == before
        load.check(stored(standby.url))
        with capsys.disabled():
            print(f"\n  failover: back {waited:.2f} s after the promotion; {load}")
        return waited

    def end_sessions(url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'undercroft'"
            )

    for turn in range(rounds(1, 20)):
        durable = ("synchronous_commit=remote_apply", "synchronous_commit=on")[turn % 2]
        with postgres.cluster(durable) as primary, postgres.cluster(standby_of=primary) as standby:
            primary.become_synchronous()
            hosts = postgres.url_of(primary, standby, target_session_attrs="read-write")
            with serving(tmp_path / str(turn), hosts) as (process, socket):
                assert asyncio.run(run(primary, standby, socket)) < READY_SECONDS
                assert crashes(process) == []
