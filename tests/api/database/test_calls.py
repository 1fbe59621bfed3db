"""Functions of an existing database called over HTTP: which is meant, how it takes its arguments, what it gives.

Protocol: PostgREST 14, "functions as RPC".
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.database.place import Served

pytestmark = pytest.mark.needs("postgres")
ROLLED_BACK = {"db-tx-end": "rollback"}


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("add?a=1&b=2", 3), ("add?a=1", 2), ("a_mood", "calm"), ("a_mood?m=glad", "glad"), ("an_even?n=2", 2),
        ("a_point?x=1&y=2", {"x": 1, "y": 2}), ("a_point?x=1&y=2&select=y", {"y": 2}),
        ("points?x=gt.1&select=y", [{"y": 4}]), ("a_hidden", {"a": 1, "b": "x"}), ("plus_one?list={1,2}", [2, 3]),
        ("a_table?order=id.desc&limit=1", [{"id": 2, "label": "two"}]), ("a_column", [{"n": 1}, {"n": 2}]),
        ("a_record", {"id": 1, "label": "one"}), ("one_out", {"n": 7}), ("in_out?n=1", {"n": 2}),
        ("records", [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}, {"id": 3, "text": "c"}]),
        ("many_out?a=1&b=2", {"b": 3, "c": "c"}), ("set_out?a=eq.2", [{"a": 2, "b": "y"}]),
        ("a_json", {"a": [1, 2]}), ("jsons", [{"id": 2}, {"id": 3}]), ("a_null_json", None), ("no_value", None),
        ("a_bool?b=true", True), ("a_date?d=2024-01-01", "2024-01-01"), ("a_big", 9007199254740993),
        ("texts", ["a", None, "c"]), ("numbers?limit=2", [1, 2]),
        ("no_letter", dict.fromkeys(("id", "note_id", "text"))),
        ("all_letters?order=id&select=n:note_id&offset=1", [{"n": 1}, {"n": 3}]), ("other_things?id=eq.9", []),
        ("odd%20N%C3%A4me?w%C3%A9ird%20arg=x", "xd"), ("variadic_default", 0), ("variadic_default?v=1&v=2&v=3", 3),
        ("variadic_after?a=x&v=1,2&v=3", "x:1,2,3"), ("sum_of?v=1", 1), ("a_range?r=[1,3)", "[1,3)"),
        ("over", "none"), ("over?a=1", "a"), ("over?a=1&b=2", "a, b"), ("over?c=1", "c, d"),
        ("letters_of?note=1&note=3", [{"id": 3, "note_id": 3, "text": "c"}]),
        ("a_paint?c=eq.%23FF0000", [{"id": 1, "name": "red", "c": "#FF0000"}]),
    ],
)  # fmt: skip
def test_a_get_gives_the_value(served: Served, target: str, value: Any) -> None:
    reply = served.get(f"/rpc/{target}")
    assert (reply.status, reply.json()) == (200, value), reply.text


@pytest.mark.parametrize(
    ("name", "body", "value"),
    [
        ("add", {"a": 1, "b": 2}, 3), ("add", {"a": 1}, 2), ("add", [{"a": 1, "b": 5}, {"a": 3, "b": 4}], 6),
        ("add?columns=a", {"a": 1, "b": 9}, 2), ("a_bool", {"b": False}, False), ("sum_of", {"v": [1, 2]}, 3),
        ("sum_of", {"v": "{1,2}"}, 3), ("variadic_default", {}, 0), ("variadic_default", {"v": []}, 0),
        ("a_char", {"c": "abc", "v": "abcdef", "b": "10101"}, "abcabcdef10101"),
        ("limit_me", {"limit": 1, "order": "x"}, "1x"), ("length_of", [1, 2, 3], 3), ("jsonb_of", {"a": 1}, {"a": 1}),
        ("jsonb_of", None, {}), ("record_of", {"want": {"a": 1}}, {"w": {"a": 1}, "n": 2}),
        ("over", {}, "none"), ("over", {"a": 1}, "a"), ("over", {"z": 1}, "json"), ("an_even", {"n": 4}, 4),
        ("all_letters?id=eq.3&select=text", {}, [{"text": "c"}]), ("plus_one", {"list": [1]}, [2]),
        ("patient", {}, "9s"), ("isolated", {}, "repeatable read"),
    ],
)  # fmt: skip
def test_a_post_gives_the_value(served: Served, name: str, body: Any, value: Any) -> None:
    reply = served.post(f"/rpc/{name}", body)
    assert (reply.status, reply.json()) == (200, value), reply.text


@pytest.mark.parametrize(
    ("name", "content", "body", "value"),
    [
        ("shout", "text/plain", "hello", "HELLO"), ("bytes_of", "application/octet-stream", b"\0\1\xff", 3),
        ("over", "text/plain; charset=utf-8", "x", "text"), ("over", "application/octet-stream", b"x", "bytea"),
        ("sum_of", "application/x-www-form-urlencoded", "v=1&v=2", 3), ("add", "text/csv", "a,b\n1,2", 3),
        ("add", "application/x-www-form-urlencoded", "a=1&b=2", 3),
        ("add", "application/json; charset=utf-8", '{"a":1}', 2),
    ],
)  # fmt: skip
def test_bodies_of_other_types(served: Served, name: str, content: str, body: Any, value: Any) -> None:
    reply = served.post(f"/rpc/{name}", body, content_type=content)
    assert (reply.status, reply.json()) == (200, value), reply.text


def test_what_is_void_has_no_content(served: Served) -> None:
    for method in ("GET", "HEAD", "POST"):
        reply = served.ask(method, "/rpc/nothing")
        assert (reply.status, reply.body, reply.header("content-type")) == (204, b"", None)


def test_a_get_writes_nothing(served: Served) -> None:
    assert served.get("/rpc/remember?name=z").fault == (405, "25006")
    assert served.post("/rpc/remember", {"name": "z"}, given=ROLLED_BACK).json() == [{"id": 3, "name": "z"}]
    changed = served.post("/rpc/change_letters?select=id&order=id.desc", {"t": "zz"}, given=ROLLED_BACK)
    assert changed.json() == [{"id": 3}, {"id": 2}, {"id": 1}]
    assert served.sql("SELECT count(*) FROM api.letters WHERE text = 'zz'") == [(0,)]


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "code"),
    [
        ("GET", "add?a=1&b=x", None, 400, "22P02"), ("POST", "add", {"a": "x"}, 400, "22P02"),
        ("GET", "a_mood?m=mad", None, 400, "22P02"), ("GET", "an_even?n=3", None, 400, "23514"),
        ("GET", "points?nope=eq.1", None, 400, "42703"), ("GET", "add?a=1&select=z", None, 400, "42703"),
        ("POST", "add", "{bad", 400, "PGRST102"), ("POST", "add?c=1", {"a": 1}, 400, "PGRST100"),
        ("PUT", "add", {}, 405, "PGRST101"), ("PATCH", "add", {}, 405, "PGRST101"),
        ("DELETE", "add", None, 405, "PGRST101"),
        ("POST", "forbidden", {}, 401, "42501"), ("GET", "hidden_rows", None, 401, "42501"),
        ("POST", "sleepy", {}, 500, "57014"), ("GET", "a_procedure", None, 404, "PGRST202"),
        ("GET", "a_trigger", None, 404, "PGRST202"), ("GET", "two_unnamed", None, 404, "PGRST202"),
        ("POST", "one_unnamed_int", "1", 404, "PGRST202"), ("GET", "an_aggregate", None, 404, "PGRST202"),
        ("POST", "unclear", {"a": 1}, 300, "PGRST203"), ("POST", "unclear_body", {"a": 1}, 300, "PGRST203"),
    ],
)  # fmt: skip
def test_refusals(served: Served, method: str, target: str, body: Any, status: int, code: str) -> None:
    reply = served.ask(method, f"/rpc/{target}", body=body)
    assert reply.fault == (status, code), reply.text


def test_a_function_that_is_not_there(served: Served) -> None:
    def told(method: str, target: str, body: Any = None, **headers: Any) -> tuple[str, str, str | None]:
        fault = served.ask(method, f"/rpc/{target}", body=body, **headers).json()
        assert fault["code"] == "PGRST202"
        return fault["message"], fault["details"], fault["hint"]

    missing = "but no matches were found in the schema cache."
    assert told("GET", "add") == (
        "Could not find the function api.add without parameters in the schema cache",
        f"Searched for the function api.add without parameters, {missing}",
        None,
    )
    assert told("POST", "add", {"a": 1, "zz": 2}) == (
        "Could not find the function api.add(a, zz) in the schema cache",
        "Searched for the function api.add with parameters a, zz or with a single unnamed json/jsonb parameter, "
        + missing,
        "Perhaps you meant to call the function api.add(a, b)",
    )
    assert told("GET", "addd?a=1") == (
        "Could not find the function api.addd(a) in the schema cache",
        f"Searched for the function api.addd with parameter a, {missing}",
        "Perhaps you meant to call the function api.add",
    )
    assert told("POST", "add", "zz\nx", content_type="text/csv")[1] == (
        f"Searched for the function api.add with parameter zz, {missing}"
    )
    assert told("POST", "length_of", "zz\nx", content_type="text/csv")[2] is None  # a list of arguments is no JSON
    assert told("GET", "letter_of?note=1")[2] == "Perhaps you meant to call the function api.letters_of"
    assert told("GET", "nope")[2] is None  # names of functions are not found by guessing
    assert told("POST", "add", "x", content_type="text/plain")[:2] == (
        "Could not find the function api.add in the schema cache",
        f"Searched for the function api.add with a single unnamed text parameter, {missing}",
    )


def test_functions_that_cannot_be_told_apart(served: Served) -> None:
    fault = served.post("/rpc/unclear", {"a": 1}).json()
    assert fault["message"] == (
        "Could not choose the best candidate function between: api.unclear(a => integer), api.unclear(a => text)"
    )
    assert fault["hint"].startswith("Try renaming the parameters or the function itself")


def test_counts_and_pages_of_what_is_given(served: Served) -> None:
    reply = served.get("/rpc/all_letters", prefer="count=exact", range="0-0")
    assert (reply.status, reply.header("content-range")) == (206, "0-0/3")
    assert served.post("/rpc/all_letters?limit=1", prefer="count=exact").header("content-range") == "0-0/3"
    reply = served.get("/rpc/all_letters?limit=1", prefer="count=planned")
    assert (reply.status, reply.header("content-range")) == (200, "0-0/*")
    assert served.get("/rpc/all_letters", given={"db-max-rows": 1}).header("content-range") == "0-0/*"


def test_how_many_rows_a_call_may_touch(served: Served) -> None:
    strict = {"prefer": "handling=strict, max-affected=2"}
    assert served.post("/rpc/change_letters", {"t": "q"}, **strict).fault == (400, "PGRST124")
    assert served.post("/rpc/add", {"a": 1}, **strict).fault == (400, "PGRST128")
    assert served.sql("SELECT count(*) FROM api.letters WHERE text = 'q'") == [(0,)]
    lenient = served.post("/rpc/change_letters", {"t": "q"}, prefer="max-affected=2", given=ROLLED_BACK)
    assert lenient.status == 200


def test_which_methods_a_function_allows(served: Served) -> None:
    def allowed(target: str) -> str | None:
        return served.ask("OPTIONS", f"/rpc/{target}").header("allow")

    assert allowed("add?a=1") == allowed("add") == "OPTIONS,GET,HEAD,POST"
    assert allowed("remember?name=x") == allowed("remember") == allowed("over?c=1") == "OPTIONS,POST"
    assert allowed("over?a=1") == "OPTIONS,GET,HEAD,POST"
    assert served.ask("OPTIONS", "/rpc/nope").fault == (404, "PGRST202")


def test_embeds_and_computed_fields_of_what_is_given(served: Served) -> None:
    reply = served.get("/rpc/everybody?select=full_name,sent(body),o2o(extra)&order=id&limit=1")
    assert reply.json() == [{"full_name": "Ann Lee", "sent": [{"body": "hi"}], "o2o": {"extra": "e"}}]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("PT402", 402), ("PT200", 200), ("PT999", 500), ("P0001", 400), ("P0002", 500), ("42501", 401), ("40001", 500),
        ("54001", 500), ("53400", 500), ("53000", 503), ("23505", 409), ("23503", 409), ("23000", 400), ("28000", 403),
        ("25006", 405), ("25001", 500), ("42P17", 500), ("42P01", 404), ("42883", 404), ("0L000", 403), ("0P000", 403),
        ("08000", 503), ("38000", 500), ("55000", 500), ("57014", 500), ("58000", 500), ("XX000", 500), ("ZZ123", 400),
    ],
)  # fmt: skip
def test_statuses_of_errors(served: Served, state: str, status: int) -> None:
    reply = served.post("/rpc/fail", {"state": state, "message": "m", "detail": "d", "hint": "h"})
    assert reply.status == status
    assert reply.json() == {"code": state, "message": "m", "details": "d", "hint": "h"}
    assert reply.header("proxy-status") == f"PostgREST; error={state}"
    assert reply.header("www-authenticate") == ("Bearer" if status == 401 else None)


def test_an_error_that_tells_status_and_headers(served: Served) -> None:
    def raised(message: str, detail: str | None) -> Any:
        return served.post("/rpc/fail", {"state": "PGRST", "message": message, "detail": detail})

    message = '{"code":"123","message":"ABC","details":"DEF","hint":"XYZ"}'
    reply = raised(message, '{"status":332,"headers":{"X-Header":"str"}}')
    assert (reply.status, reply.header("x-header")) == (332, "str")
    assert reply.json() == {"code": "123", "message": "ABC", "details": "DEF", "hint": "XYZ"}
    for wrong, detail, told in (
        (message, None, "DETAIL is missing in the RAISE statement"),
        (message, "{}", "Invalid JSON value for DETAIL: '{}'"),
        ("zz", "{}", "Invalid JSON value for MESSAGE: 'zz'"),
    ):
        reply = raised(wrong, detail)
        assert (reply.fault, reply.json()["details"]) == ((500, "PGRST121"), told)


def test_what_functions_choose_for_the_answer(served: Served) -> None:
    reply = served.post("/rpc/teapot", {})
    assert (reply.status, reply.header("content-type"), reply.json()) == (
        418,
        "text/plain",
        {"message": "short and stout"},
    )
    assert [value for name, value in reply.headers if name == "cache-control"] == ["public", "max-age=5"]
    for fail in (False, True):  # browsers take one such header, and no second
        reply = served.post("/rpc/own_origin", {"fail": fail}, origin="https://other.example")
        assert [value for name, value in reply.headers if name == "access-control-allow-origin"] == [
            "https://own.example"
        ]
    assert served.post("/rpc/bad_headers", {}).fault == (500, "PGRST111")
    assert served.post("/rpc/bad_status", {}).fault == (500, "PGRST112")
