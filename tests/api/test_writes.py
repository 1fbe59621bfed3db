"""Every way to write: bulk, upserts, PUT, keys of all kinds, defaults, constraints in PostgreSQL's words, bounds.

Each case compares all that the database holds before and after.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.scenario import SERVICE, Place, Reply, Request, escaped, get, send
from undercroft import App
from undercroft.models.base import NAMES
from undercroft.sql.program import WriteProgram
from undercroft.sql.write import MOST_KINDS

FULL = ("prefer", "return=representation")
MERGE = ("prefer", "resolution=merge-duplicates,return=representation")
IGNORE = ("prefer", "resolution=ignore-duplicates,return=representation")
DEFAULTS = ("prefer", "missing=default,return=representation")
CSV = ("content-type", "text/csv")
FORM = ("content-type", "application/x-www-form-urlencoded")
SINGLE = ("accept", "application/vnd.pgrst.object+json")


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


count = iter(range(1000, 10_000))


class Part(Base):
    """Constraints and defaults of every kind."""

    __tablename__ = "parts"
    __table_args__ = (
        sa.CheckConstraint("price >= 0", name="price"),
        sa.UniqueConstraint("maker", "code"),
        sa.Index(
            "parts_open_idx",
            "label",
            unique=True,
            sqlite_where=sa.text("open = 1"),
            postgresql_where=sa.text("open"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str]
    maker: Mapped[str | None]
    code: Mapped[str | None]
    price: Mapped[int] = mapped_column(default=5)
    open: Mapped[bool] = mapped_column(default=False)
    serial: Mapped[int] = mapped_column(default=lambda: next(count))
    noted: Mapped[str | None] = mapped_column(default=sa.func.upper("by sql"))
    kept: Mapped[str] = mapped_column(server_default="by the database")
    changed: Mapped[int] = mapped_column(default=0, onupdate=lambda: next(count))
    double: Mapped[int | None] = mapped_column(sa.Computed("price * 2"))


class Person(Base):
    """A table that refers to itself."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    boss: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))


class Slot(Base):
    """A key of two columns, without a rowid."""

    __tablename__ = "slots"
    __table_args__ = ({"sqlite_with_rowid": False},)
    room: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", ondelete="SET NULL"))


LOGS = sa.Table("logs", Base.metadata, sa.Column("said", sa.Text), sa.Column("level", sa.Integer))
"""No primary key, and no class."""

VIEW = sa.Table("seen", Base.metadata, sa.Column("said", sa.Text), info={"is_view": True})


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    with Place(
        App(Base), tmp_path_factory.mktemp("writes"), server=server, UNDERCROFT_API_TX_END="commit-allow-override"
    ) as place:
        yield place


def ask(place: Place, request: Request) -> Reply:
    return place.ask(request, SERVICE)


def post(place: Place, target: str, value: Any, *headers: tuple[str, str]) -> Reply:
    return ask(place, send("POST", f"/rest/v1/{target}", value, *headers))


def refused(place: Place, request: Request, status: int, code: str, **told: Any) -> Reply:
    """It is refused, and nothing has changed."""
    before = place.contents()
    reply = ask(place, request)
    assert (reply.status, reply.code) == (status, code), reply.body
    for name, value in told.items():
        assert reply.json()[name] == value
    assert place.contents() == before
    return reply


# ---------------------------------------------------------------- inserts


def test_an_insert_fills_what_is_missing(place: Place) -> None:
    found = post(place, "parts", {"label": "a"}, FULL).json()[0]
    assert found["serial"] >= 1000
    del found["serial"]
    assert found == {
        "id": 1, "label": "a", "maker": None, "code": None, "price": 5, "open": False, "noted": "BY SQL",
        "kept": "by the database", "changed": 0, "double": 10,
    }  # fmt: skip


def test_each_row_of_a_bulk_has_its_own_default(place: Place) -> None:
    found = post(place, "parts?select=serial", [{"label": "a"}, {"label": "b"}], FULL).json()
    assert found[0]["serial"] + 1 == found[1]["serial"]


