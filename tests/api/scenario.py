"""Requests to a whole app in process, and what they must leave alone.

`Place` runs an app on a loop of its own and hands it requests as ASGI sees them: bytes, so that hostile ones arrive as
they were meant. Everything that comes back, and everything that was logged meanwhile, passes `Place.sweep`, which
looks for texts that were planted where the caller may not see them (canaries). `Scenario` is one line of a table: a
request, the answer, and the only tables that it may have changed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TextIO, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes

import sqlalchemy as sa
import structlog

from tests import postgres
from undercroft import App, auth
from undercroft.app import House, build, wall_for
from undercroft.base.settings import Settings
from undercroft.engine import migrate
from undercroft.engine.migrate import walls
from undercroft.web.log import configure_log

T = TypeVar("T")
Headers = Sequence[tuple[str | bytes, str | bytes]]

CANARY = re.compile(rb"zqx7_([a-z]+)_\w+", re.IGNORECASE)
"""A planted text: `zqx7_<audience>_<name>`, where each letter of the audience is a persona that may see it."""
CANARY_HEX = re.compile(rb"7a7178375f(?:[0-9a-f]{2})+", re.IGNORECASE)
"""The same as hex digits, as bytes are written."""


@dataclass(frozen=True)
class Persona:
    """Somebody who asks: a role, a user id, more claims, and the letter by which canaries name them."""

    letter: str
    role: str | None
    """None sends no token at all."""
    sub: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)


ANON = Persona("a", None)
SERVICE = Persona("s", "service_role")


class Reply(NamedTuple):
    """An answer."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str | None:
        """The code of a fault."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value.get("code") if isinstance(value, dict) else None

    def header(self, name: str) -> str | None:
        """The one header of this name; None where there is none."""
        found = [value for key, value in self.headers if key == name.lower().encode()]
        assert len(found) <= 1, f"the header {name} was sent {len(found)} times"
        return found[0].decode("latin-1") if found else None


class Request(NamedTuple):
    """A request as it will be handed over. `target` is path and query, percent-encoded where it must be."""

    method: str
    target: str | bytes
    headers: Headers = ()
    body: bytes = b""


def get(target: str | bytes, *headers: tuple[str, str]) -> Request:
    return Request("GET", target, headers)


def send(method: str, target: str | bytes, value: Any = None, *headers: tuple[str, str]) -> Request:
    """A request with a JSON body."""
    body = b"" if value is None else json.dumps(value).encode()
    return Request(method, target, (("content-type", "application/json"), *headers), body)


class Leak(AssertionError):
    """A planted text came out where it must not."""


class Place:
    """An app that is running, with its data in a folder of its own. Use it in a `with`.

    `server` is the URL of a PostgreSQL: then the data is in a database of its own there.
    """

    def __init__(self, app: App, folder: Path, *, server: str | None = None, **environment: str) -> None:
        self.app = app
        self.folder = folder
        self.server = server
        self._url: str | None = None
        self._made = ExitStack()
        self.environment = {
            "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
            "UNDERCROFT_LOG_FORMAT": "json",
            "UNDERCROFT_LOG_LEVEL": "debug",
            **environment,
        }
        self.logs: list[str] = []
        self.asked = 0
        self._tokens: dict[Persona, str] = {}
        self._runner = asyncio.Runner()
        self._house: House | None = None
        self._before: tuple[dict[str, Any], list[logging.Handler], int] = ({}, [], 0)

    def __enter__(self) -> Place:
        root = logging.getLogger()
        self._before = structlog.get_config(), list(root.handlers), root.level
        try:
            if self.server is not None:
                self._url = self._made.enter_context(postgres.database(self.server))
                self.environment["UNDERCROFT_DATABASE_URL"] = self._url
            self.app.settings = Settings.load(None, self.environment)
            if self._url is not None:
                self.app.house = self._on_postgres(self._url)
            configure_log(self.app.settings.log, cast("TextIO", _Lines(self.logs)))
            self._house = self.run(self.app.start())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self.app.stop())
        finally:
            self._runner.close()
            self._made.close()
            settings, handlers, level = self._before
            structlog.configure(**settings)
            logging.getLogger().handlers[:] = handlers
            logging.getLogger().setLevel(level)

    def plant(self, rows: Mapping[Any, Sequence[Mapping[str, Any]]]) -> None:
        """Rows of mapped classes, put into a PostgreSQL beside the app; what is counted goes on behind them."""
        with self._beside() as connection:
            for model, found in rows.items():
                for row in found:
                    connection.execute(model.__table__.insert().values(row))
        self.count_on()

    def count_on(self) -> None:
        """Have a PostgreSQL count on behind the keys that rows brought along, as SQLite does by itself."""
        if self._url is None:
            return
        with self._beside() as connection:
            for table in self.app.metadata.sorted_tables:
                counted = table.autoincrement_column
                if counted is not None and isinstance(counted.type, sa.Integer):
                    sequence = sa.func.pg_get_serial_sequence(table.fullname, counted.name)
                    connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(counted))).select_from(table))

    def _beside(self) -> AbstractContextManager[sa.Connection]:
        assert self._url is not None, "on SQLite rows are put in before the start"
        url = self._url.replace("postgresql://", "postgresql+psycopg://", 1)
        return sa.create_engine(url, poolclass=sa.NullPool).begin()

    def _on_postgres(self, url: str) -> House:
        """The app as its settings say, with its tables made at the start."""
        house = build(self.app, self.app.settings or Settings.load(None, self.environment))

        def make_tables() -> None:
            engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sa.NullPool)
            with engine.begin() as connection:
                for schema in {table.schema for table in self.app.metadata.tables.values() if table.schema}:
                    connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
                self.app.metadata.create_all(connection)
            if house.settings.database.rls:
                walls.apply(wall_for(self.app, house.settings).pieces, migrate.place_at(url))

        house.prepare = make_tables
        return house

    @property
    def house(self) -> House:
        assert self._house is not None, "the place is closed"
        return self._house

    def run(self, work: Awaitable[T]) -> T:
        """Await something on the app's own loop."""

        async def wait() -> T:
            return await work

        # Not the runner's `run`: each call of that writes out the task before, whose result is a whole house.
        return self._runner.get_loop().run_until_complete(wait())

    # --- asking ---

    def token(self, persona: Persona) -> str | None:
        """A token signed with the app's own key; None for somebody who has none."""
        if persona.role is None:
            return None
        if persona not in self._tokens or persona.claims:
            more = dict(persona.claims)
            claims = {"role": persona.role, "exp": int(time.time()) + 3600, **more}
            if persona.sub is not None:
                claims["sub"] = persona.sub
            self._tokens[persona] = auth.sign(claims, self.house.keys.signing)
        return self._tokens[persona]

    def ask(self, request: Request, who: Persona = ANON) -> Reply:
        """One request; the answer has been swept."""
        return self.run(self.asking(request, who))

    def ask_all(self, requests: Iterable[Request], who: Persona = ANON) -> list[Reply]:
        """Several requests, one after the other, in one run of the loop."""

        async def one_by_one() -> list[Reply]:
            return [await self.asking(request, who) for request in requests]

        return self.run(one_by_one())

    def ask_at_once(self, requests: Iterable[Request], who: Persona = ANON) -> list[Reply]:
        """Several requests at the same time."""

        async def together() -> list[Reply]:
            return list(await asyncio.gather(*(self.asking(request, who) for request in requests)))

        return self.run(together())

    async def asking(self, request: Request, who: Persona = ANON) -> Reply:
        """One request, awaited; the answer has been swept."""
        self.asked += 1
        token = self.token(who)
        headers = [(_raw(name).lower(), _raw(value)) for name, value in request.headers]
        if token is not None:
            headers.append((b"authorization", b"Bearer " + token.encode()))
        reply = await ask_asgi(self.app, request, headers)
        self.sweep(request, reply, who)
        return reply

    # --- the canaries ---

    def sweep(self, request: Request, reply: Reply, who: Persona) -> None:
        """Look for planted texts in an answer, and in what was logged since the last one. Raises `Leak`."""
        given = _raw(request.target) + b"\n" + request.body + b"".join(_raw(value) for _, value in request.headers)
        everything = b"\n".join([reply.body, *(name + b": " + value for name, value in reply.headers)])
        for found, audience in canaries(everything):
            if who.letter not in audience and found not in given:
                raise Leak(
                    f"{found!r} was shown to {who.letter!r} by {request.method} {request.target!r}: {reply.status}"
                )
        self.sweep_logs(given)

    def sweep_logs(self, given: bytes = b"") -> None:
        """No planted text, token or key may be in a log, whoever asked. Raises `Leak`."""
        if not self.logs:
            return
        lines = list(self.logs)
        self.logs.clear()
        for line in lines:
            assert isinstance(json.loads(line), dict), f"a line of the log is none: {line[:300]!r}"
        told = "\n".join(lines).encode()
        secrets = [self.house.keys.service_role.reveal().encode(), self.house.keys.signing.reveal_bytes()]
        secrets += [token.encode() for token in self._tokens.values()]
        for secret in secrets:
            if secret in told or secret.rpartition(b".")[2] in told:
                raise Leak("a token or key was logged")
        for found, _ in canaries(told):
            if found not in given:
                raise Leak(f"{found!r} was logged: {told[:2000]!r}")

    # --- the data ---

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """A statement beside the app, on a connection of its own; `?` stands for a value."""
        with self._aside() as run:
            return run(text, *values)

    @contextmanager
    def _aside(self) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
        """Statements beside the app, on one connection."""
        if self._url is None:
            path = self.folder / "data" / "data.db"
            module = self.house.engine.library.module  # type: ignore[attr-defined]  # SQLite's
            with closing(module.connect(path, isolation_level=None)) as connection:
                yield lambda text, *values: [tuple(row) for row in connection.execute(text, values)]
            return
        import psycopg

        def run(text: str, *values: object) -> list[tuple[Any, ...]]:
            marked = text.replace("%", "%%").replace("?", "%s") if values else text
            cursor = connection.execute(marked.encode(), values or None)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

        with psycopg.connect(self._url, autocommit=True) as connection:
            yield run

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        listed = "select name, '\"' || name || '\"' from sqlite_master where type = 'table' order by name"
        if self._url is not None:
            text = "oid::regclass::text"
            listed = f"select {text}, {text} from pg_class where relkind = 'r' and relnamespace::regnamespace::text"
            listed += " in ('public', 'auth') order by 1"
        with self._aside() as run:
            return {name: sorted(run(f"select * from {written}"), key=repr) for name, written in run(listed)}


