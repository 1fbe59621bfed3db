"""The circuit breaker: a machine that fails again and again is left alone for a while, then asked once.

Closed lets calls through; so many failures in a row open it; after a pause it is half open, one call goes through, and
its end decides. One per origin.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

MOST_ORIGINS = 1024
"""Origins that are remembered: the one that failed longest ago is forgotten first."""


class Breakers:
    """What failed lately, by origin. `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float], *, failures: int, pause: float) -> None:
        self._monotonic = monotonic
        self._failures = failures
        self._pause = pause
        self._known: OrderedDict[str, _Breaker] = OrderedDict()

    def wait(self, origin: str) -> float:
        """Seconds for which a machine is to be left alone; 0 lets the caller through, who must tell how it ended."""
        breaker = self._known.get(origin)
        if breaker is None or breaker.opened is None:
            return 0.0
        left = breaker.opened + self._pause - self._monotonic()
        if left > 0:
            return left
        # Half open: this caller asks for all; until it is back the others wait as before.
        breaker.opened = self._monotonic()
        return 0.0

    def succeeded(self, origin: str) -> None:
        """The machine answered."""
        self._known.pop(origin, None)

    def failed(self, origin: str) -> None:
        """The machine did not answer, or that it cannot."""
        breaker = self._known.setdefault(origin, _Breaker())
        self._known.move_to_end(origin)
        breaker.failures += 1
        if breaker.failures >= self._failures:
            breaker.opened = self._monotonic()
        if len(self._known) > MOST_ORIGINS:
            self._known.popitem(last=False)


class _Breaker:
    __slots__ = ("failures", "opened")

    def __init__(self) -> None:
        self.failures = 0
        self.opened: float | None = None
