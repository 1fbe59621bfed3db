"""`POST /rest/v1/batch`: several requests in one transaction, all or nothing, each guarded as if it had come alone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.api.orders import FULL, ada, ben, orders
from tests.api.scenario import ANON, Persona, Place, Reply, Request, get, send
from undercroft.engine.sqlite.transaction import SQLiteTransaction
from undercroft.pipeline import shared
from undercroft.pipeline.run import Pipeline

RETURNING = {"Prefer": "return=representation"}
STRICT = {"Prefer": "handling=strict,max-affected=0"}
numbers = count()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    settings = {"UNDERCROFT_API_TX_END": "commit-allow-override", "UNDERCROFT_API_BATCH_LIMIT": "20"}
    with Place(orders(), tmp_path_factory.mktemp("batches"), server=server, **settings) as made:
        yield made


def fresh() -> str:
    return f"title {next(numbers)}"


def part(method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    told: dict[str, Any] = {"method": method, "path": path}
    if body is not None:
        told["body"] = body
    if headers:
        told["headers"] = headers
    return told


def batch(*parts: Any) -> Request:
    return send("POST", "/rest/v1/batch", {"requests": list(parts)})


def together(place: Place, *parts: Any, who: Persona = ada) -> list[Any]:
    """The answers of a batch that is carried out."""
    reply = place.ask(batch(*parts), who)
    assert reply.status == 200, reply
    assert reply.header("content-type") == "application/json; charset=utf-8"
    answers: list[Any] = reply.json()
    assert len(answers) == len(parts)
    return answers


def refused(place: Place, *parts: Any, who: Persona = ada) -> Reply:
    """The answer of a batch that fails, after which everything is as it was."""
    before = place.contents()
    reply = place.ask(batch(*parts), who)
    assert reply.status >= 400, reply
    assert place.contents() == before
    return reply


def stored(place: Place, title: str) -> int:
    return int(place.sql("select count(*) from orders where title = ?", title)[0][0])


# ---------------------------------------------------------------- what it does


def test_an_order_and_its_lines(place: Place) -> None:
    title = fresh()
    lines = [{"order_id": "$1.id", "name": "nut"}, {"order_id": "$1.0.id", "name": "$1.title"}]
    made, line, seen = together(
        place,
        part("POST", "/orders?select=id,title", {"title": title}, Prefer="return=representation"),
        part("POST", "/order_lines?select=name", lines, **RETURNING),
        part("GET", "/orders?id=eq.$1.id&select=title,order_lines(name)&order_lines.order=id"),
    )
    assert made["status"] == 201
    assert made["headers"]["content-type"] == "application/json; charset=utf-8"
    assert made["body"] == [{"id": made["body"][0]["id"], "title": title}]
    assert line["body"] == [{"name": "NUT"}, {"name": title.upper()}]
    assert seen["status"] == 200
    assert seen["body"] == [{"title": title, "order_lines": [{"name": "NUT"}, {"name": title.upper()}]}]
    assert stored(place, title) == 1


def test_every_verb_sees_what_was_before_it(place: Place) -> None:
    one, two = fresh(), fresh()
    answers = together(
        place,
        part("POST", "/orders", {"title": one}, **RETURNING),
        part("PATCH", "/orders?id=eq.$1.id&select=total", {"total": 7}, **RETURNING),
        part("GET", "/orders?id=eq.$1.id&select=total", Accept="application/vnd.pgrst.object+json"),
        part("POST", "/rpc/place_order", {"title": two}),
        part("GET", "/orders?id=eq.$4&select=title"),
        part("PUT", "/order_docs?code=eq.$5.title", {"code": "$5.title", "text": "seven"}),
        part("DELETE", "/orders?id=eq.$1.id&select=total", **RETURNING),
        part("HEAD", "/orders?id=eq.$1.id"),
        part("POST", "/rpc/my_orders?select=title&title=eq.$5.title", {}),
    )
    assert [each["status"] for each in answers] == [201, 200, 200, 200, 200, 201, 200, 200, 200]
    assert answers[1]["body"] == [{"total": 7}]
    assert answers[2]["body"] == {"total": 7}
    assert isinstance(answers[3]["body"], int)
    assert answers[4]["body"] == [{"title": two}]
    assert answers[5]["body"] is None
    assert answers[6]["body"] == [{"total": 7}]
    assert answers[7]["headers"]["content-range"] == "*/*"
    assert answers[8]["body"] == [{"title": two}]
    assert (stored(place, one), stored(place, two)) == (0, 1)


def test_a_list_alone_is_a_batch(place: Place) -> None:
    reply = place.ask(
        send("POST", "/rest/v1/batch", [part("GET", "/orders?id=eq.0"), part("GET", "/rpc/orders_seen")]), ada
    )
    assert [each["status"] for each in reply.json()] == [200, 200]
    assert place.ask(send("POST", "/rest/v1/batch", []), ada).json() == []


def test_each_answer_is_what_the_request_alone_gives(place: Place) -> None:
    targets = [
        ("/orders?select=title,total&limit=1", {"Prefer": "count=exact"}),
        ("/orders?limit=1", {"Accept": "text/csv"}),
        ("/orders?select=title&order=id", {"Range": "0-0", "Range-Unit": "items"}),
        ("/order_docs", {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}),
        ("/rpc/orders_seen", {}),
        ("/", {}),
    ]
    answers = together(place, *(part("GET", target, **headers) for target, headers in targets))
    for (target, headers), answer in zip(targets, answers, strict=True):
        alone = place.ask(Request("GET", f"/rest/v1{target}", tuple(headers.items())), ada)
        assert answer["status"] == alone.status
        text = answer["body"] if isinstance(answer["body"], str) else None
        assert text == alone.body.decode() if text is not None else answer["body"] == alone.json()
        told = {name.decode(): value.decode() for name, value in alone.headers}
        for name, value in answer["headers"].items():
            assert told[name] == value


# ---------------------------------------------------------------- all or nothing

FAILING = {
    "unique": (part("POST", "/orders", {"title": "$1.title"}), 409, "23505"),
    "policy": (part("PATCH", "/orders?id=eq.$1.id", {"owner": ben.sub}), 403, "42501"),
    "hook": (part("POST", "/order_lines", {"order_id": "$1.id", "name": "refused"}), 400, "P0001"),
    "table": (part("GET", "/nothing"), 404, "PGRST205"),
    "column": (part("POST", "/orders", {"nothing": 1}), 400, "PGRST204"),
    "single": (part("GET", "/orders?id=eq.0", Accept="application/vnd.pgrst.object+json"), 406, "PGRST116"),
    "most": (part("PATCH", "/orders?id=eq.$1.id", {"total": 1}, **STRICT), 400, "PGRST124"),
    "foreign key": (part("POST", "/order_lines", {"order_id": 0, "name": "x"}), 409, "23503"),
    "all rows": (part("DELETE", "/orders"), 400, "21000"),
    "function": (part("POST", "/rpc/place_order", {"title": "$1.title"}), 409, "23505"),
    "no function": (part("POST", "/rpc/nothing", {}), 404, "PGRST202"),
    "sly": (part("POST", "/rpc/sly", {}), 405, "25006"),
    "writing by GET": (part("GET", "/rpc/place_order?title=x"), 405, "25006"),
    "filter": (part("GET", "/orders?id=eq.x"), 400, "22P02"),
    "media": (part("GET", "/orders", Accept="image/png"), 406, "PGRST107"),
    "schema": (part("GET", "/orders", **{"Accept-Profile": "auth"}), 406, "PGRST106"),
}  # fmt: skip


@pytest.mark.parametrize("why", FAILING)
def test_one_that_fails_undoes_all(place: Place, why: str) -> None:
    failing, status, code = FAILING[why]
    title = fresh()
    reply = refused(
        place,
        part("POST", "/orders", {"title": title}, **RETURNING),
        part("POST", "/order_lines", {"order_id": "$1.id", "name": "before"}),
        failing,
        part("POST", "/orders", {"title": title + " after"}),
    )
    assert (reply.status, reply.code) == (status, code), reply
    assert reply.json()["request"] == 3
    assert set(reply.json()) == {"code", "details", "hint", "message", "request"}


def test_a_fault_alone_says_nothing_of_requests(place: Place) -> None:
    assert "request" not in place.ask(get("/rest/v1/nothing"), ada).json()


def test_the_house_goes_on_after_a_batch_that_failed(place: Place) -> None:
    title = fresh()
    refused(place, part("POST", "/orders", {"title": title}), part("POST", "/rpc/sly", {}))
    assert place.ask(send("POST", "/rest/v1/orders", {"title": title}), ada).status == 201


# ---------------------------------------------------------------- references


def test_references_keep_their_type(place: Place) -> None:
    code = fresh()
    doc = {"n": 12345678901234567890, "d": 0.10, "list": [1, {"a": None}], "yes": True, "text": "ä\n"}
    parts = {"a": ["$1.doc.list", "$1.0.doc.list.1.a", "$1.doc.yes", "$1.doc.d"]}
    answers = together(
        place,
        part("POST", "/order_docs?select=code,doc", {"code": code, "doc": doc}, **RETURNING),
        part("POST", "/order_docs?select=doc", {"code": code + "b", "doc": "$1.doc"}, **RETURNING),
        part("POST", "/order_docs?select=doc", {"code": code + "c", "doc": parts}, **RETURNING),
        part("POST", "/order_docs?select=text", {"code": code + "d", "text": "$1.doc.text"}, **RETURNING),
        part("POST", "/order_docs?select=doc", {"code": code + "e", "doc": {"all": "$4"}}, **RETURNING),
    )
    assert answers[1]["body"] == [{"doc": doc}]
    assert answers[2]["body"] == [{"doc": {"a": [[1, {"a": None}], None, True, 0.10]}}]
    assert answers[3]["body"] == [{"text": "ä\n"}]
    assert answers[4]["body"] == [{"doc": {"all": [{"text": "ä\n"}]}}]


def test_a_text_with_two_dollars_means_itself(place: Place) -> None:
    code = fresh()
    row = {"code": code, "text": "$$1.id", "doc": {"a": "$$$", "b": "5$"}}
    answer, found = together(
        place,
        part("POST", "/order_docs?select=text,doc", row, **RETURNING),
        part("GET", "/order_docs?text=eq.$$1.id&select=text&limit=1"),
    )
    assert answer["body"] == [{"text": "$1.id", "doc": {"a": "$$", "b": "5$"}}]
    assert found["body"] == [{"text": "$1.id"}]


def test_a_value_is_never_part_of_a_query(place: Place) -> None:
    """What an answer holds stands where one value stands, whatever it looks like."""
    code = fresh()
    nasty = "x,code.eq.y)&select=*&or=(code.not.is.null"
    together(place, part("POST", "/order_docs", [{"code": code, "text": nasty}, {"code": code + "b", "text": "other"}]))
    answers = together(
        place,
        part("GET", f"/order_docs?code=eq.{code.replace(' ', '%20')}&select=text"),
        part("GET", "/order_docs?text=eq.$1.text&select=code"),
        part("GET", "/order_docs?or=(text.eq.$1.text,code.eq.nothing)&select=code"),
        part("GET", "/order_docs?text=%65q.%24%31.text&select=code"),
        part("POST", "/order_docs?select=text", {"code": code + "c", "text": "$1.text"}, **RETURNING),
    )
    assert [answer["body"] for answer in answers[1:4]] == [[{"code": code}]] * 3
    assert answers[4]["body"] == [{"text": nasty}]


LEADING_NOWHERE = {
    "itself": ({"title": "$2.id"}, "PGRST102"),
    "later": ({"title": "$3.id"}, "PGRST102"),
    "member": ({"title": "$1.nothing"}, "PGRST102"),
    "position": ({"title": "$1.7.id"}, "PGRST102"),
    "below a text": ({"title": "$1.title.id"}, "PGRST102"),
    "no reference": ({"title": "$5.00!"}, "PGRST102"),
    "zero": ({"title": "$0.id"}, "PGRST102"),
    "empty": ({"title": "$"}, "PGRST102"),
    "dots": ({"title": "$1..id"}, "PGRST102"),
}


@pytest.mark.parametrize("why", LEADING_NOWHERE)
def test_a_reference_that_leads_nowhere_is_refused(place: Place, why: str) -> None:
    body, code = LEADING_NOWHERE[why]
    reply = refused(
        place,
        part("POST", "/orders", {"title": fresh()}, **RETURNING),
        part("POST", "/orders", body),
        part("GET", "/orders"),
    )
    assert (reply.status, reply.code, reply.json()["request"]) == (400, code, 2)


@pytest.mark.parametrize("path", ["/orders?id=eq.$1.x", "/order_docs?code=eq.$1.doc", "/order_docs?code=eq.$1.text"])
def test_what_is_no_text_is_not_put_into_a_path(place: Place, path: str) -> None:
    made = part("POST", "/order_docs", {"code": fresh(), "doc": {"a": 1}}, **RETURNING)
    assert refused(place, made, part("GET", path)).code == "PGRST102"


def test_an_answer_without_rows_cannot_be_referred_to(place: Place) -> None:
    reply = refused(place, part("POST", "/orders", {"title": fresh()}), part("GET", "/orders?id=eq.$1.id"))
    assert "representation" in reply.json()["hint"]


# ---------------------------------------------------------------- its form and its bounds

BAD = {
    "no list": {"requests": 5},
    "another member": {"requests": [], "more": 1},
    "a text": ["GET /orders"],
    "no method": [{"path": "/orders"}],
    "method": [{"method": "OPTIONS", "path": "/orders"}],
    "small letters": [{"method": "get", "path": "/orders"}],
    "no path": [{"method": "GET"}],
    "url": [{"method": "GET", "path": "http://other.example/orders"}],
    "blank": [{"method": "GET", "path": "/orders?id=eq.1 HTTP/1.1"}],
    "line": [{"method": "GET", "path": "/orders\r\n"}],
    "headers": [{"method": "GET", "path": "/orders", "headers": ["a"]}],
    "header": [{"method": "GET", "path": "/orders", "headers": {"accept": 5}}],
    "header with a line": [{"method": "GET", "path": "/orders", "headers": {"accept": "a\r\nb"}}],
    "member": [{"method": "GET", "path": "/orders", "token": "x"}],
    "authorization": [{"method": "GET", "path": "/orders", "headers": {"Authorization": "Bearer x"}}],
    "apikey": [{"method": "GET", "path": "/orders", "headers": {"ApiKey": "x"}}],
    "key": [{"method": "POST", "path": "/orders", "headers": {"Idempotency-Key": "x"}, "body": {"title": "x"}}],
}


@pytest.mark.parametrize("why", BAD)
def test_a_batch_of_another_form_is_refused(place: Place, why: str) -> None:
    before = place.contents()
    reply = place.ask(send("POST", "/rest/v1/batch", BAD[why]), ada)
    assert (reply.status, reply.code) == (400, "PGRST102"), reply
    assert place.contents() == before


def test_only_paths_of_the_data_api(place: Place) -> None:
    for path in ("/rest/v1/orders", "/../auth/v1/token", "/functions/v1/x", "//other.example/orders", "/orders/1"):
        assert refused(place, part("GET", path)).code == "PGRST125", path


@pytest.mark.parametrize("path", ["/batch", "/%62atch", "/batch?select=id"])
def test_no_batch_within_a_batch(place: Place, path: str) -> None:
    reply = refused(place, part("POST", "/orders", {"title": fresh()}), part("POST", path, []))
    assert (reply.code, reply.json()["request"]) == ("PGRST117", 2)


def test_as_many_requests_as_the_settings_say(place: Place) -> None:
    assert len(together(place, *[part("GET", "/orders?id=eq.0")] * 20)) == 20
    reply = refused(place, *[part("POST", "/order_docs", {"code": fresh()}) for _ in range(21)])
    assert (reply.status, reply.code) == (413, "UC413")


def test_references_do_not_make_a_body_longer_than_one_may_be(place: Place) -> None:
    code = fresh()
    parts = [part("POST", "/order_docs?select=doc", {"code": code, "doc": {"a": "x" * 200_000}}, **RETURNING)]
    parts.append(part("POST", "/order_docs", [{"code": f"{code}{n}", "doc": "$1.doc"} for n in range(60)]))
    assert refused(place, *parts).code == "UC413"


def test_answers_together_are_bounded(tmp_path: Path) -> None:
    with Place(orders(), tmp_path, UNDERCROFT_SERVER_BODY_LIMIT="2KiB") as small:
        rows = [{"code": f"c{n}", "text": "x" * 150} for n in range(10)]
        assert small.ask(send("POST", "/rest/v1/order_docs", rows), ada).status == 201
        read = part("GET", "/order_docs?select=code,text")
        assert len(together(small, *[read] * 8)) == 8
        reply = refused(small, part("POST", "/orders", {"title": "never"}), *[read] * 12)
        assert (reply.status, reply.code) == (413, "UC413")
        assert reply.json()["request"] > 8


def test_depth_counts_after_references_are_filled_in(place: Place) -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    made = part("POST", "/order_docs?select=doc", {"code": fresh(), "doc": {"a": deep}}, **RETURNING)
    wrapped: Any = "$1.doc"
    for _ in range(30):
        wrapped = [wrapped]
    assert refused(place, made, part("POST", "/order_docs", {"code": fresh(), "doc": {"a": wrapped}})).code == "UC413"


def test_how_it_ends_is_said_for_all_of_it(place: Place) -> None:
    title = fresh()
    undone = send(
        "POST", "/rest/v1/batch", [part("POST", "/orders", {"title": title}, **RETURNING)], ("prefer", "tx=rollback")
    )
    reply = place.ask(undone, ada)
    assert reply.json()[0]["body"][0]["title"] == title
    assert stored(place, title) == 0
    reply = refused(place, part("POST", "/orders", {"title": title}), part("GET", "/orders", Prefer="tx=rollback"))
    assert (reply.code, reply.json()["request"]) == ("PGRST122", 2)


def test_its_answer_is_json(place: Place) -> None:
    for headers in ((("accept", "text/csv"),), (("content-type", "text/csv"),)):
        reply = place.ask(Request("POST", "/rest/v1/batch", headers, b"[]"), ada)
        assert reply.code in ("PGRST107", "PGRST102")


def test_other_verbs_look_for_a_table(place: Place) -> None:
    assert place.ask(get("/rest/v1/batch"), ada).code == "PGRST205"
    assert place.ask(send("PATCH", "/rest/v1/batch?id=eq.1", {}), ada).code == "PGRST205"


def test_what_is_filled_in_makes_no_longer_path_than_may_be_sent(place: Place) -> None:
    made = part("POST", "/order_docs", {"code": fresh(), "text": "\u00e4" * 33_000}, **RETURNING)
    reply = refused(place, made, part("GET", "/order_docs?text=eq.$1.text"))
    assert (reply.status, reply.code, reply.json()["request"]) == (414, "UC414", 2)


REFUSED_AT_ONCE = {
    "table": part("POST", "/nothing", {"a": 1}),
    "insert": part("POST", "/order_notes", {"said": "x"}),
    "insert by reference": part("POST", "/order_notes", "$1"),
    "rows by reference": part("POST", "/order_notes", ["$1.0"]),
    "csv": part("POST", "/order_notes", "said\nx\n", **{"Content-Type": "text/csv"}),
    "column": part("POST", "/orders", {"nothing": 1}),
    "all rows": part("DELETE", "/orders"),
    "function": part("POST", "/rpc/nothing", {}),
    "arguments": part("POST", "/rpc/place_order", {"nothing": 1}),
    "verb": part("PATCH", "/rpc/place_order", {"title": "x"}),
    "uneven": part("POST", "/orders", [{"title": "x"}, {"total": 1}]),
}


@pytest.mark.parametrize("key", [False, True])
@pytest.mark.parametrize("why", REFUSED_AT_ONCE)
def test_nobody_takes_the_writer_for_what_he_may_not_do(
    place: Place, why: str, key: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(*_: Any, **__: Any) -> Any:
        raise AssertionError("a transaction was begun")

    request = batch(part("GET", "/orders?id=eq.0"), REFUSED_AT_ONCE[why])
    if key:
        request = request._replace(headers=(*request.headers, ("idempotency-key", fresh())))
    monkeypatch.setattr(Pipeline, "logic", taken)
    reply = place.ask(request, ada)
    assert 400 <= reply.status < 500, reply
    assert reply.json()["request"] == 2


def test_rows_by_reference_are_written_where_that_is_allowed(place: Place) -> None:
    code = fresh()
    made = part("POST", "/order_docs?select=code,text", {"code": code, "text": "x"}, **RETURNING)
    gone = part("DELETE", f"/order_docs?code=eq.{code.replace(' ', '%20')}")
    answers = together(place, made, gone, part("POST", "/order_docs?select=code,text", "$1", **RETURNING))
    assert answers[2]["body"] == [{"code": code, "text": "x"}]


def test_others_have_their_turn_between_the_requests_of_a_batch(place: Place) -> None:
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> Reply:
        nonlocal turns
        beating = asyncio.create_task(beat())
        await asyncio.sleep(0)
        turns = 0
        reply = await place.asking(batch(), ada)
        # What waits for PostgreSQL gives turns anyway, and more of them the longer it waits.
        before = turns if place.server is None else 0
        turns = 0
        reply = await place.asking(batch(*[part("GET", "/orders?id=eq.0")] * 20), ada)
        beating.cancel()
        turns -= before
        return reply

    assert place.run(both()).status == 200
    assert turns >= 20


def test_statements_hold_the_loop_no_longer_all_in_all(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them is short; past what all of them may take, they are done on another thread, with the same answers."""
    if place.server is not None:
        return
    parts = [
        part("POST", "/orders?select=title", {"title": fresh()}, **RETURNING),
        part("GET", "/orders?title=eq.$1.title&select=title"),
        part("POST", "/order_docs?select=code", {"code": fresh()}, **RETURNING),
        part("GET", "/order_docs?code=eq.$3.code&select=code"),
    ]
    threads: set[int] = set()
    run = SQLiteTransaction.run

    def run_seen(self: SQLiteTransaction, work: Any) -> Any:
        threads.add(threading.get_ident())
        return run(self, work)

    monkeypatch.setattr(shared, "_INLINE_SECONDS", -1)
    monkeypatch.setattr(SQLiteTransaction, "run", run_seen)
    loop = place.run(_here())
    answers = together(place, *parts)
    assert answers[1]["body"] == answers[0]["body"]
    assert answers[3]["body"] == answers[2]["body"]
    reads = together(place, *[part("GET", "/orders?select=title&limit=1")] * 3)
    assert len({str(each["body"]) for each in reads}) == 1
    assert threads
    assert loop not in threads


