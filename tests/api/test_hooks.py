"""Business logic around writes: when it runs, what it sees, what it may change, and that its refusal undoes all."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from tests.api.orders import OrderDoc, orders
from tests.api.scenario import SERVICE, Persona, Place, Request, get, send
from undercroft import App, Context, Fault, Model, auth
from undercroft.models.base import NAMES
from undercroft.pipeline.hooks import MOST_ROWS

ADA = UUID("00000000-0000-0000-0000-00000000000a")
BEN = UUID("00000000-0000-0000-0000-00000000000b")
ada = Persona("p", "authenticated", str(ADA))
ben = Persona("q", "authenticated", str(BEN))
FULL = ("prefer", "return=representation")


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)
    body: Mapped[str | None]
    raw: Mapped[bytes | None]
    doc: Mapped[dict[str, Any] | None]
    stars: Mapped[int] = mapped_column(default=1)
    slug: Mapped[str | None]
    secret: Mapped[str | None]
    owner: Mapped[UUID] = mapped_column(default=auth.uid)


class Entry(Base):
    """What hooks write down."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    said: Mapped[str]


class Line(Base):
    """A table with a key of two columns and hooks."""

    __tablename__ = "lines"
    a: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    b: Mapped[str] = mapped_column(primary_key=True)
    v: Mapped[int | None]


class Mood(enum.Enum):
    good = "g"
    great = "h"


class Typed(Base):
    """Types whose Python values are no texts and no numbers."""

    __tablename__ = "typed"
    id: Mapped[int] = mapped_column(primary_key=True)
    mood: Mapped[Mood | None]
    span: Mapped[timedelta | None]
    at: Mapped[datetime | None]
    uid: Mapped[UUID | None]
    price: Mapped[Decimal | None]
    raw: Mapped[bytes | None]
    doc: Mapped[dict[str, Any] | None]


def made() -> tuple[App, list[str]]:  # noqa: C901 # one hook after the other
    """An app whose hooks say what they see."""
    app = App(Base)
    seen: list[str] = []

    @app.policy(Note, "select", "insert", "update", "delete", to="authenticated")
    def own(note: Any) -> Any:
        return note.owner == auth.uid

    @app.policy(Line, "select", "insert", "update", "delete", to="authenticated")
    def all_lines(line: Any) -> Any:
        return True

    app.hide(Note.secret)
    app.read_only(Note.slug)
    app.preset(Note.owner, auth.uid, to="authenticated")

    async def say(ctx: Context, said: str) -> None:
        seen.append(said)
        with ctx.as_service():
            ctx.session.add(Entry(said=said))
            await ctx.session.flush()

    @app.before_insert(Note)
    async def tidy(ctx: Context, note: Note) -> None:
        await say(ctx, f"before insert {note.title!r} {note.id}")
        note.title = note.title.strip()
        note.slug = note.title.lower()
        note.secret = "zqx7_s_secret"
        if note.title == "refused":
            raise Fault("not that one", code="P0001")
        if note.title == "crash":
            raise RuntimeError("zqx7_s_crash")
        if note.title == "steal":
            note.owner = BEN
        if note.title == "json":
            note.doc = {"set": [1, None]}
            note.raw = b"\x00\xff"

    @app.before_insert(Note)
    async def second(ctx: Context, note: Note) -> None:
        await say(ctx, f"second sees {note.slug}")

    @app.after_insert(Note)
    async def told(ctx: Context, note: Note) -> None:
        await say(ctx, f"after insert {note.id} {note.title} {note.owner} {ctx.auth.uid} {ctx.auth.role}")
        if note.title == "too late":
            raise Fault("undone", code="P0001")
        if note.title == "decorate":
            note.body = "decorated"

    @app.before_update(Note)
    async def stamp(ctx: Context, note: Note) -> None:
        await say(ctx, f"before update {note.id} {note.title} {note.stars}")
        note.slug = note.title.lower()
        if note.stars == 13:
            note.owner = BEN

    @app.after_update(Note)
    async def updated(ctx: Context, note: Note) -> None:
        await say(ctx, f"after update {note.id} {note.stars}")
        if note.stars == 99:
            raise Fault("no more", code="P0001")

    @app.before_delete(Note)
    async def parting(ctx: Context, note: Note) -> None:
        await say(ctx, f"before delete {note.id}")
        if note.title == "keep":
            raise Fault("this one stays", code="P0001")

    @app.after_delete(Note)
    async def gone(ctx: Context, note: Note) -> None:
        left = await ctx.session.scalar(sa.select(sa.func.count()).select_from(Note).where(Note.id == note.id))
        await say(ctx, f"after delete {note.id} {note.title} {left}")

    logic_of_other_tables(app)
    return app, seen


