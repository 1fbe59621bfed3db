"""A server of ours that is started before its database: it waits, says so, and serves once the other is there."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from psycopg import conninfo

from tests.e2e.processes import app_in, served, undercroft


@pytest.mark.needs("postgres")
def test_the_database_may_come_up_later(postgres_url: str, tmp_path: Path) -> None:
    given = conninfo.conninfo_to_dict(postgres_url)
    sockets, ours = tmp_path / "sockets", tmp_path / "s"
    port = f"&port={given['port']}" if "port" in given else ""
    url = f"postgresql://{given['user']}@/{given['dbname']}?host={quote(str(sockets))}{port}"
    with served("serve", "--database", url, "--unix-socket", str(ours), cwd=tmp_path, url="http://x") as process:
        process.until(lambda: "trying again in 1 s" in process.text, "word of the database")
        assert not ours.exists(), "nothing listens yet: whoever asks is refused at once"
        sockets.symlink_to(str(given["host"]))
        process.until(ours.exists, "a socket")
        with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(ours)), base_url="http://x") as client:
            process.until(lambda: client.get("/readyz").status_code == 200, "readiness")


def test_an_app_on_sqlite_waits_for_no_server(tmp_path: Path) -> None:
    ours = app_in(tmp_path) / "s"
    undercroft("migrate", "make", cwd=tmp_path)
    undercroft("migrate", "up", cwd=tmp_path)
    settings = {"UNDERCROFT_POSTGREST_STAND_IN": "true"}
    with served("serve", "app.py", "--unix-socket", str(ours), cwd=tmp_path, url="http://x", **settings) as process:
        process.until(ours.exists, "a socket")
        process.until(lambda: "/rest/v1" in process.text, "where the API is")
        assert "trying again" not in process.text


@pytest.mark.needs("postgres")
def test_what_will_never_be_is_told_at_once(postgres_url: str, tmp_path: Path) -> None:
    nowhere = postgres_url.replace(str(conninfo.conninfo_to_dict(postgres_url)["dbname"]), "no_such_database", 1)
    done = undercroft("serve", "--database", nowhere, "--port", "0", cwd=tmp_path, code=2)
    assert 'database "no_such_database" does not exist' in done.stderr
    assert "trying again" not in done.stderr
