"""Several hosts of one database, of which one at a time may be written to: which one it is, and never a former one.

After a failover the former primary may come back and take itself for the primary still. Each promotion begins a new
timeline, so a host whose timeline is older than one that was seen is left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

import psycopg

_LISTS = ("host", "hostaddr", "port")
_TIMELINE = """
SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery()
    THEN pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END
"""
_GRACE_SECONDS = 0.25
"""How much later than the first host another one may still be asked for its timeline."""
Opened = psycopg.AsyncConnection[Any]


def seeks_primary(given: dict[str, Any]) -> bool:
    """Whether only a host that can be written to will do. `given` is put in the words that our connections need.

    They are read-only by default, by which libpq would take every host for one that is not `read-write`.
    """
    if given.get("target_session_attrs") == "read-write":
        given["target_session_attrs"] = "primary"
    return given.get("target_session_attrs") == "primary"


def each_host(given: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of a connection to each host alone; libpq's lists are apart by commas, one port may serve all."""
    lists = {name: str(given[name]).split(",") for name in _LISTS if given.get(name)}
    number = max((len(lists[name]) for name in ("host", "hostaddr") if name in lists), default=1)
    if number == 1:
        return [dict(given)]
    return [
        {**given, **{name: of[index if len(of) > 1 else 0] for name, of in lists.items()}} for index in range(number)
    ]


class Found(NamedTuple):
    """A connection to a host that takes itself for the primary."""

    opened: Opened
    timeline: int
    """0 where the host does not tell."""


async def newest_of(attempts: Sequence[Coroutine[Any, Any, Found]]) -> Found:
    """Of those that come to be at about the same time, the one on the newest timeline; the others are given up.

    Raises the `psycopg.Error` of the last one.
    """
    tasks = [asyncio.ensure_future(attempt) for attempt in attempts]
    chosen: Found | None = None
    failure: BaseException | None = None
    pending = set(tasks)
    try:
        while pending:
            patience = None if chosen is None else _GRACE_SECONDS
            done, pending = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
            for each in done:
                error = each.exception()
                if error is None:
                    chosen = each.result() if chosen is None else max(chosen, each.result(), key=_timeline)
                elif isinstance(error, (psycopg.Error, OSError)):
                    failure = error
                else:
                    raise error
    finally:
        await asyncio.shield(_given_up(tasks, chosen))
    if chosen is None:
        raise failure or psycopg.OperationalError("no host")
    return chosen


def _timeline(found: Found) -> int:
    return found.timeline


async def _given_up(tasks: Sequence[asyncio.Future[Found]], chosen: Found | None) -> None:
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(found, BaseException) and found is not chosen:
            await found.opened.close()


class Fence:
    """Knows the newest timeline that was seen."""

    def __init__(self) -> None:
        self.timeline = 0

    async def admit(self, opened: Opened) -> Found:
        """Ask a host for its timeline. Raises `psycopg.OperationalError` for a standby, and for one left behind."""
        try:
            row = await (await opened.execute(_TIMELINE)).fetchone()
        except psycopg.DatabaseError as error:
            if isinstance(error, psycopg.OperationalError):
                raise
            return Found(opened, 0)  # a service that does not tell its timeline keeps former primaries away itself
        if row is None or row[0] is None:
            raise psycopg.OperationalError("the host is in recovery")
        timeline = int(row[0], 16)
        if timeline < self.timeline:
            raise psycopg.OperationalError(f"the host is on timeline {timeline}, the primary on {self.timeline}")
        return Found(opened, timeline)

    def choose(self, found: Found) -> Opened:
        """From now on nobody older is admitted."""
        self.timeline = max(self.timeline, found.timeline)
        return found.opened