def test_rows_of_a_bulk_have_the_same_keys(place: Place) -> None:
    uneven = [{"label": "a"}, {"label": "b", "price": 1}]
    refused(place, send("POST", "/rest/v1/parts", uneven), 400, "PGRST102", message="All object keys must match")


def rows_of_kinds() -> list[dict[str, Any]]:
    """257 rows, each of which brings another set of columns; the first one has them all."""
    values: dict[str, Any] = dict.fromkeys(("price", "serial", "changed"), 1) | {
        "maker": "m",
        "code": None,
        "open": False,
    }
    values |= {"noted": "n", "kept": "k"}
    sets = itertools.chain.from_iterable(itertools.combinations(values, size) for size in range(len(values), -1, -1))
    every = [{"label": "x", **{name: values[name] for name in each}} for each in sets]
    return [{"id": 499, **every[0]}, *every]


def test_rows_of_one_body_are_not_of_endless_kinds(place: Place) -> None:
    """Each set of columns is a statement of its own, which takes time to write and room to keep."""
    columns = "id,label,maker,code,price,open,serial,noted,kept,changed"
    path, undo = f"/rest/v1/parts?columns={columns}", ("prefer", "missing=default,tx=rollback")
    refused(place, send("POST", path, rows_of_kinds(), undo), 413, "54000")
    program = next(each for each in _programs(place) if each.plan.missing_default)
    assert program.mutation.cache_info().maxsize == MOST_KINDS  # type: ignore[attr-defined]  # functools'
    assert program.mutation.cache_info().currsize == 0, "refused before any was written"  # type: ignore[attr-defined]
    assert place.ask(send("POST", path, rows_of_kinds()[:40], undo), SERVICE).status == 201


def _programs(place: Place) -> list[WriteProgram]:
    return list(place.house.pipeline._writes._young.values())


def test_columns_choose_what_is_taken_and_missing_ones_are_null_or_default(place: Place) -> None:
    uneven = [{"label": "a", "maker": "x", "ignored": 1}, {"label": "b", "code": "y"}]
    target = "parts?columns=label,maker,code&select=label,maker,code"
    assert post(place, target, uneven, FULL).json() == [
        {"label": "a", "maker": "x", "code": None},
        {"label": "b", "maker": None, "code": "y"},
    ]
    target = "/rest/v1/parts?columns=label,price&select=label,price"
    refused(place, send("POST", target, [{"label": "c"}]), 400, "23502")
    assert ask(place, send("POST", target, [{"label": "c"}, {"label": "d", "price": 1}], DEFAULTS)).json() == [
        {"label": "c", "price": 5},
        {"label": "d", "price": 1},
    ]


def test_unknown_and_computed_columns_are_refused(place: Place) -> None:
    refused(place, send("POST", "/rest/v1/parts", {"label": "a", "nope": 1}), 400, "PGRST204")
    refused(place, send("POST", "/rest/v1/parts?columns=nope", {"label": "a"}), 400, "PGRST204")
    for request in (
        send("POST", "/rest/v1/parts", {"label": "a", "double": 1}),
        send("PATCH", "/rest/v1/parts?id=eq.1", {"double": 1}),
    ):
        before = place.contents()
        assert ask(place, request).status in (400, 403)
        assert place.contents() == before


@pytest.mark.parametrize(("value", "rows"), [([], 0), ({}, None), ([{}], None)])
def test_empty_bodies(place: Place, value: Any, rows: int | None) -> None:
    """No rows is no rows; a row of nothing is a row of defaults, where there are any."""
    reply = post(place, "people", value, FULL)
    if rows == 0:
        assert (reply.status, reply.json()) == (201, [])
    else:
        assert (reply.status, reply.code) == (400, "23502")
    found = post(place, "logs", value, FULL)
    assert found.json() == ([] if rows == 0 else [{"said": None, "level": None}])


