"""The description at the root is true: what it names can be done, and what it does not name cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.scenario import ANON, Persona, Place, Request, get, send
from tests.compat.club import ADA, ROWS, another, fill
from undercroft.app import build
from undercroft.base.settings import Settings

USER = Persona("u", "authenticated", ADA)
SERVICE = Persona("s", "service_role")
EVERYBODY = pytest.mark.parametrize("who", [ANON, USER, SERVICE], ids=["anon", "authenticated", "service_role"])
ROOT = "/rest/v1/"
VERBS = ("get", "post", "patch", "put", "delete")
REFUSED = {401, 403, 404, 405}
LIAR = ("/rpc/write_while_reading", 405)
"""This one says of itself that it only reads, and does not."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    # Whatever these requests would write is undone: they only ask what is let through.
    yield from opened(tmp_path_factory.mktemp("club"), server, UNDERCROFT_API_TX_END="rollback")


def opened(folder: Path, server: str | None = None, **environment: str) -> Iterator[Place]:
    here = Place(another(), folder, server=server, **environment)
    if server is None:
        fill(build(here.app, Settings.load(None, here.environment)))
    with here:
        if server is not None:
            here.plant(ROWS)
        yield here


def described(place: Place, who: Persona) -> Any:
    return place.ask(get(ROOT), who).json()


