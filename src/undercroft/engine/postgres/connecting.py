"""How a connection comes to be: who stands between us and the server, and what holds for every connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import conninfo

from undercroft.base.faults import SetupFault
from undercroft.engine.postgres.connection import Connection
from undercroft.engine.postgres.errors import cannot_connect
from undercroft.engine.postgres.hosts import Fence, Found, each_host, newest_of, seeks_primary
from undercroft.engine.postgres.settings import PostgresSettings

READ_ONLY = "default_transaction_read_only"
_CONNECT_SECONDS = 10
_UNHEARD_MILLISECONDS = 15_000
"""What was sent and not acknowledged for so long went to a machine that is gone."""
_SCHEMES = ("postgresql+psycopg://", "postgresql+asyncpg://", "postgres://")


def libpq_url(url: str) -> str:
    """A URL as libpq takes it: SQLAlchemy's naming of a driver left out."""
    for scheme in _SCHEMES:
        if url.startswith(scheme):
            return "postgresql://" + url.removeprefix(scheme)
    return url


def connect_once(url: str) -> psycopg.Connection[Any]:
    """A connection that blocks, for what is asked once. Raises `psycopg.Error`.

    Nothing is prepared on it: behind a pooler it would be found again by somebody else.
    """
    given = {"connect_timeout": _CONNECT_SECONDS, **conninfo.conninfo_to_dict(libpq_url(url))}
    return psycopg.connect(**given, prepare_threshold=None)  # type: ignore[arg-type]


class Connector:
    """Makes connections that are all alike."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings = settings
        self.pooled = settings.prepare is False
        """A pooler stands in between that lends connections for single transactions: nothing may be left on them."""
        self._found_out = settings.prepare is not None
        self.fence = Fence()

    def check(self) -> None:
        """Raises `SetupFault` where the URL is none."""
        try:
            conninfo.conninfo_to_dict(libpq_url(self._settings.url))
        except psycopg.Error:
            raise SetupFault(
                "[database] url is no address of a PostgreSQL database",
                hint="postgresql://user:password@host:5432/name?sslmode=verify-full",
            ) from None

    @property
    def hosts(self) -> int:
        """How many are tried one after the other."""
        given = conninfo.conninfo_to_dict(libpq_url(self._settings.url))
        return 1 if seeks_primary(given) else len(each_host(given))

    def session_settings(self) -> list[tuple[str, str]]:
        """What holds on every connection; behind a pooler, in every transaction."""
        settings = self._settings
        found = [("DateStyle", "ISO"), ("IntervalStyle", "postgres"), ("extra_float_digits", "1")]
        found += [
            (name, f"{int(seconds * 1000)}ms")
            for name, seconds in (
                ("statement_timeout", settings.statement_seconds),
                ("lock_timeout", settings.lock_seconds),
                ("idle_in_transaction_session_timeout", 2 * max(settings.lease_seconds, settings.snapshot_seconds)),
            )
            if seconds is not None
        ]
        return [*found, *settings.session]

    async def connect(self, on_lost: Callable[[Connection], None]) -> Connection:
        """A new connection. Raises `DatabaseFault` PGRST000."""
        wrapper = await self._opened()
        settings = self._settings
        connection = Connection(
            wrapper,
            statements=settings.cached_statements,
            prepare=not self.pooled,
            own_words=settings.own_words,
            on_lost=on_lost,
        )
        connection.timeline = self.fence.timeline
        return connection

    async def _opened(self) -> psycopg.AsyncConnection[Any]:
        if self.pooled:
            return await self._open(options=False)
        try:
            opened = await self._open(options=True)
        except psycopg.Error as error:
            if self._found_out or "unsupported startup parameter" not in str(error):
                raise cannot_connect(str(error)) from error
            self.pooled = self._found_out = True
            return await self._open(options=False)
        if not self._found_out:
            # A pooler may have dropped the options without a word.
            try:
                cursor = await opened.execute(f"SHOW {READ_ONLY}")
                row = await cursor.fetchone()
            except BaseException:
                await opened.close()
                raise
            self._found_out = True
            self.pooled = row != ("on",)
        return opened

    async def _open(self, *, options: bool) -> psycopg.AsyncConnection[Any]:
        """psycopg's connection: it resolves names without blocking, and tries one host after the other.

        Of several hosts of which one may be written to, all are asked at once: one that is out of reach costs no time.
        """
        given = conninfo.conninfo_to_dict(libpq_url(self._settings.url))
        primary = seeks_primary(given)
        hosts = each_host(given) if primary else [given]
        if len(hosts) == 1:
            return await self._open_at(hosts[0], options=options)
        return self.fence.choose(await newest_of([self._admitted(host, options=options) for host in hosts]))

    async def _admitted(self, host: dict[str, Any], *, options: bool) -> Found:
        """A connection to one host of several. Raises `psycopg.OperationalError` for one that was left behind."""
        opened = await self._open_at(host, options=options)
        try:
            return await self.fence.admit(opened)
        except BaseException:
            await opened.close()
            raise

    async def _open_at(self, host: dict[str, Any], *, options: bool) -> psycopg.AsyncConnection[Any]:
        given = dict(host)
        defaults: dict[str, Any] = {
            "application_name": "undercroft",
            "client_encoding": "utf8",
            "connect_timeout": max(1, round(self._settings.connect_seconds)),
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": _UNHEARD_MILLISECONDS,
        }
        if options:
            flags = " ".join(
                f"-c {name}={_escaped(value)}" for name, value in [(READ_ONLY, "on"), *self.session_settings()]
            )
            defaults["options"] = f"{given.pop('options', '')} {flags}".strip()
        merged: Any = {**defaults, **given}
        return await psycopg.AsyncConnection.connect(**merged, autocommit=True, prepare_threshold=None)


def _escaped(value: str) -> str:
    """A value within `options` of the start-up packet."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


async def connected(connector: Connector, on_lost: Callable[[Connection], None], seconds: float) -> Connection:
    """`Connector.connect`, at the longest so many seconds for each host. Raises `DatabaseFault` PGRST000."""
    try:
        async with asyncio.timeout(seconds * connector.hosts):
            return await connector.connect(on_lost)
    except (psycopg.Error, OSError, TimeoutError) as error:
        raise cannot_connect(str(error) or "time is up") from error
