"""What a transaction is told of its request: role, claims, headers, cookies, search path, and what roles are set to."""

from __future__ import annotations

import json

import pytest

from undercroft.access.actor import Actor
from undercroft.pipeline.impersonation import (
    Circumstances,
    Impersonation,
    RoleSettings,
    quoted,
    role_settings,
    search_path,
)

HEADERS = [(b"host", b"x"), (b"cookie", b"a=1; b=two=2; ;c"), (b"x-odd", b"\xff\0y")]
REQUEST = Circumstances("GET", "/posts", HEADERS, "api", "Asia/Tokyo")


def test_everything_that_a_request_brings() -> None:
    local = Impersonation(("public", "api"), (("app.settings.key", "v"),), "auth.check").local(
        Actor("web", "7", {"sub": "7", "n": 1.5}), REQUEST, read_only=True
    )
    told = dict(local.settings)
    assert (local.role, local.read_only, local.isolation) == ("web", True, None)
    assert local.before == ('SELECT "auth"."check"()',)
    assert told["search_path"] == '"api", "public"'
    assert json.loads(told["request.jwt.claims"]) == {"sub": "7", "n": 1.5, "role": "web"}
    assert (told["request.method"], told["request.path"], told["timezone"]) == ("GET", "/posts", "Asia/Tokyo")
    assert json.loads(told["request.headers"]) == {"host": "x", "x-odd": "\ufffdy"}
    assert json.loads(told["request.cookies"]) == {"a": "1", "b": "two=2", "c": ""}
    assert told["app.settings.key"] == "v"


def test_a_role_s_settings_hold_and_a_function_s_go_over_them() -> None:
    roles = role_settings(
        [("web", "statement_timeout", "1s"), ("web", "default_transaction_isolation", "serializable")]
    )
    assert roles["web"] == RoleSettings((("statement_timeout", "1s"),), "serializable")
    caller = Impersonation(hoisted=frozenset({"statement_timeout", "default_transaction_isolation"}), roles=roles)
    plain = caller.local(Actor("web"), REQUEST, read_only=False)
    assert (dict(plain.settings)["statement_timeout"], plain.isolation) == ("1s", "serializable")
    declared = [("statement_timeout", "9s"), ("work_mem", "1GB"), ("default_transaction_isolation", "repeatable read")]
    called = caller.local(Actor("web"), REQUEST, read_only=False, routine=declared)
    assert (dict(called.settings)["statement_timeout"], called.isolation) == ("9s", "repeatable read")
    assert "work_mem" not in dict(called.settings)
    assert caller.local(Actor("other"), REQUEST, read_only=False).isolation is None


@pytest.mark.parametrize(
    ("name", "said"), [("f", '"f"'), ("s.f", '"s"."f"'), ('s."f', '"s"."""f"'), ("s.a.b", '"s"."a.b"')]
)
def test_names_are_quoted(name: str, said: str) -> None:
    assert quoted(name) == said


def test_a_search_path_names_each_schema_once() -> None:
    assert search_path(("a", 'b"c', "a", "")) == '"a", "b""c"'