async def _here() -> int:
    return threading.get_ident()


# ---------------------------------------------------------------- whose it is


def test_nobody_gets_more_by_a_batch(place: Place) -> None:
    """Every request of a table of them, by everybody: the same answer and the same change as alone."""
    (made,) = together(place, part("POST", "/orders", {"title": fresh()}, **RETURNING))
    own = made["body"][0]["id"]
    asked = [
        ("GET", f"/orders?id=eq.{own}&select=id,title", None),
        ("PATCH", f"/orders?id=eq.{own}&select=id", {"total": 3}),
        ("POST", "/order_lines?select=name", {"order_id": own, "name": "theirs"}),
        ("POST", "/order_notes", {"said": "x"}),
        ("DELETE", f"/orders?id=eq.{own}&total=eq.99&select=id", None),
        ("POST", "/rpc/orders_seen", {}),
        ("POST", "/rpc/my_orders?select=id", {}),
    ]
    for who in (ANON, ada, ben):
        for method, target, body in asked:
            undo = ("prefer", "tx=rollback"), FULL
            alone = place.ask(send(method, f"/rest/v1{target}", body, *undo), who)
            one = send("POST", "/rest/v1/batch", [part(method, target, body, **RETURNING)], ("prefer", "tx=rollback"))
            reply = place.ask(one, who)
            if alone.status >= 400:
                assert reply.status == alone.status, (who, target)
                assert {**reply.json(), "request": None} == {**alone.json(), "request": None}
            else:
                assert reply.json()[0]["status"] == alone.status, (who, target, reply)
                assert reply.json()[0]["body"] == (alone.json() if alone.body else None)


