"""PostgREST's setting names, for those who come from there: each with the setting that has the same meaning here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from undercroft.base.settings.postgrest_file import APP_SETTINGS, read_conf, read_variables
from undercroft.base.settings.problems import Problem, SettingsFault
from undercroft.base.settings.settings import Settings
from undercroft.base.settings.sources import Found, read_environ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from undercroft.base.settings.problems import Path as Name

# https://docs.postgrest.org/en/stable/references/configuration.html
COUNTERPARTS: Mapping[str, tuple[str, str]] = {
    "admin-server-host": ("postgrest", "admin_host"),
    "admin-server-port": ("postgrest", "admin_port"),
    "client-error-verbosity": ("postgrest", "error_verbosity"),
    "db-aggregates-enabled": ("api", "aggregates"),
    "db-anon-role": ("api", "anon_role"),
    "db-channel": ("postgrest", "channel"),
    "db-channel-enabled": ("postgrest", "channel_enabled"),
    "db-config": ("postgrest", "config"),
    "db-extra-search-path": ("api", "extra_search_path"),
    "db-hoisted-tx-settings": ("postgrest", "hoisted_tx_settings"),
    "db-max-rows": ("api", "max_rows"),
    "db-plan-enabled": ("api", "plan"),
    "db-pool": ("database", "pool"),
    "db-pool-acquisition-timeout": ("database", "pool_timeout"),
    "db-pool-max-idletime": ("database", "pool_idle"),
    "db-pool-max-lifetime": ("database", "pool_lifetime"),
    "db-pre-config": ("postgrest", "pre_config"),
    "db-pre-request": ("postgrest", "pre_request"),
    "db-prepared-statements": ("database", "prepare"),
    "db-root-spec": ("postgrest", "root_spec"),
    "db-schemas": ("api", "schemas"),
    "db-timezone-enabled": ("postgrest", "timezones"),
    "db-tx-end": ("api", "tx_end"),
    "db-uri": ("database", "url"),
    "jwt-aud": ("auth", "jwt_audience"),
    "jwt-cache-max-entries": ("auth", "jwt_cache_entries"),
    "jwt-role-claim-key": ("auth", "jwt_role_claim"),
    "jwt-secret": ("auth", "jwt_secret"),
    "jwt-secret-is-base64": ("auth", "jwt_secret_is_base64"),
    "log-level": ("log", "level"),
    "openapi-mode": ("api", "openapi"),
    "openapi-security-active": ("postgrest", "security_active"),
    "openapi-server-proxy-uri": ("api", "external_url"),
    "server-cors-allowed-origins": ("server", "cors_allowed_origins"),
    "server-host": ("server", "host"),
    "server-port": ("api", "port"),
    "server-timing-enabled": ("server", "timing"),
    "server-trace-header": ("server", "trace_header"),
    "server-unix-socket": ("server", "unix_socket"),
    "server-unix-socket-mode": ("server", "unix_socket_mode"),
    "url-use-legacy-target-names": ("postgrest", "legacy_target_names"),
}
ALIASES: Mapping[str, str] = {
    "db-pool-timeout": "db-pool-max-idletime",
    "db-schema": "db-schemas",
    "max-rows": "db-max-rows",
    "pre-request": "db-pre-request",
    "role-claim-key": "jwt-role-claim-key",
    "secret-is-base64": "jwt-secret-is-base64",
    "server-proxy-uri": "openapi-server-proxy-uri",
}
"""Names from before PostgREST gave each a prefix."""
DEFAULTS: Mapping[str, Any] = {
    "db-anon-role": None,
    "db-max-rows": None,
    "db-uri": "postgresql://",
    "server-host": "!4",
    "server-port": 3000,
}
"""What PostgREST takes where its file is silent, and we do not."""

_STAND_IN: Mapping[Name, Any] = {
    ("postgrest", "stand_in"): True,
    ("server", "url_limit"): 65_536,
    ("server", "body_limit"): 100 * 1024 * 1024,
}
"""What holds in the place of a PostgREST, which bounds requests less than we do elsewhere."""

_NOT_IN_DATABASE = frozenset(
    {
        "admin-server-host", "admin-server-port", "db-channel", "db-channel-enabled", "db-config", "db-pool",
        "db-pool-acquisition-timeout", "db-pool-max-idletime", "db-pool-max-lifetime", "db-uri", "log-level",
        "server-host", "server-port", "server-unix-socket", "server-unix-socket-mode",
    }
)  # fmt: skip
IN_DATABASE: Mapping[str, str] = {name.replace("-", "_"): name for name in COUNTERPARTS if name not in _NOT_IN_DATABASE}
"""What a database may say of the server: the part after `pgrst.` of its settings, with the setting that it means."""

_LISTS = frozenset({"db-schemas", "db-extra-search-path", "db-hoisted-tx-settings", "server-cors-allowed-origins"})
_BOOLEANS = frozenset(
    {
        "db-aggregates-enabled", "db-channel-enabled", "db-config", "db-plan-enabled", "db-prepared-statements",
        "db-timezone-enabled", "jwt-secret-is-base64", "openapi-security-active", "server-timing-enabled",
        "url-use-legacy-target-names",
    }
)  # fmt: skip
_LEVELS = {"crit": "error", "error": "error", "warn": "warning", "info": "info", "debug": "debug"}
_HOSTS = {"!4": "0.0.0.0", "*": "0.0.0.0", "*4": "0.0.0.0", "!6": "::", "*6": "::"}  # noqa: S104  what these signs mean
_UNSET = frozenset(
    {
        "db-anon-role", "db-max-rows", "db-pre-config", "db-pre-request", "db-root-spec", "openapi-server-proxy-uri",
        "server-trace-header",
    }
)  # fmt: skip
"""Where None means something here, and not our default."""
_IN_FILES = ("db-uri", "jwt-secret")
"""Settings whose value `@name` stands for what the file `name` holds."""


def load_postgrest(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of a PostgREST configuration file (or, as a JSON object, of its names), over which go the
    `PGRST_*` and then the `UNDERCROFT_*` variables of `environ`.

    Paths start from the working directory, as PostgREST has it. Raises `SettingsFault`.
    """
    mapping = dict(DEFAULTS) | renamed(_of_file(file, environ)) | renamed(read_variables(environ))
    for name in _IN_FILES:
        value = mapping.get(name)
        if isinstance(value, str) and value.startswith("@"):
            mapping[name] = _contents(name, Path(value[1:]))
    found, *notices = _found(mapping)
    found.values |= _STAND_IN
    read_environ(environ, (), found)
    return Settings.made(found, *notices)


