"""GraphQL over a real PostgreSQL with roles, column privileges, row-level security and functions of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests import postgres
from tests.api.graphql.documented.houses import ServedPlace
from tests.api.scenario import ANON, Persona, Reply, send

pytestmark = pytest.mark.needs("postgres")
PREFIX = f"t{uuid4().hex[:8]}_"
ANN, BOB = (Persona(name[0], f"{PREFIX}member", name) for name in ("ann", "bob"))
SCRIPT = """
CREATE ROLE {p}anon NOLOGIN; CREATE ROLE {p}member NOLOGIN;
CREATE SCHEMA other;
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, secret text);
CREATE TABLE notes (id serial PRIMARY KEY, owner text NOT NULL, person_id int REFERENCES people,
  text text NOT NULL CHECK (text <> 'bad'));
CREATE TABLE tags (id serial PRIMARY KEY, note_id int REFERENCES notes, label text);
CREATE TABLE pairs (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE parts (id serial PRIMARY KEY, a int, b text, label text, FOREIGN KEY (a, b) REFERENCES pairs);
CREATE TABLE vault (id int PRIMARY KEY, code text);
CREATE TABLE other.things (id int PRIMARY KEY, label text);
COMMENT ON TABLE notes IS '@graphql({{"totalCount": {{"enabled": true}}}})';
INSERT INTO people VALUES (1, 'Ada', 'zq-secret');
INSERT INTO notes (owner, person_id, text) VALUES ('ann', 1, 'a1'), ('bob', 1, 'b1'), ('ann', 1, 'a2');
INSERT INTO vault VALUES (1, 'zq-code'); INSERT INTO other.things VALUES (1, 'elsewhere');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_setting('request.jwt.claims')::json ->> 'sub');
CREATE FUNCTION initial(notes) RETURNS text STABLE LANGUAGE sql AS $$ SELECT left($1.text, 1) $$;
CREATE FUNCTION shout(people) RETURNS text STABLE LANGUAGE sql AS $$ SELECT upper($1.name) $$;
CREATE FUNCTION hidden_of(people) RETURNS text STABLE SECURITY DEFINER LANGUAGE sql AS $$ SELECT $1.secret $$;
CREATE FUNCTION remember(said text) RETURNS notes LANGUAGE sql
AS $$ INSERT INTO notes (owner, text) VALUES (current_setting('request.jwt.claims')::json ->> 'sub', said) RETURNING * $$;
CREATE FUNCTION whoami() RETURNS text STABLE LANGUAGE sql AS 'SELECT current_user::text';
CREATE FUNCTION fails(how text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  IF how = 'zero' THEN RETURN 1 / 0; END IF; RAISE EXCEPTION 'no %', how; END $$;
CREATE FUNCTION closed() RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION path() RETURNS text STABLE LANGUAGE sql AS $$ SELECT current_setting('request.method') $$;
REVOKE EXECUTE ON FUNCTION closed, hidden_of, remember FROM public;
GRANT EXECUTE ON FUNCTION remember TO {p}member;
GRANT USAGE ON SCHEMA public, other TO {p}anon, {p}member;
GRANT SELECT (id, name) ON people TO {p}anon, {p}member;
GRANT INSERT (id, name, secret) ON people TO {p}member;
GRANT SELECT, INSERT ON tags, pairs, parts TO {p}member;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO {p}member; GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {p}member;
GRANT SELECT ON other.things TO {p}anon;
"""


@pytest.fixture(scope="module")
def place(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPlace]:
    import psycopg

    with postgres.database(postgres_server) as url:
        with psycopg.connect(url) as connection:
            connection.execute(SCRIPT.format(p=PREFIX).encode())
        settings = {
            "UNDERCROFT_API_ANON_ROLE": f"{PREFIX}anon",
            "UNDERCROFT_API_SCHEMAS": "public,other",
            "UNDERCROFT_GRAPHQL_INTROSPECTION": "*",
        }
        with ServedPlace(url, tmp_path_factory.mktemp("existing"), **settings) as made:
            yield made
        with psycopg.connect(url) as connection:
            for role in ("anon", "member"):
                connection.execute(f"DROP OWNED BY {PREFIX}{role}; DROP ROLE {PREFIX}{role}".encode())


def reply(place: ServedPlace, query: str, who: Persona = ANON, *headers: tuple[str, str]) -> Reply:
    found = place.ask(send("POST", "/graphql/v1", {"query": query}, *headers), who)
    assert b"zq-" not in found.body
    return found


def data(place: ServedPlace, query: str, who: Persona = ANON) -> Any:
    found = reply(place, query, who)
    assert (found.status, "errors" in found.json()) == (200, False), found.body
    return found.json()["data"]


def refusal(place: ServedPlace, query: str, who: Persona = ANON) -> tuple[int, str]:
    """Status and code."""
    found = reply(place, query, who)
    assert not found.json().get("data"), found.body
    return found.status, found.json()["errors"][0]["extensions"]["code"]


def named(table: str, key: int) -> str:
    return base64.b64encode(json.dumps(["public", table, key]).encode()).decode()


def texts(told: Any) -> list[str]:
    return [edge["node"]["text"] for edge in told["edges"]]


def notes(place: ServedPlace) -> list[tuple[Any, ...]]:
    return place.sql("SELECT owner, text FROM notes ORDER BY id")


def test_what_a_role_may_not_read_is_as_if_it_were_not_there(place: ServedPlace) -> None:
    assert data(place, "{ peopleCollection { edges { node { id name } } } }") == {
        "peopleCollection": {"edges": [{"node": {"id": 1, "name": "Ada"}}]}
    }
    for hidden, missing in (
        ("{ peopleCollection { edges { node { secret } } } }", "{ peopleCollection { edges { node { nosuch } } } }"),
        ("{ peopleCollection(filter: {secret: {eq: \"x\"}}) { edges { cursor } } }",
         "{ peopleCollection(filter: {nosuch: {eq: \"x\"}}) { edges { cursor } } }"),
        ("{ vaultCollection { edges { cursor } } }", "{ nosuchCollection { edges { cursor } } }"),
        ("{ peopleCollection { edges { node { hidden_of } } } }", "{ peopleCollection { edges { node { nosuch_x } } } }"),
        # It is called with the whole row, of which a column is hidden.
        ("{ peopleCollection { edges { node { shout } } } }", "{ peopleCollection { edges { node { nosuch } } } }"),
        ("{ closed }", "{ nosuch }"),
        ("{ peopleCollection { edges { node { notesCollection { edges { cursor } } } } } }",
         "{ peopleCollection { edges { node { nosuchCollection { edges { cursor } } } } } }"),
        (f'{{ node(nodeId: "{named("vault", 1)}") {{ nodeId }} }}', f'{{ node(nodeId: "{named("nosuch", 1)}") {{ nodeId }} }}'),
    ):  # fmt: skip
        one, other = reply(place, hidden), reply(place, missing)
        assert (one.status, other.status) == (400, 400), one.body
        for word in ("secret", "vault", "hidden_of", "shout", "closed", "notes"):
            one = one._replace(body=one.body.replace(word.encode(), b"X"))
        for word in ("nosuch_x", "nosuch"):
            other = other._replace(body=other.body.replace(word.encode(), b"X"))
        assert one.body == other.body


def test_each_role_has_a_schema_of_its_own(place: ServedPlace) -> None:
    query = "{ __schema { types { name } mutationType { fields { name } } } }"
    anonymous, member = (data(place, query, who)["__schema"] for who in (ANON, ANN))
    told = [{each["name"] for each in found["types"]} for found in (anonymous, member)]
    assert [("notes" in found, "vault" in found) for found in told] == [(False, False), (True, False)]
    assert [{each["name"] for each in found["mutationType"]["fields"]} for found in (anonymous, member)] == [
        {"fails"},
        {
            "fails",
            "remember",
            "insertIntonotesCollection",
            "insertIntotagsCollection",
            "insertIntopairsCollection",
            "insertIntopartsCollection",
            "insertIntopeopleCollection",
            "updatenotesCollection",
            "deleteFromnotesCollection",
        },
    ]


def test_what_may_be_written_and_not_read(place: ServedPlace) -> None:
    told = data(place, '{ __type(name: "peopleInsertInput") { inputFields { name } } }', ANN)["__type"]
    assert {each["name"] for each in told["inputFields"]} == {"id", "name", "secret", "notesCollection"}
    assert refusal(place, "{ peopleCollection { edges { node { secret } } } }", ANN) == (400, "UC441")


def test_rows_are_those_that_the_database_shows_the_caller(place: ServedPlace) -> None:
    query = """{ notesCollection { totalCount edges { node { text initial } } }
        peopleCollection { edges { node { notesCollection { edges { node { text } } } } } } who: whoami method: path }"""
    for who, own in ((ANN, ["a1", "a2"]), (BOB, ["b1"])):
        told = data(place, query, who)
        assert (texts(told["notesCollection"]), told["notesCollection"]["totalCount"]) == (own, len(own))
        assert texts(told["peopleCollection"]["edges"][0]["node"]["notesCollection"]) == own
        assert (told["who"], told["method"]) == (f"{PREFIX}member", "POST")
    by_node = f'{{ node(nodeId: "{named("notes", 2)}") {{ ... on notes {{ text }} }} }}'
    assert data(place, by_node, BOB) == {"node": {"text": "b1"}}
    assert data(place, by_node, ANN) == {"node": None}


def test_writes_are_the_database_s_to_allow(place: ServedPlace) -> None:
    before = notes(place)
    theirs = 'filter: {text: {eq: "b1"}}) { affectedCount records { text } } }'
    for verb in ('updatenotesCollection(set: {text: "x"}, ', "deleteFromnotesCollection("):
        (told,) = data(place, f"mutation {{ {verb}{theirs}", ANN).values()
        assert told == {"affectedCount": 0, "records": []}
    stranger = 'mutation { insertIntonotesCollection(objects: [{owner: "bob", text: "x"}]) { affectedCount } }'
    assert refusal(place, stranger, ANN) == (200, "42501")
    assert refusal(place, 'mutation { remember(said: "x") { id } }')[0] == 400, (
        "anonymous callers know of no such thing"
    )
    assert notes(place) == before


def test_the_steps_of_a_mutation_are_one_transaction(place: ServedPlace) -> None:
    before = notes(place)
    step = 'mutation {{ a: remember(said: "one") {{ text owner }} b: remember(said: "{}") {{ text }} }}'
    assert refusal(place, step.format("bad"), ANN) == (200, "23514")
    assert notes(place) == before
    assert data(place, step.format("two"), ANN) == {"a": {"text": "one", "owner": "ann"}, "b": {"text": "two"}}
    many = "mutation { deleteFromnotesCollection(filter: {id: {gt: 3}}) { affectedCount } }"
    assert refusal(place, many, ANN) == (200, "PGRST124")
    assert len(notes(place)) == len(before) + 2
    told = data(place, many.replace("}})", "}}, atMost: 9)"), ANN)
    assert told == {"deleteFromnotesCollection": {"affectedCount": 2}}
    assert notes(place) == before


def test_what_functions_raise_is_told(place: ServedPlace) -> None:
    assert refusal(place, 'mutation { fails(how: "luck") }') == (200, "P0001")
    assert refusal(place, 'mutation { fails(how: "zero") }') == (200, "22012")


def test_a_request_names_its_schema(place: ServedPlace) -> None:
    query = "{ thingsCollection { edges { node { label nodeId } } } }"
    told = reply(place, query, ANON, ("content-profile", "other")).json()["data"]["thingsCollection"]["edges"][0][
        "node"
    ]
    assert told == {"label": "elsewhere", "nodeId": base64.b64encode(b'["other", "things", 1]').decode()}
    assert refusal(place, query) == (400, "UC441")
    assert (
        reply(place, query, ANON, ("content-profile", "nowhere")).json()["errors"][0]["extensions"]["code"]
        == "PGRST106"
    )


def test_records_within_records_are_written_together_as_their_caller(place: ServedPlace) -> None:
    nested = """mutation { insertIntonotesCollection(objects: [
      {owner: "ann", text: "n1", tagsCollection: [{label: "l1"}, {label: "l2"}]},
      {owner: "ann", text: "n2", person: {id: %d, name: "Eve"}}])
      { affectedCount records { text person { name }
          tagsCollection(filter: {label: {neq: "l1"}}) { edges { node { label } } } } } }"""
    before = notes(place)
    assert data(place, nested % 7, ANN)["insertIntonotesCollection"] == {
        "affectedCount": 2,
        "records": [
            {"text": "n1", "person": None, "tagsCollection": {"edges": [{"node": {"label": "l2"}}]}},
            {"text": "n2", "person": {"name": "Eve"}, "tagsCollection": {"edges": []}},
        ],
    }
    assert notes(place) == [*before, ("ann", "n1"), ("ann", "n2")]
    # All of it or nothing: the key of the person is there already, and the policy of notes is met by each of them.
    assert refusal(place, nested % 7, ANN) == (200, "23505")
    assert (
        refusal(place, (nested % 8).replace('owner: "ann", text: "n2"', 'owner: "bob", text: "n2"'), ANN)[1] == "42501"
    )
    assert notes(place) == [*before, ("ann", "n1"), ("ann", "n2")]
    assert place.sql("SELECT count(*) FROM tags WHERE label LIKE 'l_'") == [(2,)]
    place.sql("DELETE FROM tags; DELETE FROM notes WHERE text IN ('n1', 'n2'); DELETE FROM people WHERE id = 7")


def test_records_with_a_key_of_two_columns_are_told_after_they_were_written(place: ServedPlace) -> None:
    made = """mutation { insertIntopairsCollection(objects: [
      {a: 2, b: "x,y", partsCollection: [{label: "p"}]}, {a: 1, b: "(z)"}])
      { affectedCount records { a b partsCollection { edges { node { label } } } } } }"""
    assert data(place, made, ANN)["insertIntopairsCollection"] == {
        "affectedCount": 2,
        "records": [
            {"a": 1, "b": "(z)", "partsCollection": {"edges": []}},
            {"a": 2, "b": "x,y", "partsCollection": {"edges": [{"node": {"label": "p"}}]}},
        ],
    }
    place.sql("DELETE FROM parts; DELETE FROM pairs")


def test_a_query_is_one_statement(place: ServedPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    query = """{ a: notesCollection { totalCount edges { node { text tagsCollection { edges { node { label } } } } }
      pageInfo { hasNextPage } } b: peopleCollection { edges { cursor } } }"""
    data(place, query, ANN)
    engine: Any = place.house.engine
    read, said = engine.read, []

    async def noted(text: str, *more: Any) -> Any:
        said.append(text)
        return await read(text, *more)

    monkeypatch.setattr(engine, "read", noted)
    data(place, query, ANN)
    assert len(said) == 1
