"""Lists that are told as objects, and several questions at once, of a database that decides for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.api.database.place import Served
from undercroft.access.actor import Actor
from undercroft.pipeline.database import Answered, CallGiven, CallTaken, DatabasePipeline
from undercroft.pipeline.impersonation import Circumstances
from undercroft.pipeline.write import WriteBounds
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    OrderTerm,
    Page,
    Question,
    QuestionsAsk,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectToken,
    SelectWord,
    TellAggregates,
    TellPage,
    TellRows,
    TellTotal,
    TellWord,
    Told,
    WriteAsk,
)
from undercroft.query.keyset import beyond_of
from undercroft.sql.database import DatabaseDialect
from undercroft.sql.rows import AS_ASKED

CIRCUMSTANCES = Circumstances("POST", "/", (), "api")


def pipeline_of(served: Served, *, exact: bool = False) -> DatabasePipeline:
    """The pipeline of the place; `exact`: as where PostgREST's bytes are asked for."""
    room = next(iter(served.app({})._house.door._rooms.values()))
    found: DatabasePipeline = room._pipeline
    if not exact:
        return found
    return DatabasePipeline(found.engine, replace(cast("DatabaseDialect", found.dialect), exact=True), found.serving)


def field(name: str, alias: str | None = None, **more: Any) -> SelectField:
    return SelectField(Field(name), alias or name, **more)


def asked(
    served: Served, actor: Actor, values: Sequence[str], *members: Question | TellWord, exact: bool = False
) -> tuple[Any, Answered]:
    pipeline, ask = pipeline_of(served, exact=exact), QuestionsAsk(members)
    prepared = pipeline.prepare_questions(ask, "api", lambda: ask)
    found = served._runner.run(pipeline.read(prepared, values, actor, CIRCUMSTANCES))
    return json.loads(found.body or ""), found


def actor(served: Served, role: str, **claims: Any) -> Actor:
    return Actor(served.prefix + role, claims.get("sub"), {"role": served.prefix + role, **claims})


def relation(served: Served, source: str, name: str, *, many: bool) -> Any:
    known = pipeline_of(served).serving.catalogs["api"].relations[source]
    return next(each for each in known if name in (each.target, each.constraint) and each.to_one is not many)


PLACE = (Field("id"),)
TOLD = Told(
    (
        TellRows("edges", 0),
        TellPage("page", (("next", "has_next"), ("previous", "has_previous"), ("start", "start"), ("end", "end"))),
        TellTotal("total"),
        TellAggregates("all", (SelectGroup("max", (field("text", aggregate="max"),)), SelectWord("t", "A"))),
    ),
    PLACE,
)


def letters(**more: Any) -> Ask:
    select = (SelectGroup("edges", (SelectToken("cursor", (), PLACE), field("text", "zz"), field("id", "a"))),)
    return Ask(select, order=(OrderTerm(Field("id")),), limit=Page(2), told=TOLD, **more)


FIRST = {
    "edges": [{"cursor": "WzFd", "zz": "a", "a": 1}, {"cursor": "WzJd", "zz": "b", "a": 2}],
    "page": {"next": True, "previous": False, "start": "WzFd", "end": "WzJd"},
    "total": 3,
    "all": {"max": {"text": "c"}, "t": "A"},
}


def test_questions_are_answered_in_the_callers_role(served: Served) -> None:
    """Row-level security speaks of each level; what functions chose for the answer is told beside it."""
    notes_letters = relation(served, "notes", "letters", many=True)
    posts = letters()
    note = (SelectGroup("edges", (field("id"), EmbedAsk("x", posts, "letters", along=notes_letters))),)
    notes = Ask(note, order=(OrderTerm(Field("id"), "desc"),), limit=Page(5), told=Told((TellRows("edges", 0),), PLACE))
    members = [Question("notes", ReadAsk("notes", notes)), Question("letters", ReadAsk("letters", posts))]
    found, answered = asked(served, actor(served, "member", sub="ann"), (), *members, TellWord("t", "Q"))
    assert list(found) == ["notes", "letters", "t"]
    assert (found["letters"], found["t"]) == (FIRST, "Q")
    by_note = {edge["id"]: edge["letters"] for edge in found["notes"]["edges"]}
    assert {key: told["total"] for key, told in by_note.items()} == {1: 2, 3: 1}
    assert list(by_note[1]["edges"][0]) == ["cursor", "zz", "a"]
    assert (answered.rows, answered.total) == (1, None)
    again = asked(served, actor(served, "member", sub="ann"), (), *members, TellWord("t", "Q"), exact=True)[1]
    assert again.body == answered.body
    found, _ = asked(served, actor(served, "careful"), (), *members)
    assert [edge["id"] for edge in found["notes"]["edges"]] == [3, 2, 1]


