"""A connection that only listens: what a database says on a channel, and that nothing was missed.

Protocol: PostgreSQL's LISTEN and NOTIFY. What is said while nobody listens is gone, so whoever listens is told of each
new beginning.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from undercroft.engine.beside import Beside
from undercroft.engine.postgres.connecting import libpq_url

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts, doubling."""
_CONNECT_SECONDS = 10
_LOOK_SECONDS = 30.0
"""How often it is asked whether the connection is still there."""


class Listening:
    """Listens from `start` to `stop`. The callbacks run on the loop and must not raise."""

    def __init__(
        self,
        url: str,
        channel: str,
        *,
        heard: Callable[[str], None],
        begun: Callable[[bool], None],
        failed: Callable[[str], None],
    ) -> None:
        """`heard` is told each payload; `begun` each time that listening begins, and whether it is a new beginning;
        `failed` why it does not, once for each time that it is lost.
        """
        self._url = url
        self._channel = channel
        self._heard = heard
        self._begun = begun
        self._failed = failed
        self._beside = Beside()

    def start(self) -> None:
        """Begin, and begin anew whenever the connection is lost."""
        self._beside.begin(self._run())

    async def stop(self) -> None:
        """End. May be called again."""
        await self._beside.end()

    async def _run(self) -> None:
        pause, again, told = _FIRST_PAUSE, False, False
        while True:
            try:
                connection = await self._connected()
                try:
                    self._begun(again)
                    pause, again, told = _FIRST_PAUSE, True, False
                    await self._listen(connection)
                finally:
                    await connection.close()
            except (psycopg.Error, OSError, TimeoutError) as error:
                if not told:
                    self._failed(str(error).strip() or type(error).__name__)
                    told = True
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # many workers must not come at once
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        defaults = {"application_name": "undercroft (listens)", "connect_timeout": _CONNECT_SECONDS}
        given = psycopg.conninfo.conninfo_to_dict(libpq_url(self._url))
        async with asyncio.timeout(_CONNECT_SECONDS):
            connection = await psycopg.AsyncConnection.connect(**{**defaults, **given}, autocommit=True)  # type: ignore[arg-type]
            try:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            except BaseException:
                await connection.close()
                raise
        return connection

    async def _listen(self, connection: psycopg.AsyncConnection[Any]) -> None:
        while True:
            async for notice in connection.notifies(timeout=_LOOK_SECONDS):
                self._heard(notice.payload)
            async with asyncio.timeout(_CONNECT_SECONDS):
                await connection.execute("")  # a machine that went away says nothing of it
