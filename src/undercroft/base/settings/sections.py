"""Every setting there is, with its type, unit and default: the sections of `undercroft.toml`.

Where Supabase CLI's `config.toml` has a word for a thing, it is that word, in that section; the other names are ours.
A field marked by `later` is understood but nothing honours it yet: whoever sets it is told so at start-up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from undercroft.base.secret import Secret
from undercroft.base.settings.units import Bytes, Seconds

LATER = "not used yet"


def later(default: Any, **limits: Any) -> Any:
    """A setting that is accepted and not used yet."""
    return Field(default, json_schema_extra={LATER: True}, **limits)


def _unbounded(value: object) -> object:
    """0, as Supabase CLI writes "no limit", is None."""
    return None if value in (0, "0") else value


Limit = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_unbounded)]
"""A bound of 1 and more, or None (in a file: 0) for no bound."""

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """What all sections share: nothing changes after start, nothing unknown is let in, no error repeats a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


class ApiTls(Section):
    """`[api.tls]`: HTTPS from files."""

    enabled: bool = False
    cert_path: Path | None = None
    """The certificate and those above it, as PEM."""
    key_path: Path | None = None
    """Its private key, as PEM."""

    @model_validator(mode="after")
    def _both_files(self) -> ApiTls:
        if self.enabled and (self.cert_path is None or self.key_path is None):
            raise ValueError("enabled = true needs cert_path and key_path: no certificate is made up for you")
        return self


class Api(Section):
    """`[api]`: what the data API serves, and to whom."""

    enabled: bool = later(True)
    port: Port = 8000
    """Where to listen; 0 takes any free port."""
    schemas: tuple[str, ...] = Field(default=("public",), min_length=1)
    """Names a caller may give as `Accept-Profile`; the first is the one served when none is given."""
    extra_search_path: tuple[str, ...] = ("public",)
    """Schemas whose names need no prefix, and that are not served (PostgreSQL without an app file)."""
    max_rows: Limit = 1000
    """At most so many rows in one answer."""
    auto_expose_new_tables: bool = later(False)
    external_url: str | None = None
    """The address that callers use, for what is printed and for OpenAPI; never taken from a request's headers."""
    tls: ApiTls = ApiTls()

    anon: Literal["none", "read"] = "none"
    """With an existing database and no app file: what somebody without a user's token may do."""
    anon_role: str | None = "anon"
    """The role of a request without a token; None (in a file: "") refuses such requests."""
    max_affected: Limit = None
    """At most so many rows changed by one request."""
    tx_end: Literal["commit", "commit-allow-override", "rollback", "rollback-allow-override"] = "commit"
    """How a transaction ends, and whether `Prefer: tx=` may say otherwise. `rollback` is for tests."""
    batch_limit: Count = 100
    """At most so many requests in one `POST /rest/v1/batch`."""
    idempotency: Seconds = Field(default=86_400.0, gt=0)
    """Seconds for which the answer to a request with an `Idempotency-Key` is kept."""
    aggregates: bool = False
    """Whether `select=amount.sum()` and its like are allowed."""
    plan: bool = False
    """Whether `Accept: application/vnd.pgrst.plan` shows query plans (PostgreSQL without an app file)."""
    openapi: Literal["follow-privileges", "disabled"] = "follow-privileges"
    """Whether the root describes what the caller may use, and `/docs` shows it."""
    openapi_version: Literal["2.0", "3.1"] = "3.1"
    """In which version, where the caller's `Accept` names none; 2.0 is PostgREST's."""

    @field_validator("anon_role", "external_url")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None


