"""Reads over HTTP beyond the golden ones: paging, counts, long reads, limits, and that each is one statement."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from tests.api.scenario import ANON, SERVICE, Place, Request, escaped, get
from undercroft import App
from undercroft.engine.types import Local
from undercroft.models.base import NAMES

ROWS = 500


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


class Group(Base):
    __tablename__ = "groups"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    things: Mapped[list[Thing]] = relationship(back_populates="group")


class Thing(Base):
    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    group_id: Mapped[int] = mapped_column(sa.ForeignKey("groups.id"))
    open: Mapped[bool]
    group: Mapped[Group] = relationship(back_populates="things")


class Odd(Base):
    """Names that are no plain words."""

    __tablename__ = 'odd "table"'
    id: Mapped[int] = mapped_column(primary_key=True)
    two_words: Mapped[str | None] = mapped_column("two \"words\", and 'more'")
    select: Mapped[str | None]
    german: Mapped[str | None] = mapped_column("größe")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    app = App(Base)
    app.policy(Group, "select")(lambda group: True)
    app.policy(Thing, "select")(lambda thing: thing.open)
    app.policy(Odd, "select")(lambda odd: True)
    environment = {"UNDERCROFT_API_MAX_ROWS": "100", "UNDERCROFT_DATABASE_READ_BUDGET_STEPS": "20000"}
    with Place(app, tmp_path_factory.mktemp("reads"), server=server, **environment) as place:
        place.sql("with recursive n(i) as (select 1 union all select i + 1 from n where i < 5) "
                  "insert into groups select i, 'g' || i from n")  # fmt: skip
        place.sql(f"with recursive n(i) as (select 1 union all select i + 1 from n where i < {ROWS}) "
                  "insert into things select i, 't' || i, i % 5 + 1, i % 2 = 1 from n")  # fmt: skip
        place.sql('insert into "odd ""table""" values (1, ?, ?, ?)', "a", "b", "c")
        yield place


def rows(place: Place, query: str, *headers: tuple[str, str]) -> Any:
    reply = place.ask(get(f"/rest/v1/{query}", *headers), SERVICE)
    assert reply.status in (200, 206), reply.body
    return reply.json()


def test_pages_cover_everything_once(place: Place) -> None:
    seen: list[int] = []
    offset = 0
    while page := rows(place, f"things?select=id&order=id&limit=70&offset={offset}"):
        seen += [row["id"] for row in page]
        offset += 70
    assert seen == list(range(1, ROWS + 1))


def test_ranges_cover_everything_once(place: Place) -> None:
    seen: list[int] = []
    while page := rows(place, "things?select=id&order=id", ("range", f"{len(seen)}-{len(seen) + 89}")):
        seen += [row["id"] for row in page]
    assert seen == list(range(1, ROWS + 1))


def test_no_list_is_longer_than_allowed(place: Place) -> None:
    assert len(rows(place, "things?select=id")) == 100
    assert len(rows(place, "things?select=id&limit=400")) == 100
    assert [len(row["things"]) for row in rows(place, "groups?select=things(id)")] == [100] * 5
    assert [len(row["things"]) for row in rows(place, "groups?select=things(id)&things.limit=400")] == [100] * 5
    assert [len(row["id"]) for row in rows(place, "groups?select=...things(id)")] == [100] * 5


@pytest.mark.parametrize("kind", ["exact", "planned", "estimated"])
def test_counts_are_of_what_the_caller_may_read(place: Place, kind: str) -> None:
    for who, total in ((ANON, ROWS // 2), (SERVICE, ROWS)):
        reply = place.ask(get("/rest/v1/things?select=id&limit=3", ("prefer", f"count={kind}")), who)
        assert (reply.status, reply.header("content-range")) == (206, f"0-2/{total}")
        head = place.ask(Request("HEAD", "/rest/v1/things?select=id&limit=3", (("prefer", f"count={kind}"),)), who)
        assert (head.status, head.header("content-range"), head.body) == (206, f"0-2/{total}", b"")


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("things?limit=-1", (), 416, "PGRST103"),
        ("things?limit=x", (), 400, "PGRST100"),
        ("things?offset=-1", (), 400, "2201X"),
        ("things?limit=99999999999999999999", (), 200, None),
        ("things?offset=9223372036854775807&limit=1", (), 200, None),
        ("things?offset=99999999999999999999", (), 200, None),
        ("things", (("range", "5-2"),), 416, "PGRST103"),
        ("things", (("range", "x"),), 200, None),
        ("things?offset=600", (("prefer", "count=exact"),), 416, "PGRST103"),
        ("things?offset=500", (("prefer", "count=exact"),), 206, None),
    ],
)
def test_odd_pages(place: Place, query: str, headers: Sequence[tuple[str, str]], status: int, code: str | None) -> None:
    reply = place.ask(get(f"/rest/v1/{query}", *headers), SERVICE)
    if code is None and status == 200:
        assert reply.status in (200, 206, 400, 416), reply.body  # never a 5xx
    else:
        assert (reply.status, reply.code) == (status, code), reply.body


