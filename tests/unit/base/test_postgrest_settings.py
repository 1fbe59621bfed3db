"""PostgREST's configuration as it is: its file, its variables, its names, and what a database says over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from undercroft.base.secret import Secret
from undercroft.base.settings import Settings, SettingsFault, load_postgrest
from undercroft.base.settings.postgrest import COUNTERPARTS, from_postgrest, overlaid
from undercroft.base.settings.postgrest_file import read_conf, read_variables

FILE = r"""
# a comment
db-uri = "postgres://user:pass@host/db"   # another
db-schemas = "tenant1, tenant2"
jwt-secret = "a \"quoted\" $$ and $(MORE)"
db-max-rows = 100
db-tx-end="rollback"
jwt-secret-is-base64 = false
server-timing-enabled = on
server-cors-allowed-origins = ["http://a", "http://b"]
app.settings.key = "\u00e9"
app { settings { other = "2" } }
"""


def test_the_format_of_the_file() -> None:
    found = read_conf(FILE, "postgrest.conf", {"MORE": "\\n stays"})
    assert found == {
        "db-uri": "postgres://user:pass@host/db",
        "db-schemas": "tenant1, tenant2",
        "jwt-secret": 'a "quoted" $ and \\n stays',
        "db-max-rows": 100,
        "db-tx-end": "rollback",
        "jwt-secret-is-base64": False,
        "server-timing-enabled": True,
        "server-cors-allowed-origins": ["http://a", "http://b"],
        "app.settings.key": "é",
        "app.settings.other": "2",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\ndb-uri postgres", r"postgrest.conf:2: \"=\" was expected after db-uri"),
        ("db-uri = postgres", "postgrest.conf:1: a value was expected"),
        ('a = "$5"', r"is written \"\$\$\""),
        ('a = "$(NOT_THERE)"', "no such environment variable: NOT_THERE"),
        ("a = [1 2]", r"\",\" or"),
        ("a = 1\n=", "postgrest.conf:2: a setting's name was expected"),
        ('a = "\\q"', "is no escape"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(SettingsFault, match=told):
        read_conf(text, "postgrest.conf", {})


def test_variables() -> None:
    environ = {"PGRST_DB_URI": "postgresql://", "PGRST_APP_SETTINGS_MY_KEY": "x", "PATH": "/bin"}
    assert read_variables(environ) == {"db-uri": "postgresql://", "app.settings.my_key": "x"}


def test_defaults_are_postgrest_s(tmp_path: Path) -> None:
    settings = load_postgrest(None, {})
    assert (settings.server.host, settings.api.port) == ("0.0.0.0", 3000)
    assert (settings.api.max_rows, settings.api.anon_role, settings.api.extra_search_path) == (None, None, ("public",))
    assert settings.database.url == Secret("postgresql://")
    assert settings.postgrest.stand_in


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "postgrest.conf"
    file.write_text('max-rows = 5\ndb-schema = "one"\ndb-anon-role = "a"\nlog-level = "crit"')
    environ = {"PGRST_DB_ANON_ROLE": "b", "PGRST_DB_MAX_ROWS": "7", "UNDERCROFT_API_PORT": "9"}
    settings = load_postgrest(file, environ)
    assert (settings.api.max_rows, settings.api.schemas, settings.api.anon_role) == (7, ("one",), "b")
    assert (settings.api.port, settings.log.level) == (9, "error")


def test_texts_mean_what_postgrest_reads_in_them() -> None:
    environ = {
        "PGRST_DB_PLAN_ENABLED": "true",
        "PGRST_DB_CHANNEL_ENABLED": "0",
        "PGRST_OPENAPI_MODE": "ignore-privileges",
        "PGRST_DB_EXTRA_SEARCH_PATH": "",
        "PGRST_DB_PRE_REQUEST": "",
    }
    settings = load_postgrest(None, environ)
    assert settings.api.plan
    assert not settings.postgrest.channel_enabled
    assert settings.postgrest.ignore_privileges
    assert settings.api.openapi == "follow-privileges"
    assert settings.api.extra_search_path == ()
    assert settings.postgrest.pre_request is None


def test_values_in_files(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("postgresql:///x\n")
    (tmp_path / "key").write_text('{"keys": []}\n')
    environ = {"PGRST_DB_URI": f"@{tmp_path / 'uri'}", "PGRST_JWT_SECRET": f"@{tmp_path / 'key'}"}
    settings = load_postgrest(None, environ)
    assert settings.database.url == Secret("postgresql:///x")
    assert settings.auth.jwks == Secret('{"keys": []}')
    with pytest.raises(SettingsFault, match=r"db-uri: the file .* cannot be read: No such file"):
        load_postgrest(None, {"PGRST_DB_URI": "@/nowhere/at/all"})


def test_json_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"db-schemas": ["a", "b"], "app.settings": {"x": "y"}, "db-root-spec": null}')
    settings = load_postgrest(file, {})
    assert settings.api.schemas == ("a", "b")
    assert settings.postgrest.app_settings == {"x": "y"}


def test_settings_of_the_database_go_over_the_others() -> None:
    before = load_postgrest(None, {"PGRST_DB_MAX_ROWS": "5", "PGRST_SERVER_PORT": "77"})
    after = overlaid(before, {"db-schemas": "s1, s2", "jwt-secret": "x" * 32, "db-max-rows": "9"})
    assert (after.api.schemas, after.api.max_rows, after.api.port) == (("s1", "s2"), 9, 77)
    assert after.auth.jwt_secret == Secret("x" * 32)


def test_what_has_no_meaning_here_is_named() -> None:
    settings = load_postgrest(None, {"PGRST_JWT_CACHE_MAX_LIFETIME": "3600", "PGRST_LOG_QUERY": "main-query"})
    left_out = "jwt-cache-max-lifetime, log-query"
    assert settings.notices == (f"PostgREST settings without a counterpart, left out: {left_out}",)


def test_the_admin_server_has_a_port_of_its_own() -> None:
    settings = load_postgrest(None, {"PGRST_ADMIN_SERVER_PORT": "3001", "PGRST_ADMIN_SERVER_HOST": "*4"})
    assert (settings.postgrest.admin_port, settings.postgrest.admin_host) == (3001, "0.0.0.0")


@pytest.mark.parametrize(
    "proxy",
    ["nope", "//x.org", "ftp://x.org", "https://", "https://u:p@x.org", "https://x.org?q=1", "https://x.org:zz"],
)
def test_an_address_that_is_none(proxy: str) -> None:
    with pytest.raises(SettingsFault, match="openapi-server-proxy-uri: no address of a server"):
        from_postgrest({"openapi-server-proxy-uri": proxy})
    assert from_postgrest({"openapi-server-proxy-uri": "https://x.org:8443/api"}).api.external_url is not None


def test_every_counterpart_is_a_setting() -> None:
    settings = Settings()
    for section, name in COUNTERPARTS.values():
        assert hasattr(getattr(settings, section), name)
