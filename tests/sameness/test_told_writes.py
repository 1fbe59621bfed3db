"""What is told of rows that do not come from their table alone: those just written, and those that a function gave."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.sameness.blogs import CALLERS, READER, ROWS, Blogs, both, read_token, token_of
from undercroft.access.actor import SERVICE, Actor
from undercroft.access.errors import PolicyFault
from undercroft.pipeline.call import Call
from undercroft.pipeline.write import WriteBounds, WriteRequest
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    OrderTerm,
    Page,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectToken,
    SelectWord,
    TellAggregates,
    TellPage,
    TellRows,
    TellTotal,
    Told,
    WriteAsk,
)
from undercroft.sql.rows import AS_ASKED

pytestmark = pytest.mark.needs("postgres")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[tuple[Blogs, Blogs]]:
    with both(tmp_path_factory.mktemp("written"), postgres_server) as pair:
        yield pair


def field(name: str, **more: Any) -> SelectField:
    return SelectField(Field(name), name, **more)


def write(
    blogs: Blogs, ask: WriteAsk, values: Sequence[str], rows: Sequence[Mapping[str, Any]], actor: Actor, most: int = 9
) -> tuple[int, Any]:
    """Carry out a write that leaves nothing behind: rows touched, and the body."""
    pipeline = blogs.place.house.pipeline
    program = pipeline.prepare_write((ask,), actor.role, AS_ASKED, lambda: ask, bounded=True)
    bounds = WriteBounds(most_affected=most, rollback=True)
    request = WriteRequest(actor, values, [dict(row) for row in rows], bounds)
    written = blogs.place.run(pipeline.write(program, request))
    return written.affected, json.loads(written.body or "null")


def shown(engines: tuple[Blogs, Blogs]) -> tuple[Any, ...]:
    """A row with a token, a group, and what is told of its posts."""
    relations = engines[0].place.house.pipeline.scope("service_role").relations["blogs"]
    along = next(each for each in relations if each.target == "posts")
    posts = Ask(
        (SelectGroup("edges", (SelectGroup("node", (field("number"),)),)),),
        order=(OrderTerm(Field("number"), "desc"),),
        limit=Page(1),
        told=Told((TellRows("edges", 0), TellTotal("total")), (Field("number"),)),
    )
    token = SelectToken("nodeId", ("public", "blogs"), (Field("id"),))
    return token, SelectGroup(
        "inner", (field("rank"), SelectWord("t", "Blog"), EmbedAsk("x", posts, "posts", along=along))
    )


def test_rows_that_were_written_are_shown_as_they_were_asked_for(engines: tuple[Blogs, Blogs]) -> None:
    select, order = shown(engines), (OrderTerm(Field("id")),)
    new = {"id": 900, "owner": READER.uid, "open": True, "rank": 5}
    insert = WriteAsk("blogs", "insert", Ask(select, order=order), columns=tuple(new), returning="rows")
    none = {"edges": [], "total": 0}
    expected = [{"nodeId": token_of(["public", "blogs", 900]), "inner": {"rank": 5, "t": "Blog", "posts": none}}]
    key = ROWS["posts"][0]["blog_id"]
    numbers = [row["number"] for row in ROWS["posts"] if row["blog_id"] == key]
    some = {"edges": [{"node": {"number": max(numbers)}}], "total": len(numbers)}
    where = (Filter(Field("id"), "eq", 0),)
    update = WriteAsk("blogs", "update", Ask(select, where), columns=("rank",), returning="rows")
    delete = WriteAsk("posts", "delete", Ask((SelectGroup("g", (field("number"),)),)), returning="rows")
    for blogs in engines:
        assert write(blogs, insert, [], [new], SERVICE) == (1, expected)
        (found,) = write(blogs, update, [str(key)], [{"rank": 8}], SERVICE)[1]
        assert found == {"nodeId": token_of(["public", "blogs", key]), "inner": {"rank": 8, "t": "Blog", "posts": some}}
        affected, rows = write(blogs, delete, [], [], SERVICE, most=10_000)
        assert affected == len(rows) == len(ROWS["posts"])
        with pytest.raises(PolicyFault):
            write(blogs, insert, [], [new], READER)


@pytest.mark.parametrize(("updates", "rank", "title"), [(None, 5, "new"), (("title",), 3, "new"), ((), 3, "old")])
def test_an_upsert_changes_the_columns_that_are_named(
    engines: tuple[Blogs, Blogs], updates: tuple[str, ...] | None, rank: int, title: str
) -> None:
    rows = [
        {"id": 901, "owner": READER.uid, "open": True, "rank": 3, "title": "old"},
        {"id": 901, "owner": READER.uid, "open": True, "rank": 5, "title": "new"},
    ]
    select = (field("id"), field("rank"), field("title"))
    upsert = WriteAsk(
        "blogs", "upsert", Ask(select), tuple(rows[0]), ("id",), "merge", returning="rows", updates=updates
    )
    for blogs in engines:
        blogs.place.sql("delete from blogs where id = 901")
        pipeline = blogs.place.house.pipeline
        program = pipeline.prepare_write((upsert,), "service_role", AS_ASKED, lambda: upsert)
        for row in rows:
            written = blogs.place.run(pipeline.write(program, WriteRequest(SERVICE, (), [row])))
        assert json.loads(written.body or "") == [{"id": 901, "rank": rank, "title": title}]
        blogs.place.sql("delete from blogs where id = 901")


@pytest.mark.parametrize("actor", CALLERS[1:], ids=lambda actor: actor.role)
@pytest.mark.parametrize("ordered", [False, True])
def test_the_rows_of_a_function_are_told_in_their_order(
    engines: tuple[Blogs, Blogs], actor: Actor, ordered: bool
) -> None:
    """Two pages of them; conditions, total and aggregates are of its rows alone."""
    place = (Field("id"),)

    def page(backwards: bool) -> Ask:
        return Ask(
            (SelectGroup("edges", (SelectToken("cursor", (), place), field("id"))),),
            conditions=(Filter(Field("rank"), "gt", 0),),
            order=(OrderTerm(Field("id"), "desc" if backwards else "asc"),) if ordered else (),
            limit=Page(3),
            told=Told(
                (
                    TellRows("edges", 0),
                    TellPage("page", (("next", "has_next"), ("previous", "has_previous"), ("end", "end"))),
                    TellTotal("total"),
                    TellAggregates("all", (SelectField(None, "count", aggregate="count"),)),
                ),
                place,
                backwards=backwards,
            ),
        )

    seen = [each for each in ROWS["blogs"] if actor is not READER or each["open"] or each["owner"] == actor.uid]
    found = [each for each in seen if each["rank"] is not None and each["rank"] > 0]
    found.sort(key=lambda row: row["id"] if ordered else (-row["rank"], -row["id"]))
    for backwards in (False, True):
        ask = page(backwards)
        ids = [row["id"] for row in (found[-3:] if backwards else found[:3])]
        for blogs in engines:
            house = blogs.place.house
            function = house.caller.find("ranked", {}, actor.role)
            call = Call(actor, ("0",), AS_ASKED, lambda table, ask=ask: ReadAsk(table, ask), plain=False)  # type: ignore[misc]  # bound at once
            result = blogs.place.run(house.caller.run(function, {}, call, texts=False))
            assert result.page is not None
            told = json.loads(result.page.body or "")
            assert [edge["id"] for edge in told["edges"]] == ids
            assert (told["total"], told["all"]) == (len(found), {"count": len(found)})
            assert (told["page"]["next"], told["page"]["previous"]) == (not backwards, backwards)
            assert read_token(told["page"]["end"]) == ids[-1:]
