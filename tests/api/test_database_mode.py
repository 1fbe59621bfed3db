"""An existing database without an app file: who gets in, what is found in it, and that its owner finds it unchanged."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from undercroft.app import House, database_app
from undercroft.auth import sign, token_claims
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.engine.sqlite.library import choose

pytestmark = pytest.mark.anyio
SQLITE = choose("auto").module

FAMILY = """
CREATE TABLE people (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, mother INTEGER REFERENCES people, born DATE, alive BOOLEAN
);
CREATE TABLE passports (number TEXT PRIMARY KEY, holder INTEGER NOT NULL UNIQUE REFERENCES people (id));
CREATE TABLE letters (
    id INTEGER PRIMARY KEY, sender INTEGER CONSTRAINT letter_from REFERENCES people,
    receiver INTEGER REFERENCES people (ID), body VARCHAR(20),
    words INTEGER GENERATED ALWAYS AS (length(body)) VIRTUAL, seal BLOB
);
CREATE TABLE rooms (house TEXT, number INT, size REAL, PRIMARY KEY (house, number)) WITHOUT ROWID;
CREATE TABLE beds (id INTEGER PRIMARY KEY, house TEXT, room INT, FOREIGN KEY (house, room) REFERENCES rooms);
CREATE TABLE "tags" (tag TEXT PRIMARY KEY);
CREATE TABLE people_tags (person INTEGER REFERENCES people, tag TEXT REFERENCES tags, PRIMARY KEY (person, tag));
CREATE TABLE orphans (id INTEGER PRIMARY KEY, gone INTEGER REFERENCES nowhere (id));
CREATE TABLE exact (n INTEGER PRIMARY KEY, t TEXT) STRICT;
CREATE TABLE "hidden.things" (id INTEGER PRIMARY KEY);
CREATE VIEW elders AS SELECT id, name, length(name) AS letters, 'x' || id AS label FROM people WHERE mother IS NULL;
CREATE VIEW broken AS SELECT lost FROM nowhere;
CREATE UNIQUE INDEX one_alive ON letters (receiver) WHERE seal IS NOT NULL;
CREATE UNIQUE INDEX one_word ON letters (sender, lower(body));
INSERT INTO people VALUES (1, 'Ada', NULL, '1815-12-10', 0), (2, 'Byron', 1, NULL, 1),
    (3, 'Anne', 1, '22.9.1837', 'maybe');
INSERT INTO passports VALUES ('P1', 1), ('P2', 2);
INSERT INTO letters VALUES (1, 1, 2, 'hello', x'00ff'), (2, 2, 1, 'hi', NULL), (3, 3, 1, 'oh', NULL);
INSERT INTO rooms VALUES ('h', 1, 12.5), ('h', 2, 20);
INSERT INTO beds VALUES (1, 'h', 1), (2, 'h', 1), (3, 'h', 2);
INSERT INTO tags VALUES ('maths'), ('riding');
INSERT INTO people_tags VALUES (1, 'maths'), (2, 'maths'), (3, 'riding');
INSERT INTO exact VALUES (1, 'a');
ANALYZE;
"""

Serve = Callable[..., AbstractAsyncContextManager["Served"]]


@dataclass(frozen=True)
class Served:
    """A database that is served, to its callers."""

    house: House
    anon: httpx2.AsyncClient
    service: httpx2.AsyncClient
    path: Path

    async def get(self, url: str, **headers: str) -> Any:
        answer = await self.service.get(url, headers=headers)
        assert answer.status_code in (200, 206), answer.text
        return answer.json()


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Serve a database that this SQL script makes."""

    @asynccontextmanager
    async def serving(
        script: str, *, fill: Callable[[Any], None] | None = None, **environ: str
    ) -> AsyncIterator[Served]:
        path = tmp_path / "family.db"
        connection = SQLITE.connect(str(path))
        connection.executescript(script)
        if fill is not None:
            fill(connection)
        connection.commit()
        connection.close()
        app = database_app(settings(path, **environ))
        house = await app.start()
        transport = httpx2.ASGITransport(app=app)
        base = "http://family/rest/v1/"
        key = {"apikey": house.keys.service_role.reveal()}
        async with (
            httpx2.AsyncClient(transport=transport, base_url=base) as anon,
            httpx2.AsyncClient(transport=transport, base_url=base, headers=key) as service,
        ):
            yield Served(house, anon, service, path)
        await app.stop()

    return serving


