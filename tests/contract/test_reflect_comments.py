"""What comments and names of a real PostgreSQL say beyond its tables, and what roles may do there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest

from tests import postgres
from undercroft.catalog.types import Catalog, ObjectName
from undercroft.engine.postgres.reflect import reflect
from undercroft.engine.types import Local
from undercroft.pipeline.privileges import TablePrivileges, privileges

pytestmark = pytest.mark.needs("postgres")

ROLE = f"t{uuid4().hex[:8]}_reader"
SCRIPT = f"""
CREATE ROLE {ROLE} NOLOGIN;
CREATE TYPE "Mood" AS ENUM ('so-so'); COMMENT ON TYPE "Mood" IS 'a mood';
CREATE TYPE silent AS ENUM ('x');
CREATE DOMAIN small AS int CHECK (value < 10);
CREATE TABLE owners (id serial CONSTRAINT the_key PRIMARY KEY, mood "Mood", size small,
  mail text CONSTRAINT one_mail UNIQUE);
CREATE TABLE cats (id int PRIMARY KEY, owner_id int CONSTRAINT owned REFERENCES owners, name text, secret text);
COMMENT ON CONSTRAINT owned ON cats IS 'who feeds it';
CREATE FUNCTION kittens(owners) RETURNS SETOF cats STABLE LANGUAGE sql AS 'SELECT * FROM cats WHERE owner_id = $1.id';
COMMENT ON FUNCTION kittens IS 'the young ones';
CREATE FUNCTION open() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION closed() RETURNS int LANGUAGE sql AS 'SELECT 1';
REVOKE EXECUTE ON FUNCTION closed FROM public;
GRANT USAGE ON SCHEMA public TO {ROLE};
GRANT SELECT (id, name), INSERT (name, secret), UPDATE (name), DELETE ON cats TO {ROLE};
"""


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    import psycopg

    with postgres.database(postgres_server) as made:
        with psycopg.connect(made) as connection:
            connection.execute(SCRIPT.encode())
        yield made
        with psycopg.connect(made) as connection:
            connection.execute(f"DROP OWNED BY {ROLE}; DROP ROLE {ROLE}".encode())


@pytest.fixture(scope="module")
def catalog(url: str) -> Catalog:
    import psycopg

    with psycopg.connect(url) as connection:
        cursor = psycopg.RawCursor(connection)

        def one(text: str, args: Sequence[object]) -> Sequence[Any]:
            return cursor.execute(text.encode(), args or None).fetchone() or ()

        return reflect(one, ["public"])["public"]


def test_comments_of_keys_functions_and_enumerations(catalog: Catalog) -> None:
    told = {
        (source, each.target, each.constraint): each.comment
        for source, found in catalog.relations.items()
        for each in found
    }
    assert told == {
        ("cats", "owners", "owned"): "who feeds it",
        ("owners", "cats", "owned"): "who feeds it",
        ("owners", "cats", "kittens"): "the young ones",
    }
    assert catalog.enumerations == {"Mood": "a mood"}


def test_domains_are_told_from_their_bases(catalog: Catalog) -> None:
    columns = catalog.tables["owners"].columns
    assert {name for name, each in columns.items() if each.domain} == {"size"}
    assert columns["size"].pg_type == "integer"


def test_keys_have_their_names(catalog: Catalog) -> None:
    element = catalog.tables["owners"].element
    assert element.primary_key.name == "the_key"
    assert {each.name for each in element.constraints} == {"the_key", "one_mail"}
    assert catalog.tables["owners"].unique == (("mail",),)


def test_what_a_role_may_do_column_by_column(url: str) -> None:
    from undercroft.engine.postgres.engine import PostgresEngine
    from undercroft.engine.postgres.settings import PostgresSettings

    async def asked() -> None:
        engine = PostgresEngine(PostgresSettings(url))
        await engine.start()
        try:
            found = await privileges(engine, "public", Local(role=ROLE))
        finally:
            await engine.close()
        assert found.tables["owners"] == TablePrivileges()
        assert found.tables["cats"] == TablePrivileges(
            frozenset({"id", "name"}), frozenset({"name", "secret"}), frozenset({"name"}), deletes=True
        )
        names = {ObjectName("public", name) for name in ("open", "kittens")}
        assert {each for each in found.functions if each.schema == "public"} == names

    asyncio.run(asked())
