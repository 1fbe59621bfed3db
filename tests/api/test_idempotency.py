"""Requests with an `Idempotency-Key`: one effect, the same bytes again, and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.api.orders import FULL, OrderNote, ada, ben, orders
from tests.api.scenario import SERVICE, Persona, Place, Reply, Request, get, send
from undercroft import Context, Fault
from undercroft.access.actor import Actor
from undercroft.app import database_app
from undercroft.base.clock import SystemClock
from undercroft.base.settings import Settings
from undercroft.pipeline.idempotency import Idempotency
from undercroft.pipeline.keys import Claim, Kept, claim_of

REPLAYED = "idempotent-replayed"
numbers = count()


def fresh() -> str:
    """A key that nobody has used."""
    return f"key-{next(numbers)}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    allowed = {"UNDERCROFT_API_TX_END": "commit-allow-override"}
    with Place(orders(), tmp_path_factory.mktemp("keys"), server=server, **allowed) as made:
        yield made


def table(place: Place) -> str:
    return '"undercroft.idempotency"' if place.server is None else "undercroft.idempotency"


def kept(place: Place) -> int:
    return int(place.sql(f"select count(*) from {table(place)}")[0][0])


def stored(place: Place, title: str) -> int:
    return int(place.sql("select count(*) from orders where title = ?", title)[0][0])


def keyed(request: Request, key: str) -> Request:
    return request._replace(headers=(*request.headers, ("idempotency-key", key)))


def order(place: Place, title: str, who: Persona = ada, **more: Any) -> int:
    reply = place.ask(send("POST", "/rest/v1/orders", {"title": title, **more}, FULL), who)
    assert reply.status == 201, reply
    return int(reply.json()[0]["id"])


def plain(reply: Reply) -> Reply:
    """The answer without the sign that it is a repetition."""
    return reply._replace(headers=[pair for pair in reply.headers if pair[0] != REPLAYED.encode()])


def ways(place: Place, name: str) -> Request:
    """A request of a kind, each time on rows of its own."""
    title = f"{name} {next(numbers)}"
    match name:
        case "insert":
            return send("POST", "/rest/v1/orders?select=id,title", {"title": title}, FULL)
        case "several":
            return send("POST", "/rest/v1/orders", [{"title": title}, {"title": title + "b"}], FULL)
        case "minimal":
            return send("POST", "/rest/v1/orders", {"title": title})
        case "location":
            return send("POST", "/rest/v1/orders", {"title": title}, ("prefer", "return=headers-only"))
        case "csv":
            headers = (("content-type", "text/csv"), ("accept", "text/csv"), FULL)
            return Request("POST", "/rest/v1/orders", headers, f"title\n{title}\n".encode())
        case "upsert":
            return send("POST", "/rest/v1/order_docs", {"code": title}, ("prefer", "resolution=merge-duplicates"), FULL)
        case "update":
            return send("PATCH", f"/rest/v1/orders?id=eq.{order(place, title)}", {"total": 5}, FULL)
        case "replace":
            return send(
                "PUT", f"/rest/v1/order_docs?code=eq.doc{next(numbers)}", {"code": f"doc{next(numbers) - 1}"}, FULL
            )
        case "delete":
            return send("DELETE", f"/rest/v1/orders?id=eq.{order(place, title)}", None, FULL)
        case "hooks":
            return send("POST", "/rest/v1/order_lines", {"order_id": order(place, title), "name": title}, FULL)
        case "function":
            return send("POST", "/rest/v1/rpc/place_order", {"title": title})
        case _:
            return send("POST", "/rest/v1/rpc/my_orders?select=id&limit=1", {})


KINDS = [
    "insert", "several", "minimal", "location", "csv", "upsert", "update", "replace", "delete", "hooks", "function",
    "rows",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_one_changes_nothing_and_is_answered_with_the_same_bytes(place: Place, kind: str) -> None:
    request = keyed(ways(place, kind), fresh())
    first = place.ask(request, ada)
    assert 200 <= first.status < 300, first
    assert first.header(REPLAYED) is None
    before = place.contents()
    second = place.ask(request, ada)
    assert second.header(REPLAYED) == "true"
    assert plain(second) == first
    assert place.contents() == before


def test_without_a_key_the_same_request_is_another_one(place: Place) -> None:
    request = send("POST", "/rest/v1/order_docs", {"code": fresh()})
    assert place.ask(request, ada).status == 201
    assert place.ask(request, ada).code == "23505"


def asked(document: str, **variables: Any) -> Request:
    return send("POST", "/graphql/v1", {"query": document, "variables": variables})


def test_a_mutation_of_graphql_is_carried_out_once(place: Place) -> None:
    title = fresh()
    insert = "insertIntoOrdersCollection(objects: $objects) { affectedCount records { id title } }"
    several = f"""mutation Make($objects: [OrdersInsertInput!]!) {{ {insert} placeOrder(title: "{title}b") }}"""
    alone = f"mutation Make($objects: [OrdersInsertInput!]!) {{ {insert} }}"
    for document, name in ((several, title), (alone, f"{title}c")):
        request = keyed(asked(document, objects=[{"title": name}]), fresh())
        first = place.ask(request, ada)
        assert first.json()["data"]["insertIntoOrdersCollection"]["affectedCount"] == 1
        assert first.header(REPLAYED) is None
        before = place.contents()
        second = place.ask(request, ada)
        assert (plain(second), second.header(REPLAYED)) == (first, "true")
        assert place.contents() == before
        other = place.ask(request._replace(body=request.body.replace(b"Make", b"Made")), ada)
        assert (other.status, other.json()["errors"][0]["extensions"]["code"]) == (422, "UC422")
    assert [stored(place, name) for name in (title, f"{title}b", f"{title}c")] == [1, 1, 1]


def test_a_mutation_that_failed_leaves_its_key_free_and_a_question_takes_none(place: Place) -> None:
    before = kept(place)
    twice = 'mutation { insertIntoOrderDocsCollection(objects: [{code: "same"}, {code: "same"}]) { affectedCount } }'
    refused = keyed(asked(twice), fresh())
    for request in (
        keyed(asked("{ ordersSeen }"), fresh()),
        keyed(asked("{ ordersCollection { edges { node { id } } } }"), fresh()),
        keyed(asked("{ nothingOfTheKind }"), fresh()),
        refused,
        refused,
    ):
        reply = place.ask(request, ada)
        assert (reply.status, reply.header(REPLAYED)) == (400 if b"nothing" in request.body else 200, None)
    assert "errors" in reply.json()
    assert kept(place) == before
    batch = keyed(send("POST", "/graphql/v1", [{"query": "{ ordersSeen }"}]), fresh())
    assert (place.ask(batch, ada).status, place.ask(batch, ada).json()["errors"][0]["extensions"]["code"]) == (
        400,
        "UC400",
    )


CHANGES = {
    "body": lambda request: request._replace(body=request.body.replace(b'total": 1', b'total": 2')),
    "query": lambda request: request._replace(target=request.target + "&columns=title"),
    "path": lambda request: request._replace(target="/rest/v1/order_docs"),
    "prefer": lambda request: request._replace(headers=(("prefer", "return=minimal"), *request.headers[2:])),
    "accept": lambda request: request._replace(headers=(("accept", "text/csv"), *request.headers)),
    "method": lambda request: request._replace(method="PATCH"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_key_is_for_one_request(place: Place, what: str) -> None:
    title = f"one {next(numbers)}"
    request = keyed(send("POST", "/rest/v1/orders?select=id", {"title": title, "total": 1}, FULL), fresh())
    other = CHANGES[what](request)
    assert other != request
    assert place.ask(request, ada).status == 201
    before = place.contents()
    reply = place.ask(other, ada)
    assert (reply.status, reply.code) == (422, "UC422")
    assert title.encode() not in reply.body
    assert place.contents() == before


def test_a_key_is_its_callers_alone(place: Place) -> None:
    key, title = fresh(), f"mine {next(numbers)}"
    mine = place.ask(keyed(send("POST", "/rest/v1/orders", {"title": title}, FULL), key), ada)
    # The very same request of somebody else: nothing is known of the first one, so its title is refused as taken.
    theirs = place.ask(keyed(send("POST", "/rest/v1/orders", {"title": title}, FULL), key), ben)
    assert (theirs.status, theirs.code) == (409, "23505")
    # Nor is there anything to be learnt from a refusal: with another request the key is as good as new.
    other = place.ask(keyed(send("POST", "/rest/v1/orders", {"title": title + "b"}, FULL), key), ben)
    assert other.status == 201
    assert other.header(REPLAYED) is None
    assert other.json()[0]["owner"] == ben.sub != mine.json()[0]["owner"]


REFUSED = {
    "unique": ("POST", "/rest/v1/orders", {"title": "taken"}, 409),
    "policy": ("PATCH", "/rest/v1/orders?title=eq.taken", {"owner": "00000000-0000-0000-0000-00000000000b"}, 403),
    "hook": ("POST", "/rest/v1/order_lines", {"order_id": 1, "name": "refused"}, 400),
    "column": ("POST", "/rest/v1/orders", {"nothing": 1}, 400),
    "json": ("POST", "/rest/v1/orders", None, 400),
    "argument": ("POST", "/rest/v1/rpc/place_order", {"title": [1]}, 400),
    "function": ("POST", "/rest/v1/rpc/place_order", {"title": "taken"}, 409),
    "singular": ("PATCH", "/rest/v1/orders?id=eq.0", {"total": 1}, 406),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_was_refused_leaves_its_key(place: Place, why: str) -> None:
    if not stored(place, "taken"):
        order(place, "taken")
    method, target, body, status = REFUSED[why]
    headers = (("accept", "application/vnd.pgrst.object+json"),) if why == "singular" else ()
    key, before, contents = fresh(), kept(place), place.contents()
    for _ in range(2):
        reply = place.ask(keyed(send(method, target, body, *headers), key), ada)
        assert reply.status == status, reply
        assert reply.header(REPLAYED) is None
    assert kept(place) == before
    assert place.contents() == contents
    assert place.ask(keyed(send("POST", "/rest/v1/orders", {"title": key}), key), ada).status == 201


BAD = ["", " ", '"', '"open', "x" * 256, "new\u00e9", "tab\there", '""']


@pytest.mark.parametrize("key", BAD)
def test_a_key_that_is_none_is_refused(place: Place, key: str) -> None:
    before = place.contents()
    reply = place.ask(keyed(send("POST", "/rest/v1/orders", {"title": "never"}), key), ada)
    assert (reply.status, reply.code) == (400, "UC400")
    assert place.contents() == before


def test_two_keys_are_refused(place: Place) -> None:
    reply = place.ask(keyed(keyed(send("POST", "/rest/v1/orders", {"title": "never"}), "a"), "b"), ada)
    assert (reply.status, reply.code) == (400, "UC400")
    assert stored(place, "never") == 0


def test_quotes_are_not_part_of_a_key(place: Place) -> None:
    key, request = fresh(), send("POST", "/rest/v1/orders", {"title": fresh()}, FULL)
    first = place.ask(keyed(request, f'"{key}"'), ada)
    assert place.ask(keyed(request, key), ada).header(REPLAYED) == "true"
    assert first.status == 201


def test_reads_do_not_look_at_keys(place: Place) -> None:
    before = kept(place)
    requests = [get("/rest/v1/orders"), get("/rest/v1/rpc/orders_seen"), send("POST", "/rest/v1/rpc/orders_seen", {})]
    for request in requests:
        for _ in range(2):
            reply = place.ask(keyed(request, "the same"), ada)
            assert reply.status == 200, reply
            assert reply.header(REPLAYED) is None
    assert kept(place) == before


def test_what_is_undone_is_not_kept(place: Place) -> None:
    before, key, title = kept(place), fresh(), fresh()
    request = keyed(send("POST", "/rest/v1/orders", {"title": title}, ("prefer", "tx=rollback")), key)
    for _ in range(2):
        reply = place.ask(request, ada)
        assert reply.status == 201
        assert reply.header(REPLAYED) is None
    assert kept(place) == before
    assert stored(place, title) == 0


@pytest.mark.parametrize("kind", ["insert", "hooks", "function"])
def test_64_at_once_have_one_effect(place: Place, kind: str) -> None:
    request = keyed(ways(place, kind), fresh())
    replies = place.ask_at_once([request] * 64, ada)
    check_one_effect(place, replies, request, kind)


@pytest.mark.parametrize("kind", ["insert", "hooks", "function"])
def test_the_database_decides_where_nothing_else_does(place: Place, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As between two processes, which do not know of each other's requests."""

    @asynccontextmanager
    async def nobody_waits(self: Idempotency, claim: Claim) -> AsyncIterator[bool]:
        yield False

    async def nothing_known(self: Idempotency, claim: Claim) -> None:
        return None

    monkeypatch.setattr(Idempotency, "_in_line", nobody_waits)
    monkeypatch.setattr(Idempotency, "_known", nothing_known)
    request = keyed(ways(place, kind), fresh())
    replies = place.ask_at_once([request] * 16, ada)
    monkeypatch.undo()
    check_one_effect(place, replies, request, kind)


