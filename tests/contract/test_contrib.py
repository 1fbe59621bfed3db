"""Databases that use PostgreSQL's own extensions, on an older release: their types, words and functions are served."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests import postgres
from tests.api.scenario import ask_asgi, get, send
from undercroft.app import App, database_app
from undercroft.base.settings import Settings

with suppress(ImportError):  # the driver is an extra
    from tests.e2e import existing

pytestmark = pytest.mark.needs("postgres-contrib")

EXTENSIONS = ("hstore", "ltree", "citext", "unaccent", "pg_trgm", "btree_gist", "uuid-ossp", "pgcrypto", "intarray")
TABLES = """
CREATE TABLE places (id integer PRIMARY KEY, name citext UNIQUE, tags hstore, path ltree, tree ltree[], story text);
INSERT INTO places VALUES
    (1, 'Bree', 'inn => pony, gate => west', 'eriador.bree', '{a.b,c}', 'Le café est fermé'),
    (2, 'Rivendell', NULL, 'eriador.rivendell', NULL, 'The last homely house');
CREATE TEXT SEARCH CONFIGURATION plain_french (COPY = french);
ALTER TEXT SEARCH CONFIGURATION plain_french ALTER MAPPING FOR hword, hword_part, word WITH unaccent, french_stem;
GRANT SELECT ON places TO PUBLIC;
"""


@pytest.fixture(scope="module")
def app(contrib_server: str) -> Iterator[tuple[asyncio.Runner, App]]:
    with postgres.database(contrib_server) as url, asyncio.Runner() as runner:
        existing.make_roles(url)
        existing.run(url, *(f'CREATE EXTENSION "{name}"' for name in EXTENSIONS), TABLES)
        mapping = {
            "UNDERCROFT_DATABASE_URL": existing.as_authenticator(url), "UNDERCROFT_API_ANON_ROLE": existing.GUESTS[0],
            "UNDERCROFT_POSTGREST_STAND_IN": "true", "UNDERCROFT_AUTH_JWT_SECRET": existing.SECRET,
        }  # fmt: skip
        made = database_app(Settings.load(None, mapping))
        runner.run(made.start())
        yield runner, made
        runner.run(made.stop())


def found(app: tuple[asyncio.Runner, App], target: str) -> Any:
    runner, made = app
    reply = runner.run(ask_asgi(made, get(target), []))
    assert reply.status == 200, reply.body
    return reply.json()


def test_values_of_their_types(app: tuple[asyncio.Runner, App]) -> None:
    assert found(app, "/places?select=name,tags,path,tree&id=eq.1") == [
        {"name": "Bree", "tags": {"inn": "pony", "gate": "west"}, "path": "eriador.bree", "tree": ["a.b", "c"]}
    ]


@pytest.mark.parametrize(
    "condition",
    ["name=eq.BREE", "name=in.(bree,x)", "path=eq.eriador.bree", "path=cd.eriador.bree&id=eq.1", "name=like.*REE",
     "tags=not.is.null", "story=fts(plain_french).cafe", "story=fts(plain_french).ferme", "tags->>inn=eq.pony"],
)  # fmt: skip
def test_conditions_on_them(app: tuple[asyncio.Runner, App], condition: str) -> None:
    assert found(app, f"/places?select=id&{condition}") == [{"id": 1}]


def test_their_functions_are_called(app: tuple[asyncio.Runner, App]) -> None:
    runner, made = app
    request = send("POST", "/rpc/similarity", {"": "word"})
    assert runner.run(ask_asgi(made, request, [])).status == 404
    assert len(json.dumps(found(app, "/"))) > 1000
