"""A database that changes while it is served: what is new is served without a restart, and meanwhile what was."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.e2e.processes import Served

with suppress(ImportError):  # the driver is an extra
    from tests.e2e import existing

pytestmark = [pytest.mark.needs("postgres")]

TABLES = (
    "CREATE TABLE things (id integer PRIMARY KEY, name text)",
    "INSERT INTO things SELECT n, 'thing ' || n FROM generate_series(1, 5) AS n",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
    "GRANT SELECT ON things TO PUBLIC",
)
LISTENERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%listens%' AND datname = current_database()"
)
Serve = Callable[..., tuple[Served, httpx2.Client]]


@pytest.fixture
def serve(postgres_url: str, tmp_path: Path) -> Iterator[Serve]:
    existing.make_roles(postgres_url)
    existing.run(postgres_url, *TABLES)
    with ExitStack() as stack:
        yield lambda *words, **settings: stack.enter_context(
            existing.stand_in(postgres_url, tmp_path, *words, **settings)
        )


def until(asked: Callable[[], Any], expected: Any, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while (found := asked()) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def test_the_greeting_promises_no_path_page_or_key_that_is_not_there(serve: Serve) -> None:
    process, client = serve()
    process.until(lambda: "in the place of a PostgREST" in process.text, "a greeting")
    greeting = "".join(process.out)
    assert [word for word in ("/rest/v1", "/docs", "keys") if word in greeting] == []
    assert client.get("/docs").status_code == 404


def test_what_the_database_tells_is_read_again(serve: Serve, postgres_url: str) -> None:
    process, client = serve()
    until(lambda: existing.value(postgres_url, LISTENERS), 1)
    assert client.get("/more").status_code == 404
    assert client.get("/things?select=id,colour").status_code == 400
    assert client.get("/rpc/twice?n=2").status_code == 404
    existing.run(
        postgres_url,
        "CREATE TABLE more (id integer PRIMARY KEY REFERENCES things)",
        "GRANT SELECT ON more TO PUBLIC",
        "INSERT INTO more VALUES (1)",
        "ALTER TABLE things ADD colour text DEFAULT 'red'",
        "CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 2 * n'",
        "NOTIFY pgrst, 'nothing that anybody knows'",
    )
    assert client.get("/more").status_code == 404, "what was read is served until somebody asks"
    existing.run(postgres_url, "NOTIFY pgrst, 'reload schema'")
    until(lambda: client.get("/more?select=id,things(name,colour)").status_code, 200)
    assert client.get("/more?select=id,things(name,colour)").json() == [
        {"id": 1, "things": {"name": "thing 1", "colour": "red"}}
    ]
    assert client.get("/rpc/twice?n=2").json() == 4
    existing.run(postgres_url, "ALTER TABLE things DROP colour", "DROP TABLE more", "NOTIFY pgrst")
    process.until(lambda: len(process.logged("read again")) == 2, "a second reading")
    assert client.get("/more").status_code == 404
    assert client.get("/things?select=*&limit=1").json() == [{"id": 1, "name": "thing 1"}]


def test_settings_of_the_database_are_read_again(serve: Serve, postgres_url: str, tmp_path: Path) -> None:
    existing.run(postgres_url, "CREATE SCHEMA other", "CREATE TABLE other.things AS SELECT 7 AS id")
    existing.run(postgres_url, "GRANT USAGE ON SCHEMA other TO PUBLIC", "GRANT SELECT ON other.things TO PUBLIC")
    process, client = serve()
    until(lambda: existing.value(postgres_url, LISTENERS), 1)
    assert len(client.get("/things").json()) == 5
    database = postgres_url.partition("?")[0].rpartition("/")[2]
    existing.run(
        postgres_url,
        f"ALTER ROLE {existing.AUTHENTICATOR} IN DATABASE {database} SET pgrst.db_max_rows = '2'",
        "NOTIFY pgrst, 'reload config'",
    )
    until(lambda: len(client.get("/things").json()), 2)
    file = tmp_path / "postgrest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "db-schemas": "other"}), encoding="utf-8")
    process.signal(signal.SIGUSR2)
    until(lambda: client.get("/things").json(), [{"id": 7}])
    file.write_text("{", encoding="utf-8")
    process.signal(signal.SIGUSR2)
    process.until(lambda: process.logged("not read again"), "a word of the broken file")
    assert client.get("/things").json() == [{"id": 7}]


def test_every_worker_reads_again_when_the_first_is_asked(serve: Serve, postgres_url: str) -> None:
    process, client = serve("--workers", "2", db_channel_enabled=False)
    process.until(lambda: len(process.logged("ready")) == 2, "both workers")
    existing.run(postgres_url, "CREATE VIEW more AS SELECT 1 AS id", "GRANT SELECT ON more TO PUBLIC")
    existing.run(postgres_url, "NOTIFY pgrst, 'reload schema'")
    assert existing.value(postgres_url, LISTENERS) == 0
    assert client.get("/more").status_code == 404
    process.signal(signal.SIGUSR1)
    process.until(lambda: len(process.logged("read again")) == 2, "both workers' reading")
    for _ in range(10):
        with httpx2.Client(transport=client._transport, base_url="http://x") as another:
            assert another.get("/more").status_code == 200


def test_what_was_said_while_nobody_listened_is_not_missed(serve: Serve, postgres_url: str) -> None:
    _, client = serve()
    until(lambda: existing.value(postgres_url, LISTENERS), 1)
    existing.run(
        postgres_url,
        LISTENERS.replace("count(*)", "pg_terminate_backend(pid)"),
        "CREATE VIEW more AS SELECT 1 AS id",
        "GRANT SELECT ON more TO PUBLIC",
        "NOTIFY pgrst",
    )
    until(lambda: client.get("/more").status_code, 200)
    until(lambda: existing.value(postgres_url, LISTENERS), 1)


def test_whether_it_lives_and_is_ready_is_told_on_a_port_of_its_own(tmp_path: Path, free_port: int) -> None:
    """Also while the database is away: it lives, it is not ready, and whoever asks is told to come again."""
    with postgres.cluster() as cluster:
        existing.make_roles(cluster.url)
        existing.run(cluster.url, *TABLES)
        settings = {"admin_server_port": free_port, "admin_server_host": "127.0.0.1"}
        with existing.stand_in(cluster.url, tmp_path, **settings) as (process, client):

            def told(path: str) -> int:
                return httpx2.get(f"http://127.0.0.1:{free_port}{path}").status_code

            assert (told("/live"), told("/ready"), told("/other")) == (200, 200, 404)
            assert httpx2.post(f"http://127.0.0.1:{free_port}/ready").status_code == 405
            assert client.get("/live").status_code == 404
            assert client.get("/things").status_code == 200
            for how in (signal.SIGINT, signal.SIGQUIT):
                cluster.stop(how)
                assert (told("/live"), told("/ready")) == (200, 503)
                answer = client.get("/things")
                assert (answer.status_code, answer.json()["code"]) == (503, "PGRST000")
                assert answer.headers["retry-after"]
                read_before = len(process.logged("read again"))
                cluster.start()
                until(lambda: told("/ready"), 200, seconds=2)
                until(lambda: client.get("/things").status_code, 200, seconds=2)
                # Nobody knows what was said meanwhile.
                process.until(lambda: len(process.logged("read again")) >= read_before + 2, "another reading")  # noqa: B023
            assert process.logged("crash") == []
