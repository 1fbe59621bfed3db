"""The order in which servers are tried: as they are listed, less those that rest after a failure."""

from __future__ import annotations

from dataclasses import dataclass

FACTOR = 2.0
MOST = 600.0
"""Seconds: a server that fails again and again is tried this often at least."""


@dataclass(slots=True)
class _Health:
    rests_until: float = 0.0
    failures: int = 0
    probing: bool = False
    """Somebody is finding out whether it is well again."""


class Circuit:
    """Remembers which of `count` servers failed. Seconds are those of a monotonic clock."""

    def __init__(self, count: int, rest: float) -> None:
        """`rest` is for how long a failed server is left alone, twice as long at each further failure."""
        self._rest = rest
        self._health = [_Health(rests_until=float("-inf")) for _ in range(count)]

    def rests(self, index: int, now: float) -> bool:
        """Whether it is left alone at this moment."""
        return self._health[index].rests_until > now

    def takes(self, index: int, now: float) -> bool:
        """Whether it may be tried. Who first tries one whose rest has ended tries it for all: it rests for the others
        until that is known.
        """
        health = self._health[index]
        if self.rests(index, now):
            return False
        if health.failures:
            health.rests_until, health.probing = now + self._rest, True
        return True

    def wait(self, now: float) -> float:
        """Seconds until one of them may be tried; 0 where one may be now."""
        return max(min((health.rests_until for health in self._health), default=now) - now, 0.0)

    def failed(self, index: int, now: float) -> float:
        """It did not serve; for how many seconds it rests now. What fails together with others counts once."""
        health = self._health[index]
        if health.rests_until > now and not health.probing:
            return health.rests_until - now
        seconds = min(self._rest * FACTOR**health.failures, max(MOST, self._rest))
        health.failures = min(health.failures + 1, 30)
        health.rests_until, health.probing = now + seconds, False
        return seconds

    def served(self, index: int) -> None:
        """It is well."""
        if self._health[index].failures:
            self._health[index] = _Health(rests_until=float("-inf"))