def check_one_effect(place: Place, replies: list[Reply], request: Request, kind: str) -> None:
    assert {reply.status for reply in replies} <= {200, 201}, replies
    assert len({(reply.status, reply.body, tuple(plain(reply).headers)) for reply in replies}) == 1
    assert sorted(reply.header(REPLAYED) or "" for reply in replies) == [""] + ["true"] * (len(replies) - 1)
    body = json.loads(request.body)
    if kind == "hooks":
        name = body["name"].upper()
        assert place.sql("select count(*) from order_lines where name = ?", name) == [(1,)]
        assert place.sql("select count(*) from order_notes where said = ?", f"line {name}") == [(1,)]
    else:
        assert stored(place, body["title"]) == 1


def test_a_kept_answer_comes_before_what_would_refuse_the_request_now(place: Place) -> None:
    """The app has changed since: the column is gone, or the policy that let the row in."""
    request = keyed(send("POST", "/rest/v1/orders", {"title": fresh()}, FULL), fresh())
    first = place.ask(request, ada)
    assert first.status == 201
    room = place.house.door.room_of(b"/rest/v1/orders")
    assert room is not None
    pipeline = place.house.pipeline

    def refused(*args: Any, **options: Any) -> Any:
        raise Fault("gone", code="PGRST204")

    patch = pytest.MonkeyPatch()
    with patch.context() as changed:
        changed.setattr(type(pipeline), "prepare_write", refused)
        assert place.ask(send("POST", "/rest/v1/orders", {"title": fresh()}), ada).code == "PGRST204"
        again = place.ask(request, ada)
        assert plain(again) == first
        assert again.header(REPLAYED) == "true"
        other = keyed(send("POST", "/rest/v1/orders", {"title": fresh()}, FULL), fresh())
        assert place.ask(other, ada).code == "PGRST204"


