"""An existing PostgreSQL database for the tests, with roles as somebody who runs PostgREST has them, and served so."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2
import psycopg
from psycopg import sql

from tests.e2e.processes import Served, served

SECRET = "a secret of thirty-two letters, at least"
GUESTS = ("undercroft_anon", "undercroft_user", "undercroft_clerk")
AUTHENTICATOR = "undercroft_authenticator"


def make_roles(url: str) -> None:
    """Roles are the server's: they may be there from another test."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7300)")
        for name, can in ((AUTHENTICATOR, "LOGIN NOINHERIT"), *((guest, "NOLOGIN") for guest in GUESTS)):
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} " + can).format(sql.Identifier(name)))
            if name != AUTHENTICATOR:
                connection.execute(sql.SQL("GRANT {} TO {}").format(*map(sql.Identifier, (name, AUTHENTICATOR))))
        connection.execute("SELECT pg_advisory_unlock(7300)")


def as_authenticator(url: str) -> str:
    """The URL for the role by which a server connects."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{AUTHENTICATOR}@{parts.netloc.rpartition('@')[2]}"))


def run(url: str, *statements: str) -> None:
    """As the database's owner, one after the other."""
    with psycopg.connect(url, autocommit=True) as connection:
        for each in statements:
            connection.execute(each.encode())


def value(url: str, statement: str) -> Any:
    """The first column of the first row."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]


@contextlib.contextmanager
def stand_in(url: str, folder: Path, *words: str, **settings: Any) -> Iterator[tuple[Served, httpx2.Client]]:
    """`undercroft serve --postgrest-config`, ready, and a client; `settings` are PostgREST's, with `_` for `-`."""
    given = {
        "db-uri": as_authenticator(url),
        "db-schemas": "public",
        "db-anon-role": GUESTS[0],
        "jwt-secret": SECRET,
        **{name.replace("_", "-"): setting for name, setting in settings.items()},
    }
    file, socket = folder / "postgrest.json", folder / "s"
    file.write_text(json.dumps(given), encoding="utf-8")
    arguments = ("serve", "--postgrest-config", str(file), "--unix-socket", str(socket), *words)
    with (
        served(*arguments, cwd=folder, url="http://x", UNDERCROFT_LOG_FORMAT="json") as process,
        httpx2.Client(transport=httpx2.HTTPTransport(uds=str(socket)), base_url="http://x", timeout=15) as client,
    ):
        process.until(lambda: process.logged("ready"), "readiness")
        yield process, client