class Server(Section):
    """`[server]`: the process."""

    host: str = "127.0.0.1"
    """The address to listen on; `0.0.0.0` for every network."""
    workers: Count = 1
    """Processes that serve; more than one needs a current SQLite."""
    unix_socket: Path | None = None
    """Listen here instead of on a port."""
    unix_socket_mode: str = Field(default="660", pattern="^[0-7]{3}$")
    """Its permissions."""
    body_limit: Bytes = Field(default=10 * 1024**2, ge=1024)
    """Bytes of a request's body."""
    body_timeout: Seconds = Field(default=30.0, gt=0)
    """Seconds for which a request's body is waited for, and one more for each 64 KiB of it that came."""
    url_limit: Bytes = Field(default=16 * 1024, ge=256)
    """Bytes of path and query together."""
    json_depth: Annotated[int, Field(ge=4, le=500)] = 64
    """Levels of nesting in a JSON body."""
    max_requests: Count = 256
    """Requests worked on at once, per worker."""
    max_queue: int = Field(default=1024, ge=0)
    """Requests that wait for a place; one more is answered 503."""
    max_streams: Count = 128
    """Answers that are streamed at once, per worker; each holds one of the places of `max_requests` until its end, and
    one place is always left for others."""
    handler_timeout: Seconds = Field(default=30.0, gt=0)
    """Seconds until the answer of a function or a page begins."""
    drain: Seconds = Field(default=10.0, ge=0)
    """Seconds that running requests get after SIGTERM."""
    trace_header: str | None = None
    """A header whose value is copied from request to answer, such as `X-Request-Id`."""
    timing: bool = False
    """Whether answers carry `Server-Timing`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies before us, whose `X-Forwarded-For` is believed."""
    cors_allowed_origins: tuple[str, ...] = ()
    """Origins that browsers may call from; empty for all."""


class Database(Section):
    """`[database]`: where the data is, and how long one may work on it."""

    url: Secret | None = None
    """`sqlite:///file.db` or `postgresql://…`; without it, a file in the data directory. May hold a password, so it is
    never shown."""
    data: Path = Path(".undercroft")
    """The data directory: keys, and the database when no url is given."""
    read_budget_steps: Count = 200_000
    """Virtual-machine steps that a read may take on the event loop before it moves to a reader thread."""
    statement_timeout: Seconds = Field(default=8.0, gt=0)
    """Seconds for one statement."""
    lock_timeout: Seconds | None = Field(default=None, gt=0)
    """On PostgreSQL: seconds for which a statement waits for a lock; by default as the database says."""
    hook_timeout: Seconds = Field(default=5.0, gt=0)
    """Seconds for a transaction of hooks or functions; on SQLite it holds the writer meanwhile."""
    readers: Count = 4
    """Reader threads per worker."""
    pool: Count = 10
    """On PostgreSQL: connections per worker, at most."""
    pool_timeout: Seconds = Field(default=10.0, gt=0)
    """Seconds that a request waits for one of them."""
    pool_idle: Seconds = Field(default=30.0, gt=0)
    """Seconds after which a connection that nobody needs is closed."""
    pool_lifetime: Seconds = Field(default=1800.0, gt=0)
    """Seconds after which a connection is replaced."""
    prepare: bool = True
    """Whether statements are prepared; turn it off for a PgBouncer older than 1.21 in transaction mode."""
    rls: bool = False
    """On PostgreSQL: run each request in its caller's role, so that the policies hold a second time, as row-level
    security; see `undercroft migrate policies --emit-rls`."""
    write_queue: Count = 1024
    """Writes that wait for the writer, on PostgreSQL requests that wait for a connection; one more is answered 503."""


class Log(Section):
    """`[log]`: what is told, and in which form."""

    format: Literal["auto", "json", "pretty"] = "auto"
    """`auto` is pretty on a terminal and JSON elsewhere."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is told."""
    requests: bool = True
    """Whether every request is a line."""


class Jobs(Section):
    """`[jobs]`: what runs in the background."""

    enabled: bool = True
    """Whether `serve` runs jobs; without it, `undercroft worker` must."""
    concurrency: Count = 16
    """Jobs that one worker runs at once."""
    queues: tuple[str, ...] = ()
    """Only jobs of these queues; empty for all."""
    lease: Seconds = Field(default=10.0, ge=0.2)
    """Seconds without a sign of life after which a worker counts as lost, and its jobs are given to others."""
    poll: Seconds = Field(default=5.0, gt=0)
    """How often a worker looks for work that nobody has announced."""
    keep: Seconds = Field(default=0.0, ge=0)
    """Seconds for which finished jobs are kept that do not say it themselves; dead ones are kept until somebody
    decides."""
    crashes: Count = 5
    """How often a job may take its worker down with it, before it is dead."""
    transaction_timeout: Seconds = Field(default=5.0, gt=0)
    """Seconds for what a job does in the database; on SQLite it holds the writer meanwhile."""
