"""How often something may happen: counted in the database, so that all processes count together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from undercroft.auth.errors import AuthFault
from undercroft.auth.store import Rows
from undercroft.auth.store.rates import count
from undercroft.base.clock import Clock
from undercroft.engine.types import Engine

_REMEMBERED = 10_000
"""Keys that are known to be used up, at most; further ones are looked up."""


Take = Callable[[Rows], AuthFault | None]
"""Counts one in a unit of work, and gives the fault where there have been too many."""


class Limit(NamedTuple):
    """So many within so many seconds; 0 for any number."""

    name: str
    most: int
    seconds: float
    code: str = "over_request_rate_limit"


class Limits:
    """Counts what happens by key, within a window that begins with the first of it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._full: dict[str, float] = {}

    async def take(self, limit: Limit, key: str) -> None:
        """Count one. Raises `AuthFault` with the limit's code where there have been too many."""
        if not limit.most:
            return
        dialect, take = self._engine.dialect, self.taking(limit, key)
        over = await self._engine.write(lambda cursor: take(Rows(cursor, dialect)))
        if over is not None:
            raise over

    def taking(self, limit: Limit, key: str) -> Take:
        """For a verb that counts in the unit of work that it does anyway; what it gives is to be raised afterwards, or
        the count would be undone. Raises `AuthFault` where it is known already that there have been too many.
        """
        if not limit.most:
            return free
        now, name = self._clock.timestamp(), f"{limit.name}:{key}"
        until = self._full.get(name, 0.0)
        if until > now:
            raise _over(limit, until - now)
        self._full.pop(name, None)

        def take(rows: Rows) -> AuthFault | None:
            found = count(rows, self._engine.dialect, name, now, limit.seconds)
            if found.times <= limit.most:
                return None
            until = found.since + limit.seconds
            self._remember(name, until, now)
            return _over(limit, until - now)

        return take

    def _remember(self, name: str, until: float, now: float) -> None:
        """Called on the writer's thread, too."""
        if len(self._full) >= _REMEMBERED:
            self._full = {key: moment for key, moment in list(self._full.items()) if moment > now}
        if len(self._full) < _REMEMBERED:
            self._full[name] = until


def free(rows: Rows) -> AuthFault | None:
    """Where there is no limit."""
    return None


def _over(limit: Limit, seconds: float) -> AuthFault:
    is_usual = limit.code == "over_request_rate_limit"
    message = "Request rate limit reached" if is_usual else "Rate limit exceeded"
    return AuthFault(limit.code, message, retry_after=max(1, round(seconds)))