def example(schema: Any, schemas: Any) -> Any:
    """A value that a schema allows."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    type_ = schema.get("type")
    match type_[0] if isinstance(type_, list) else type_:
        case "object":
            named = schema.get("properties", {})
            return {name: example(inner, schemas) for name, inner in named.items()}
        case "array":
            return []
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "string":
            return {"uuid": ADA, "date": "2026-01-01"}.get(
                schema.get("format", ""), "2026-01-01T00:00:00Z" if "time" in schema.get("format", "") else "x"
            )
        case _:
            return None


def try_out(place: Place, who: Persona, path: str, verb: str, body: Any, key: str = "id") -> int:
    """The status of a request that names one row of a table, or calls a function."""
    target = f"/rest/v1{path}"
    if verb in ("get", "delete", "patch", "put") and "/rpc/" not in path:
        target += f"?{key}=eq.1" if key != "id" or path != "/letters" else f"?id=eq.{ADA}"
    if path == "/memberships" and verb == "put":
        target = "/rest/v1/memberships?person_id=eq.1&project_id=eq.1"
    if verb == "get" and "/rpc/" in path:
        return place.ask(get(target), who).status
    return place.ask(send(verb.upper(), target, body), who).status


@EVERYBODY
def test_what_it_names_can_be_done(place: Place, who: Persona) -> None:
    """Bodies are made from the schemas: a column or argument that may not be sent would be refused."""
    found = described(place, who)
    schemas = found["components"]["schemas"]
    tried = 0
    for path, operations in found["paths"].items():
        for verb, operation in operations.items():
            if path == "/" or ("/rpc/" in path and verb == "get"):
                continue
            content = operation.get("requestBody", {}).get("content", {})
            body = example(content["application/json"]["schema"], schemas) if content else None
            status = try_out(place, who, path, verb, body, _key(path))
            # Rows of these examples break policies and constraints; verbs, tables and columns must not be refused.
            allowed = REFUSED - {401, 403} if verb in ("post", "put", "patch") else REFUSED
            assert status not in allowed or (path, status) == LIAR, f"{verb} {path}: {status}"
            tried += 1
    assert tried > 20


@EVERYBODY
def test_what_it_does_not_name_cannot(place: Place, who: Persona) -> None:
    found = described(place, who)
    tables = {model.__tablename__ for model in ROWS} | {"letters", "suggestions", "users"}
    refused = 0
    for table in sorted(tables):
        for verb in VERBS:
            if verb in found["paths"].get(f"/{table}", {}):
                continue
            body = None if verb in ("get", "delete") else {_key(f"/{table}"): 1}
            request = send(
                verb.upper(), f"/rest/v1/{table}?{_key(f'/{table}')}=eq.1", body, ("prefer", "return=representation")
            )
            reply = place.ask(request, who)
            # A table of which nothing may be read or changed answers as an empty one does.
            assert reply.status >= 400 or reply.json() == [], f"{verb} {table}: {reply.status} {reply.body!r}"
            refused += 1
    assert refused >= (5 if who is SERVICE else 10)


@EVERYBODY
def test_columns_that_it_does_not_name_are_not_there(place: Place, who: Persona) -> None:
    """Every column of every table, asked for by name."""
    schemas = described(place, who)["components"]["schemas"]
    for model in ROWS:
        table = model.__tablename__
        for column in model.__table__.columns:
            status = place.ask(get(f"/rest/v1/{table}?select={column.name}&limit=1"), who).status
            named = column.name in schemas.get(table, {}).get("properties", {})
            assert (status == 200) == named, f"{table}.{column.name}"


def _key(path: str) -> str:
    return "person_id" if path == "/memberships" else "id"


# --- the request for it ---


@pytest.mark.parametrize(
    ("accept", "type_"),
    [
        (None, "application/openapi+json; charset=utf-8"),
        ("*/*", "application/openapi+json; charset=utf-8"),
        ("application/openapi+json", "application/openapi+json; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("text/html, application/json;q=0.9", "application/json; charset=utf-8"),
    ],
)
def test_it_comes_as_it_was_asked_for(place: Place, accept: str | None, type_: str) -> None:
    reply = place.ask(get(ROOT, *((("accept", accept),) if accept else ())))
    assert (reply.status, reply.header("content-type")) == (200, type_)
    assert reply.json()["openapi"].startswith("3.1.")


def test_other_types_are_not_to_be_had(place: Place) -> None:
    reply = place.ask(get(ROOT, ("accept", "text/csv")))
    assert (reply.status, reply.code) == (406, "PGRST107")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_it_is_only_read(place: Place, method: str) -> None:
    assert place.ask(Request(method, ROOT)).status == 405


def test_head_and_options(place: Place) -> None:
    head, whole = place.ask(Request("HEAD", ROOT)), place.ask(get(ROOT))
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-length") == whole.header("content-length") == str(len(whole.body))
    assert place.ask(Request("OPTIONS", ROOT)).header("allow") == "OPTIONS,GET,HEAD"


def test_with_and_without_a_slash_it_is_the_same(place: Place) -> None:
    assert place.ask(get("/rest/v1")).body == place.ask(get(ROOT)).body


def test_its_address_is_that_of_the_settings_whatever_a_caller_says(tmp_path: Path) -> None:
    for here in opened(tmp_path, UNDERCROFT_API_EXTERNAL_URL="https://club.example/api/"):
        reply = here.ask(get(ROOT, ("host", "evil.example"), ("x-forwarded-host", "evil.example")))
        assert reply.json()["servers"] == [{"url": "https://club.example/api/rest/v1"}]
        page = here.ask(get("/docs"))
        assert "connect-src 'self' https://club.example;" in (page.header("content-security-policy") or "")


def test_switched_off_there_is_neither_description_nor_page(tmp_path: Path) -> None:
    for here in opened(tmp_path, UNDERCROFT_API_OPENAPI="disabled"):
        reply = here.ask(get(ROOT))
        assert (reply.status, reply.code) == (404, "PGRST126")
        assert [here.ask(get(path)).status for path in ("/docs", "/docs/", "/docs/docs.js")] == [404, 404, 404]


def test_the_page_of_a_hostile_title(tmp_path: Path) -> None:
    app = another()
    app.title = "</title><script>alert(1)</script>"
    here = Place(app, tmp_path)
    with here:
        page = here.ask(get("/docs"))
        assert b"<script>alert" not in page.body
        assert json.loads(here.ask(get(ROOT)).body)["info"]["title"] == app.title


def test_a_slash_too_many_leads_back_without_naming_a_host(place: Place) -> None:
    reply = place.ask(get("/docs/", ("host", "evil.example")))
    assert (reply.status, reply.header("location")) == (307, "../docs")


@pytest.mark.parametrize(
    "path", ["/docs/../outside.py", "/docs/%2e%2e/docs.py", "/docs/..%2fdocs.py", "/docs/swagger-ui", "/docs/nope.js"]
)
def test_only_the_page_s_own_files_are_served(place: Place, path: str) -> None:
    assert place.ask(get(path)).status == 404