def test_two_requests_of_one_key_at_once(place: Place) -> None:
    key = fresh()
    requests = [keyed(send("POST", "/rest/v1/orders", {"title": f"{key} {n % 2}"}), key) for n in range(32)]
    replies = place.ask_at_once(requests, ada)
    assert sorted({reply.status for reply in replies}) == [201, 422]
    assert len([reply for reply in replies if reply.status == 201]) == 16
    assert stored(place, f"{key} 0") + stored(place, f"{key} 1") == 1


def test_a_key_that_has_outlived_its_time_is_free(place: Place) -> None:
    key, title = fresh(), fresh()
    assert place.ask(keyed(send("POST", "/rest/v1/orders", {"title": title}), key), ada).status == 201
    place.sql(f"update {table(place)} set expires = 1 where key = ?", key)
    reply = place.ask(keyed(send("POST", "/rest/v1/orders", {"title": title + "b"}), key), ada)
    assert reply.status == 201
    assert place.sql(f"select count(*) from {table(place)} where key = ? and expires > 1", key) == [(1,)]


def test_what_has_outlived_its_time_is_swept_out(place: Place) -> None:
    place.sql(f"update {table(place)} set expires = 1")
    old = kept(place)
    assert old > 0
    before = {key for (key,) in place.sql(f"select key from {table(place)}")}
    requests = [keyed(send("POST", "/rest/v1/order_docs", {"code": fresh()}), fresh()) for _ in range(101)]
    assert {reply.status for reply in place.ask_all(requests, ada)} == {201}
    left = {key for (key,) in place.sql(f"select key from {table(place)}")}
    assert not before & left
    assert kept(place) == 101