def logic_of_other_tables(app: App) -> None:
    @app.policy(Typed, "select", "insert", "update", to="authenticated")
    def all_typed(row: Any) -> Any:
        return True

    @app.before_insert(Typed)
    @app.before_update(Typed)
    async def types(ctx: Context, row: Typed) -> None:
        """What a hook is given has its column's Python type, and so has what it sets."""
        assert row.mood is None or isinstance(row.mood, Mood)
        assert row.span is None or isinstance(row.span, timedelta)
        assert row.at is None or row.at.tzinfo is not None
        assert row.uid is None or isinstance(row.uid, UUID)
        assert row.price is None or isinstance(row.price, Decimal)
        assert row.raw is None or isinstance(row.raw, bytes)
        assert row.doc is None or isinstance(row.doc, dict)
        row.mood = Mood.great
        row.span = (row.span or timedelta()) + timedelta(days=1)
        row.at = row.at + timedelta(hours=1) if row.at else None
        row.uid = UUID(int=row.uid.int + 1) if row.uid else None
        row.price = row.price * 2 if row.price is not None else None
        row.raw = row.raw + b"\xff" if row.raw is not None else None
        row.doc = {**row.doc, "seen": True} if row.doc is not None else None

    @app.before_insert(Line)
    async def line(ctx: Context, row: Line) -> None:
        row.v = (row.v or 0) + 1

    @app.before_update(Line)
    async def line_changes(ctx: Context, row: Line) -> None:
        row.v = (row.v or 0) * 10


