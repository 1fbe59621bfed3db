"""Settings: Supabase's vocabulary, precedence, suggestions with a place, and nothing that is silently ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from undercroft.base.secret import Secret
from undercroft.base.settings import Settings, SettingsFault, from_postgrest
from undercroft.base.settings.vocabulary import leaves, variable

SUPABASE = """
# A file as `supabase init` leaves it, with a few lines changed by its owner.
project_id = "corner-shop"

[api]
enabled = true
port = 54321
schemas = ["public", "graphql_public"]
extra_search_path = ["public", "extensions"]
max_rows = 500

[api.tls]
enabled = false

[db]
port = 54322
shadow_port = 54320
major_version = 17

[db.pooler]
enabled = false
pool_mode = "transaction"

[realtime]
enabled = true

[studio]
enabled = true
openai_api_key = "env(OPENAI_API_KEY)"

[local_smtp]
enabled = true
port = 54324

[storage]
enabled = true
file_size_limit = "50MiB"

[storage.buckets.images]
public = false

[auth]
enabled = true
site_url = "http://127.0.0.1:3000"
additional_redirect_urls = ["https://127.0.0.1:3000"]
jwt_expiry = 7200
enable_refresh_token_rotation = true
minimum_password_length = 8
jwt_secret = "env(SHOP_JWT_SECRET)"

[auth.email]
enable_confirmations = true
max_frequency = "1m30s"
otp_length = 8

[auth.email.smtp]
enabled = true
pass = "env(SENDGRID_API_KEY)"

[auth.sms]
enable_signup = false

[auth.external.github]
enabled = true
secret = "env(GITHUB_SECRET)"

[edge_runtime]
enabled = true

[analytics]
enabled = true