def test_a_page_begins_behind_a_place(served: Served) -> None:
    beyond = beyond_of([(Field("id"), "asc", "last", False)], [0])
    told = Told(TOLD.members, PLACE, beyond)
    ask = Ask(letters().select, order=(OrderTerm(Field("id")),), limit=Page(2), told=told)
    found, _ = asked(served, actor(served, "anon"), ("2",), Question("l", ReadAsk("letters", ask)))
    assert found["l"]["edges"] == [{"cursor": "WzNd", "zz": "c", "a": 3}]
    assert found["l"]["page"] == {"next": False, "previous": True, "start": "WzNd", "end": "WzNd"}
    assert found["l"]["total"] == 3


def test_computed_relationships_are_told(served: Served) -> None:
    sent = relation(served, "users", "sent", many=True)
    messages = Ask(
        (SelectGroup("edges", (field("body"),)),),
        order=(OrderTerm(Field("id")),),
        limit=Page(1),
        told=Told((TellRows("edges", 0), TellTotal("total"), TellPage("p", (("end", "end"),))), PLACE),
    )
    users = Ask((field("id"), EmbedAsk("x", messages, "sent", along=sent)), order=(OrderTerm(Field("id")),))
    found, _ = asked(served, actor(served, "anon"), (), Question("users", ReadAsk("users", users)))
    rows = served.sql(
        "SELECT u.id, count(m.id)::int FROM api.users u LEFT JOIN api.msgs m ON m.sender = u.id GROUP BY 1 ORDER BY 1"
    )
    assert [(user["id"], user["sent"]["total"]) for user in found["users"]] == rows
    assert any(user["sent"]["edges"] for user in found["users"])


def test_the_rows_of_a_function_are_told_and_it_is_called_once(served: Served) -> None:
    pipeline, who = pipeline_of(served), actor(served, "anon")

    def call(name: str, arguments: Mapping[str, str], ask: Ask) -> Any:
        routine, form = pipeline.find_routine("api", CallGiven(name, tuple(arguments)))
        taken = CallTaken(routine, form, frozenset(arguments))
        prepared = pipeline.prepare_call((name, ask), "api", taken, AS_ASKED, lambda: ReadAsk("", ask))
        found = served._runner.run(
            pipeline.call(prepared, (), arguments, WriteBounds(rollback=True), who, CIRCUMSTANCES, read_only=False)
        )
        return json.loads(found.body or "")

    assert call("all_letters", {}, letters()) == FIRST
    one = call("letters_of", {"note": "3"}, letters())
    assert (one["total"], [edge["a"] for edge in one["edges"]]) == (1, [3])
    changed = call("change_letters", {"t": "new"}, letters())
    assert [edge["zz"] for edge in changed["edges"]] == ["new", "new"]
    assert (changed["total"], changed["all"]["max"]) == (3, {"text": "new"})


@pytest.mark.parametrize("exact", [False, True])
def test_what_was_written_is_shown_and_an_upsert_changes_what_is_named(served: Served, exact: bool) -> None:
    pipeline, who = pipeline_of(served, exact=exact), actor(served, "member", sub="ann")
    note_of = relation(served, "letters", "notes", many=False)
    select = (
        SelectToken("nodeId", ("api", "letters"), PLACE),
        SelectGroup(
            "g", (field("text"), EmbedAsk("x", Ask((field("owner", "zz"), field("id", "a"))), "note", along=note_of))
        ),
    )

    def write(updates: tuple[str, ...] | None) -> Any:
        columns = ("id", "text", "note_id")
        ask = WriteAsk("letters", "upsert", Ask(select), columns, ("id",), "merge", returning="rows", updates=updates)
        prepared = pipeline.prepare_write((ask,), "api", AS_ASKED, lambda: ask, empty=False)
        payload = json.dumps([{"id": 2, "text": "changed", "note_id": 3}])
        bounds = WriteBounds(rollback=True)
        found = served._runner.run(pipeline.write(prepared, (), payload, bounds, who, CIRCUMSTANCES))
        (row,) = json.loads(found.body or "")
        assert list(row["g"]["note"]) == ["zz", "a"]
        return row

    assert write(None)["g"] == {"text": "changed", "note": {"zz": "ann", "a": 3}}
    assert write(("text",)) == {
        "nodeId": "WyJhcGkiLCAibGV0dGVycyIsIDJd",
        "g": {"text": "changed", "note": {"zz": "ann", "a": 1}},
    }
    assert write(())["g"] == {"text": "b", "note": {"zz": "ann", "a": 1}}
