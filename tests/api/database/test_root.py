"""The root: what the caller may use, in PostgREST's Swagger 2.0, or what a function of the database says.

Protocol: PostgREST 14, "openapi".
"""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from tests.api.database.place import Served

pytestmark = pytest.mark.needs("postgres")


def described(served: Served, **more: Any) -> Any:
    reply = served.get("/", **more)
    assert reply.status == 200, reply.text
    assert reply.header("content-type") == "application/openapi+json; charset=utf-8"
    return reply.json()


def test_it_is_valid(served: Served) -> None:
    found = described(served, given={"openapi-mode": "ignore-privileges", "openapi-security-active": True})
    # A default that must be worked out is told as SQL, as PostgREST tells it.
    known = {"'gen_random_uuid()' is not a 'uuid'"}
    assert {error.message for error in OpenAPIV2SpecValidator(found).iter_errors()} <= known


def test_only_what_the_caller_may_use(served: Served) -> None:
    anon, member = described(served), described(served, role="member")
    assert {"/closed", "/notes", "/rpc/forbidden"}.isdisjoint(anon["paths"])
    assert {"/closed", "/notes", "/rpc/forbidden"} & set(member["paths"]) == {"/notes"}
    everything = described(served, given={"openapi-mode": "ignore-privileges"})
    assert {"/closed", "/notes", "/rpc/forbidden"} <= set(everything["paths"])
    assert "/rpc/a_procedure" not in everything["paths"]
    assert set(described(served, accept_profile="other")["definitions"]) == {"things"}
    assert served.get("/", accept_profile="other").header("content-profile") == "other"


def test_its_head(served: Served) -> None:
    found = described(served)
    assert (found["swagger"], found["info"]["title"], found["info"]["description"]) == (
        "2.0",
        "The API of the tests",
        "It has everything.",
    )
    assert found["basePath"] == "/"
    assert "securityDefinitions" not in found
    given = {"openapi-server-proxy-uri": "https://x.org:8080/api", "openapi-security-active": True}
    found = described(served, given=given)
    assert (found["host"], found["basePath"], found["schemes"]) == ("x.org:8080", "/api", ["https"])
    for proxy, shown in (("https://x.org", "x.org:443"), ("http://x.org/", "x.org:80"), ("https://[::1]", "[::1]:443")):
        found_there = described(served, given={"openapi-server-proxy-uri": proxy})
        assert (found_there["host"], found_there["basePath"]) == (shown, "/")
    assert found["securityDefinitions"]["JWT"]["name"] == "Authorization"
    assert found["security"] == [{"JWT": []}]


def test_a_table(served: Served) -> None:
    found = described(served)
    users = found["definitions"]["users"]
    assert users["description"] == "People\n\nAll of them."
    assert users["properties"]["id"]["description"] == "Note:\nThis is a Primary Key.<pk/>"
    assert users["properties"]["first"] == {"type": "string", "format": "text", "description": "Given name"}
    assert users["required"] == ["id"]
    path = found["paths"]["/users"]
    assert (path["get"]["summary"], path["get"]["description"]) == ("People", "All of them.")
    assert set(path) == {"get", "post", "patch", "delete"}
    assert set(found["paths"]["/ro"]) == {"get"}
    assert {"$ref": "#/parameters/rowFilter.users.first"} in path["get"]["parameters"]
    assert found["parameters"]["body.users"]["schema"] == {"$ref": "#/definitions/users"}
    sender = found["definitions"]["msgs"]["properties"]["sender"]["description"]
    assert sender == "Note:\nThis is a Foreign Key to `users.id`.<fk table='users' column='id'/>"


def test_columns_of_every_type(served: Served) -> None:
    columns = described(served)["definitions"]["typed"]["properties"]
    assert columns["m"] == {"type": "string", "format": "api.mood", "enum": ["sad", "calm", "glad"], "default": "calm"}
    assert columns["v"] == {"type": "string", "format": "character varying", "maxLength": 5, "default": "abc"}
    assert columns["n"] == {"type": "number", "format": "numeric", "default": 1.5}
    assert columns["a"] == {"type": "array", "items": {"type": "integer"}, "format": "integer[]"}
    assert columns["j"] == {"format": "json"}
    assert columns["gen"] == {"type": "integer", "format": "int32"}
    assert columns["u"] == {"type": "string", "format": "uuid", "default": "gen_random_uuid()"}
    assert "default" not in columns["id"]


def test_functions(served: Served) -> None:
    paths = described(served)["paths"]
    add = paths["/rpc/add"]
    assert (add["get"]["summary"], add["get"]["description"], add["get"]["tags"]) == (
        "Adds",
        "Two numbers.",
        ["(rpc) add"],
    )
    assert add["get"]["parameters"] == [
        {"name": "a", "required": True, "in": "query", "type": "integer", "format": "int32"},
        {"name": "b", "required": False, "in": "query", "type": "integer", "format": "int32"},
    ]
    body = add["post"]["parameters"][0]
    assert (body["name"], body["in"], body["schema"]["required"]) == ("args", "body", ["a"])
    assert set(paths["/rpc/remember"]) == {"post"}
    several = paths["/rpc/variadic_after"]["get"]["parameters"][1]
    assert (several["type"], several["collectionFormat"]) == ("array", "multi")
    items = paths["/rpc/variadic_default"]["get"]["parameters"][0]["items"]
    assert items == {"type": "integer", "format": "int32"}


def test_a_function_without_arguments(served: Served) -> None:
    path = described(served)["paths"]["/rpc/everybody"]
    assert "parameters" not in path["get"]
    assert path["post"]["parameters"][0]["schema"] == {"type": "object"}


def test_none_at_all_or_a_function_s(served: Served) -> None:
    assert served.get("/", given={"openapi-mode": "disabled"}).fault == (404, "PGRST126")
    reply = served.get("/", given={"db-root-spec": "a_json"})
    assert (reply.header("content-type"), reply.json()) == ("application/json; charset=utf-8", {"a": [1, 2]})
    assert served.get("/", accept="text/csv").fault == (406, "PGRST107")
    assert served.post("/").fault == (405, "PGRST117")
    head = served.ask("HEAD", "/")
    assert (head.status, head.body) == (200, b"")
    assert served.ask("OPTIONS", "/").header("allow") == "OPTIONS,GET,HEAD"
