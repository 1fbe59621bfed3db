"""How many jobs a worker claims at once: what it can run, and many more where they are over in no time.

Asking the database for each job that takes a tenth of a millisecond would take longer than the job. Holding hundreds
that take a minute each would keep them from workers that have nothing to do.
"""

from __future__ import annotations

MOST_AHEAD = 512
_SHORT = 0.1
"""Seconds within which all that was claimed should be done, to claim twice as much the next time."""
_LONG = 0.2
"""Seconds after which a worker that still has not run what it claimed gives back what it cannot run at once."""


class Pace:
    """Follows one worker, which says when it turned and what it has. Times in seconds of a clock that only goes on."""

    __slots__ = ("_ahead", "_claimed_at", "_concurrency")

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._ahead = concurrency
        self._claimed_at = 0.0

    def room(self, held: int) -> int:
        """How many jobs to claim now, where so many wait here or run: none while there is enough to do."""
        return max(0, self._ahead - held) if self.is_short(held) else 0

    def is_short(self, held: int) -> bool:
        """Whether it is time to claim: somebody here has nothing to do, or half of it is done."""
        return held < self._concurrency or held <= self._ahead // 2

    def claimed(self, number: int, room: int, now: float) -> None:
        """So many were claimed of so many that there was room for."""
        if number == 0:
            return
        spent, self._claimed_at = now - self._claimed_at, now
        if spent > _SHORT:
            self._ahead = self._concurrency
        elif number == room:
            self._ahead = min(MOST_AHEAD, 2 * self._ahead)

    def too_many(self, waiting: int, now: float) -> int:
        """How many of those that wait here to give back: they were thought to be short, and are not."""
        if waiting <= self._concurrency or now - self._claimed_at < _LONG:
            return 0
        self._ahead = self._concurrency
        return waiting - self._concurrency
