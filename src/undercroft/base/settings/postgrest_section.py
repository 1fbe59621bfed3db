"""`[postgrest]`: what only an existing PostgreSQL database, served as PostgREST serves it, has to be told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from undercroft.base.settings.sections import Section

HOISTED = ("statement_timeout", "plan_filter.statement_cost_limit", "default_transaction_isolation")


class Postgrest(Section):
    """`[postgrest]`: settings of PostgREST that speak of the database's own roles and functions."""

    pre_request: str | None = None
    """A function without arguments, called after the role and the settings of the request are set."""
    pre_config: str | None = None
    """A function without arguments that sets `pgrst.*`, asked at the start and at each reload."""
    config: bool = True
    """Whether `pgrst.*` settings of the connecting role, and of `pre_config`, are heeded."""
    channel: str = "pgrst"
    """The channel on which `reload schema` and `reload config` are listened for."""
    channel_enabled: bool = True
    """Whether it is listened to."""
    hoisted_tx_settings: tuple[str, ...] = HOISTED
    """Settings of a function (`CREATE FUNCTION … SET`) that hold for the whole transaction in which it is called."""
    root_spec: str | None = None
    """A function whose result is the answer at the root, in place of the OpenAPI document."""
    timezones: bool = True
    """Whether `Prefer: timezone=` is heeded."""
    app_settings: dict[str, str] = Field(default={}, repr=False)
    """Settings handed to every transaction as `app.settings.<name>`."""
    security_active: bool = False
    """Whether the OpenAPI document tells of the Authorization header."""
    ignore_privileges: bool = False
    """Whether the OpenAPI document shows what the caller may not use, too."""
    admin_port: int | None = Field(default=None, ge=1, le=65535)
    """Where `/live` and `/ready` are told; a stand-in has no other path for them."""
    admin_host: str | None = None
    """The address for that port; by default that of the server."""
    legacy_target_names: bool = True
    """Whether filters may name an embed by its relation although it has an alias."""
    error_verbosity: Literal["verbose", "minimal"] = "verbose"
    """`minimal` leaves details and hint of errors out."""
    stand_in: bool = False
    """Take the place of a PostgREST: embeds are spelled as it spells them; and without an app file the API is at `/`,
    with no key of our own and no time limit but the database's."""

    @field_validator("pre_request", "pre_config", "root_spec")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None
