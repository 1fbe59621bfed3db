"""The description in Swagger 2.0 is valid, and says of each role what the one in OpenAPI 3.1 says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV2SpecValidator

from tests.compat.club import Club, app
from undercroft.access.policy import rules_of
from undercroft.access.scope import catalog_for
from undercroft.catalog.kinds import Kind
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.catalog.types import Argument, Catalog, ObjectName, Routine
from undercroft.rest.openapi import document, document_2
from undercroft.rest.parts.media import read_root_accept
from undercroft.rest.parts.swagger import swagger
from undercroft.rest.parts.swagger_functions import of_routine
from undercroft.rest.parts.swagger_shared import type_of

ROLES = ("anon", "authenticated", "service_role")
CATALOG = read_catalog(Club.metadata, mappers=mappers_of(Club))
RULES = rules_of(app.policies, app.column_rules)


def described(role: str, write: Any = document_2, server: str = "https://club.example/rest/v1") -> Any:
    allowed = {each.name: each for each in app.functions if each.allows(role, RULES.bypass)}
    text = write(catalog_for(role, CATALOG, RULES), RULES, role, allowed, title="Club", server=server)
    return json.loads(text)


@pytest.mark.parametrize("role", ROLES)
def test_it_is_valid(role: str) -> None:
    assert [error.message for error in OpenAPIV2SpecValidator(described(role)).iter_errors()] == []


@pytest.mark.parametrize("role", ROLES)
def test_paths_and_verbs_are_those_of_openapi_3(role: str) -> None:
    ours, theirs = ({p: set(v) for p, v in described(role, w)["paths"].items()} for w in (document_2, document))
    assert {path: verbs - {"put"} for path, verbs in theirs.items()} == ours


def test_an_address() -> None:
    found = described("anon")
    assert (found["host"], found["basePath"], found["schemes"]) == ("club.example", "/rest/v1", ["https"])
    assert "host" not in described("anon", server="/rest/v1")


def test_types() -> None:
    assert type_of("character varying") == {"type": "string", "format": "character varying"}
    assert type_of("numeric(5,2)") == {"type": "number", "format": "numeric(5,2)"}
    assert type_of("integer[]") == {"type": "array", "items": {"type": "integer"}, "format": "integer[]"}
    assert type_of("jsonb") == {"format": "jsonb"}
    whole = {name: type_of(name)["format"] for name in ("smallint", "integer", "bigint")}
    assert whole == {"smallint": "int32", "integer": "int32", "bigint": "int64"}


def test_functions_of_the_database() -> None:
    arguments = (
        Argument("a", "integer", "integer", kind=Kind.INTEGER),
        Argument("rest", "text[]", "text[]", required=False, variadic=True, kind=Kind.ARRAY),
    )
    routine = Routine(
        ObjectName("public", "add"), arguments, "stable", False, None, Kind.INTEGER, "integer", "Adds\nup"
    )
    found = json.loads(
        swagger(Catalog({}, {}, comment="The club\nand more"), (), [of_routine("add", [routine])], server="/")
    )
    assert [error.message for error in OpenAPIV2SpecValidator(found).iter_errors()] == []
    assert (found["info"]["title"], found["info"]["description"]) == ("The club", "and more")
    path = found["paths"]["/rpc/add"]
    assert path["get"]["parameters"] == [
        {"name": "a", "required": True, "in": "query", "type": "integer", "format": "int32"},
        {
            "name": "rest", "required": False, "in": "query", "type": "array", "collectionFormat": "multi",
            "items": {"type": "string", "format": "text"},
        },
    ]  # fmt: skip
    assert path["post"]["parameters"][0]["schema"]["required"] == ["a"]
    assert (path["post"]["summary"], path["post"]["description"], path["post"]["tags"]) == ("Adds", "up", ["(rpc) add"])


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (b"application/openapi+json", "openapi"),
        (b"application/openapi+json;version=2.0", "openapi 2.0"),
        (b'text/html, application/openapi+json; version="3.1"', "openapi 3.1"),
        (b"application/openapi+json;version=9", "openapi"),
    ],
)
def test_which_version(accept: bytes, kind: str) -> None:
    assert read_root_accept(accept).kind == kind
    assert read_root_accept(accept).text == "application/openapi+json"