@dataclass(frozen=True)
class Scenario:
    """A request and all that may come of it. `changes` names the tables that may differ afterwards: none, unless
    said."""

    name: str
    request: Request
    status: int
    who: Persona = ANON
    json: Any = None
    """The body, when it matters."""
    code: str | None = None
    """The code of a fault."""
    headers: Mapping[str, str] = field(default_factory=dict)
    holds: Sequence[bytes] = ()
    """What the body must hold,"""
    lacks: Sequence[bytes] = ()
    """and must not hold."""
    changes: frozenset[str] = frozenset()

    def play(self, place: Place) -> Reply:
        """Ask, and compare the answer and the data."""
        before = place.contents()
        reply = place.ask(self.request, self.who)
        assert reply.status == self.status, f"{self.name}: {reply.status} {reply.body[:500]!r}"
        if self.json is not None:
            assert reply.json() == self.json, self.name
        if self.code is not None:
            assert reply.code == self.code, f"{self.name}: {reply.body[:500]!r}"
        for name, value in self.headers.items():
            assert reply.header(name) == value, f"{self.name}: {name}"
        for part in self.holds:
            assert part in reply.body, f"{self.name}: {part!r} is missing"
        for part in self.lacks:
            assert part not in reply.body, f"{self.name}: {part!r} is there"
        after = place.contents()
        changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert changed == self.changes, (
            f"{self.name}: changed {changed or 'nothing'}, not {set(self.changes) or 'nothing'}"
        )
        return reply