def test_csv_and_forms(place: Place) -> None:
    body = b'label,price,maker\r\n"a,b",7,NULL\r\nc,0,""\r\n'
    reply = ask(place, Request("POST", "/rest/v1/parts?select=label,price,maker", (CSV, FULL), body))
    assert reply.json() == [{"label": "a,b", "price": 7, "maker": None}, {"label": "c", "price": 0, "maker": ""}]
    reply = ask(place, Request("POST", "/rest/v1/parts?select=label,price", (FORM, FULL), b"label=x+y%26&price=3"))
    assert reply.json() == [{"label": "x y&", "price": 3}]
    for bad in (b"label,price\na", b"label,label\na,b", b'label\n"a', b"label,nope\na,b", b"label,price\na,many"):
        before = place.contents()
        assert ask(place, Request("POST", "/rest/v1/parts", (CSV,), bad)).status == 400
        assert place.contents() == before


def test_a_location_for_the_one_row(place: Place) -> None:
    only = ("prefer", "return=headers-only")
    reply = post(place, "people", {"name": "a"}, only)
    assert (reply.status, reply.header("location"), reply.body) == (201, "/people?id=eq.1", b"")
    assert ask(place, get("/rest/v1/people?id=eq.1")).json()[0]["name"] == "a"
    reply = post(place, "slots", {"room": "a b&c", "hour": 1}, only)
    location = reply.header("location")
    assert location is not None
    assert ask(place, get("/rest/v1" + location)).json() == [{"room": "a b&c", "hour": 1, "who": None}]
    assert post(place, "logs", {"said": "x"}, only).header("location") is None


# ---------------------------------------------------------------- rows that refer to one another


def test_a_child_may_stand_before_its_parent_in_one_body(place: Place) -> None:
    """As on PostgreSQL, keys are looked up when the whole statement has run."""
    rows = [{"id": 2, "name": "child", "boss": 1}, {"id": 1, "name": "parent", "boss": None}]
    assert post(place, "people", rows, FULL).json() == rows
    circle = [{"id": 3, "name": "a", "boss": 4}, {"id": 4, "name": "b", "boss": 3}]
    assert post(place, "people", circle).status == 201
    own = [{"id": 5, "name": "self", "boss": 5}]
    assert post(place, "people", own).status == 201


def test_a_parent_that_nobody_brings_is_refused(place: Place) -> None:
    rows = [{"id": 2, "name": "child", "boss": 1}, {"id": 3, "name": "other", "boss": None}]
    refused(place, send("POST", "/rest/v1/people", rows), 409, "23503")
    refused(place, send("POST", "/rest/v1/slots", {"room": "a", "hour": 1, "who": 9}), 409, "23503")


def test_one_refusal_beside_others_is_only_its_own(place: Place) -> None:
    """Writes that come at the same time share a commit; a dangling key fails nobody else."""
    good = [send("POST", "/rest/v1/people", {"id": i, "name": str(i)}) for i in range(1, 8)]
    bad = [send("POST", "/rest/v1/people", [{"id": 100 + i, "name": "x", "boss": 999}]) for i in range(4)]
    requests = [each for pair in zip(good, [*bad, *good[:0]], strict=False) for each in pair] + good[4:]

    async def together() -> list[Reply]:
        import asyncio

        return list(await asyncio.gather(*(place.asking(each, SERVICE) for each in requests)))

    codes = [reply.status for reply in place.run(together())]
    assert sorted(codes) == [201] * 7 + [409] * 4
    assert place.sql("select count(*) from people") == [(7,)]


def test_a_whole_circle_may_be_deleted_and_moved_at_once(place: Place) -> None:
    rows = [{"id": 1, "name": "a", "boss": 2}, {"id": 2, "name": "b", "boss": 1}]
    assert post(place, "people", rows).status == 201
    refused(place, Request("DELETE", "/rest/v1/people?id=eq.1"), 409, "23503")
    assert ask(place, Request("DELETE", "/rest/v1/people?id=gt.0")).status == 204
    assert place.sql("select count(*) from people") == [(0,)]


# ---------------------------------------------------------------- upserts


