"""The description of what a role may use: it is valid, complete, and silent about everything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.compat.club import Club, app
from undercroft.access.policy import Policy, Rules, rules_of
from undercroft.access.scope import catalog_for
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.catalog.types import Catalog
from undercroft.models.functions import Function, read_function
from undercroft.query.bind import find_relation
from undercroft.rest.openapi import document
from undercroft.rest.parts.openapi_schemas import key, path_of

ROLES = ("anon", "authenticated", "service_role")
CATALOG = read_catalog(Club.metadata, mappers=mappers_of(Club))
RULES = rules_of(app.policies, app.column_rules)


def described(
    role: str, catalog: Catalog = CATALOG, rules: Rules = RULES, functions: list[Function] = app.functions
) -> Any:
    allowed = {each.name: each for each in functions if each.allows(role, rules.bypass)}
    scope = catalog_for(role, catalog, rules)
    text = document(scope, rules, role, allowed, title="Club", server="/rest/v1", most_rows=1000)
    return json.loads(text)


def operations(role: str) -> dict[str, str]:
    return {path: " ".join(sorted(found)) for path, found in described(role)["paths"].items()}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("role", ROLES)
def test_it_is_valid(role: str) -> None:
    errors = [error.message for error in OpenAPIV31SpecValidator(described(role)).iter_errors()]
    assert errors == []


def test_the_validator_sees_a_broken_one() -> None:
    broken = described("anon")
    del broken["info"]["version"]
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


def test_every_component_is_used_and_every_reference_leads_somewhere() -> None:
    for role in ROLES:
        found = described(role)
        text = json.dumps(found)
        used = set(re.findall(r'"#/components/(\w+/[^"]+)"', text))
        there = {f"{section}/{name}" for section, named in found["components"].items() for name in named}
        assert used <= there
        unused = {name for name in there - used if not name.startswith(("securitySchemes/", "parameters/"))}
        assert unused == set(), role


FUNCTIONS = {f"/rpc/{each.name}": "get post" if each.read_only else "post" for each in app.functions if not each.roles}


@pytest.mark.parametrize(
    ("role", "tables"),
    [
        (
            "anon",
            {
                "/": "get",
                "/people": "get",
                "/projects": "get",
                "/memberships": "get",
                "/tasks": "delete get patch post put",
                "/suggestions": "post",
                **FUNCTIONS,
            },
        ),
        (
            "authenticated",
            {
                "/": "get",
                "/people": "get",
                "/projects": "delete get patch post put",
                "/memberships": "get",
                "/tasks": "delete get patch post put",
                "/letters": "delete get patch post put",
                "/suggestions": "post",
                **FUNCTIONS,
                "/rpc/finish": "post",
            },
        ),
        (
            "service_role",
            {
                "/": "get",
                **{f"/{name}": "delete get patch post put" for name in CATALOG.tables},
                **FUNCTIONS,
                "/rpc/finish": "post",
                "/rpc/canary_function": "post",
            },
        ),
    ],
)
def test_a_role_sees_its_verbs(role: str, tables: dict[str, str]) -> None:
    assert operations(role) == tables


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_nothing_else_is_told(role: str) -> None:
    """Neither hidden columns, closed tables and functions, nor the rules themselves."""
    text = json.dumps(described(role))
    told = [
        word
        for word in ("canary", "diary", "vault", "Visitors do not", "door bell.", "started_or_signed_in")
        if word in text
    ]
    assert told == []
    assert ("letters" in text) == (role == "authenticated")


def test_the_words_looked_for_are_told_to_whom_they_belong() -> None:
    text = json.dumps(described("service_role"))
    assert all(word in text for word in ("canary_vault", "canary_function", "diary", "letters"))


def test_columns_that_may_not_be_written_are_marked_and_left_out_of_bodies() -> None:
    schemas = described("anon")["components"]["schemas"]
    assert [name for name, column in schemas["tasks"]["properties"].items() if column.get("readOnly")] == ["stamp"]
    assert "stamp" not in schemas["tasks-insert"]["properties"]
    assert "stamp" not in schemas["tasks-update"]["properties"]
    assert all(column["readOnly"] for column in schemas["people"]["properties"].values())
    service = described("service_role")["components"]["schemas"]
    assert not any(column.get("readOnly") for column in service["tasks"]["properties"].values())
    assert "stamp" in service["tasks-insert"]["properties"]


def test_a_body_says_what_it_needs() -> None:
    schemas = described("authenticated")["components"]["schemas"]
    assert schemas["tasks-insert"]["required"] == ["project_id", "title"]
    assert schemas["projects-insert"]["required"] == ["title"]
    assert schemas["tasks-insert"]["additionalProperties"] is False
    assert "required" not in schemas["tasks-update"]
    assert "default" not in schemas["tasks-update"]["properties"]["points"]
    assert schemas["tasks-insert"]["properties"]["points"]["default"] == 1


@pytest.mark.parametrize(
    ("table", "column", "schema"),
    [
        ("projects", "title", {"type": "string", "format": "text"}),
        ("projects", "slug", {"type": ["string", "null"], "format": "text", "maxLength": 20}),
        ("projects", "status", {"type": "string", "enum": ["draft", "open", "done"], "default": "draft"}),
        ("projects", "budget", {"type": ["number", "null"], "format": "numeric"}),
        ("projects", "done", {"type": "boolean", "format": "boolean", "default": False}),
        ("projects", "details", {"format": "json"}),
        ("projects", "due", {"type": ["string", "null"], "format": "date"}),
        ("projects", "created_at", {"type": "string", "format": "timestamp with time zone"}),
        ("letters", "id", {"type": "string", "format": "uuid", "description": "Note:\nThis is a Primary Key.<pk/>"}),
        ("projects", "owner_id", {
            "type": ["integer", "null"], "format": "integer",
            "description": "Note:\nThis is a Foreign Key to `people.id`.<fk table='people' column='id'/>",
        }),
        ("people", "name", {"type": "string", "format": "text", "description": "As on the door bell"}),
    ],
)  # fmt: skip
def test_a_column_is_told_by_type_and_comment(table: str, column: str, schema: dict[str, Any]) -> None:
    assert described("service_role")["components"]["schemas"][table]["properties"][column] == schema


def test_a_table_is_told_by_its_docstring() -> None:
    found = described("anon")
    assert found["components"]["schemas"]["tasks"]["description"] == "A step of a project."
    assert {"name": "tasks", "description": "A step of a project."} in found["tags"]


@pytest.mark.parametrize("role", ROLES)
def test_embeds_are_named_as_a_request_may_name_them(role: str) -> None:
    scope = catalog_for(role, CATALOG, RULES)
    named = 0
    for name in scope.tables:
        said = described(role)["paths"].get(f"/{name}", {}).get("get", {}).get("description", "")
        embeds = re.findall(r"^- `(\w+)(?:!(\w+))?\(…\)`: (one|a list) of (\w+)$", said, re.MULTILINE)
        relations = [find_relation(scope, name, target, hint or None) for target, hint, _, _ in embeds]
        assert len(set(relations)) == len(relations)
        assert [relation.target for relation in relations] == [target for *_, target in embeds]
        assert [relation.to_one for relation in relations] == [count == "one" for *_, count, _ in embeds]
        named += len(relations)
    assert named >= 10


def test_every_column_that_may_be_read_is_a_filter() -> None:
    found = described("anon")
    parameters = found["paths"]["/people"]["get"]["parameters"]
    names = [found["components"]["parameters"][each["$ref"].rpartition("/")[2]]["name"] for each in parameters]
    assert names[:5] == ["id", "name", "age", "user_id", "mentor_id"]
    assert names[5:] == ["select", "order", "limit", "offset", "and", "or", "Range", "Range-Unit", "Prefer"]


def test_a_put_names_its_key() -> None:
    found = described("service_role")["paths"]["/memberships"]["put"]["parameters"]
    assert [(each["name"], each["required"]) for each in found if "name" in each] == [
        ("person_id", True),
        ("project_id", True),
    ]


# --- functions ---


def test_a_function_is_told_by_its_types() -> None:
    found = described("anon")
    schemas, paths = found["components"]["schemas"], found["paths"]
    assert schemas["add-arguments"]["required"] == ["a"]
    assert schemas["add-result"] == {"type": "integer"}
    assert schemas["mirrored-arguments"]["properties"]["point"] == {"$ref": "#/components/schemas/mirrored-takes-Point"}
    assert [(each["name"], each["required"]) for each in paths["/rpc/add"]["get"]["parameters"]] == [
        ("a", True),
        ("b", False),
    ]
    assert paths["/rpc/add"]["post"]["description"] == "The sum of two numbers."
    assert paths["/rpc/nothing"]["post"]["responses"]["204"]
    assert paths["/rpc/nothing"]["post"]["requestBody"]["required"] is False


def test_rows_of_a_table_are_its_rows() -> None:
    paths = described("anon")["paths"]
    many = paths["/rpc/projects_of"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    one = paths["/rpc/project_by_slug"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert many == {"type": "array", "items": {"$ref": "#/components/schemas/projects"}}
    assert one == {"$ref": "#/components/schemas/projects"}


def test_a_function_that_gives_rows_of_a_closed_table_says_nothing_of_it() -> None:
    from tests.compat.club import Vault

    async def opened(ctx: Any) -> list[Any]:
        return []

    opened.__annotations__["return"] = list[Vault]
    function = read_function(opened, name=None, roles=frozenset(), read_only=True)
    found = described("anon", functions=[function])
    assert "canary" not in json.dumps(found)
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []


def test_a_type_without_a_schema_may_be_anything() -> None:
    async def call_back(ctx: Any, to: Callable[[int], int]) -> Callable[[], int]:
        return lambda: to(1)

    call_back.__annotations__ = {"to": Callable[[int], int], "return": Callable[[], int]}
    function = read_function(call_back, name=None, roles=frozenset(), read_only=True)
    found = described("anon", functions=[function])
    assert found["components"]["schemas"]["call_back-arguments"] == {"type": "object"}
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []


# --- names ---


@given(
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3),
    st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=3),
)
def test_no_two_names_share_a_key(one: list[str], other: list[str]) -> None:
    assert (key(*one) == key(*other)) == (one == other)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", key(*one))


@pytest.mark.parametrize(
    ("name", "path"),
    [("posts", "/posts"), ("a b", "/a%20b"), ("{id}", "/%7Bid%7D"), ("a/b", "/a%2Fb"), ("é", "/%C3%A9")],
)
def test_a_name_is_no_template(name: str, path: str) -> None:
    assert path_of(name) == path


@pytest.mark.parametrize("name", ["a b", "{id}", "a/b", "fault-", "a-b", "é", "x.insert", "$ref", "'", '"', "select"])
def test_any_name_may_be_told(name: str) -> None:
    metadata = sa.MetaData()
    sa.Table(
        name,
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(name + "_", sa.Text),
        sa.Column("a-b", sa.JSON),
    )
    sa.Table(
        f"{name}-insert",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("up", sa.ForeignKey(f"{name}.id")),
    )
    everything = frozenset({"select", "insert", "update", "delete"})
    policies = [Policy("all", table, everything, bool, bool) for table in metadata.tables]  # type: ignore[arg-type]  # a set of literals
    rules = rules_of(policies, [])
    found = described("anon", read_catalog(metadata), rules, [])
    assert [error.message for error in OpenAPIV31SpecValidator(found).iter_errors()] == []
    assert set(found["paths"]) == {"/", path_of(name), path_of(f"{name}-insert")}


def test_a_view_is_only_read() -> None:
    metadata = sa.MetaData()
    sa.Table("seen", metadata, sa.Column("id", sa.Integer), info={"is_view": True})
    found = described("service_role", read_catalog(metadata), rules_of([], []), [])
    assert set(found["paths"]["/seen"]) == {"get"}


def test_a_generated_column_is_not_written() -> None:
    metadata = sa.MetaData()
    sa.Table(
        "t",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("twice", sa.Integer, sa.Computed("id * 2")),
    )
    found = described("service_role", read_catalog(metadata), rules_of([], []), [])["components"]["schemas"]
    assert found["t"]["properties"]["twice"]["readOnly"] is True
    assert "twice" not in found["t-insert"]["properties"]


def test_keys_and_batches_are_told_where_there_are_any() -> None:
    scope = catalog_for("authenticated", CATALOG, RULES)
    allowed = {each.name: each for each in app.functions if each.allows("authenticated", RULES.bypass)}
    text = document(scope, RULES, "authenticated", allowed, title="Club", server="/rest/v1", keys=True, batch=7)
    found = json.loads(text)
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []
    requests = found["paths"]["/batch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert requests["properties"]["requests"]["maxItems"] == 7
    key = {"$ref": "#/components/parameters/idempotencyKey-"}
    keyed = {
        (path, verb)
        for path, operations in found["paths"].items()
        for verb, operation in operations.items()
        if key in operation.get("parameters", ())
    }
    writing = {
        (path, verb)
        for path, operations in found["paths"].items()
        for verb in operations
        if verb != "get" and not (path.startswith("/rpc/") and "get" in operations)
    }
    assert keyed == writing
    assert ("/batch", "post") in keyed
    assert ("/rpc/add", "post") not in keyed
    plain = described("authenticated")
    assert "/batch" not in plain["paths"]
    assert "Idempotency-Key" not in json.dumps(plain)