def test_what_another_owns_is_not_reached_by_a_reference(place: Place) -> None:
    (made,) = together(place, part("POST", "/orders", {"title": fresh()}, **RETURNING))
    own = made["body"][0]["id"]
    reply = refused(place, part("GET", f"/orders?id=eq.{own}"), part("GET", "/orders?title=eq.$1.title"), who=ben)
    assert (reply.code, reply.json()["request"]) == ("PGRST102", 2)


# ---------------------------------------------------------------- with a key


def test_a_batch_with_a_key_is_carried_out_once(place: Place) -> None:
    title = fresh()
    parts = [
        part("POST", "/orders", {"title": title}, **RETURNING),
        part("POST", "/order_lines", {"order_id": "$1.id", "name": "once"}),
    ]
    request = batch(*parts)._replace(headers=(("content-type", "application/json"), ("idempotency-key", title)))
    replies = place.ask_at_once([request] * 64, ada)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert sorted(reply.header("idempotent-replayed") or "" for reply in replies) == [""] + ["true"] * 63
    assert stored(place, title) == 1
    other = request._replace(body=json.dumps(parts[:1]).encode())
    assert place.ask(other, ada).code == "UC422"


def test_a_batch_that_failed_leaves_its_key(place: Place) -> None:
    title = fresh()
    headers = (("content-type", "application/json"), ("idempotency-key", title))
    failing = batch(part("POST", "/orders", {"title": title}), part("GET", "/nothing"))._replace(headers=headers)
    assert place.ask(failing, ada).status == 404
    assert place.ask(batch(part("POST", "/orders", {"title": title}))._replace(headers=headers), ada).status == 200
    assert stored(place, title) == 1