def test_upserts_merge_on_the_primary_key(place: Place) -> None:
    assert post(place, "people", [{"id": 1, "name": "a"}], MERGE).status == 201
    reply = post(place, "people", [{"id": 1, "name": "b"}, {"id": 2, "name": "c"}], MERGE)
    assert (reply.status, reply.json()) == (
        201,
        [{"id": 1, "name": "b", "boss": None}, {"id": 2, "name": "c", "boss": None}],
    )
    assert post(place, "people", [{"id": 1, "name": "d"}], MERGE).status == 200


def test_upserts_on_other_unique_columns(place: Place) -> None:
    row = {"label": "a", "maker": "m", "code": "c", "price": 1}
    assert post(place, "parts?on_conflict=maker,code", row, MERGE).status == 201
    reply = post(place, "parts?on_conflict=code,maker&select=id,price,kept", {**row, "price": 2}, MERGE)
    assert (reply.status, reply.json()) == (200, [{"id": 1, "price": 2, "kept": "by the database"}])
    reply = post(place, "parts?on_conflict=maker,code", {**row, "price": 3}, IGNORE)
    assert (reply.status, reply.json()) == (201, [])
    assert place.sql("select price from parts") == [(2,)]
    # NULL meets nothing.
    nothing = {"label": "b", "maker": None, "code": "c"}
    for _ in range(2):
        assert post(place, "parts?on_conflict=maker,code", nothing, MERGE).status == 201


def test_a_conflict_target_must_be_unique(place: Place) -> None:
    refused(place, send("POST", "/rest/v1/parts?on_conflict=label", {"label": "a"}, MERGE), 400, "42P10")
    refused(place, send("POST", "/rest/v1/parts?on_conflict=nope", {"label": "a"}, MERGE), 400, "42703")


def test_another_unique_key_still_refuses_an_upsert(place: Place) -> None:
    row = {"id": 1, "label": "a", "maker": "m", "code": "c"}
    assert post(place, "parts", row).status == 201
    refused(place, send("POST", "/rest/v1/parts", {**row, "id": 2}, MERGE), 409, "23505")


def test_one_row_twice_in_a_body(place: Place) -> None:
    twice = [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]
    refused(place, send("POST", "/rest/v1/people", twice, MERGE), 400, "21000")
    refused(place, send("POST", "/rest/v1/people", twice), 409, "23505")
    reply = post(place, "people", twice, IGNORE)
    assert [row["name"] for row in reply.json()] == ["a"]


def test_an_upsert_of_the_key_alone_counts_its_row(place: Place) -> None:
    post(place, "slots", {"room": "a", "hour": 1, "who": None})
    reply = post(place, "slots", [{"room": "a", "hour": 1}], MERGE)
    assert (reply.status, reply.json()) == (200, [{"room": "a", "hour": 1, "who": None}])


def test_upserts_on_a_key_of_two_columns(place: Place) -> None:
    post(place, "people", [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])
    rows = [{"room": "a", "hour": 1, "who": 1}, {"room": "a", "hour": 2, "who": 1}]
    assert post(place, "slots", rows, MERGE).status == 201
    rows[1]["who"] = 2
    assert post(place, "slots", rows, MERGE).json() == rows


def test_an_upsert_without_any_key_inserts(place: Place) -> None:
    assert post(place, "logs", [{"said": "a"}, {"said": "a"}], MERGE).status == 201
    assert place.sql("select count(*) from logs") == [(2,)]


# ---------------------------------------------------------------- PUT


