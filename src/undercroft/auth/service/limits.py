"""How often something may happen: counted in the database, so that all processes count together."""

from __future__ import annotations

from typing import NamedTuple

from undercroft.auth.errors import AuthFault
from undercroft.auth.store.rates import count
from undercroft.base.clock import Clock
from undercroft.engine.types import Engine

_REMEMBERED = 10_000
"""Keys that are known to be used up, at most; further ones are looked up."""


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
        now, name = self._clock.timestamp(), f"{limit.name}:{key}"
        until = self._full.get(name, 0.0)
        if until <= now:
            until = await self._counted(limit, name, now)
        if until:
            raise AuthFault(
                limit.code, "Request rate limit reached" if limit.code == "over_request_rate_limit"
                else "Rate limit exceeded", retry_after=max(1, round(until - now)),
            )  # fmt: skip

    async def _counted(self, limit: Limit, name: str, now: float) -> float:
        """When it may happen again; 0 where it may now."""
        self._full.pop(name, None)
        dialect = self._engine.dialect
        found = await self._engine.write(lambda cursor: count(cursor, dialect, name, now, limit.seconds))
        if found.times <= limit.most:
            return 0.0
        until = found.since + limit.seconds
        if len(self._full) >= _REMEMBERED:
            self._full = {key: moment for key, moment in self._full.items() if moment > now}
        if len(self._full) < _REMEMBERED:
            self._full[name] = until
        return until
