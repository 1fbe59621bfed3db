"""The matrix of an app's rules: who may do what, complete, in a fixed order, and the same as what the guard applies."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy.orm import DeclarativeBase

from tests.unit.ops.library import house
from undercroft import App, Context, Page
from undercroft.access.policy import Rules
from undercroft.app import House
from undercroft.app.answering import addresses_of
from undercroft.ops import Matrix, access_matrix


def matrix(built: House) -> Matrix:
    return access_matrix(built.pipeline.catalog, built.pipeline.rules, built.caller.functions.values())


def test_what_each_role_may_do(tmp_path: Path) -> None:
    found = matrix(house(tmp_path))
    assert found.roles == ("anon", "authenticated", "service_role")
    assert found.tables == ("books", "loans", "shelves")
    table = {
        (grant.table, grant.role, grant.command): (grant.rows, grant.columns, grant.policies)
        for grant in found.grants
        if grant.role != "service_role"
    }
    readable, writable = ("id", "title", "owner", "public"), ("id", "title")
    assert table == {
        ("books", "anon", "select"): ("some", readable, ("public_or_own",)),
        ("books", "authenticated", "select"): ("some", readable, ("public_or_own", "lent_to_me")),
        ("books", "authenticated", "insert"): ("some", writable, ("owners_write",)),
        ("books", "authenticated", "update"): ("some", writable, ("owners_write",)),
        ("books", "authenticated", "delete"): ("some", (), ("owners_write",)),
        ("loans", "authenticated", "select"): ("all", ("id", "book_id", "reader", "email"), ("all_loans",)),
        ("shelves", "anon", "select"): ("all", ("code",), ("shelves_are_public",)),
        ("shelves", "authenticated", "select"): ("all", ("code",), ("shelves_are_public",)),
    }


def test_the_service_passes_everything(tmp_path: Path) -> None:
    found = matrix(house(tmp_path))
    grants = [grant for grant in found.grants if grant.role == "service_role"]
    assert {(grant.table, grant.command) for grant in grants} == {
        (table, command) for table in found.tables for command in ("select", "insert", "update", "delete")
    }
    assert all(grant.rows == "all" and not grant.policies for grant in grants)
    (select,) = (grant for grant in grants if (grant.table, grant.command) == ("books", "select"))
    assert "price" in select.columns


def test_presets_and_functions(tmp_path: Path) -> None:
    found = matrix(house(tmp_path))
    presets = {(grant.role, grant.command): grant.preset for grant in found.of("books", "authenticated")}
    assert presets[("authenticated", "insert")] == ("owner",)
    assert presets[("authenticated", "update")] == ()
    assert found.functions == {"renew": ("authenticated", "service_role")}


def test_a_closed_table_stands_there_with_nobody_but_the_service(tmp_path: Path) -> None:
    document = matrix(house(tmp_path, "closed table")).as_json()
    assert list(document["tables"]["shelves"]) == ["service_role"]


def test_a_role_of_the_apps_own_is_shown(tmp_path: Path) -> None:
    assert matrix(house(tmp_path, "own role")).roles == ("anon", "authenticated", "service_role", "librarian")


def test_json_is_the_same_every_time_and_differs_where_the_rules_do(tmp_path: Path) -> None:
    def lines(folder: str, fault: str) -> list[str]:
        return json.dumps(matrix(house(tmp_path / folder, fault)).as_json(), indent=1).splitlines()

    clean = lines("a", "")
    assert clean == lines("b", "")
    more = lines("c", "open e-mail")
    added = [line.strip() for line in more if line not in clean or more.count(line) > clean.count(line)]
    assert '"all_loans"' in added
    assert '"librarian": {' not in added


def test_what_the_app_itself_answers_is_listed_by_its_address() -> None:
    async def answer(ctx: Context) -> None: ...
    async def page(ctx: Context) -> Page:
        return Page("x.html")

    app = App(models=type("Base", (DeclarativeBase,), {}))
    app.function(name="open")(answer)
    app.function(name="members", to="authenticated", methods=("POST", "GET"))(answer)
    app.page("/staff", to="staff")(page)
    found = access_matrix(app.catalog("public"), Rules({}, {}, app.bypass), answering=addresses_of(app))
    assert found.addresses == {
        "GET,POST /functions/v1/members": ("authenticated", "service_role"),
        "POST /functions/v1/open": ("anon", "authenticated", "service_role", "staff"),
        "GET /staff": ("service_role", "staff"),
    }
    assert list(found.as_json()["addresses"]) == list(found.addresses)
