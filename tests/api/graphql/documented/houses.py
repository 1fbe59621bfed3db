"""The houses that the documented examples are asked of: an existing PostgreSQL, and an app on each engine.

Each holds one world at a time; what it answered to a world's examples is kept.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from graphql import GraphQLSchema, build_client_schema, get_introspection_query

from tests import postgres
from tests.api.graphql.documented.examples import Example, World
from tests.api.graphql.documented.models import WORLDS
from tests.api.scenario import ANON, SERVICE, Persona, Place, Reply, send
from undercroft.app import database_app

ADDRESS = "/graphql/v1"


class Opened(Protocol):
    """A world that is there."""

    def __call__(self, query: str, variables: Any) -> Reply: ...


class House:
    """Answers examples, world by world."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples = tuple(examples)
        self._replies: dict[str, Reply] = {}
        self._schemas: dict[str, GraphQLSchema] = {}

    def reply(self, example: Example) -> Reply:
        """The answer to an example's query."""
        if example.id not in self._replies:
            self._ask_all(example)
        return self._replies[example.id]

    def schema(self, example: Example) -> GraphQLSchema:
        """The schema of its world, as it is told to whoever asks."""
        if example.world.name not in self._schemas:
            self._ask_all(example)
        return self._schemas[example.world.name]

    def _ask_all(self, example: Example) -> None:
        world = example.world
        sharing = [example] if world.fresh else [each for each in self._examples if each.world is world]
        with self.opened(world) as ask:
            for each in sharing:
                if each.query is not None:
                    self._replies[each.id] = ask(each.query, each.variables)
            if world.introspection:
                told = ask(get_introspection_query(), {})
                if "errors" not in told.json():
                    self._schemas[world.name] = build_client_schema(told.json()["data"])

    def opened(self, world: World) -> AbstractContextManager[Opened]:
        """A world, while it is asked."""
        raise NotImplementedError


class Existing(House):
    """A database that decides for itself, one world after the other in its schema `public`."""

    def __init__(self, examples: Iterable[Example], server: str) -> None:
        super().__init__(examples)
        self._server = server
        self._role = f"t{uuid4().hex[:8]}_api"

    @contextmanager
    def opened(self, world: World) -> Iterator[Opened]:
        with ExitStack() as stack:
            url = stack.enter_context(postgres.database(self._server))
            stack.callback(self._run, url, f"DROP OWNED BY {self._role}; DROP ROLE {self._role}")
            self._run(url, f"CREATE ROLE {self._role} NOLOGIN; GRANT USAGE ON SCHEMA public TO {self._role}")
            self._run(url, world.setup)
            given = ("ALL ON ALL TABLES", "ALL ON ALL SEQUENCES", "EXECUTE ON ALL FUNCTIONS")
            self._run(url, "; ".join(f"GRANT {each} IN SCHEMA public TO {self._role}" for each in given))
            if world.after:
                self._run(url, world.after.replace("{role}", self._role))
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            place = ServedPlace(
                url,
                folder,
                UNDERCROFT_API_ANON_ROLE=self._role,
                UNDERCROFT_GRAPHQL_INTROSPECTION=",".join(world.introspection) or "nobody",
            )
            yield asker(stack.enter_context(place), ANON)

    @staticmethod
    def _run(url: str, text: str) -> None:
        import psycopg

        with psycopg.connect(url) as connection:
            connection.execute(text.encode())


class ServedPlace(Place):
    """A place over a database that is there already."""

    def __init__(self, url: str, folder: Path, **environment: str) -> None:
        from undercroft.base.settings import Settings

        more = {"UNDERCROFT_DATABASE_URL": url, "UNDERCROFT_DATABASE_DATA": str(folder / "data"), **environment}
        super().__init__(database_app(Settings.load(None, more)), folder, **more)
        self._served = url

    def __enter__(self) -> ServedPlace:
        super().__enter__()
        self._url = self._served  # for statements beside the app: its tables are there already
        return self


class Modelled(House):
    """An app of each world's models; `server` is the URL of a PostgreSQL, None for SQLite."""

    def __init__(self, examples: Iterable[Example], server: str | None) -> None:
        super().__init__(example for example in examples if example.world.missing is None)
        self._server = server

    @contextmanager
    def opened(self, world: World) -> Iterator[Opened]:
        app, rows, who = WORLDS[world.name]()
        with tempfile.TemporaryDirectory() as folder, Place(app, Path(folder), server=self._server) as place:
            for table, each in rows.items():
                planted = place.ask(send("POST", f"/rest/v1/{table}", each), SERVICE)
                assert planted.status == 201, planted.body
            yield asker(place, who)


def asker(place: Place, who: Persona) -> Opened:
    """Asks a place as somebody."""

    def ask(query: str, variables: Any) -> Reply:
        body = {"query": query, "variables": variables}
        return place.ask(send("POST", ADDRESS, json.loads(json.dumps(body))), who)

    return ask
