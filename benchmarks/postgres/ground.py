"""A PostgreSQL server with the example's rows, and the contestants on it: each has a database of its own.

The server is a cluster that lasts as long as the run, from the pip package that the tests use too; or, with
`--postgres URL`, one that is there already. Roles that it must know are made on it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from benchmarks.server import ROOT, Server, serving
from benchmarks.world import Recorded, Seen, record, token_of
from examples.social.app import app
from examples.social.seed import Progress, Size, seed_once
from tests import postgres
from undercroft.app import House, build
from undercroft.base.settings import Settings

APP = "examples/social/app.py"
NATIVE = Path(__file__).with_name("native_rls.sql")
LOGIN = "undercroft_bench"
PASSWORD = "only for benchmarks"


@dataclass(frozen=True, slots=True)
class Ground:
    """A filled database, which is the template of all others."""

    server: str
    process: int | None
    """The server's first process, where it is one of this machine's that we have started."""
    folder: Path
    """For keys."""
    template: str
    size: Size

    def headers(self) -> dict[str, str]:
        """What every request brings: the token of a user (HS256)."""
        return {"Authorization": f"Bearer {token_of(self._house(self.template))}"}

    def backends(self) -> Server | None:
        """The server's processes, to ask for their processor time."""
        return Server("PostgreSQL", "", self.process) if self.process is not None else None

    @contextmanager
    def ours(self) -> Iterator[Server]:
        """The app, with its policies in the statements."""
        with self._copy() as name:
            environment = self._environment(self._url(name))
            with serving("Undercroft", "benchmarks.contestants.ours:app", environment) as server:
                yield server

    @contextmanager
    def walled(self) -> Iterator[Server]:
        """The app, with its policies in the statements and in the database as well."""
        with self._copy() as name:
            environment = self._environment(self._url(name))
            command = [sys.executable, "-m", "undercroft", "migrate", "policies", "--apply", "--app", APP]
            subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
            environment["UNDERCROFT_DATABASE_RLS"] = "true"
            with serving("Undercroft, both walls", "benchmarks.contestants.ours:app", environment) as server:
                yield server

    @contextmanager
    def native(self) -> Iterator[Server]:
        """The same tables without the app: roles, grants and row-level security of the database decide."""
        with self._copy() as name:
            with psycopg.connect(self._url(name), autocommit=True) as connection:
                connection.execute(NATIVE.read_bytes())
            environment = {**self._environment(self._url(name, LOGIN, PASSWORD)), "UNDERCROFT_API_ANON_ROLE": "anon"}
            with serving("Undercroft, database mode", "benchmarks.contestants.served:app", environment) as server:
                yield server

    @contextmanager
    def ceiling(self, recorded: Recorded) -> Iterator[Server]:
        """A bare application that runs this one statement."""
        read = {"text": recorded.text, "arguments": recorded.arguments, "place": recorded.place}
        with self._copy() as name:
            told = {"BENCHMARK_DATABASE": self._url(name), "BENCHMARK_READ": json.dumps(read)}
            with serving("the ceiling", "benchmarks.contestants.postgres_ceiling:app", told) as server:
                yield server

    @contextmanager
    def peer(self, name: str = "fastapi_sqlalchemy") -> Iterator[Server]:
        """FastAPI, SQLAlchemy and asyncpg on the same tables, or another of `peers`."""
        secret = self._house(self.template).keys.signing.reveal()
        with self._copy() as database:
            told = {"PEER_DATABASE": self._url(database, scheme="postgresql+asyncpg"), "PEER_SECRET": secret}
            with serving(name.partition("_")[0], f"benchmarks.peers.{name}:app", told) as server:
                yield server

    def record(self, urls: Sequence[str], headers: Mapping[str, str]) -> Recorded:
        """What requests that differ in one value do to the database: they are sent through our own pipeline."""
        return asyncio.run(record(self._house(self.template), _note, urls, headers))

    @contextmanager
    def empty(self) -> Iterator[str]:
        """The URL of a database without anything."""
        with postgres.database(self.server) as url:
            yield url

    def _house(self, database: str) -> House:
        return build(app, Settings.load(None, self._environment(self._url(database))))

    def _environment(self, url: str) -> dict[str, str]:
        return {
            "UNDERCROFT_DATABASE_DATA": str(self.folder),
            "UNDERCROFT_DATABASE_URL": url,
            "UNDERCROFT_LOG_REQUESTS": "false",
        }

    @contextmanager
    def _copy(self) -> Iterator[str]:
        name = f"bench_{uuid4().hex[:12]}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {self.template}".encode())
        try:
            yield name
        finally:
            with psycopg.connect(self.server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def _url(self, database: str, user: str | None = None, password: str = "", scheme: str = "postgresql") -> str:
        return url_of(self.server, database, user, password, scheme)


def url_of(server: str, database: str, user: str | None = None, password: str = "", scheme: str = "postgresql") -> str:
    """The address of a database beside the one that `server` names, perhaps for another user."""
    parts = urlsplit(server)
    there, query = parts.netloc, parts.query
    if user is not None:
        there = f"{user}:{password.replace(' ', '%20')}@{parts.netloc.rpartition('@')[2]}"
    if scheme != "postgresql":  # SQLAlchemy does not read %2F in a query
        query = "&".join(f"{name}={value}" for name, value in parse_qsl(query))
    elif query:
        query = urlencode(parse_qsl(query))
    return urlunsplit((scheme, there, f"/{database}", query, ""))


@contextmanager
def ground(folder: Path, size: Size, given: str | None, progress: Progress) -> Iterator[Ground]:
    """A filled server. `given` is the address of one, as its superuser; None starts a cluster."""
    with ExitStack() as stack:
        process = None
        if given is None:
            cluster = stack.enter_context(postgres.cluster())
            given, process = cluster.url, int((cluster.data / "postmaster.pid").read_text().split()[0])
        template = urlsplit(stack.enter_context(postgres.database(given))).path.removeprefix("/")
        folder.mkdir(parents=True, exist_ok=True)
        made = Ground(given, process, folder, template, size)
        house = made._house(template)
        house.prepare()
        seed_once(house.engine.migration_connection, size, progress=progress)
        with psycopg.connect(url_of(given, template), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        yield made


def _note(house: House, seen: Seen) -> None:
    read = house.engine.read

    async def recording(text: str, args: Sequence[object], local: Any = None) -> Any:
        row = await read(text, args, local)
        seen.append((text, tuple(args), row[0]))
        return row

    house.engine.read = house.engine.read_slow = recording  # type: ignore[method-assign]  # noted on its way
