"""Column rules in every combination with writes: what is hidden, read-only or preset, by role and by command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.scenario import ANON, SERVICE, Persona, Place, Request, get, send
from undercroft import App, auth
from undercroft.models.base import NAMES, Uuid

ADA = "00000000-0000-0000-0000-00000000000a"
BEN = "00000000-0000-0000-0000-00000000000b"
ada = Persona("p", "authenticated", ADA, {"org": 7})
boss = Persona("q", "boss", BEN)
FULL = ("prefer", "return=representation")
MERGE = ("prefer", "return=representation,resolution=merge-duplicates")


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    maker: Mapped[Any] = mapped_column(Uuid(), nullable=True)
    editor: Mapped[Any] = mapped_column(Uuid(), nullable=True)
    org: Mapped[int | None]
    state: Mapped[str] = mapped_column(default="new")
    secret: Mapped[str | None]
    internal: Mapped[str] = mapped_column(server_default="inside")


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    app = App(Base)
    app.policy(Item, "select")(lambda item: True)
    app.policy(Item, "insert", "update", "delete", to=("authenticated", "boss"))(lambda item: True)
    app.hide(Item.secret, to=("anon", "authenticated"))
    app.hide(Item.internal)
    app.read_only(Item.state, to="authenticated")
    app.preset(Item.maker, auth.uid, to="authenticated")
    app.preset(Item.editor, auth.uid, on=("insert", "update"), to=("authenticated", "boss"))
    app.preset(Item.org, auth.claim("org"), to="authenticated")
    with Place(app, tmp_path_factory.mktemp("columns"), server=server) as place:
        one = {"id": 1, "name": "one", "maker": BEN, "state": "old", "secret": "zqx7_qs_one"}
        assert place.ask(send("POST", "/rest/v1/items", one), SERVICE).status == 201
        yield place


def columns(place: Place, who: Persona) -> set[str]:
    (row,) = place.ask(get("/rest/v1/items?id=eq.1"), who).json()
    return set(row)


def test_each_role_sees_its_columns(place: Place) -> None:
    everything = {column.name for column in Item.__table__.columns}
    assert columns(place, ANON) == columns(place, ada) == everything - {"secret", "internal"}
    assert columns(place, boss) == everything - {"internal"}
    assert columns(place, SERVICE) == everything


@pytest.mark.parametrize(
    "query", ["select=secret", "secret=eq.x", "order=secret", "select=name,x:secret", "or=(secret.eq.x)"]
)
def test_a_hidden_column_is_missing_in_queries(place: Place, query: str) -> None:
    hidden = place.ask(get(f"/rest/v1/items?{query}"), ada)
    missing = place.ask(get(f"/rest/v1/items?{query.replace('secret', 'seecret')}"), ada)
    assert (hidden.status, hidden.code) == (missing.status, missing.code) == (400, "42703")
    assert hidden.body.replace(b"secret", b"seecret") == missing.body
    assert place.ask(get(f"/rest/v1/items?{query}"), boss).status == 200


@pytest.mark.parametrize("value", ["x", None, 1, {"a": 1}, [1]])
@pytest.mark.parametrize("column", ["state", "maker", "editor", "org", "secret", "internal"])
def test_what_may_not_be_sent_is_refused_whatever_it_is(place: Place, column: str, value: Any) -> None:
    before = place.contents()
    body = {"name": "two", column: value}
    requests = [
        send("POST", "/rest/v1/items", body),
        send("POST", "/rest/v1/items", [{"name": "a", column: value}, {"name": "b", column: value}]),
        send("POST", f"/rest/v1/items?columns=name,{column}", body),
        send("POST", "/rest/v1/items", {"id": 1, **body}, MERGE),
        send("PATCH", "/rest/v1/items?id=eq.1", {column: value}),
        send("PUT", "/rest/v1/items?id=eq.1", {"id": 1, **body}),
        Request("POST", "/rest/v1/items", (("content-type", "text/csv"),), f"name,{column}\nx,y\n".encode()),
    ]
    expected = "PGRST204" if column in ("secret", "internal") else "42501"
    for request in requests:
        reply = place.ask(request, ada)
        assert (reply.code, reply.status) in ((expected, 400), (expected, 403)), reply.body
        assert place.contents() == before


def test_presets_are_set_at_their_commands(place: Place) -> None:
    reply = place.ask(send("POST", "/rest/v1/items", {"name": "two"}, FULL), ada)
    (row,) = reply.json()
    assert {name: row[name] for name in ("maker", "editor", "org", "state")} == {
        "maker": ADA, "editor": ADA, "org": 7, "state": "new",
    }  # fmt: skip
    assert place.sql("select internal from items where id = 2") == [("inside",)]
    (row,) = place.ask(send("PATCH", "/rest/v1/items?id=eq.1", {"name": "uno"}, FULL), ada).json()
    assert (row["maker"], row["editor"], row["org"]) == (BEN, ADA, None)
    (row,) = place.ask(send("PATCH", "/rest/v1/items?id=eq.2", {"state": "seen", "maker": BEN}, FULL), boss).json()
    assert (row["state"], row["maker"], row["editor"], row["org"]) == ("seen", BEN, BEN, 7)


def test_an_update_of_nothing_still_sets_what_is_preset(place: Place) -> None:
    (row,) = place.ask(send("PATCH", "/rest/v1/items?id=eq.1", {}, FULL), ada).json()
    assert row["editor"] == ADA


def test_an_upsert_sets_by_what_becomes_of_each_row(place: Place) -> None:
    rows = [{"id": 1, "name": "uno"}, {"id": 2, "name": "due"}]
    found = place.ask(send("POST", "/rest/v1/items?select=id,maker,editor,org", rows, MERGE), ada).json()
    assert found == [
        {"id": 1, "maker": BEN, "editor": ADA, "org": None},
        {"id": 2, "maker": ADA, "editor": ADA, "org": 7},
    ]


def test_a_claim_that_is_missing_presets_null(place: Place) -> None:
    nobody = Persona("p", "authenticated", None)
    (row,) = place.ask(send("POST", "/rest/v1/items?select=maker,org", {"name": "two"}, FULL), nobody).json()
    assert row == {"maker": None, "org": None}


def test_a_unique_fault_on_a_visible_column_names_it_and_a_hidden_one_is_not_named(place: Place) -> None:
    reply = place.ask(send("POST", "/rest/v1/items", {"name": "one"}), ada)
    assert (reply.code, "items_name_key" in reply.json()["message"]) == ("23505", True)


def test_a_hidden_key_hides_the_ways_that_need_it(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> None:
    app = App(Base)
    app.policy(Item, "select", "insert", "update")(lambda item: True)
    app.hide(Item.id)
    with Place(app, tmp_path_factory.mktemp("hidden-key"), server=server) as place:
        reply = place.ask(send("POST", "/rest/v1/items?select=name", {"name": "a"}, FULL))
        assert reply.json() == [{"name": "a"}]
        assert place.ask(send("PUT", "/rest/v1/items?id=eq.1", {"id": 1, "name": "b"})).status >= 400
        assert place.ask(send("POST", "/rest/v1/items", {"name": "c"}, ("prefer", "return=headers-only"))).status == 201
        merged = place.ask(send("POST", "/rest/v1/items?on_conflict=name&select=name", {"name": "a"}, MERGE))
        assert merged.json() == [{"name": "a"}]
        assert place.sql("select count(*) from items") == [(2,)]
