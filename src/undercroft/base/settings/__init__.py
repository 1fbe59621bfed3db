"""Settings: typed, frozen, read once from `undercroft.toml` (or a Supabase `config.toml`) and `UNDERCROFT_*`."""

from __future__ import annotations

from undercroft.base.settings.auth_messages_section import AuthEmail
from undercroft.base.settings.auth_section import Auth
from undercroft.base.settings.postgrest import from_postgrest, load_postgrest
from undercroft.base.settings.postgrest_section import Postgrest
from undercroft.base.settings.problems import Problem, SettingsFault
from undercroft.base.settings.sections import Api, ApiTls, Database, Log, Server
from undercroft.base.settings.settings import Settings

__all__ = [
    "Api", "ApiTls", "Auth", "AuthEmail", "Database", "Log", "Postgrest", "Problem", "Server", "Settings",
    "SettingsFault", "from_postgrest", "load_postgrest",
]  # fmt: skip