def test_a_batch_that_only_reads_does_not_look_at_its_key(place: Place) -> None:
    name = '"undercroft.idempotency"' if place.server is None else "undercroft.idempotency"
    before = place.sql(f"select count(*) from {name}")
    parts = [part("GET", "/orders?limit=1"), part("GET", "/rpc/orders_seen"), part("POST", "/rpc/orders_seen", {})]
    for _ in range(2):
        request = batch(*parts)._replace(headers=(("content-type", "application/json"), ("idempotency-key", "reads")))
        reply = place.ask(request, ada)
        assert (reply.status, reply.header("idempotent-replayed")) == (200, None)
    assert place.sql(f"select count(*) from {name}") == before


def test_an_answer_that_is_too_long_to_be_kept_is_refused(place: Place) -> None:
    title, code = fresh(), fresh()
    row = {"code": code, "text": "x" * 1_100_000}
    headers = (("content-type", "application/json"), ("idempotency-key", title))
    for request in (
        batch(part("POST", "/order_docs", row, **RETURNING)),
        send("POST", "/rest/v1/order_docs", row, FULL),
    ):
        before = place.contents()
        reply = place.ask(request._replace(headers=(*request.headers, *headers[1:])), ada)
        assert (reply.status, reply.code) == (413, "54000"), reply
        assert place.contents() == before
    minimal = send("POST", "/rest/v1/order_docs", row, headers[1])
    assert [place.ask(minimal, ada).header("idempotent-replayed") for _ in range(2)] == [None, "true"]