def test_answers_are_not_served(place: Place) -> None:
    for name in ("idempotency", "undercroft.idempotency"):
        assert place.ask(get(f"/rest/v1/{name}"), ada).status == 404
    assert b"undercroft" not in place.ask(get("/rest/v1/"), ada).body


def test_code_that_may_wait_for_others_is_answered_for_once(place: Place) -> None:
    """By two houses on one database, and also where the code swallows what it meets."""
    pipeline, said = place.house.pipeline, fresh()
    houses = [Idempotency(pipeline, SystemClock(), 60) for _ in range(2)]
    actor = Actor("authenticated", ada.sub, {"sub": ada.sub, "role": "authenticated"})
    claim = claim_of([(b"idempotency-key", said.encode())], actor, b"call")
    assert claim is not None
    begun = 0

    async def work(ctx: Context) -> Kept:
        nonlocal begun
        begun += 1
        while begun < 2:  # noqa: ASYNC110 -- both are behind the look-up before either has begun its transaction
            await asyncio.sleep(0.01)
        try:
            with ctx.as_service():
                ctx.session.add(OrderNote(said=said))
                await ctx.session.flush()
        except Exception:
            return Kept(500, (), b"swallowed")
        return Kept(201, ((b"x", b"y"),), b"done")

    async def both() -> list[Kept]:
        return list(await asyncio.gather(*(house.calling(claim, actor, work) for house in houses)))

    answers = place.run(both())
    assert {answer[:3] for answer in answers} == {(201, ((b"x", b"y"),), b"done")}
    assert sorted(answer.replayed for answer in answers) == [False, True]
    assert place.sql("select count(*) from order_notes where said = ?", said) == [(1,)]


