"""How a PostgreSQL is reached: by TLS whose names are checked, at one of several hosts, and the one that may write."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests import postgres
from tests.contract.engine_cases import number
from undercroft.base.faults import SetupFault

with suppress(ImportError):  # the driver is an extra
    from undercroft.engine.postgres.engine import PostgresEngine
    from undercroft.engine.postgres.errors import connection_lost
    from undercroft.engine.postgres.hosts import each_host, seeks_primary
    from undercroft.engine.postgres.settings import PostgresSettings

pytestmark = [pytest.mark.anyio, pytest.mark.needs("postgres")]


def openssl(*words: str, folder: Path) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """The port of a server that is called localhost, and the folder of its certificates."""
    import socket

    import psycopg

    folder = tmp_path_factory.mktemp("tls")
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    for name in ("server", "other"):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        openssl("req", "-new", "-x509", "-days", "2", "-nodes", *files, *subject, folder=folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with postgres.cluster(port=port, binaries=postgres.debian_binaries()) as cluster:
        for name in ("server.crt", "server.key"):
            (cluster.data / name).write_bytes((folder / name).read_bytes())
            cluster.own(cluster.data / name)
        with psycopg.connect(cluster.url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET ssl = on")
            connection.execute("SELECT pg_reload_conf()")
        time.sleep(0.2)
        yield port, folder


@pytest.mark.needs("openssl", "postgres-contrib")  # the pip package is built without TLS
async def test_names_and_certificates_are_checked(with_tls: tuple[int, Path]) -> None:
    port, folder = with_tls
    address = f"postgresql://postgres@{{host}}:{port}/postgres?sslmode=verify-full&sslrootcert={folder}/{{root}}.crt"
    engine = PostgresEngine(PostgresSettings(address.format(host="localhost", root="server")))
    await engine.start()
    assert await number(engine, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") is True
    reading = asyncio.create_task(engine.read("SELECT pg_sleep(30)::text", ()))
    await asyncio.sleep(0.1)
    reading.cancel()  # a cancellation goes by TLS as well
    await asyncio.gather(reading, return_exceptions=True)
    assert await number(engine, "SELECT 1") == 1
    await engine.close()
    for host, root in (("127.0.0.1", "server"), ("localhost", "other")):
        with pytest.raises(SetupFault, match="certificate"):
            await PostgresEngine(PostgresSettings(address.format(host=host, root=root))).start()


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({"host": "a,b", "port": "1,2"}, [("a", "1"), ("b", "2")]),
        ({"host": "a,b", "port": "1"}, [("a", "1"), ("b", "1")]),
        ({"host": "a,b"}, [("a", None), ("b", None)]),
        ({"host": "a"}, [("a", None)]),
        ({"hostaddr": "1.1.1.1,2.2.2.2", "host": "a,b"}, [("a", None), ("b", None)]),
        ({}, [(None, None)]),
    ],
)
def test_each_host_with_its_port(given: dict[str, Any], hosts: list[tuple[str | None, str | None]]) -> None:
    assert [(each.get("host"), each.get("port")) for each in each_host(given)] == hosts


def test_read_write_means_the_primary() -> None:
    given = {"target_session_attrs": "read-write"}
    assert seeks_primary(given)
    assert given == {"target_session_attrs": "primary"}
    assert not seeks_primary({"target_session_attrs": "any"})
    assert not seeks_primary({})


async def test_the_host_that_may_write_is_found_whatever_the_others_do(tmp_path: Path) -> None:
    """One is out of reach and swallows what it is sent, one is a standby; and then that one is promoted."""
    import socket

    with ExitStack() as stack:
        primary = stack.enter_context(postgres.cluster())
        standby = stack.enter_context(postgres.cluster(standby_of=primary))
        silent = stack.enter_context(socket.socket(socket.AF_UNIX))
        silent.bind(str(tmp_path / ".s.PGSQL.5432"))
        silent.listen()
        url = postgres.url_of(standby, primary, target_session_attrs="read-write")
        url = url.replace("host=", f"host={str(tmp_path).replace('/', '%2F')},")
        engine = PostgresEngine(PostgresSettings(url, pool_most=3))
        before = time.monotonic()
        await engine.start()
        assert time.monotonic() - before < 5
        await engine.write(lambda cursor: cursor.all("CREATE TABLE t (id integer)"))
        replayed = "SELECT pg_is_in_recovery() AND to_regclass('t') IS NOT NULL"
        direct = PostgresEngine(PostgresSettings(standby.url))
        await direct.start()
        while await number(direct, replayed) is not True:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.05)
        await direct.close()
        await asyncio.to_thread(primary.stop, signal.SIGQUIT)
        await asyncio.to_thread(standby.promote)
        await asyncio.to_thread(primary.start)  # it does not know that it is one no more
        assert engine._pool is not None
        for connection in list(engine._pool._all):
            connection.lose(connection_lost())
        for _ in range(5):
            while True:
                try:
                    assert await number(engine, "SELECT current_setting('data_directory')") == str(standby.data)
                    break
                except Exception as error:
                    if getattr(error, "code", None) not in ("PGRST000", "PGRST001"):
                        raise
                    await asyncio.sleep(0.05)
        await engine.close()
