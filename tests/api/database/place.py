"""An existing database with roles, grants and row-level security, served in process as PostgREST's settings say.

`Served` fills a database of its own with `served.sql` and asks the whole app, as ASGI sees requests. The names of roles
are the server's, so each place has a prefix of its own for them: `{prefix}anon` and so on.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg

from tests import postgres
from undercroft import auth
from undercroft.app import database_app
from undercroft.base.secret import Secret
from undercroft.base.settings.postgrest import load_postgrest

SCRIPT = Path(__file__).with_name("served.sql")
SECRET = "a secret of the tests, long enough for anybody"
ROLES = ("authenticator", "anon", "member", "careful")


class Reply(NamedTuple):
    """An answer; header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def fault(self) -> tuple[int, str]:
        """Status and code."""
        return self.status, self.json()["code"]

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name.lower()]
        assert len(found) <= 1, f"the header {name} was sent {len(found)} times"
        return found[0] if found else None


class Served:
    """The database, and the app that serves it under some settings. Use it in a `with`."""

    def __init__(self, server: str, script: str | None = None) -> None:
        self.server = server
        self.prefix = f"t{uuid4().hex[:8]}_"
        self.script = (SCRIPT.read_text() if script is None else script).replace("{prefix}", self.prefix)
        self._made = ExitStack()
        self._apps: dict[str, Any] = {}

    def __enter__(self) -> Served:
        self.url = self._made.enter_context(postgres.database(self.server))
        self._made.callback(self._drop_roles)
        with psycopg.connect(self.url) as connection:
            connection.execute(self.script.encode())
        self._runner = self._made.enter_context(asyncio.Runner())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for app in self._apps.values():
            self._runner.run(app.stop())
        self._made.close()

    def _drop_roles(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name in ROLES:
                if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (self.prefix + name,)).fetchone():
                    connection.execute(f"DROP OWNED BY {self.prefix}{name}; DROP ROLE {self.prefix}{name}".encode())

    def sql(self, text: str) -> list[tuple[Any, ...]]:
        """Run a statement as the owner."""
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(text.replace("{prefix}", self.prefix).encode())
            return cursor.fetchall() if cursor.description else []

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        host = urlsplit(self.url).netloc.rpartition("@")[2]
        uri = urlunsplit(urlsplit(self.url)._replace(netloc=f"{self.prefix}authenticator@{host}"))
        return {
            "db-uri": uri,
            "db-schemas": "api,other",
            "db-anon-role": f"{self.prefix}anon",
            "db-extra-search-path": "inner_parts",
            "db-pool": 4,
            "jwt-secret": SECRET,
            "log-level": "crit",
            **given,
        }

    def app(self, given: Mapping[str, Any]) -> Any:
        """The app under these settings of PostgREST, kept for the next request with the same."""
        key = json.dumps(given, sort_keys=True)
        if key not in self._apps:
            file = Path(self._made.enter_context(tempfile.TemporaryDirectory())) / "postgrest.json"
            file.write_text(json.dumps(self.settings(given)))
            app = database_app(load_postgrest(file, {}))
            self._runner.run(app.start())
            self._apps[key] = app
        return self._apps[key]

    def token(self, role: str | None = None, /, **claims: Any) -> str:
        """A token for a role of this place; without one, the claims alone."""
        named = {} if role is None else {"role": self.prefix + role}
        return auth.sign({**named, **claims}, Secret(SECRET))

    def ask(
        self,
        method: str,
        target: str,
        *,
        body: bytes | str | list[Any] | dict[str, Any] | None = None,
        role: str | None = None,
        given: Mapping[str, Any] | None = None,
        **headers: str,
    ) -> Reply:
        """A request. `role` sends a token for it; `given` are settings; headers are named with `_` for `-`."""
        sent = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        if isinstance(body, list | dict):
            body = json.dumps(body)
            sent.setdefault("content-type", "application/json")
        if role is not None:
            sent["authorization"] = f"Bearer {self.token(role)}"
        raw = body.encode() if isinstance(body, str) else body or b""
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
        }
        return self._runner.run(_asked(self.app(given or {}), scope, raw))

    def get(self, target: str, **more: Any) -> Reply:
        return self.ask("GET", target, **more)

    def post(self, target: str, body: Any = None, **more: Any) -> Reply:
        return self.ask("POST", target, body=body, **more)


async def _asked(app: Any, scope: dict[str, Any], body: bytes) -> Reply:
    head: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            head.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    headers = tuple((name.decode().lower(), value.decode("latin-1")) for name, value in head["headers"])
    return Reply(head["status"], headers, b"".join(parts))
