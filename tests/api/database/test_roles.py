"""Who asks, and what the transaction is told of it: tokens, roles, schemas, settings, the function before.

Protocol: PostgREST 14, "authentication", "transactions", "schemas", "preferences", "pagination and count".
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.api.database.place import Served
from undercroft.app import database_app
from undercroft.app.served import lacks
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.base.settings.postgrest import load_postgrest
from undercroft.engine.postgres.standing import read_standing

pytestmark = pytest.mark.needs("postgres")
BACK = {"db-tx-end": "rollback"}


def whoami(served: Served, **more: Any) -> Any:
    reply = served.get("/rpc/whoami", **more)
    return reply.json() if reply.status == 200 else reply.fault


def test_the_role_is_the_token_s(served: Served) -> None:
    assert whoami(served)["user"] == f"{served.prefix}anon"
    assert whoami(served, role="member")["user"] == f"{served.prefix}member"
    assert whoami(served, authorization=f"bearer {served.token('member')}")["user"] == f"{served.prefix}member"
    assert whoami(served, authorization=f"Bearer {served.token()}")["user"] == f"{served.prefix}anon"
    assert whoami(served, apikey="somebody else's")["user"] == f"{served.prefix}anon"
    assert whoami(served, authorization="Basic abc")["user"] == f"{served.prefix}anon"


@pytest.mark.parametrize(
    ("claims", "given", "fault", "told"),
    [
        ({"exp": -100}, {}, (401, "PGRST303"), "JWT expired"),
        ({"nbf": 100}, {}, (401, "PGRST303"), "JWT not yet valid"),
        ({"iat": 100}, {}, (401, "PGRST303"), "JWT issued at future"),
        ({"aud": "x"}, {"jwt-aud": "y"}, (401, "PGRST303"), "JWT not in audience"),
    ],
)  # fmt: skip
def test_claims_that_do_not_hold(served: Served, claims: Any, given: Any, fault: Any, told: str) -> None:
    moved = {name: time.time() + value if isinstance(value, int) else value for name, value in claims.items()}
    reply = served.get("/letters", authorization=f"Bearer {served.token('member', **moved)}", given=given)
    assert (reply.fault, reply.json()["message"]) == (fault, told)
    assert reply.header("www-authenticate") == f'Bearer error="invalid_token", error_description="{told}"'


def test_tokens_that_are_none(served: Served) -> None:
    for header in ("Bearer ", "Bearer x", "Bearer a.b.c"):
        reply = served.get("/letters", authorization=header)
        assert reply.fault == (401, "PGRST301")
        assert (reply.header("www-authenticate") or "").startswith('Bearer error="invalid_token"')
    reply = served.get("/letters", authorization=f"Bearer {served.token(role='nobody_here')}")
    assert (reply.fault, reply.json()["message"]) == ((401, "22023"), 'role "nobody_here" does not exist')
    reply = served.get("/letters", given={"db-anon-role": ""})
    assert (reply.fault, reply.header("www-authenticate")) == ((401, "PGRST302"), "Bearer")


def test_a_server_without_a_key(served: Served) -> None:
    given = {"jwt-secret": None}
    assert served.get("/letters", given=given).status == 200
    reply = served.get("/letters", role="member", given=given)
    assert (reply.fault, reply.json()["message"]) == ((500, "PGRST300"), "Server lacks JWT secret")


def test_an_audience_among_several(served: Served) -> None:
    token = served.token("member", aud=["x", "y"])
    assert whoami(served, authorization=f"Bearer {token}", given={"jwt-aud": "y"})["user"] == f"{served.prefix}member"


@pytest.mark.parametrize(
    "path", [".a.roles[1]", "$.a.roles[?(@ *== 'member')]", '.a.roles[?(@ ==^ "member")]', "$['a'].roles[-1]"]
)
def test_where_the_role_stands(served: Served, path: str) -> None:
    token = served.token(a={"roles": ["other", f"{served.prefix}member"]})
    found = whoami(served, authorization=f"Bearer {token}", given={"jwt-role-claim-key": path})
    assert found["user"] == f"{served.prefix}member"


def test_settings_of_the_role_and_of_the_request(served: Served) -> None:
    careful = whoami(served, role="careful")
    assert (careful["isolation"], careful["work_mem"], careful["timeout"]) == ("serializable", "5MB", "7s")
    assert (careful["read_only"], careful["path"]) == ("on", '"api", "inner_parts"')
    assert whoami(served, prefer="timezone=America/Los_Angeles")["zone"] == "America/Los_Angeles"
    # A setting of superusers holds where the connecting role was granted to set it, and is left out elsewhere.
    granted = served.get("/rpc/setting?name=log_min_duration_statement", role="careful")
    withheld = served.get("/rpc/setting?name=log_lock_waits", role="careful")
    grants = int(served.sql("SHOW server_version_num")[0][0]) >= 150_000
    assert granted.json() == ("1min" if grants else served.sql("SHOW log_min_duration_statement")[0][0])
    assert withheld.json() == served.sql("SHOW log_lock_waits")[0][0]

    def setting(name: str, **more: Any) -> Any:
        return served.get(f"/rpc/setting?name={name}", **more).json()

    assert setting("request.path") == "/rpc/setting"
    assert setting("request.method") == "GET"
    assert setting("request.headers", x_a="b", cookie="a=b") == '{"x-a":"b"}'
    assert setting("request.cookies", cookie="a=b; c=d") == '{"a":"b","c":"d"}'
    assert setting("request.jwt.claims") == f'{{"role":"{served.prefix}anon"}}'
    assert setting("app.settings.k", given={"app.settings": {"k": "v"}}) == "v"


def test_the_function_before(served: Served) -> None:
    given = {"db-pre-request": "inner_parts.check_request"}
    assert served.get("/letters", given=given).status == 200
    assert served.get("/letters", given=given, x_refuse="1").fault == (401, "42501")
    assert served.post("/letters", {"id": 9}, given=given, x_refuse="1").fault == (401, "42501")
    assert served.get("/rpc/add?a=1", given=given, x_header="1").header("x-from-before") == "yes"


@pytest.mark.parametrize("role", ["member", "careful"])  # the second has an isolation of its own
def test_what_is_set_for_good_by_one_caller_is_not_there_for_the_next(served: Served, role: str) -> None:
    given = {"db-pre-request": "inner_parts.remember_for_good", "db-pool": 1}
    target = "/letters?select=remembered&limit=1"
    for _ in range(2):
        assert served.get(target, given=given, role=role).json() == [{"remembered": served.prefix + role}]
        assert served.get(target, given=given).json() == [{"remembered": None}]
    assert served.post("/letters", {"id": 77}, given=given | BACK, role="member").status == 201
    assert served.get(target, given=given).json() == [{"remembered": None}]


def test_grants_and_policies_of_the_database(served: Served) -> None:
    assert served.get("/notes").fault == (401, "42501")
    assert served.get("/notes", role="member").fault == (403, "42501")  # a column is not granted
    # A token without a role is the anonymous one's.
    assert served.get("/notes", authorization=f"Bearer {served.token(sub='ann')}").fault == (401, "42501")
    ann = {"authorization": f"Bearer {served.token('member', sub='ann')}"}
    assert served.get("/notes?select=id,body&order=id", **ann).json() == [
        {"id": 1, "body": "one"},
        {"id": 3, "body": "three"},
    ]
    assert served.post("/notes", {"body": "x", "owner": "ben"}, **ann).fault == (403, "42501")
    reply = served.post("/notes?select=owner", {"body": "x"}, **ann, prefer="return=representation", given=BACK)
    assert (reply.status, reply.json()) == (201, [{"owner": "ann"}])
    assert served.post("/dropbox", {"id": 5}, given=BACK).status == 201
    assert served.post("/dropbox", {"id": 5}, prefer="return=representation", given=BACK).fault == (401, "42501")


def test_several_schemas(served: Served) -> None:
    reply = served.get("/things", accept_profile="other")
    assert (reply.json(), reply.header("content-profile")) == ([{"id": 1, "name": "thing"}], "other")
    assert served.get("/things").fault == (404, "PGRST205")
    assert served.get("/letters?limit=1").header("content-profile") == "api"
    reply = served.get("/things", accept_profile="zzz")
    assert reply.fault == (406, "PGRST106")
    assert (reply.json()["message"], reply.json()["hint"]) == (
        "Invalid schema: zzz",
        "Only the following schemas are exposed: api, other",
    )
    written = served.post("/things", {"id": 5}, content_profile="other", prefer="return=representation", given=BACK)
    assert written.json() == [{"id": 5, "name": None}]
    assert served.post("/rpc/add", {"a": 1}, content_profile="other").fault == (404, "PGRST202")
    assert served.ask("OPTIONS", "/things", accept_profile="other").status == 200
    assert served.ask("OPTIONS", "/things", content_profile="other").fault == (404, "PGRST205")
    assert served.ask("OPTIONS", "/letters", accept_profile="zzz").fault == (406, "PGRST106")
    # Also where there is only one schema, the answer names the one that was asked for.
    one = {"db-schemas": "other"}
    assert served.get("/things", accept_profile="other", given=one).header("content-profile") == "other"
    assert served.get("/things", given=one).header("content-profile") is None
    assert served.get("/things", accept_profile="api", given=one).fault == (406, "PGRST106")


@pytest.mark.parametrize(
    ("headers", "status", "span", "applied"),
    [
        ({"range": "0-1"}, 200, "0-1/*", None), ({"range": "1-"}, 200, "1-2/*", None),
        ({"range": "5-9"}, 200, "*/*", None),
        ({"range": "0-1", "prefer": "count=exact"}, 206, "0-1/3", "count=exact"),
        ({"range": "5-9", "prefer": "count=exact"}, 416, "*/3", None), ({"range": "1-0"}, 416, "*/*", None),
        ({"prefer": "count=planned"}, 206, "0-2/1200", "count=planned"),
        ({"prefer": "count=estimated"}, 206, "0-2/1200", "count=estimated"),
    ],
)  # fmt: skip
def test_ranges_and_counts(served: Served, headers: Any, status: int, span: str, applied: str | None) -> None:
    reply = served.get("/letters", **headers)
    assert (reply.status, reply.header("content-range")) == (status, span)
    assert reply.header("preference-applied") == applied


def test_preferences(served: Served) -> None:
    assert served.get("/letters", prefer="foo=bar, handling=strict").fault == (400, "PGRST122")
    assert served.get("/letters", prefer="timezone=Nope, handling=strict").fault == (400, "PGRST122")
    assert served.get("/letters", prefer="foo=bar").status == 200
    strict = served.ask("PATCH", "/letters", body={"text": "n"}, prefer="handling=strict, max-affected=1")
    assert strict.fault == (400, "PGRST124")
    given = {"db-tx-end": "commit-allow-override"}
    reply = served.ask("PATCH", "/letters", body={"text": "n"}, prefer="tx=rollback", given=given)
    assert (reply.status, reply.header("preference-applied")) == (204, "tx=rollback")
    assert served.sql("SELECT count(*) FROM api.letters WHERE text = 'n'") == [(0,)]
    reply = served.post("/kept", {"id": 7}, prefer="return=headers-only", given=BACK)
    assert (reply.status, reply.header("location"), reply.body) == (201, "/kept?id=eq.7", b"")


def test_what_is_missing_has_the_default_of_its_identity_or_domain(served: Served) -> None:
    given: dict[str, Any] = {"prefer": "missing=default, return=representation", "given": BACK}
    reply = served.post("/filled?columns=id,a,b", [{"b": "x"}, {"id": 70, "a": 5}], **given)
    assert reply.status == 201, reply.text
    first, second = reply.json()
    assert (first["a"], first["b"], type(first["id"])) == (4, "x", int)
    assert second == {"id": 70, "a": 5, "b": "bb", "made": 2}


def test_what_is_told_beside(served: Served) -> None:
    timing = served.get("/letters", given={"server-timing-enabled": True}).header("server-timing") or ""
    assert [part.split(";")[0].strip() for part in timing.split(",")] == [
        "jwt",
        "parse",
        "plan",
        "transaction",
        "response",
    ]
    timing = served.get("/", given={"server-timing-enabled": True}).header("server-timing") or ""
    assert [part.split(";")[0] for part in timing.split(", ")] == ["jwt", "parse", "plan", "transaction", "response"]
    given = {"server-trace-header": "X-Request-Id"}
    assert served.get("/letters", given=given, x_request_id="me").header("x-request-id") == "me"
    minimal = {"client-error-verbosity": "minimal"}
    for reply in (
        served.get("/letterz", given=minimal),
        served.get("/notes", given=minimal),
        served.get("/letters", given=minimal, authorization="Bearer x"),
        served.get("/letters?offset=9", given=minimal, prefer="count=exact"),
    ):
        assert set(reply.json()) == {"code", "message"}
    assert reply.header("content-range") == "*/3"
    assert served.get("/letterz").json()["hint"] == "Perhaps you meant the table 'api.letters'"


def test_what_the_settings_name_and_the_database_lacks_is_told(served: Served, tmp_path: Path) -> None:
    def told(**given: str) -> list[str]:
        file = tmp_path / "postgrest.json"
        file.write_text(json.dumps(served.settings(given)))
        settings = load_postgrest(file, {})
        assert settings.database.url is not None
        return lacks(read_standing(settings.database.url.reveal(), settings.api.schemas, ()), settings)

    assert told() == []
    schema, role = told(**{"db-schemas": "api, no_such_schema", "db-anon-role": "no_such_role"})
    assert "no_such_schema" in schema
    assert "CREATE ROLE no_such_role NOLOGIN" in role
    assert "db-anon-role" in role


def test_who_may_read_a_database_with_grants_is_said_by_grants() -> None:
    given = {"UNDERCROFT_DATABASE_URL": "postgresql://nobody@localhost/none", "UNDERCROFT_API_ANON": "read"}
    with pytest.raises(SetupFault, match="decides for itself") as refused:
        database_app(Settings.load(None, given))
    assert refused.value.hint == "GRANT SELECT ON ALL TABLES IN SCHEMA public TO anon;"
