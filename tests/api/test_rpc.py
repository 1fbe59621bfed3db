"""Functions over HTTP, as PostgREST's "functions" page has it: verbs, arguments, results, faults.

Each case of a table compares everything in the database before and after: what a request may not change, it has not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.scenario import Persona, Place, Reply, Request, Scenario, get, send
from tests.compat.club import ADA, ROWS, another, fill
from undercroft.app import build
from undercroft.base.settings import Settings

USER = Persona("u", "authenticated", ADA)
SERVICE = Persona("s", "service_role")
FORM = ("content-type", "application/x-www-form-urlencoded")
OBJECT = ("accept", "application/vnd.pgrst.object+json")
CSV = ("accept", "text/csv")
COUNT = ("prefer", "count=exact")
TASKS = frozenset({"tasks"})


def call(name: str, value: Any = None, *headers: tuple[str, str], query: str = "") -> Request:
    return send("POST", f"/rest/v1/rpc/{name}{query}", value, *headers)


def ask(target: str, *headers: tuple[str, str]) -> Request:
    return get(f"/rest/v1/rpc/{target}", *headers)


def form(name: str, text: str) -> Request:
    return Request("POST", f"/rest/v1/rpc/{name}", (FORM,), text.encode())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    """The club, for cases that leave it as it was."""
    yield from opened(tmp_path_factory.mktemp("club"), server)


@pytest.fixture
def fresh(tmp_path: Path, server: str | None) -> Iterator[Place]:
    """A club of its own, for a case that writes."""
    yield from opened(tmp_path, server)


def opened(folder: Path, server: str | None = None, **environment: str) -> Iterator[Place]:
    here = Place(another(), folder, server=server, **environment)
    if server is None:
        fill(build(here.app, Settings.load(None, here.environment)))
    with here:
        if server is not None:
            here.plant(ROWS)
        yield here


def named(case: Scenario) -> str:
    return case.name


# --- arguments ---

ARGUMENTS = [
    Scenario("GET with texts", ask("add?a=2&b=3"), 200, json=5),
    Scenario("GET leaves out what has a default", ask("add?a=2"), 200, json=3),
    Scenario("HEAD", Request("HEAD", "/rest/v1/rpc/add?a=2"), 200, headers={"content-length": "1"}),
    Scenario("POST with JSON", call("add", {"a": 2, "b": 3}), 200, json=5),
    Scenario("POST with JSON texts", call("add", {"a": "2"}), 200, json=3),
    Scenario("POST with a form", form("add", "a=2&b=3"), 200, json=5),
    Scenario("POST without a body", Request("POST", "/rest/v1/rpc/whoami"), 200, json={"role": "anon", "uid": None}),
    Scenario(
        "POST with an empty object", call("whoami", {}), 200, who=USER, json={"role": "authenticated", "uid": ADA}
    ),
    Scenario("an array literal", ask("total?values={1,2,3}"), 200, json=6),
    Scenario("an array as JSON", ask("total?values=[1,2,3]"), 200, json=6),
    Scenario("an empty array literal", ask("total?values={}"), 200, json=0),
    Scenario("an array in a form", form("total", "values=%7B1%2C2%7D"), 200, json=3),
    Scenario("an array in JSON", call("total", {"values": [1, 2]}), 200, json=3),
    Scenario("an object as JSON in the URL", ask("mirrored?point=%7B%22x%22%3A1%7D"), 200, json={"x": 0.0, "y": 1.0}),
    Scenario("an object in JSON", call("mirrored", {"point": {"x": 1}}), 200, json={"x": 0.0, "y": 1.0}),
    Scenario("a text that looks like JSON stays a text", ask("words?text=[1]%20{2}"), 200, json=["[1]", "{2}"]),
    Scenario(
        "anything at all", call("echo", {"value": {"a": [1, 2.5, None, "x"]}}), 200, json={"a": [1, 2.5, None, "x"]}
    ),
    Scenario(
        "types of Python, from texts",
        ask(
            "when?moment=2026-01-02T03:04:05%2B02:00&price=12.50&key=0A000000-0000-4000-8000-000000000001&day=2026-02-28"
        ),
        200,
        json={"moment": "2026-01-02T03:04:05+02:00", "price": 12.5, "key": ADA, "day": "2026-02-28"},
    ),
    Scenario("an unknown argument", ask("add?a=1&c=2"), 404, code="PGRST202", holds=[b"function public.add(a, b)"]),
    Scenario("a missing argument", ask("add?b=2"), 404, code="PGRST202", holds=[b"with parameter b,"]),
    Scenario("no argument where one is needed", ask("add"), 404, code="PGRST202", holds=[b"add without parameters in"]),
    Scenario(
        "an unknown function, nearly right", call("ad", {"a": 1}), 404, code="PGRST202", holds=[b'function public.add"']
    ),
    Scenario("an unknown function", call("zzzzz", {}), 404, code="PGRST202", holds=[b'"hint":null']),
    Scenario("a wrong type in a text", ask("add?a=x"), 400, code="22P02", holds=[b"invalid argument a"]),
    Scenario("a wrong type in JSON", call("add", {"a": {}}), 400, code="22P02", holds=[b"invalid argument a"]),
    Scenario(
        "a wrong type deep inside", call("mirrored", {"point": {"x": "left"}}), 400, code="22P02", holds=[b"point.x"]
    ),
    Scenario("a wrong array", ask("total?values=1,2"), 400, code="22P02", holds=[b"invalid argument values"]),
    Scenario(
        "a wrong member of an array", ask("total?values={1,x}"), 400, code="22P02", holds=[b"invalid argument values"]
    ),
    Scenario("a wrong object", ask("mirrored?point=left"), 400, code="22P02", holds=[b"invalid argument point"]),
    Scenario("a list for a body", call("add", [{"a": 1}]), 400, code="PGRST102"),
    Scenario(
        "a body that is no JSON",
        Request("POST", "/rest/v1/rpc/add", (("content-type", "application/json"),), b"{"),
        400,
        code="PGRST102",
    ),
    Scenario(
        "a body of another type",
        Request("POST", "/rest/v1/rpc/add", (("content-type", "image/png"),), b"x"),
        400,
        code="PGRST102",
    ),
    Scenario(
        "the argument's own name in no message",
        call("when", {"moment": "zqx7_none_secret", "price": 1, "key": ADA}),
        400,
        code="22P02",
        lacks=[b"zqx7_none_secret"],
    ),
]


@pytest.mark.parametrize("case", ARGUMENTS, ids=named)
def test_arguments(place: Place, case: Scenario) -> None:
    case.play(place)


# --- verbs, and who may call ---

VERBS = [
    Scenario("PATCH", send("PATCH", "/rest/v1/rpc/add", {"a": 1}), 405, code="PGRST101"),
    Scenario("PUT", send("PUT", "/rest/v1/rpc/add", {"a": 1}), 405, code="PGRST101"),
    Scenario("DELETE", Request("DELETE", "/rest/v1/rpc/add"), 405, code="PGRST101"),
    Scenario("GET of one that writes", ask("nothing"), 405, code="25006"),
    Scenario("HEAD of one that writes", Request("HEAD", "/rest/v1/rpc/nothing"), 405),
    Scenario(
        "OPTIONS of one that reads",
        Request("OPTIONS", "/rest/v1/rpc/add"),
        200,
        headers={"allow": "OPTIONS,GET,HEAD,POST"},
    ),
    Scenario(
        "OPTIONS of one that writes", Request("OPTIONS", "/rest/v1/rpc/nothing"), 200, headers={"allow": "OPTIONS,POST"}
    ),
    Scenario("OPTIONS of none", Request("OPTIONS", "/rest/v1/rpc/zzzzz"), 404),
    Scenario("a path too long", ask("add/more?a=1"), 404, code="PGRST125"),
    Scenario("a writer under read_only", call("write_while_reading"), 405, code="25006"),
    Scenario("for signed-in users, by nobody", call("finish", {"project_id": 1}), 404, code="PGRST202"),
    Scenario(
        "for the service alone, by a user",
        call("canary_function", {"canary_argument": 1}),
        404,
        who=USER,
        code="PGRST202",
    ),
    Scenario(
        "for the service alone, by the service",
        call("canary_function", {"canary_argument": 7}),
        200,
        who=SERVICE,
        json=7,
    ),
]


@pytest.mark.parametrize("case", VERBS, ids=named)
def test_verbs(place: Place, case: Scenario) -> None:
    case.play(place)


def test_a_function_that_one_may_not_call_looks_like_one_that_is_not_there(place: Place) -> None:
    closed = place.ask(call("finish", {"project_id": 1}))
    missing = place.ask(call("finisj", {"project_id": 1}))
    assert closed.body.replace(b"finish", b"finisj") == missing.body
    assert (closed.status, sorted(closed.headers)) == (missing.status, sorted(missing.headers))


# --- results ---

RESULTS = [
    Scenario("a scalar", ask("add?a=1"), 200, json=2, headers={"content-type": "application/json; charset=utf-8"}),
    Scenario("a list", ask("words?text=a%20b"), 200, json=["a", "b"]),
    Scenario("nothing", call("nothing"), 204, headers={"content-type": None}),  # type: ignore[dict-item]  # no header
    Scenario("null", ask("echo"), 200, holds=[b"null"]),
    Scenario("one value for one object", ask("add?a=1", OBJECT), 200, json=2),
    Scenario("a scalar, counted", ask("add?a=1", COUNT), 200, json=2, headers={"content-range": "0-0/1"}),
    Scenario("a scalar as CSV", ask("add?a=1", CSV), 406, code="PGRST107"),
    Scenario("a scalar with a select", ask("add?a=1&select=x"), 400, code="0A000", holds=[b"list[Post]"]),
    Scenario("a scalar with a filter", ask("add?a=1&x=eq.1"), 400, code="0A000"),
    Scenario("a scalar with a limit", ask("add?a=1&limit=1"), 400, code="0A000"),
    Scenario("rows", ask("projects_of?person=1&select=id"), 200, json=[{"id": 1}], headers={"content-range": "0-0/*"}),
    Scenario(
        "rows as their reader may see them",
        ask("projects_of?person=1&select=id"),
        200,
        who=USER,
        json=[{"id": 4}, {"id": 1}],
    ),
    Scenario(
        "rows that the function found as the service",
        ask("every_project?select=id"),
        200,
        json=[{"id": 1}, {"id": 2}, {"id": 3}],
    ),
    Scenario("a number that the function found as the service", ask("count_drafts"), 200, json=1),
    Scenario("no rows", ask("projects_of?person=99"), 200, json=[], headers={"content-range": "*/*"}),
    Scenario(
        "rows in another order", ask("every_project?select=id&order=title"), 200, json=[{"id": 2}, {"id": 1}, {"id": 3}]
    ),
    Scenario("rows filtered", ask("every_project?select=id&done=is.true"), 200, json=[{"id": 2}]),
    Scenario(
        "rows filtered by or", ask("every_project?select=id&or=(id.eq.1,id.eq.3)"), 200, json=[{"id": 1}, {"id": 3}]
    ),
    Scenario(
        "rows limited",
        ask("every_project?select=id&limit=1&offset=1"),
        200,
        json=[{"id": 2}],
        headers={"content-range": "1-1/*"},
    ),
    Scenario("rows by range", ask("every_project?select=id", ("range", "1-2")), 200, json=[{"id": 2}, {"id": 3}]),
    Scenario(
        "rows counted",
        ask("every_project?select=id&limit=2", COUNT),
        206,
        json=[{"id": 1}, {"id": 2}],
        headers={"content-range": "0-1/3"},
    ),
    Scenario(
        "rows counted after a filter",
        ask("every_project?select=id&id=gt.1&limit=1", COUNT),
        206,
        json=[{"id": 2}],
        headers={"content-range": "0-0/2"},
    ),
    Scenario(
        "rows counted, and all there", ask("every_project?select=id", COUNT), 200, headers={"content-range": "0-2/3"}
    ),
    Scenario(
        "HEAD of rows",
        Request("HEAD", "/rest/v1/rpc/every_project?select=id", (COUNT,)),
        200,
        headers={"content-range": "0-2/3"},
    ),
    Scenario("rows behind the end, counted", ask("every_project?offset=9", COUNT), 416, code="PGRST103"),
    Scenario(
        "rows with embeds",
        ask("every_project?select=id,tasks(title)&id=eq.3"),
        200,
        json=[{"id": 3, "tasks": [{"title": "boot"}]}],
    ),
    Scenario(
        "rows with a hidden column", ask("every_project?select=id,owner:people!owner_id(diary)"), 400, code="42703"
    ),
    Scenario("rows with a missing column", ask("every_project?select=nope"), 400, code="42703"),
    Scenario(
        "rows as CSV",
        ask("every_project?select=id,title&id=lt.3", CSV),
        200,
        holds=[b"id,title\n1,Engine\n2,Compiler"],
        headers={"content-type": "text/csv; charset=utf-8"},
    ),
    Scenario("rows by POST with a query", call("every_project", {}, query="?select=id&id=eq.2"), 200, json=[{"id": 2}]),
    Scenario(
        "one row of many",
        ask("every_project?select=id&id=eq.2", OBJECT),
        200,
        json={"id": 2},
        headers={"content-type": "application/vnd.pgrst.object+json; charset=utf-8"},
    ),
    Scenario("one row, and there are more", ask("every_project", OBJECT), 406, code="PGRST116", holds=[b"3 rows"]),
    Scenario(
        "one row, and there is none", ask("every_project?id=eq.99", OBJECT), 406, code="PGRST116", holds=[b"0 rows"]
    ),
    Scenario("a row", ask("project_by_slug?slug=kernel&select=id,title"), 200, json={"id": 3, "title": "Kernel"}),
    Scenario("a row as one object", ask("project_by_slug?slug=kernel&select=id", OBJECT), 200, json={"id": 3}),
    Scenario("a row as CSV", ask("project_by_slug?slug=kernel&select=id", CSV), 200, holds=[b"id\n3"]),
    Scenario("a row that is not there", ask("project_by_slug?slug=none"), 200, holds=[b"null"]),
    Scenario("a row that is not there, as one object", ask("project_by_slug?slug=none", OBJECT), 406, code="PGRST116"),
    Scenario(
        "a row without nulls",
        ask(
            "project_by_slug?slug=kernel&select=id,details",
            ("accept", "application/vnd.pgrst.array+json;nulls=stripped"),
        ),
        200,
        json={"id": 3},
    ),
    Scenario(
        "at most so many rows",
        ask("every_project?select=id", ("prefer", "handling=strict, max-affected=3")),
        200,
        headers={"preference-applied": "handling=strict, max-affected=3"},
    ),
    Scenario(
        "more rows than that", ask("every_project", ("prefer", "handling=strict, max-affected=2")), 400, code="PGRST124"
    ),
    Scenario(
        "at most so many of what is no rows",
        ask("add?a=1", ("prefer", "handling=strict, max-affected=2")),
        400,
        code="PGRST128",
    ),
]


@pytest.mark.parametrize("case", RESULTS, ids=named)
def test_results(place: Place, case: Scenario) -> None:
    case.play(place)


def test_a_decimal_loses_no_digit(place: Place) -> None:
    exact = "12345678901234567890.123456789012345678901"
    body = json.dumps({"moment": "2026-01-01T00:00:00Z", "price": 0, "key": ADA}).replace(
        '"price": 0', f'"price": {exact}'
    )
    reply = place.ask(Request("POST", "/rest/v1/rpc/when", (("content-type", "application/json"),), body.encode()))
    assert f'"price":{exact}'.encode() in reply.body


# --- writes ---

WRITES = [
    Scenario(
        "rows that were just made",
        call("add_tasks", {"project_id": 1, "titles": ["a", "b"]}, query="?select=title,points,stamp"),
        200,
        json=[{"title": "a", "points": 1, "stamp": None}, {"title": "b", "points": 1, "stamp": None}],
        changes=TASKS,
    ),
    Scenario(
        "an array of texts in a form",
        form("add_tasks", "project_id=1&titles=%7Ba%2C%22b%2C%20c%22%7D"),
        200,
        holds=[b'"title":"b, c"'],
        changes=TASKS,
    ),
    Scenario("what is flushed last", call("write_then", {"what": "nothing"}), 204, changes=TASKS),
    Scenario(
        "a row that was just changed",
        call("finish", {"project_id": 3}, query="?select=id,status,done"),
        200,
        who=USER,
        json={"id": 3, "status": "done", "done": True},
        changes=frozenset({"projects"}),
    ),
    Scenario(
        "undone by its own fault",
        call("write_then", {"what": "raise"}),
        400,
        code="P0001",
        json={"code": "P0001", "message": "no more tasks today", "details": "all gone", "hint": "come back tomorrow"},
    ),
    Scenario(
        "a status of its own",
        call("finish", {"project_id": 999}),
        404,
        who=USER,
        code="PT404",
        holds=[b"Look at /projects."],
    ),
    Scenario(
        "undone by a crash, which is not told",
        call("write_then", {"what": "crash"}),
        500,
        code="XX000",
        lacks=[b"canary", b"RuntimeError", b"Traceback"],
    ),
    Scenario("undone by the database", call("write_then", {"what": "break"}), 409, code="23503"),
    Scenario("undone by a policy", call("write_then", {"what": "locked"}), 401, code="42501"),
    Scenario("undone by a policy, for a user", call("write_then", {"what": "locked"}), 403, who=USER, code="42501"),
    Scenario(
        "undone where one row was wanted",
        call("add_tasks", {"project_id": 1, "titles": ["a", "b"]}, OBJECT),
        406,
        code="PGRST116",
    ),
    Scenario(
        "undone where fewer rows were wanted",
        call("add_tasks", {"project_id": 1, "titles": ["a", "b"]}, ("prefer", "handling=strict, max-affected=1")),
        400,
        code="PGRST124",
    ),
    Scenario(
        "undone by a select that cannot be",
        call("add_tasks", {"project_id": 1, "titles": ["a"]}, query="?select=nope"),
        400,
        code="42703",
    ),
    Scenario(
        "not undone by a caller's wish alone",
        call("write_then", {"what": "nothing"}, ("prefer", "tx=rollback")),
        204,
        changes=TASKS,
    ),
    Scenario(
        "wrong arguments are found first", call("add_tasks", {"project_id": "x", "titles": []}), 400, code="22P02"
    ),
]


@pytest.mark.parametrize("case", WRITES, ids=named)
def test_writes(fresh: Place, case: Scenario) -> None:
    case.play(fresh)


def test_a_caller_may_undo_where_the_settings_let_him(tmp_path: Path) -> None:
    for here in opened(tmp_path, UNDERCROFT_API_TX_END="commit-allow-override"):
        Scenario(
            "undone",
            call("add_tasks", {"project_id": 1, "titles": ["a"]}, ("prefer", "tx=rollback"), query="?select=title"),
            200,
            json=[{"title": "a"}],
            headers={"preference-applied": "tx=rollback"},
        ).play(here)


def test_calls_beside_each_other_each_do_their_own(fresh: Place) -> None:
    """Functions take turns with the writer; none sees, or undoes, another's work."""
    requests = [call("write_then", {"what": what}) for what in ("nothing", "raise", "crash", "break") * 5]
    replies: list[Reply] = fresh.ask_at_once(requests)
    assert [reply.status for reply in replies] == [204, 400, 500, 409] * 5
    assert len(fresh.sql("select 1 from tasks where title = 'of write_then'")) == 5