def test_put_makes_and_replaces_one_row(place: Place) -> None:
    target = "/rest/v1/slots?room=eq.a&hour=eq.1"
    row = {"room": "a", "hour": 1, "who": None}
    assert ask(place, send("PUT", target, row)).status == 201
    reply = ask(place, send("PUT", target, [row], FULL))
    assert (reply.status, reply.json()) == (200, [row])
    assert ask(place, send("PUT", target, row)).status == 204


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", {"room": "a", "hour": 1}, 405, "PGRST105"),
        ("room=eq.a", {"room": "a", "hour": 1}, 405, "PGRST105"),
        ("room=eq.a&hour=eq.1&who=eq.1", {"room": "a", "hour": 1}, 405, "PGRST105"),
        ("room=eq.a&hour=gt.1", {"room": "a", "hour": 1}, 405, "PGRST105"),
        ("room=eq.a&hour=not.eq.1", {"room": "a", "hour": 1}, 405, "PGRST105"),
        ("or=(room.eq.a,hour.eq.1)", {"room": "a", "hour": 1}, 405, "PGRST105"),
        ("room=eq.a&hour=eq.1&limit=1", {"room": "a", "hour": 1}, 400, "PGRST114"),
        ("room=eq.a&hour=eq.1&offset=1", {"room": "a", "hour": 1}, 400, "PGRST114"),
        ("room=eq.a&hour=eq.1", {"room": "b", "hour": 1}, 400, "PGRST115"),
        ("room=eq.a&hour=eq.1", {"room": "a"}, 400, "PGRST115"),
        ("room=eq.a&hour=eq.1", [{"room": "a", "hour": 1}, {"room": "a", "hour": 1}], 400, "PGRST115"),
        ("room=eq.a&hour=eq.1", [], 400, "PGRST115"),
        ("room=eq.a&hour=eq.x", {"room": "a", "hour": 1}, 400, "22P02"),
    ],
)
def test_put_must_name_its_row(place: Place, query: str, body: Any, status: int, code: str) -> None:
    refused(place, send("PUT", f"/rest/v1/slots?{query}", body), status, code)


# ---------------------------------------------------------------- updates and deletes


def test_an_update_changes_what_is_named_and_what_is_automatic(place: Place) -> None:
    post(place, "parts", [{"label": "a"}, {"label": "b"}])
    reply = ask(place, send("PATCH", "/rest/v1/parts?label=eq.a&select=label,price,double,changed", {"price": 7}, FULL))
    (row,) = reply.json()
    assert (row["price"], row["double"], row["changed"] >= 1000) == (7, 14, True)
    assert place.sql("select changed from parts where label = 'b'") == [(0,)]


def test_an_update_of_a_key_shows_the_row_under_its_new_one(place: Place) -> None:
    post(place, "people", [{"id": 1, "name": "a"}])
    assert ask(place, send("PATCH", "/rest/v1/people?id=eq.1&select=id", {"id": 9}, FULL)).json() == [{"id": 9}]
    post(place, "slots", {"room": "a", "hour": 1})
    reply = ask(place, send("PATCH", "/rest/v1/slots?room=eq.a", {"hour": 2}, FULL))
    assert reply.json() == [{"room": "a", "hour": 2, "who": None}]


def test_updates_of_nothing(place: Place) -> None:
    post(place, "people", [{"id": 1, "name": "a"}])
    before = place.contents()
    reply = ask(place, send("PATCH", "/rest/v1/people?id=eq.1", {}, FULL))
    assert (reply.status, reply.json()) == (200, [])
    assert ask(place, send("PATCH", "/rest/v1/people?id=eq.9", {"name": "x"})).status == 204
    assert ask(place, send("PATCH", "/rest/v1/people?id=eq.9", {"name": "x"}, FULL)).json() == []
    assert place.contents() == before


@pytest.mark.parametrize(
    ("query", "media", "body"),
    [("", "text/csv", b"name\n"), ("&columns=name", "application/json", b"[]"), ("", "application/json", b"[]")],
)
def test_an_update_from_no_row_changes_nothing(place: Place, query: str, media: str, body: bytes) -> None:
    post(place, "logs", {"said": "a", "level": 3})
    post(place, "people", [{"id": 1, "name": "a"}])
    before = place.contents()
    for target in ("people?id=eq.1", "logs?level=eq.3"):
        wanted = query.replace("name", "said") if target.startswith("logs") else query
        sent = body.replace(b"name", b"said") if target.startswith("logs") else body
        request = Request("PATCH", f"/rest/v1/{target}{wanted}", (("content-type", media), FULL), sent)
        assert (ask(place, request).status, ask(place, request).json()) == (200, [])
    assert place.contents() == before