[experimental]
s3_host = "env(S3_HOST)"
"""
SHOP = "the shop's own secret, long enough for anybody"


def write(folder: Path, text: str, name: str = "undercroft.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(folder: Path, text: str = "", environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsFault) as caught:
        Settings.load(write(folder, text), environ or {})
    return str(caught.value)


def test_without_file_and_variables_everything_has_its_default() -> None:
    settings = Settings.load(None, {"PATH": "/bin", "SUPABASE_URL": "elsewhere"})
    assert settings == Settings()
    assert settings.notices == ()
    assert (settings.api.max_rows, settings.api.anon, settings.api.anon_role) == (1000, "none", "anon")
    assert settings.server.body_limit == 10 * 1024 * 1024


def test_a_config_toml_of_supabase_is_taken_as_it_is(tmp_path: Path) -> None:
    secrets = {"SHOP_JWT_SECRET": SHOP, "SENDGRID_API_KEY": "the key of a mail server", "GITHUB_SECRET": "x"}
    settings = Settings.load(write(tmp_path, SUPABASE, "config.toml"), secrets)
    assert settings.api.port == 54321
    assert settings.api.schemas == ("public", "graphql_public")
    assert settings.api.max_rows == 500
    assert settings.auth.jwt_expiry == 7200
    assert settings.auth.jwt_secret == Secret(SHOP)
    assert settings.auth.email.enable_confirmations is True
    assert settings.auth.email.max_frequency == 90.0
    assert getattr(settings.auth.email.smtp, "pass") == Secret("the key of a mail server")
    sections, unused = settings.notices
    assert sections == (
        "sections that are not here yet, left out: [analytics] [db] "
        "[edge_runtime] [experimental] [local_smtp] [realtime] [storage] [studio]"
    )
    assert "project_id" in unused
    assert "enabled" not in unused.replace("enable_", "")  # what is so anyway is not worth a line
    for honoured in ("api.port", "api.max_rows", "auth.jwt_expiry", "auth.jwt_secret", "auth.site_url"):
        assert honoured not in unused


def test_switching_off_what_cannot_be_switched_off_is_said(tmp_path: Path) -> None:
    settings = Settings.load(write(tmp_path, "[api]\nenabled = false"), {})
    assert settings.notices == ("settings that are accepted and not used yet: api.enabled",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[api]\nmax_row = 5", 'undercroft.toml:2: unknown key "max_row" in [api] (did you mean "max_rows"?)'),
        ("\n\n[sever]\nhost = 'x'", 'undercroft.toml:3: unknown section "sever" in the file (did you mean "server"?)'),
        (
            "[auth.emial]\notp_length = 6",
            'undercroft.toml:1: unknown section "emial" in [auth] (did you mean "email"?)',
        ),
        ("[server]\nport = 1", 'undercroft.toml:2: unknown key "port" in [server] (did you mean [api] port?)'),
        ("[auth]\nsmss = 1", '(did you mean "sms"?)'),
        ("anon_role = 5", 'undercroft.toml:1: unknown key "anon_role" in the file (did you mean [api] anon_role?)'),
        ("[api]\nqwertz = 1", 'undercroft.toml:2: unknown key "qwertz" in [api]'),
        ("api.max_row = 1", 'undercroft.toml:1: unknown key "max_row" in [api]'),
        ("api = 3", "undercroft.toml:1: api should be a section"),
        ("[api]\nmax_rows = 'many'", "undercroft.toml:2: api.max_rows: input should be a valid integer"),
        ("[api]\nport = 70000", "undercroft.toml:2: api.port: input should be less than or equal to 65535"),
        ("[api]\ntx_end = 'never'", "undercroft.toml:2: api.tx_end: input should be 'commit', "),
        ("[api]\nschemas = ['a', 3]", "undercroft.toml:2: api.schemas"),
        ("[auth.email]\nmax_frequency = 'soon'", "undercroft.toml:2: auth.email.max_frequency: should be a number of"),
        ("[server]\nbody_limit = '10 apples'", "undercroft.toml:2: server.body_limit: should be a number of bytes"),
        ("[api.tls]\nenabled = true", "undercroft.toml:2: api.tls: enabled = true needs cert_path and key_path"),
        ("[auth]\njwt_secret = 'env(NOT_SET)'", "undercroft.toml:2: env(NOT_SET): no such environment variable"),
        ("[api\n", "undercroft.toml: not TOML: "),
        ("[api]\nport = 1\nport = 2", "undercroft.toml: not TOML: "),
    ],
)
def test_a_wrong_line_is_named_with_what_was_meant(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, text)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, "[api]\nmax_row = 1\nport = 'x'\n", {"UNDERCROFT_LOG_LEVEL": "loud"})
    assert told.startswith("3 settings are wrong:")
    assert "undercroft.toml:2" in told
    assert "undercroft.toml:3" in told
    assert "UNDERCROFT_LOG_LEVEL: log.level: input should be" in told


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[api]\nmax_rows = 1\nport = 2\n[auth.email]\notp_length = 6")
    environ = {"UNDERCROFT_API_MAX_ROWS": "7", "UNDERCROFT_AUTH_EMAIL_OTP_LENGTH": "10"}
    settings = Settings.load(file, environ)
    assert (settings.api.max_rows, settings.api.port, settings.auth.email.otp_length) == (7, 2, 10)


@pytest.mark.parametrize(
    ("name", "text", "section", "key", "value"),
    [
        ("UNDERCROFT_API_AGGREGATES", "true", "api", "aggregates", True),
        ("UNDERCROFT_API_SCHEMAS", "public, shop", "api", "schemas", ("public", "shop")),
        ("UNDERCROFT_API_ANON_ROLE", "", "api", "anon_role", None),
        ("UNDERCROFT_API_MAX_ROWS", "0", "api", "max_rows", None),
        ("UNDERCROFT_SERVER_DRAIN", "1m", "server", "drain", 60.0),
        ("UNDERCROFT_SERVER_BODY_LIMIT", "5MB", "server", "body_limit", 5 * 1024 * 1024),
        ("UNDERCROFT_SERVER_UNIX_SOCKET", "/run/u.sock", "server", "unix_socket", Path("/run/u.sock")),
        ("UNDERCROFT_SERVER_CORS_ALLOWED_ORIGINS", "", "server", "cors_allowed_origins", ()),
        ("UNDERCROFT_DATABASE_URL", "sqlite:///x.db", "database", "url", Secret("sqlite:///x.db")),
        ("UNDERCROFT_AUTH_JWT_ROLE_CLAIM", ".roles[0]", "auth", "jwt_role_claim", ".roles[0]"),
    ],
)
def test_every_kind_of_value_can_come_from_the_environment(
    name: str, text: str, section: str, key: str, value: object
) -> None:
    assert getattr(getattr(Settings.load(None, {name: text}), section), key) == value


def test_an_unknown_variable_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SettingsFault, match=r"UNDERCROFT_API_MAXROWS.*did you mean UNDERCROFT_API_MAX_ROWS"):
        Settings.load(None, {"UNDERCROFT_API_MAXROWS": "3"})
    assert Settings.load(None, {"UNDERCROFT_CONFIG": "x"}, reserved={"UNDERCROFT_CONFIG"}) == Settings()


def test_a_variable_of_a_section_that_is_not_here_yet_is_told() -> None:
    settings = Settings.load(None, {"UNDERCROFT_STUDIO_ENABLED": "true"})
    assert settings.notices == ("sections that are not here yet, left out: [studio]",)


def test_variables_are_unambiguous() -> None:
    names = [variable(path) for path, _ in leaves(Settings)]
    assert len(names) == len(set(names))
    assert len(names) > 60


def test_relative_paths_start_where_the_file_is(tmp_path: Path) -> None:
    text = "[api.tls]\ncert_path = 'certs/a.pem'\nkey_path = '/etc/b.pem'"
    tls = Settings.load(write(tmp_path, text), {}).api.tls
    assert (tls.cert_path, tls.key_path) == (tmp_path / "certs/a.pem", Path("/etc/b.pem"))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match=r"nothing\.toml: cannot be read: No such file"):
        Settings.load(tmp_path / "nothing.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"[api]\n# caf\xe9\n")
    with pytest.raises(SettingsFault, match="not UTF-8"):
        Settings.load(tmp_path / "latin.toml", {})


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.api.port = 1


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    secret = "canary-8f14e45f-ceea-467f-a8c1-000000000001"
    keys = ("jwt_secret", "anon_key", "service_role_key", "publishable_key", "secret_key", "jwks")
    lines = [f"{key} = '{secret}'" for key in keys]
    text = "\n".join(["[auth]", *lines, "[database]", f"url = 'postgresql://u:{secret}@h/d'"])
    settings = Settings.load(write(tmp_path, text), {})
    shown = [
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        f"{settings.auth.jwt_secret}",
        str(settings.notices),
    ]
    assert all("canary" not in line for line in shown)
    assert settings.auth.jwt_secret is not None
    assert settings.auth.jwt_secret.reveal() == secret
    for wrong in (f"jwt_secret = ['{secret}']", f"jwt_expiry = '{secret}'", f"jwt_secret = '{secret}'\nx = '{secret}'"):
        assert "canary" not in refused(tmp_path, f"[auth]\n{wrong}")


def test_secrets_compare_by_value_and_only_with_secrets() -> None:
    assert Secret("a") == Secret(b"a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_postgrest_names_find_their_place() -> None:
    settings = from_postgrest(
        {
            "db-max-rows": 2,
            "db-anon-role": "web_anon",
            "db-schemas": "test, other",
            "db-tx-end": "rollback-allow-override",
            "db-aggregates-enabled": True,
            "db-plan-enabled": True,
            "jwt-secret": SHOP,
            "jwt-aud": "youraudience",
            "jwt-role-claim-key": "$.role",
            "jwt-cache-max-entries": 10,
            "server-trace-header": "X-Request-Id",
            "server-timing-enabled": True,
            "server-cors-allowed-origins": "http://a, http://b",
            "server-port": 3000,
            "log-level": "crit",
            "db-pre-request": "test.switch_role",
            "app.settings": {"a": "b"},
            "db-root-spec": None,
        }
    )
    assert settings.api.max_rows == 2
    assert settings.api.anon_role == "web_anon"
    assert settings.api.schemas == ("test", "other")
    assert settings.api.tx_end == "rollback-allow-override"
    assert (settings.api.aggregates, settings.api.plan, settings.api.port) == (True, True, 3000)
    assert settings.auth.jwt_audience == ("youraudience",)
    assert settings.auth.jwt_secret == Secret(SHOP)
    assert settings.server.cors_allowed_origins == ("http://a", "http://b")
    assert settings.log.level == "error"
    assert settings.postgrest.pre_request == "test.switch_role"
    assert settings.postgrest.app_settings == {"a": "b"}
    assert settings.notices == ()


def test_postgrest_unset_means_unset() -> None:
    names = ("db-max-rows", "db-anon-role", "jwt-aud", "server-trace-header", "jwt-secret", "db-schemas")
    settings = from_postgrest(dict.fromkeys(names))
    assert (settings.api.max_rows, settings.api.anon_role) == (None, None)
    assert (settings.auth.jwt_audience, settings.auth.jwt_secret, settings.notices) == ((), None, ())


def test_postgrest_key_sets_and_key_files() -> None:
    assert from_postgrest({"jwt-secret": '{"keys": []}'}).auth.jwks == Secret('{"keys": []}')
    with pytest.raises(SettingsFault, match="jwt-secret: a secret is not read from a file"):
        from_postgrest({"jwt-secret": "@rsa.jwk.pub"})
    with pytest.raises(SettingsFault, match=r"db-tx-end: api\.tx_end: input should be"):
        from_postgrest({"db-tx-end": "sometimes"})


@pytest.mark.needs("shared")
def test_the_exam_s_configurations_are_understood(shared: Path) -> None:
    import json

    configs = json.loads((shared / "exam/cases.json").read_text())["configs"]
    made = {name: from_postgrest(config["settings"]) for name, config in configs.items()}
    assert made["db-max-rows=2"].api.max_rows == 2
    assert made["jwt-aud=youraudience"].auth.jwt_audience == ("youraudience",)
    assert made["base"].api.anon_role == "postgrest_test_anonymous"
