"""PostgREST's setting names, for those who come from there: each with the setting that has the same meaning here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undercroft.base.settings.problems import Problem
from undercroft.base.settings.settings import Settings
from undercroft.base.settings.sources import Found

if TYPE_CHECKING:
    from collections.abc import Mapping

# https://docs.postgrest.org/en/stable/references/configuration.html
COUNTERPARTS: Mapping[str, tuple[str, str]] = {
    "db-aggregates-enabled": ("api", "aggregates"),
    "db-anon-role": ("api", "anon_role"),
    "db-max-rows": ("api", "max_rows"),
    "db-plan-enabled": ("api", "plan"),
    "db-schemas": ("api", "schemas"),
    "db-tx-end": ("api", "tx_end"),
    "db-uri": ("database", "url"),
    "jwt-aud": ("auth", "jwt_audience"),
    "jwt-cache-max-entries": ("auth", "jwt_cache_entries"),
    "jwt-role-claim-key": ("auth", "jwt_role_claim"),
    "jwt-secret": ("auth", "jwt_secret"),
    "jwt-secret-is-base64": ("auth", "jwt_secret_is_base64"),
    "log-level": ("log", "level"),
    "openapi-mode": ("api", "openapi"),
    "openapi-server-proxy-uri": ("api", "external_url"),
    "server-cors-allowed-origins": ("server", "cors_allowed_origins"),
    "server-host": ("server", "host"),
    "server-port": ("api", "port"),
    "server-timing-enabled": ("server", "timing"),
    "server-trace-header": ("server", "trace_header"),
    "server-unix-socket": ("server", "unix_socket"),
    "server-unix-socket-mode": ("server", "unix_socket_mode"),
}
_LISTS = frozenset({"db-schemas", "server-cors-allowed-origins"})
_LEVELS = {"crit": "error", "error": "error", "warn": "warning", "info": "info", "debug": "debug"}


def from_postgrest(mapping: Mapping[str, Any]) -> Settings:
    """The settings that PostgREST's `mapping` (name to JSON value) has a counterpart for; the others in `notices`.

    A value that PostgREST calls unset (null, "" or []) asks for nothing and is not reported. Raises `SettingsFault`.
    """
    found = Found(Settings)
    left_out = []
    for name, value in mapping.items():
        # OpenAPI here shows what the caller may use: the mode that shows everything to anybody has no counterpart.
        counterpart = COUNTERPARTS.get(name) if value != "ignore-privileges" else None
        if counterpart is not None:
            path, translated = _translated(name, counterpart, value)
            if path is not None:
                found.values[path] = translated
                found.places[path] = name
        elif value not in (None, "", [], {}, False):
            left_out.append(name)
    if (secret := mapping.get("jwt-secret")) and str(secret).startswith("@"):
        hint = "give the secret itself, or name a key set as [auth] jwks_file"
        found.problems.append(Problem("jwt-secret", "a secret is not read from a file", hint))
    lines = [f"PostgREST settings without a counterpart, left out: {', '.join(sorted(left_out))}"] if left_out else []
    return Settings.made(found, *lines)


def _translated(name: str, path: tuple[str, str], value: Any) -> tuple[tuple[str, str] | None, Any]:
    if name == "jwt-secret" and isinstance(value, str) and value.lstrip().startswith("{"):
        return ("auth", "jwks"), value
    if name == "jwt-aud":
        return path, [value] if value else []
    if name in _LISTS:
        items = value.split(",") if isinstance(value, str) else value or []
        return (path if items or name != "db-schemas" else None), [str(item).strip() for item in items]
    if name == "log-level":
        return path, _LEVELS.get(str(value), value)
    # Unset is None where that means something here, and our default everywhere else.
    unset = name in ("db-anon-role", "db-max-rows", "openapi-server-proxy-uri", "server-trace-header")
    return (path if value is not None or unset else None), value