def test_the_range_of_a_write_is_told(place: Place) -> None:
    counted = ("prefer", "count=exact")
    post(place, "people", [{"id": i, "name": "a"} for i in range(1, 5)])
    reply = ask(place, send("PATCH", "/rest/v1/people?id=gt.1", {"name": "b"}, counted))
    assert (reply.status, reply.header("content-range")) == (204, "0-2/3")
    reply = ask(place, Request("DELETE", "/rest/v1/people?id=gt.2", (counted,)))
    assert (reply.status, reply.header("content-range")) == (204, "*/2")
    reply = post(place, "people", [{"name": "c"}, {"name": "d"}], counted)
    assert (reply.status, reply.header("content-range")) == (201, "*/2")


def test_a_filter_is_needed(place: Place) -> None:
    post(place, "people", [{"id": 1, "name": "a"}])
    refused(place, send("PATCH", "/rest/v1/people", {"name": "x"}), 400, "21000")
    refused(place, Request("DELETE", "/rest/v1/people"), 400, "21000")


@pytest.mark.parametrize("table", ["people", "slots", "logs"])
def test_rows_are_deleted_with_their_last_look(place: Place, table: str) -> None:
    rows: dict[str, list[dict[str, Any]]] = {
        "people": [{"id": 1, "name": "a", "boss": None}, {"id": 2, "name": "b", "boss": None}],
        "slots": [{"room": "a", "hour": 1, "who": None}, {"room": "a", "hour": 2, "who": None}],
        "logs": [{"said": "x", "level": 1}, {"said": "x", "level": 1}],
    }
    post(place, table, rows[table])
    key = next(iter(rows[table][0]))
    reply = ask(place, Request("DELETE", f"/rest/v1/{table}?{key}=not.is.null", (FULL,)))
    assert (reply.status, reply.json()) == (200, rows[table])
    assert place.sql(f"select count(*) from {table}") == [(0,)]


def test_embeds_in_what_a_write_returns(place: Place) -> None:
    post(place, "people", [{"id": 1, "name": "a"}])
    reply = post(place, "slots?select=room,people(name)", {"room": "r", "hour": 1, "who": 1}, FULL)
    assert reply.json() == [{"room": "r", "people": {"name": "a"}}]
    reply = ask(place, Request("DELETE", "/rest/v1/slots?room=eq.r&select=hour,people(name)", (FULL,)))
    assert reply.json() == [{"hour": 1, "people": {"name": "a"}}]


def test_a_deleted_parent_sets_null_below(place: Place) -> None:
    post(place, "people", [{"id": 1, "name": "a"}])
    post(place, "slots", {"room": "r", "hour": 1, "who": 1})
    assert ask(place, Request("DELETE", "/rest/v1/people?id=eq.1")).status == 204
    assert place.sql("select who from slots") == [(None,)]


def test_views_are_not_written(place: Place) -> None:
    for request in (
        send("POST", "/rest/v1/seen", {"said": "x"}),
        send("PATCH", "/rest/v1/seen?said=eq.x", {"said": "y"}),
        Request("DELETE", "/rest/v1/seen?said=eq.x"),
    ):
        words = {"message": 'cannot write to view "seen"', "hint": "Write to the tables below it."}
        refused(place, request, 500, "55000", **words)


# ---------------------------------------------------------------- constraints in PostgreSQL's words


def test_constraints_speak_as_postgresql_does(place: Place) -> None:
    row = {"id": 1, "label": "a", "maker": "m", "code": "c", "price": 1, "open": True}
    assert post(place, "parts", row).status == 201
    unique = 'duplicate key value violates unique constraint "{}"'
    refused(place, send("POST", "/rest/v1/parts", row), 409, "23505", message=unique.format("parts_pkey"))
    refused(
        place,
        send("POST", "/rest/v1/parts", {**row, "id": 2, "open": False}),
        409,
        "23505",
        message=unique.format("parts_maker_code_key"),
    )
    refused(
        place,
        send("POST", "/rest/v1/parts", {**row, "id": 2, "code": "d"}),
        409,
        "23505",
        message=unique.format("parts_open_idx"),
    )
    refused(
        place,
        send("POST", "/rest/v1/parts", {"label": None}),
        400,
        "23502",
        message='null value in column "label" of relation "parts" violates not-null constraint',
    )
    refused(place, send("POST", "/rest/v1/parts", {"price": 1}), 400, "23502")
    refused(
        place,
        send("POST", "/rest/v1/parts", {"label": "x", "price": -1}),
        400,
        "23514",
        message='new row for relation "parts" violates check constraint "price"',
    )
    refused(place, send("PATCH", "/rest/v1/parts?id=eq.1", {"price": -1}), 400, "23514")
    refused(place, send("PATCH", "/rest/v1/parts?id=eq.1", {"label": None}), 400, "23502")
    reply = refused(place, send("POST", "/rest/v1/people", {"name": "x", "boss": 5}), 409, "23503")
    assert "violates foreign key constraint" in reply.json()["message"]