def test_names_that_are_no_plain_words(place: Place) -> None:
    table = escaped('odd "table"')
    assert rows(place, table) == [{"id": 1, "two \"words\", and 'more'": "a", "select": "b", "größe": "c"}]
    quoted = escaped('"two \\"words\\", and \'more\'"')
    assert rows(place, f"{table}?select={quoted},select") == [{"two \"words\", and 'more'": "a", "select": "b"}]
    assert rows(place, f"{table}?{escaped('größe')}=eq.c&select={escaped('größe')}") == [{"größe": "c"}]
    alias = escaped('"a\\"b\\\\c\n"')
    assert rows(place, f"{table}?select={alias}:id") == [{'a"b\\c\n': 1}]
    csv = place.ask(get(f"/rest/v1/{table}", ("accept", "text/csv")))
    assert csv.body.decode().splitlines()[0] == """id,"two ""words"", and 'more'",select,größe"""


def test_every_read_is_one_statement(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    engine = place.house.engine
    now, slow = engine.read_now, engine.read_slow

    def read_now(text: str, args: Sequence[object]) -> Any:
        said.append(text)
        return now(text, args)

    async def read_slow(text: str, args: Sequence[object], local: Local | None = None) -> Any:
        if text not in said[-1:]:  # else the same statement, elsewhere
            said.append(text)
        return await slow(text, args, local)

    monkeypatch.setattr(engine, "read_now", read_now)
    monkeypatch.setattr(engine, "read_slow", read_slow)
    for query in (
        "things",
        "groups?select=*,things(*,group(name,things(id)))&things.order=id.desc&things.limit=2",
        "things?select=id,...group(groupname:name)&order=group(name),id",
        "groups?select=name,things!inner(id)&things.name=like.t1*",
        "things?select=id&or=(id.eq.1,and(id.gt.3,id.lt.6))",
    ):
        said.clear()
        for headers in ((), (("prefer", "count=exact"),), (("accept", "text/csv"),)):
            rows_or_text = place.ask(get(f"/rest/v1/{query}", *headers), SERVICE)
            assert rows_or_text.status in (200, 206), rows_or_text.body
        assert len(said) == 3, query


def test_a_long_read_is_answered_the_same_elsewhere(place: Place) -> None:
    before = place.house.engine.stats.over_budget
    query = "groups?select=name,things(id,group(name,things(id)))&order=id&things.order=id&things.limit=50"
    found = rows(place, query)
    if place.server is None:  # on SQLite a long read is begun on the loop, and given up there
        assert place.house.engine.stats.over_budget > before
    assert [len(row["things"]) for row in found] == [50] * 5
    assert len(found[0]["things"][0]["group"]["things"]) == 100


def test_many_reads_at_once_each_get_their_own_answer(place: Place) -> None:
    requests = [get(f"/rest/v1/things?select=id,name,group(name)&id=eq.{number}") for number in range(1, 201)]
    found = [reply.json() for reply in place.ask_at_once(requests, SERVICE)]
    assert [row[0]["id"] for row in found] == list(range(1, 201))
    assert all(row[0]["name"] == f"t{row[0]['id']}" for row in found)


def test_shapes_are_prepared_once_and_values_are_not_mixed_up(place: Place) -> None:
    prepared = place.house.pipeline._reads._young
    rows(place, "things?select=id&id=eq.0&name=eq.none")
    before = len(prepared)
    for number in range(1, 30):
        assert rows(place, f"things?select=id&id=eq.{number}&name=eq.t{number}") == [{"id": number}]
    assert len(prepared) == before
    rows(place, "things?select=id&name=eq.none&id=eq.0")
    assert len(prepared) == before + 1


def test_a_caller_who_goes_leaves_nothing_behind(place: Place) -> None:
    async def hang_up() -> None:
        task = asyncio.create_task(place.asking(get("/rest/v1/groups?select=things(group(things(id)))"), SERVICE))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for _ in range(20):
        place.run(hang_up())
    assert place.house.door._active == 0
    assert len(rows(place, "groups")) == 5


def test_bodies_are_what_they_say_they_are(place: Place) -> None:
    reply = place.ask(get("/rest/v1/things?limit=1"), SERVICE)
    assert reply.header("content-type") == "application/json; charset=utf-8"
    assert reply.header("content-length") == str(len(reply.body))
    assert reply.header("content-location") == "/things?limit=1"
    assert json.loads(reply.body) == [{"id": 1, "name": "t1", "group_id": 2, "open": True}]