def from_postgrest(mapping: Mapping[str, Any]) -> Settings:
    """The settings that PostgREST's `mapping` (name to JSON value) has a counterpart for; the others in `notices`.

    A value that PostgREST calls unset (null, "" or []) asks for nothing and is not reported. Raises `SettingsFault`.
    """
    found, *notices = _found(renamed(mapping))
    return Settings.made(found, *notices)


def overlaid(settings: Settings, mapping: Mapping[str, Any]) -> Settings:
    """The settings with those of `mapping` over them, as a database's own `pgrst.*` settings are.

    Raises `SettingsFault`.
    """
    found, *_ = _found(renamed(mapping))
    made = Settings.made(found)
    sections: dict[str, dict[str, Any]] = {}
    for section, name in found.values:
        sections.setdefault(section, {})[name] = getattr(getattr(made, section), name)
    changed = {name: getattr(settings, name).model_copy(update=values) for name, values in sections.items()}
    return settings.model_copy(update=changed)


def renamed(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping by today's names; a setting given by both has the value of today's."""
    old = {ALIASES[name]: value for name, value in mapping.items() if name in ALIASES}
    return old | {name: value for name, value in mapping.items() if name not in ALIASES}


def _of_file(file: Path | None, environ: Mapping[str, str]) -> Mapping[str, Any]:
    if file is None:
        return {}
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsFault([Problem(str(file), f"cannot be read: {reason}")]) from None
    if not text.lstrip().startswith("{"):
        return read_conf(text, file.name, environ)
    try:
        mapping: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise SettingsFault([Problem(file.name, f"not JSON: {error}")]) from None
    return mapping


def _contents(name: str, file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsFault([Problem(name, f"the file {file} cannot be read: {reason}")]) from None


def _found(mapping: Mapping[str, Any]) -> tuple[Any, ...]:
    """What the mapping says, as `Found`, and the lines to tell at the start."""
    found = Found(Settings)
    left_out = []
    app_settings: dict[str, str] = {}
    for name, value in mapping.items():
        if name.startswith(APP_SETTINGS):
            app_settings[name.removeprefix(APP_SETTINGS)] = str(value)
        elif name == "app.settings":
            app_settings |= {key: str(each) for key, each in (value or {}).items()}
        elif name == "openapi-mode" and value == "ignore-privileges":
            found.values["postgrest", "ignore_privileges"] = True
            found.places["postgrest", "ignore_privileges"] = name
        elif name in COUNTERPARTS:
            path, translated = _translated(name, COUNTERPARTS[name], value)
            if path is not None:
                found.values[path] = translated
                found.places[path] = name
        elif value not in (None, "", [], {}, False):
            left_out.append(name)
    proxy = mapping.get("openapi-server-proxy-uri")
    if proxy and not _is_address(str(proxy)):
        hint = "write it as in https://example.com:8443/basePath"
        found.problems.append(Problem("openapi-server-proxy-uri", "no address of a server", hint))
    if app_settings:
        found.values["postgrest", "app_settings"] = app_settings
        found.places["postgrest", "app_settings"] = "app.settings"
    if (secret := mapping.get("jwt-secret")) and str(secret).startswith("@"):
        hint = "give the secret itself, or name a key set as [auth] jwks_file"
        found.problems.append(Problem("jwt-secret", "a secret is not read from a file", hint))
    lines = [f"PostgREST settings without a counterpart, left out: {', '.join(sorted(left_out))}"] if left_out else []
    return found, *lines


def _is_address(text: str) -> bool:
    """Whether it is a whole URL of a server: its scheme, its host, a path at most."""
    try:
        parts = urlsplit(text)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and not (parts.username or parts.password or parts.query or parts.fragment)


def _translated(name: str, path: Name, value: Any) -> tuple[Name | None, Any]:
    if name == "jwt-secret" and isinstance(value, str) and value.lstrip().startswith("{"):
        return ("auth", "jwks"), value
    if name == "jwt-aud":
        return path, [value] if value else []
    if name in _LISTS:
        items = value.split(",") if isinstance(value, str) else value or []
        listed = [str(item).strip() for item in items if str(item).strip()]
        return (path if listed or name != "db-schemas" else None), listed
    if name in _BOOLEANS and isinstance(value, str):
        return path, value.strip().lower() in ("true", "yes", "on", "1", "t", "y")
    if name == "log-level":
        return path, _LEVELS.get(str(value), value)
    if name in ("admin-server-host", "server-host"):
        return (path if value is not None else None), _HOSTS.get(str(value), value)
    if value == "" and name != "jwt-secret":
        value = None
    return (path if value is not None or name in _UNSET else None), value