def test_no_message_holds_a_value_of_another_row(place: Place) -> None:
    post(place, "parts", {"id": 1, "label": "zqx7_s_label", "maker": "zqx7_s_maker", "code": "c"})
    reply = ask(place, send("POST", "/rest/v1/parts", {"id": 1, "label": "x"}))
    assert b"zqx7" not in reply.body


# ---------------------------------------------------------------- bounds and endings


def test_sizes_that_were_not_asked_for_undo_the_write(place: Place) -> None:
    post(place, "people", [{"id": i, "name": "a"} for i in range(1, 4)])
    most = ("prefer", "handling=strict,max-affected=2")
    for request in (
        send("PATCH", "/rest/v1/people?id=gt.0", {"name": "x"}, most),
        Request("DELETE", "/rest/v1/people?id=gt.0", (most,)),
    ):
        refused(place, request, 400, "PGRST124", details="The query affects 3 rows")
    for request in (
        send("PATCH", "/rest/v1/people?id=gt.1", {"name": "x"}, FULL, SINGLE),
        send("PATCH", "/rest/v1/people?id=eq.99", {"name": "x"}, FULL, SINGLE),
        Request("DELETE", "/rest/v1/people?id=gt.1", (FULL, SINGLE)),
        send("POST", "/rest/v1/people", [{"name": "x"}, {"name": "y"}], FULL, SINGLE),
    ):
        refused(place, request, 406, "PGRST116")
    reply = ask(place, send("PATCH", "/rest/v1/people?id=eq.1&select=name", {"name": "x"}, FULL, SINGLE))
    assert reply.json() == {"name": "x"}
    allowed = ("prefer", "handling=lenient,max-affected=1")
    assert ask(place, send("PATCH", "/rest/v1/people?id=gt.0", {"name": "y"}, allowed)).status == 204


@pytest.mark.parametrize(
    "request_",
    [
        send("POST", "/rest/v1/people", {"name": "b"}, ("prefer", "tx=rollback,return=representation")),
        send("POST", "/rest/v1/people", {"id": 1, "name": "b"}, ("prefer", "tx=rollback,resolution=merge-duplicates")),
        send("PATCH", "/rest/v1/people?id=eq.1", {"name": "b"}, ("prefer", "tx=rollback,return=representation")),
        send("PUT", "/rest/v1/people?id=eq.1", {"id": 1, "name": "b"}, ("prefer", "tx=rollback")),
        Request("DELETE", "/rest/v1/people?id=eq.1", (("prefer", "tx=rollback,return=representation"),)),
    ],
)
def test_a_rollback_leaves_nothing(place: Place, request_: Request) -> None:
    post(place, "people", [{"id": 1, "name": "a"}])
    before = place.contents()
    reply = ask(place, request_)
    assert reply.status < 300, reply.body
    assert "tx=rollback" in (reply.header("preference-applied") or "")
    assert place.contents() == before


def test_values_are_values_whatever_they_look_like(place: Place) -> None:
    for name in ("'; drop table people; --", '"', "\\", "?1", ":name", "%s", "\u0001", "{}", "null", "💣" * 10):
        reply = post(place, "people?select=name", {"name": name}, FULL)
        assert reply.json() == [{"name": name}]
        (found,) = ask(place, get(f"/rest/v1/people?select=name&name=eq.{escaped(name)}")).json()
        assert found == {"name": name}