def settings(path: Path, **environ: str) -> Settings:
    given = {
        "UNDERCROFT_DATABASE_URL": f"sqlite:///{path}",
        "UNDERCROFT_DATABASE_DATA": str(path.parent / "data"),
        "UNDERCROFT_LOG_REQUESTS": "false",
    }
    return Settings.load(None, {**given, **environ})


def schema(path: Path) -> list[Any]:
    connection = SQLITE.connect(str(path))
    try:
        found: list[Any] = connection.execute(
            "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
        ).fetchall()
        return [*found, *connection.execute("PRAGMA user_version"), *connection.execute("PRAGMA application_id")]
    finally:
        connection.close()


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


# ---------------------------------------------------------------- who gets in


async def test_it_is_closed_to_everybody_but_the_service(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        for client in (served.anon, user(served, "authenticated")):
            for table in ("people", "elders", "nothing"):
                answer = await client.get(table)
                assert (answer.status_code, answer.json()["code"]) == (404, "PGRST205")
            assert (await client.post("people", json={"name": "Eve"})).json()["code"] == "PGRST205"
        assert len(await served.get("people")) == 3


async def test_it_can_be_opened_for_reading(serve: Serve) -> None:
    async with serve(FAMILY, UNDERCROFT_API_ANON="read") as served:
        for client in (served.anon, user(served, "authenticated")):
            assert len((await client.get("people")).json()) == 3
            assert len((await client.get("elders")).json()) == 1
            assert (await client.post("people", json={"name": "Eve"})).status_code in (401, 403)
            # As in PostgreSQL: without a policy to change rows, there is no row that could be changed.
            for answer in (
                await client.patch("people?id=eq.1", json={"name": "Eve"}),
                await client.delete("people?id=eq.1"),
            ):
                assert (answer.status_code, answer.headers["content-range"]) == (204, "*/*")
        assert [row["name"] for row in await served.get("people?order=id")] == ["Ada", "Byron", "Anne"]
        stranger = await user(served, "librarian").get("people")
        assert stranger.json()["code"] == "PGRST205"


def user(served: Served, role: str) -> httpx2.AsyncClient:
    claims = token_claims(role, now=time.time(), lifetime=60, issuer="undercroft", sub="u")
    headers = {"authorization": f"Bearer {sign(claims, served.house.keys.signing)}"}
    transport = served.anon._transport
    return httpx2.AsyncClient(transport=transport, base_url=served.anon.base_url, headers=headers)


async def test_the_service_may_write(serve: Serve) -> None:
    full = {"prefer": "return=representation"}
    async with serve(FAMILY) as served:
        created = await served.service.post("people?select=id,name", json={"name": "Eve"}, headers=full)
        assert (created.status_code, created.json()) == (201, [{"id": 4, "name": "Eve"}])
        changed = await served.service.patch("people?id=eq.4&select=name", json={"name": "Eva"}, headers=full)
        assert changed.json() == [{"name": "Eva"}]
        gone = await served.service.delete("people?id=eq.4&select=name", headers=full)
        assert gone.json() == [{"name": "Eva"}]
        merge = {"prefer": "return=representation,resolution=merge-duplicates"}
        body = [{"house": "h", "number": 2, "size": 21}, {"house": "h", "number": 3, "size": None}]
        rooms = await served.service.post("rooms", json=body, headers=merge)
        assert rooms.json() == body
        refused = await served.service.post("letters", json={"body": "x", "words": 1})
        assert refused.json()["code"] in ("42501", "428C9")
        view = await served.service.post("elders", json={"name": "x"})
        assert view.status_code >= 400
        key = await served.service.post("letters", json={"sender": 99})
        assert (key.status_code, key.json()["code"]) == (409, "23503")


# ---------------------------------------------------------------- whose it is


async def test_the_schema_is_never_written_to(serve: Serve, tmp_path: Path) -> None:
    before: list[Any] = []

    def look(connection: Any) -> None:
        connection.execute("PRAGMA user_version = 7")
        connection.commit()
        before.extend(schema(tmp_path / "family.db"))

    async with serve(FAMILY, fill=look) as served:
        await served.service.post("people", json={"name": "Eve"})
        await served.get("people?select=*,letters!letter_from(*)")
    assert schema(tmp_path / "family.db") == before
    assert names_in(tmp_path) == ["data", "family.db", "family.db.lock"]


def test_a_missing_file_is_said_to_be_missing_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match="there is no database"):
        database_app(settings(tmp_path / "absent.db"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG" + bytes(4096))
    with pytest.raises(SetupFault, match=r"picture\.png"):
        database_app(settings(path))
    assert path.read_bytes() == b"\x89PNG" + bytes(4096)


SQLITES_OWN = ("sqlite_master", "sqlite_schema", "sqlite_sequence", "sqlite_stat1", "pragma_table_list")


@pytest.mark.parametrize("name", [*SQLITES_OWN, "broken", "hidden.things", "things"])
async def test_what_is_not_the_owners_data_is_not_served(serve: Serve, name: str) -> None:
    async with serve(FAMILY) as served:
        answer = await served.service.get(name)
        assert (answer.status_code, answer.json()["code"]) == (404, "PGRST205")


async def test_virtual_tables_and_what_belongs_to_them_are_not_served(serve: Serve) -> None:
    async with serve("CREATE VIRTUAL TABLE found USING fts5(body); CREATE TABLE plain (id INTEGER)") as served:
        assert set(served.house.pipeline.catalog.tables) == {"plain"}


# ---------------------------------------------------------------- what is found in it


async def test_keys_lead_to_embeds(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        assert await served.get("people?select=name,passports(number)&order=id") == [
            {"name": "Ada", "passports": {"number": "P1"}},  # one to one: holder is unique
            {"name": "Byron", "passports": {"number": "P2"}},
            {"name": "Anne", "passports": None},
        ]
        assert await served.get("rooms?select=number,beds(id)&order=number&beds.order=id") == [
            {"number": 1, "beds": [{"id": 1}, {"id": 2}]},
            {"number": 2, "beds": [{"id": 3}]},
        ]
        assert await served.get("people?select=name,tags(tag)&id=eq.1") == [{"name": "Ada", "tags": [{"tag": "maths"}]}]
        assert await served.get("people?select=name,mother(name)&id=eq.2") == [
            {"name": "Byron", "mother": {"name": "Ada"}}
        ]


async def test_two_keys_between_two_tables_need_a_hint_and_have_names(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        answer = await served.service.get("letters?select=id,people(name)")
        assert (answer.status_code, answer.json()["code"]) == (300, "PGRST201")
        # One was named by its owner, the other is named as PostgreSQL would.
        assert "letter_from" in answer.json()["hint"]
        assert "letters_receiver_fkey" in answer.json()["hint"]
        url = "letters?select=from:people!letter_from(name),to:people!letters_receiver_fkey(name)&id=eq.1"
        assert await served.get(url) == [{"from": {"name": "Ada"}, "to": {"name": "Byron"}}]


async def test_an_index_over_a_part_or_an_expression_makes_nothing_unique(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        found = await served.get("people?select=got:letters!letters_receiver_fkey(id)&id=eq.1&got.order=id")
        assert found == [{"got": [{"id": 2}, {"id": 3}]}]
        table = served.house.pipeline.catalog.tables["letters"]
        assert table.unique == ()
        assert table.columns["words"].generated


async def test_a_key_to_nowhere_is_left_out(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        assert "orphans" in served.house.pipeline.catalog.tables
        assert not served.house.pipeline.catalog.relations.get("orphans")


async def test_a_view_is_read_with_filters_on_what_it_computes(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        shown = [{"id": 1, "name": "Ada", "letters": 3, "label": "x1"}]
        for query in (
            "letters=eq.3",
            "letters=gt.2",
            "letters=in.(3,4)",
            "letters=lt.10",
            "label=eq.x1",
            "label=like.x*",
        ):
            assert await served.get(f"elders?{query}") == shown, query
        assert await served.get("elders?letters=eq.4") == []
        assert await served.get("elders?letters=neq.3") == []


async def test_names_may_be_anything(serve: Serve) -> None:
    names = [
        "two words",
        'a "quote"',
        "per%cent",
        "co:lon",
        "{curly}",
        "größe",
        "select",
        "it's",
        "back\\slash",
        "que?stion",
    ]
    columns = ", ".join('"' + name.replace('"', '""') + '" TEXT' for name in names)
    script = f'CREATE TABLE "odd ""table"" 100%" (id INTEGER PRIMARY KEY, {columns});'

    def fill(connection: Any) -> None:
        marks = ", ".join("?" * len(names))
        connection.execute(f'INSERT INTO "odd ""table"" 100%" VALUES (1, {marks})', names)

    async with serve(script, fill=fill) as served:
        url = "odd%20%22table%22%20100%25"
        assert await served.get(url) == [{"id": 1, **{name: name for name in names}}]
        full = {"prefer": "return=representation"}
        body = {"id": 2, **{name: "new " + name for name in names}}
        assert (await served.service.post(url, json=body, headers=full)).json() == [body]
        for name in names:
            quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
            answer = await served.service.get(url, params={"select": quoted, "order": quoted, "id": "eq.1"})
            assert answer.status_code == 200, (name, answer.text)
            assert answer.json() == [{name: name}]


# ---------------------------------------------------------------- what stands in it

ANYTHING: list[tuple[str, Any, Any]] = [
    ("null", None, None),
    ("integer", 7, 7),
    ("great integer", 2**63 - 1, 2**63 - 1),
    ("least integer", -(2**63), -(2**63)),
    ("float", 1.5, 1.5),
    ("whole float", 3.0, 3),
    ("great float", 1e300, 1e300),
    ("infinity", float("inf"), "Infinity"),
    ("minus infinity", float("-inf"), "-Infinity"),
    ("text", "abc", "abc"),
    ("number as text", "007x", "007x"),
    ("empty", "", ""),
    ("quotes", 'a "b" \\ c', 'a "b" \\ c'),
    ("controls", "a\n\t\x01\x1f\x7fz", "a\n\t\x01\x1f\x7fz"),
    ("nul", "a\0b", "a\0b"),
    ("beyond the plane", "🐘 ü \u2028", "🐘 ü \u2028"),
    ("json text", '{"a": [1', '{"a": [1'),
    ("bytes", b"\x00\xff\x10", "\\x00ff10"),
    ("no bytes", b"", "\\x"),
    ("bytes of a number", b"5", "\\x35"),
]  # fmt: skip
TYPES = (
    "INTEGER", "BIGINT", "TEXT", "VARCHAR(3)", "REAL", "DOUBLE PRECISION", "NUMERIC(10,2)", "DECIMAL", "BOOLEAN",
    "DATE", "DATETIME", "BLOB", "JSON", "UUID", "",
)  # fmt: skip


@pytest.mark.parametrize("declared", TYPES)
async def test_every_value_in_every_type_of_column_is_right(serve: Serve, declared: str) -> None:
    def fill(connection: Any) -> None:
        connection.executemany("INSERT INTO anything VALUES (?, ?)", [(name, value) for name, value, _ in ANYTHING])

    async with serve(f"CREATE TABLE anything (name TEXT PRIMARY KEY, v {declared})", fill=fill) as served:
        answer = await served.service.get("anything?order=name")
        assert answer.status_code == 200, answer.text
        shown = {row["name"]: row["v"] for row in json.loads(answer.text, parse_constant=refuse)}
        expected = {name: as_stored(declared, value, text) for name, value, text in ANYTHING}
        assert shown == expected
        embedded = await served.service.get("anything?select=name,v&order=v.desc.nullslast,name")
        assert {row["name"]: row["v"] for row in embedded.json()} == expected
        text = (await served.service.get("anything", headers={"accept": "text/csv"})).text
        rows = {row[0]: row[1] for row in list(csv.reader(io.StringIO(text.replace("\0", "␀"))))[1:]}
        assert rows.keys() == expected.keys()
        assert rows["bytes"] == "\\\\x00ff10"
        assert rows["null"] == ""
        assert rows["infinity"] == expected["infinity"]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def as_stored(declared: str, value: Any, shown: Any) -> Any:
    """What JSON must show of a value that SQLite stored in a column of this type, by its rules of affinity."""
    if isinstance(value, bytes) or value is None:
        return shown
    if declared in ("TEXT", "VARCHAR(3)") and isinstance(value, (int, float)):
        # Text affinity: numbers are stored as their text.
        connection = SQLITE.connect(":memory:")
        (text,) = connection.execute("SELECT CAST(? AS TEXT)", (value,)).fetchone()
        connection.close()
        return text
    if declared in ("REAL", "DOUBLE PRECISION") and isinstance(value, int):
        return pytest.approx(float(value))
    return shown


async def test_text_that_is_not_utf8_is_shown_with_marks_for_what_it_is_not(serve: Serve) -> None:
    def fill(connection: Any) -> None:
        connection.execute(
            "INSERT INTO notes VALUES (1, CAST(x'61ff62' AS TEXT)), (2, CAST(x'e2' AS TEXT)), (3, 'fine')"
        )

    async with serve("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)", fill=fill) as served:
        assert await served.get("notes?select=text&order=id") == [{"text": "a�b"}, {"text": "�"}, {"text": "fine"}]


async def test_broken_json_in_a_json_column_breaks_nothing_but_itself(serve: Serve) -> None:
    script = """CREATE TABLE docs (id INTEGER PRIMARY KEY, doc JSON);
    INSERT INTO docs VALUES
        (1, '{"a": {"b": [1, 2]}}'), (2, '{"a": '), (3, NULL), (4, '"text"'), (5, x'00ff'), (6, 12);"""
    async with serve(script) as served:
        assert await served.get("docs?order=id") == [
            {"id": 1, "doc": {"a": {"b": [1, 2]}}},
            {"id": 2, "doc": '{"a": '},
            {"id": 3, "doc": None},
            {"id": 4, "doc": "text"},
            {"id": 5, "doc": "\\x00ff"},
            {"id": 6, "doc": 12},
        ]
        assert await served.get("docs?select=x:doc->a->b->1&order=id&limit=2") == [{"x": 2}, {"x": None}]
        assert await served.get("docs?select=id&doc->a->>b=not.is.null") == [{"id": 1}]


async def test_untyped_columns_are_compared_by_what_they_hold(serve: Serve) -> None:
    script = """CREATE TABLE loose (id INTEGER PRIMARY KEY, v);
    INSERT INTO loose VALUES (1, 5), (2, '5'), (3, 5.0), (4, 'abc'), (5, NULL), (6, 40), (7, '40');"""

    async def ids(served: Served, query: str) -> list[int]:
        return [row["id"] for row in await served.get(f"loose?select=id&{query}&order=id")]

    async with serve(script) as served:
        assert await ids(served, "v=eq.5") == [1, 2, 3]
        assert await ids(served, "v=eq.abc") == [4]
        assert await ids(served, "v=in.(5,abc)") == [1, 2, 3, 4]
        assert await ids(served, "v=not.in.(5,abc)") == [6, 7]
        assert await ids(served, "v=is.null") == [5]
        assert await ids(served, "v=lt.10") == [1, 3]  # as text, "5" comes after "10"
        assert await ids(served, "v=gt.10") == [2, 4, 6, 7]
        stored = await served.service.post(
            "loose", json={"id": 8, "v": "9"}, headers={"prefer": "return=representation"}
        )
        assert stored.json() == [{"id": 8, "v": "9"}]  # a text stays one


async def test_numbers_dates_and_truths_are_found_as_they_are_shown(serve: Serve) -> None:
    async with serve(FAMILY) as served:
        assert await served.get("people?select=id,born,alive&order=id") == [
            {"id": 1, "born": "1815-12-10", "alive": False},
            {"id": 2, "born": None, "alive": True},
            {"id": 3, "born": "22.9.1837", "alive": "maybe"},
        ]
        assert await served.get("people?select=id&born=eq.22.9.1837") == [{"id": 3}]
        assert await served.get("people?select=id&born=lt.1900-01-01") == [{"id": 1}]
        assert await served.get("people?select=id&alive=is.true") == [{"id": 2}]
        assert await served.get("people?select=id&alive=is.false") == [{"id": 1}]
        assert await served.get("rooms?select=number&size=eq.12.5") == [{"number": 1}]
        assert await served.get("letters?select=id&seal=eq.%5Cx00ff") == [{"id": 1}]
        refused = await served.service.get("people?id=eq.x")
        assert (refused.status_code, refused.json()["code"]) == (400, "22P02")


async def test_a_key_that_may_be_null_is_ordered_with_its_nulls(serve: Serve) -> None:
    script = (
        "CREATE TABLE t (k TEXT PRIMARY KEY, n INT); INSERT INTO t VALUES (NULL, 1), ('b', 2), ('a', 3), (NULL, 4);"
    )
    async with serve(script) as served:
        assert [row["n"] for row in await served.get("t?order=k,n")] == [3, 2, 1, 4]
        assert [row["n"] for row in await served.get("t?order=k.desc,n")] == [1, 4, 2, 3]