@pytest.fixture
def told(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[tuple[Place, list[str]]]:
    app, seen = made()
    with Place(
        app, tmp_path_factory.mktemp("hooks"), server=server, UNDERCROFT_API_TX_END="commit-allow-override"
    ) as place:
        yield place, seen


Told = tuple[Place, list[str]]


def rows(place: Place, columns: str = "id, title, stars, slug") -> list[tuple[Any, ...]]:
    return place.sql(f"select {columns} from notes order by id")


def test_an_insert_is_tidied_stored_and_told(told: Told) -> None:
    place, seen = told
    reply = place.ask(send("POST", "/rest/v1/notes", {"title": "  Hello "}, FULL), ada)
    assert reply.status == 201, reply.body
    assert reply.json() == [
        {
            "id": 1,
            "title": "Hello",
            "body": None,
            "raw": None,
            "doc": None,
            "stars": 1,
            "slug": "hello",
            "owner": str(ADA),
        }
    ]
    assert seen == [
        "before insert '  Hello ' None",
        "second sees hello",
        f"after insert 1 Hello {ADA} {ADA} authenticated",
    ]
    assert place.sql("select secret from notes") == [("zqx7_s_secret",)]
    assert [said for (said,) in place.sql("select said from entries order by id")] == seen


@pytest.mark.parametrize("title", ["refused", "too late"])
def test_a_refusal_undoes_the_write_and_what_hooks_wrote(told: Told, title: str) -> None:
    place, _ = told
    before = place.contents()
    reply = place.ask(send("POST", "/rest/v1/notes", [{"title": "fine"}, {"title": title}]), ada)
    assert (reply.status, reply.code) == (400, "P0001")
    assert place.contents() == before


def test_a_crash_undoes_all_and_says_nothing(told: Told) -> None:
    place, _ = told
    before = place.contents()
    reply = place.run(_quietly(place, send("POST", "/rest/v1/notes", {"title": "crash"})))
    assert (reply.status, reply.code) == (500, "XX000")
    assert b"zqx7" not in reply.body
    assert place.contents() == before


async def _quietly(place: Place, request: Request) -> Any:
    from tests.api.scenario import ask_asgi

    token = place.token(ada)
    reply = await ask_asgi(
        place.app, request, [(b"authorization", f"Bearer {token}".encode()), (b"content-type", b"application/json")]
    )
    place.logs.clear()  # the log tells crashes in full
    return reply


def test_presets_win_over_hooks(told: Told) -> None:
    place, _ = told
    reply = place.ask(send("POST", "/rest/v1/notes", {"title": "steal"}, FULL), ada)
    assert reply.json()[0]["owner"] == str(ADA)


def test_hooks_set_what_the_caller_may_not(told: Told) -> None:
    place, _ = told
    for body, code in (({"slug": "x"}, "42501"), ({"secret": "x"}, "PGRST204"), ({"owner": str(BEN)}, "42501")):
        reply = place.ask(send("POST", "/rest/v1/notes", {"title": "t", **body}), ada)
        assert reply.code == code
    assert rows(place) == []


def test_values_of_every_form_set_by_hooks(told: Told) -> None:
    place, _ = told
    reply = place.ask(send("POST", "/rest/v1/notes?select=raw,doc", {"title": "json"}, FULL), ada)
    assert reply.json() == [{"raw": "\\x00ff", "doc": {"set": [1, None]}}]
    body = b'title,doc,raw\njson ,"{""a"":1}",\\x01\nplain,"{""b"":2}",\\x02\n'
    sent = Request("POST", "/rest/v1/notes?select=raw,doc", (("content-type", "text/csv"), FULL), body)
    place.sql("delete from notes")
    reply = place.ask(sent, ada)
    assert reply.status == 201, reply.body
    assert reply.json() == [{"raw": "\\x00ff", "doc": {"set": [1, None]}}, {"raw": "\\x02", "doc": {"b": 2}}]


def test_what_passes_hooks_has_no_nul_in_its_json_either(told: Told) -> None:
    place, _ = told
    assert place.ask(send("POST", "/rest/v1/notes", {"title": "t"}), ada).status == 201
    before = place.contents()
    sent = {"doc": {"a": ["x\0"]}}
    for request in (
        send("POST", "/rest/v1/notes", {"title": "t", **sent}),
        send("PATCH", "/rest/v1/notes?title=eq.t", sent),
        get('/rest/v1/notes?doc=cs.{"a":"\\u0000"}'),
    ):
        reply = place.ask(request, ada)
        assert (reply.status, reply.code) == (400, "22P05"), reply.body
    assert place.contents() == before


TYPED = {
    "mood": "good",
    "span": "00:00:01",
    "at": "2024-01-01T00:00:00+00:00",
    "uid": str(UUID(int=1)),
    "price": 0.1,
    "raw": "\\x00",
    "doc": {"n": 1},
}
CHANGED = {
    "mood": "great",
    "span": "1 day 00:00:01",
    "at": "2024-01-01T01:00:00+00:00",
    "uid": str(UUID(int=2)),
    "price": 0.2,
    "raw": "\\x00ff",
    "doc": {"n": 1, "seen": True},
}


def test_hooks_are_given_python_values_whatever_the_body(told: Told) -> None:
    place, _ = told
    target = "/rest/v1/typed?select=mood,span,at,uid,price,raw,doc"
    assert place.ask(send("POST", target, TYPED, FULL), ada).json() == [CHANGED]
    place.sql("insert into typed (id) values (7)")
    assert place.ask(send("PATCH", f"{target}&id=eq.7", TYPED, FULL), ada).json() == [CHANGED]
    fields = [f'"{str(value).replace(chr(39), chr(34) * 2)}"' for value in TYPED.values()]
    body = ",".join(TYPED) + "\n" + ",".join(fields)
    for request in (Request("POST", target, (("content-type", "text/csv"), FULL), body.encode()),):
        assert place.ask(request, ada).json() == [CHANGED]
    nothing = dict.fromkeys(TYPED)
    found = place.ask(send("POST", target, nothing, FULL), ada).json()
    assert found == [{**nothing, "mood": "great", "span": "1 day"}]
    for column, value, code in (("mood", "bad", "22P02"), ("at", "never", "22007"), ("span", 1, "22007")):
        reply = place.ask(send("POST", target, {column: value}), ada)
        assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize(
    ("sent", "doubled"), [("0.1234567890123456789", "0.2469135780246913578"), ("1E+5", "200000"), ("1.50", "3.00")]
)
def test_hooks_keep_every_digit(told: Told, sent: str, doubled: str) -> None:
    place, _ = told
    headers = (("content-type", "application/json"), FULL)
    body = b'{"price":%s}' % sent.encode()
    kept = b'[{"price":%s}]' % doubled.encode()
    assert place.ask(Request("POST", "/rest/v1/typed?select=price", headers, body), ada).body == kept
    place.sql("insert into typed (id) values (7)")
    assert place.ask(Request("PATCH", "/rest/v1/typed?select=price&id=eq.7", headers, body), ada).body == kept


def test_what_an_after_hook_changes_is_stored_and_shown(told: Told) -> None:
    place, _ = told
    reply = place.ask(send("POST", "/rest/v1/notes?select=title,body", {"title": "decorate"}, FULL), ada)
    assert reply.json() == [{"title": "decorate", "body": "decorated"}]
    assert rows(place, "body") == [("decorated",)]


def test_bulk_inserts_keep_their_order(told: Told) -> None:
    place, seen = told
    titles = [f"n{i}" for i in range(20)]
    reply = place.ask(send("POST", "/rest/v1/notes?select=title", [{"title": t} for t in titles], FULL), ada)
    assert [row["title"] for row in reply.json()] == titles
    assert [said.split("'")[1] for said in seen if said.startswith("before insert")] == titles


def test_updates_of_several_rows(told: Told) -> None:
    place, seen = told
    place.ask(send("POST", "/rest/v1/notes", [{"title": "A"}, {"title": "B"}, {"title": "C"}]), ada)
    place.ask(send("POST", "/rest/v1/notes", {"title": "of Ben"}), ben)
    seen.clear()
    reply = place.ask(send("PATCH", "/rest/v1/notes?id=gt.1&select=id,stars,slug", {"stars": 5}, FULL), ada)
    assert reply.json() == [{"id": 2, "stars": 5, "slug": "b"}, {"id": 3, "stars": 5, "slug": "c"}]
    assert seen == ["before update 2 B 5", "before update 3 C 5", "after update 2 5", "after update 3 5"]
    assert [row[2] for row in rows(place)] == [1, 5, 5, 1]


def test_an_update_that_is_refused_afterwards_leaves_nothing(told: Told) -> None:
    place, _ = told
    place.ask(send("POST", "/rest/v1/notes", [{"title": "A"}]), ada)
    before = place.contents()
    assert place.ask(send("PATCH", "/rest/v1/notes?id=eq.1", {"stars": 99}), ada).code == "P0001"
    assert place.contents() == before


def test_a_hook_cannot_move_a_row_out_of_the_policy(told: Told) -> None:
    place, _ = told
    place.ask(send("POST", "/rest/v1/notes", [{"title": "A"}]), ada)
    before = place.contents()
    reply = place.ask(send("PATCH", "/rest/v1/notes?id=eq.1", {"stars": 13}), ada)
    assert (reply.status, reply.code) == (403, "42501"), reply.body
    assert place.contents() == before


def test_deletes_see_the_row_before_and_after(told: Told) -> None:
    place, seen = told
    place.ask(send("POST", "/rest/v1/notes", [{"title": "A"}, {"title": "keep"}]), ada)
    seen.clear()
    reply = place.ask(Request("DELETE", "/rest/v1/notes?id=eq.1&select=id,title", (FULL,)), ada)
    assert reply.json() == [{"id": 1, "title": "A"}]
    assert seen == ["before delete 1", "after delete 1 A 0"]
    before = place.contents()
    assert place.ask(Request("DELETE", "/rest/v1/notes?id=gt.0"), ada).code == "P0001"
    assert place.contents() == before
    assert place.ask(Request("DELETE", "/rest/v1/notes?id=gt.0"), ben).status == 204
    assert place.contents() == before


def test_upserts_and_puts_run_the_hooks_of_inserts(told: Told) -> None:
    place, seen = told
    merge = ("prefer", "return=representation,resolution=merge-duplicates")
    place.ask(send("POST", "/rest/v1/notes", [{"id": 7, "title": "old"}]), ada)
    seen.clear()
    reply = place.ask(send("POST", "/rest/v1/notes?select=id,title,slug", [{"id": 7, "title": " New "}], merge), ada)
    assert (reply.status, reply.json()) == (200, [{"id": 7, "title": "New", "slug": "new"}])
    reply = place.ask(send("PUT", "/rest/v1/notes?id=eq.8&select=id,title", {"id": 8, "title": " Put "}, FULL), ada)
    assert (reply.status, reply.json()) == (201, [{"id": 8, "title": "Put"}])
    ignore = ("prefer", "return=representation,resolution=ignore-duplicates")
    reply = place.ask(
        send("POST", "/rest/v1/notes?select=id", [{"id": 7, "title": "no"}, {"id": 9, "title": "yes"}], ignore), ada
    )
    assert reply.json() == [{"id": 9}]
    assert [row[1] for row in rows(place)] == ["New", "Put", "yes"]
    assert len([said for said in seen if said.startswith("before insert")]) == 4


def test_on_conflict_of_another_key_with_hooks(told: Told) -> None:
    place, _ = told
    merge = ("prefer", "return=representation,resolution=merge-duplicates")
    place.ask(send("POST", "/rest/v1/notes", [{"title": "one", "stars": 2}]), ada)
    # The hook strips the title: the key that meets a row is the one that will be stored.
    reply = place.ask(
        send("POST", "/rest/v1/notes?on_conflict=title&select=id,stars", [{"title": " one ", "stars": 3}], merge), ada
    )
    assert (reply.status, reply.json()) == (200, [{"id": 1, "stars": 3}])


def test_a_rollback_asked_for_leaves_nothing(told: Told) -> None:
    place, _ = told
    before = place.contents()
    undo = ("prefer", "return=representation,tx=rollback")
    reply = place.ask(send("POST", "/rest/v1/notes?select=title", {"title": "x"}, undo), ada)
    assert (reply.status, reply.json()) == (201, [{"title": "x"}])
    assert place.contents() == before


def test_writes_with_hooks_are_bounded(told: Told) -> None:
    place, _ = told
    reply = place.ask(send("POST", "/rest/v1/notes", [{"title": f"{i}"} for i in range(MOST_ROWS + 1)]), ada)
    assert (reply.status, reply.code) == (413, "54000")
    assert rows(place) == []
    place.sql(f"with recursive n(i) as (select 1 union all select i + 1 from n where i <= {MOST_ROWS}) "
              f"insert into notes (title, stars, owner) select i, 1, '{ADA}' from n")  # fmt: skip
    for request in (send("PATCH", "/rest/v1/notes?id=gt.0", {"stars": 2}), Request("DELETE", "/rest/v1/notes?id=gt.0")):
        assert place.ask(request, ada).code == "54000"
    assert place.sql("select count(*), max(stars) from notes") == [(MOST_ROWS + 1, 1)]


def test_exactly_the_bound_passes(told: Told) -> None:
    place, _ = told
    lines = [{"a": i, "b": "x"} for i in range(MOST_ROWS)]
    assert place.ask(send("POST", "/rest/v1/lines", lines), ada).status == 201
    assert place.ask(send("PATCH", "/rest/v1/lines?a=gte.0", {"v": 3}), ada).status == 204
    assert place.sql("select count(*), min(v), max(v) from lines") == [(MOST_ROWS, 30, 30)]


def test_size_preferences_hold_with_hooks(told: Told) -> None:
    place, _ = told
    place.ask(send("POST", "/rest/v1/notes", [{"title": "A"}, {"title": "B"}]), ada)
    before = place.contents()
    most = ("prefer", "handling=strict,max-affected=1")
    single = ("accept", "application/vnd.pgrst.object+json")
    for request, code in (
        (send("PATCH", "/rest/v1/notes?id=gt.0", {"stars": 2}, most), "PGRST124"),
        (Request("DELETE", "/rest/v1/notes?id=gt.0", (most,)), "PGRST124"),
        (send("PATCH", "/rest/v1/notes?id=gt.0", {"stars": 2}, FULL, single), "PGRST116"),
        (Request("DELETE", "/rest/v1/notes?id=gt.0", (FULL, single)), "PGRST116"),
        (send("POST", "/rest/v1/notes", [{"title": "C"}, {"title": "D"}], FULL, single), "PGRST116"),
    ):
        assert place.ask(request, ada).code == code
        assert place.contents() == before


def test_constraints_speak_through_hooks(told: Told) -> None:
    place, _ = told
    place.ask(send("POST", "/rest/v1/notes", [{"title": "A"}, {"title": "B"}]), ada)
    before = place.contents()
    for request, code in (
        (send("POST", "/rest/v1/notes", {"title": "A"}), "23505"),
        (send("PATCH", "/rest/v1/notes?id=eq.2", {"title": "A"}), "23505"),
        (send("POST", "/rest/v1/notes", {"title": "C", "stars": None}), "23502"),
        (send("PATCH", "/rest/v1/notes?id=eq.2", {"stars": None}), "23502"),
        (send("PATCH", "/rest/v1/notes?id=eq.2", {"stars": "many"}), "22P02"),
        (send("POST", "/rest/v1/notes", {"title": "C", "stars": 2**31}), "22003"),
    ):
        reply = place.ask(request, ada)
        assert reply.code == code, reply.body
        assert place.contents() == before


def test_a_composite_key_with_hooks(told: Told) -> None:
    place, _ = told
    lines = [{"a": 1, "b": "x"}, {"a": 1, "b": "y", "v": 4}]
    reply = place.ask(send("POST", "/rest/v1/lines?columns=a,b,v", lines, FULL), ada)
    assert reply.json() == [{"a": 1, "b": "x", "v": 1}, {"a": 1, "b": "y", "v": 5}]
    reply = place.ask(send("PATCH", "/rest/v1/lines?b=eq.y", {"v": 2}, FULL), ada)
    assert reply.json() == [{"a": 1, "b": "y", "v": 20}]
    reply = place.ask(send("PATCH", "/rest/v1/lines?b=eq.y", {"b": "z"}, FULL), ada)
    assert reply.json() == [{"a": 1, "b": "z", "v": 200}]


def test_a_changed_key_is_judged_under_the_new_one(told: Told) -> None:
    """The hook gives the row away, which the policy forbids: by its old key there would be nothing to judge."""
    place, _ = told
    place.ask(send("POST", "/rest/v1/notes", {"title": "A"}), ada)
    before = place.contents()
    refused = place.ask(send("PATCH", "/rest/v1/notes?id=eq.1", {"id": 50, "stars": 13}, FULL), ada)
    assert (refused.status, refused.code) == (403, "42501")
    assert place.contents() == before
    moved = place.ask(send("PATCH", "/rest/v1/notes?id=eq.1&select=id,stars", {"id": 50, "stars": 2}, FULL), ada)
    assert moved.json() == [{"id": 50, "stars": 2}]


def test_an_empty_patch_runs_no_hook(told: Told) -> None:
    place, seen = told
    place.ask(send("POST", "/rest/v1/notes", {"title": "A"}), ada)
    seen.clear()
    reply = place.ask(send("PATCH", "/rest/v1/notes?id=eq.1", {}, FULL), ada)
    assert (reply.status, reply.json(), seen) == (200, [], [])


def test_the_service_passes_through_hooks_too(told: Told) -> None:
    place, seen = told
    reply = place.ask(send("POST", "/rest/v1/notes?select=slug", {"title": "S", "owner": str(BEN)}, FULL), SERVICE)
    assert reply.json() == [{"slug": "s"}]
    assert seen[-1] == f"after insert 1 S {BEN} None service_role"
    assert place.ask(get("/rest/v1/notes?select=id"), ben).json() == [{"id": 1}]


def test_a_hooked_write_that_waits_for_another_one_holds_up_nobody(
    tmp_path_factory: pytest.TempPathFactory, server: str | None
) -> None:
    """On PostgreSQL the second one waits for the first one's key, and the first one's hook is still to come."""
    app = orders()

    @app.after_insert(OrderDoc)
    async def take_time(ctx: Context, doc: OrderDoc) -> None:
        await asyncio.sleep(0.05)

    with Place(app, tmp_path_factory.mktemp("waits"), server=server) as place:
        began = time.monotonic()
        same = send("POST", "/rest/v1/order_docs", {"code": "the same"})
        replies = place.ask_at_once([same] * 4, ada)
        assert sorted((reply.status, reply.code) for reply in replies) == [(201, None)] + [(409, "23505")] * 3
        assert time.monotonic() - began < 3