# ---------------------------------------------------------------- the wire


async def ask_asgi(app: Any, request: Request, headers: list[tuple[bytes, bytes]]) -> Reply:
    """One request through ASGI. An app that answers twice, or not at all, or raises, fails the test."""
    path, _, query = _raw(request.target).partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": _decoded(path),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 8000),
        "state": {},
    }
    sent: list[dict[str, Any]] = []
    taken = False

    async def receive() -> dict[str, Any]:
        nonlocal taken
        if taken:
            return {"type": "http.disconnect"}
        taken = True
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert len(starts) == 1, f"{len(starts)} answers to {request}"
    assert sent[0] is starts[0]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    answer_headers = [(bytes(name), bytes(value)) for name, value in starts[0].get("headers", ())]
    for name, value in answer_headers:
        # A server would refuse these, or worse, send them.
        assert not re.search(rb"[\r\n\0]", name + value), f"a header would end early: {name!r}: {value!r}"
    return Reply(starts[0]["status"], answer_headers, body)


def _decoded(path: bytes) -> str:
    return unquote_to_bytes(path).decode("utf-8", "surrogateescape")


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def canaries(blob: bytes) -> Iterable[tuple[bytes, str]]:
    """The planted texts in a blob, each with the letters of those who may see it."""
    for found in CANARY.finditer(blob):
        yield found[0], found[1].decode().lower()
    for found in CANARY_HEX.finditer(blob):
        for inner in CANARY.finditer(bytes.fromhex(found[0].decode())):
            yield found[0], inner[1].decode().lower()


def escaped(text: str) -> str:
    """A text as it may stand in a query string."""
    return quote(text, safe="")


class _Lines:
    """A stream that keeps what is written to it."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def write(self, text: str) -> int:
        self._lines += [line for line in text.split("\n") if line]
        return len(text)

    def flush(self) -> None:
        """There is nothing to wait for."""

    def isatty(self) -> bool:
        return False
