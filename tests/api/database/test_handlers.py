"""Bodies that the database makes itself: aggregates and functions of domains whose names are media types.

Protocol: PostgREST 14, "media type handlers", "resource representation".
"""

from __future__ import annotations

import json

import pytest

from tests.api.database.place import Served

pytestmark = pytest.mark.needs("postgres")
LINES = "application/vnd.lines"
NDJSON = "application/x-ndjson"


def test_a_table_s_own_aggregate(served: Served) -> None:
    reply = served.get("/letters?order=id", accept=LINES)
    assert (reply.status, reply.header("content-type"), reply.text) == (200, LINES, "1=a;2=b;3=c;")
    assert served.get("/letters?id=gt.1&order=id.desc", accept=LINES).text == "3=c;2=b;"
    assert served.get("/rpc/all_letters?order=id", accept=LINES).text == "1=a;2=b;3=c;"
    head = served.ask("HEAD", "/letters", accept=LINES)
    assert (head.status, head.header("content-type"), head.body) == (200, LINES, b"")


def test_it_takes_whole_rows_of_its_table_only(served: Served) -> None:
    assert served.get("/letters?select=id", accept=LINES).fault == (406, "PGRST107")
    assert served.get("/kept", accept=LINES).fault == (406, "PGRST107")
    assert served.get("/letters?select=*&id=eq.1", accept=LINES).text == "1=a;"


def test_an_aggregate_over_rows_of_every_kind(served: Served) -> None:
    def rows(target: str) -> list[object]:
        reply = served.get(target, accept=NDJSON)
        assert reply.header("content-type") == NDJSON, reply.text
        return [json.loads(line) for line in reply.text.splitlines()]

    assert rows("/kept?order=id") == [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]
    assert rows("/letters?select=id,x:text&id=eq.1") == [{"id": 1, "x": "a"}]
    assert rows("/authors?select=name,books(title)&id=eq.2") == [{"name": "B", "books": [{"title": "z"}]}]
    assert rows("/rpc/numbers") == [1, 2, 3]


def test_what_a_write_returns(served: Served) -> None:
    written = {"id": 9, "text": "n"}
    shown = {"prefer": "return=representation", "given": {"db-tx-end": "rollback"}}
    reply = served.post("/letters", written, accept=LINES, **shown)
    assert (reply.status, reply.header("content-type"), reply.text) == (201, LINES, "9=n;")
    minimal = served.post("/letters", written, accept=LINES, given={"db-tx-end": "rollback"})
    assert (minimal.status, minimal.body) == (201, b"")


def test_functions_that_give_a_body(served: Served) -> None:
    reply = served.get("/rpc/plain_text", accept="text/plain")
    assert (reply.header("content-type"), reply.text) == ("text/plain; charset=utf-8", "hello")
    assert served.get("/rpc/plain_text").json() == "hello"
    reply = served.get("/rpc/raw_bytes", accept="application/octet-stream")
    assert (reply.header("content-type"), reply.body) == ("application/octet-stream", b"\xff\x00")
    assert served.get("/rpc/add?a=1", accept="text/plain").fault == (406, "PGRST107")


def test_one_for_every_type(served: Served) -> None:
    for accept, shown in (
        ("*/*", "application/octet-stream"),
        ("app/x", "app/x"),
        ("application/json", "application/json; charset=utf-8"),
    ):
        reply = served.get("/rpc/anything", accept=accept)
        assert (reply.status, reply.header("content-type"), reply.text) == (200, shown, "any")
    assert served.get("/rpc/anything").header("content-type") == "application/octet-stream"


def test_features_of_rows(served: Served) -> None:
    def collection(target: str) -> object:
        reply = served.get(target, accept="application/geo+json")
        assert reply.header("content-type") == "application/geo+json; charset=utf-8", reply.text
        return reply.json()

    feature = {"type": "Feature", "properties": {"id": 1, "name": "x"}}
    assert collection("/kept?id=eq.1") == {"type": "FeatureCollection", "features": [feature]}
    assert collection("/kept?id=eq.9&select=id") == {"type": "FeatureCollection", "features": []}
    assert collection("/rpc/all_letters?select=id&id=eq.2") == {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"id": 2}}],
    }


def test_ours_by_quality_exactness_and_place(served: Served) -> None:
    def shown(accept: str, target: str = "/letters?id=eq.1") -> str | None:
        return served.get(target, accept=accept).header("content-type")

    assert shown("text/csv;q=0.5, application/json;q=0.9") == "application/json; charset=utf-8"
    assert shown("text/html,application/xhtml+xml,*/*;q=0.8") == "application/json; charset=utf-8"
    assert shown("text/csv") == shown("text/csv", "/rpc/numbers") == "text/csv; charset=utf-8"
    assert shown("*/*, text/csv") == shown("text/csv, application/json") == "text/csv; charset=utf-8"
    assert shown("*/*, text/csv;q=0.9") == "application/json; charset=utf-8"
    assert shown(f"text/csv, {LINES};v=1") == LINES
    stripped = "application/vnd.pgrst.array+json;nulls=stripped"
    assert shown(stripped) == f"{stripped}; charset=utf-8"
    assert shown("application/vnd.pgrst.object") == "application/vnd.pgrst.object+json; charset=utf-8"
    fault = served.get("/letters", accept="image/png, text/xml").json()
    assert fault["message"] == "None of these media types are available: image/png, text/xml"


@pytest.mark.parametrize(
    ("target", "status", "value"),
    [
        ("/rpc/add?a=1", 200, 2), ("/rpc/a_json", 200, {"a": [1, 2]}),
        ("/rpc/all_letters?id=eq.1&select=id", 200, {"id": 1}),
        ("/rpc/one_letter?select=id", 200, {"id": 2}),
    ],
)  # fmt: skip
def test_a_single_object(served: Served, target: str, status: int, value: object) -> None:
    reply = served.get(target, accept="application/vnd.pgrst.object+json")
    assert (reply.status, reply.json()) == (status, value)
    many = served.get("/rpc/all_letters", accept="application/vnd.pgrst.object+json")
    assert many.json()["details"] == "The result contains 3 rows"


def test_plans(served: Served) -> None:
    allowed = {"db-plan-enabled": True}
    plan = "application/vnd.pgrst.plan"
    assert served.get("/letters", accept=plan).fault == (406, "PGRST107")
    reply = served.get("/letters?id=eq.1", accept=plan, given=allowed)
    assert reply.header("content-type") == f'{plan}+text; for="application/json"; charset=utf-8'
    assert "letters_pkey" in reply.text
    assert reply.header("content-profile") == "api"
    wanted = f'{plan}+json; for="text/csv"; options=verbose|nonsense|analyze'
    reply = served.get("/letters", accept=wanted, given=allowed)
    assert reply.header("content-type") == f'{plan}+json; for="text/csv"; options=analyze|verbose; charset=utf-8'
    assert "Actual Total Time" in reply.json()[0]["Plan"]
    # A function that can be inlined is: its filters become those of its table.
    assert "Index Scan" in served.get("/rpc/all_letters?id=eq.1", accept=plan, given=allowed).text
    for method, body in (("POST", {"id": 77}), ("PATCH", {"text": "q"}), ("DELETE", None)):
        reply = served.ask(
            method, "/letters?id=eq.77" if method != "POST" else "/letters", body=body, accept=plan, given=allowed
        )
        assert (reply.status, "letters" in reply.text) == (200, True)
    assert served.sql("SELECT count(*) FROM api.letters") == [(3,)]
    assert served.get("/letters", accept=f'{plan}; for="image/png"', given=allowed).fault == (406, "PGRST107")