def test_code_that_never_uses_its_transaction_is_answered_for_too(place: Place) -> None:
    house = Idempotency(place.house.pipeline, SystemClock(), 60)
    actor = Actor("authenticated", ada.sub, {"sub": ada.sub, "role": "authenticated"})
    claim = claim_of([(b"idempotency-key", fresh().encode())], actor, b"call")
    assert claim is not None
    calls = 0

    async def work(ctx: Context) -> Kept:
        nonlocal calls
        calls += 1
        return Kept(200, (), b"%d" % calls)

    first, second = place.run(house.calling(claim, actor, work)), place.run(house.calling(claim, actor, work))
    assert (first.body, second.body, second.replayed, calls) == (b"1", b"1", True, 1)


@pytest.mark.needs("postgres")
def test_a_key_that_is_not_given_in_time_is_in_use(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str
) -> None:
    """On PostgreSQL, where a request of another process may hold it for longer than a statement may take."""
    import psycopg

    folder = tmp_path_factory.mktemp("held")
    with (
        Place(orders(), folder, server=postgres_server, UNDERCROFT_DATABASE_STATEMENT_TIMEOUT="0.3") as place,
        psycopg.connect(place.environment["UNDERCROFT_DATABASE_URL"]) as other,
    ):
        other.execute("LOCK TABLE undercroft.idempotency IN SHARE ROW EXCLUSIVE MODE")
        for target, body in (("orders", {"title": "held"}), ("rpc/place_order", {"title": "held"}), ("batch", [])):
            reply = place.ask(keyed(send("POST", f"/rest/v1/{target}", body), "held"), ada)
            assert (reply.status, reply.code) == (409, "UC409"), reply
            assert reply.header("retry-after") == "1"
        other.rollback()
        assert place.ask(keyed(send("POST", "/rest/v1/orders", {"title": "held"}), "held"), ada).status == 201


def test_somebody_elses_database_keeps_nothing(tmp_path: Path) -> None:
    """An app over an existing database: keys are not looked at, and batches are carried out."""
    (tmp_path / "data").mkdir(mode=0o700)
    beside = sqlite3.connect(tmp_path / "data" / "data.db")
    beside.execute("create table birds (id integer primary key, name text not null unique)")
    beside.commit()
    beside.close()
    app = database_app(Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(tmp_path / "data")}))
    with Place(app, tmp_path) as place:
        for _ in range(2):
            reply = place.ask(keyed(send("POST", "/rest/v1/birds", {"name": fresh()}), "the same"), SERVICE)
            assert reply.status == 201
            assert reply.header(REPLAYED) is None
        returning = {"Prefer": "return=representation"}
        parts = [
            {"method": "POST", "path": "/birds", "body": {"name": "owl"}, "headers": returning},
            {"method": "GET", "path": "/birds?id=eq.$1.id&select=name"},
        ]
        assert place.ask(send("POST", "/rest/v1/batch", parts), SERVICE).json()[1]["body"] == [{"name": "owl"}]
        assert "Idempotency-Key" not in place.ask(get("/rest/v1/"), SERVICE).body.decode()
        assert place.sql("select count(*) from sqlite_master where name like 'undercroft%'") == [(0,)]
