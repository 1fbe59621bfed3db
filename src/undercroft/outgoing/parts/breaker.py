"""The circuit breaker: a machine that fails again and again is left alone for a while, then asked once.

Closed lets calls through; so many failures in a row open it; after a pause it is half open, one call goes through, and
its end decides. One per key: an origin, an endpoint, a mail server.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

MOST_KEYS = 1024
"""Keys that are remembered: the one that failed longest ago is forgotten first."""


class Breakers:
    """What failed lately, by key. `monotonic` gives seconds."""

    def __init__(
        self, monotonic: Callable[[], float], *, failures: int, pause: float, longest: float | None = None
    ) -> None:
        """With `longest`, the pause is twice as long after each probe that failed, up to that."""
        self._monotonic = monotonic
        self._failures = failures
        self._pause = pause
        self._longest = pause if longest is None else max(longest, pause)
        self._known: OrderedDict[Hashable, _Breaker] = OrderedDict()

    def left(self, key: Hashable) -> float:
        """Seconds for which a machine is to be left alone yet."""
        breaker = self._known.get(key)
        return 0.0 if breaker is None else max(breaker.until - self._monotonic(), 0.0)

    def wait(self, key: Hashable) -> float:
        """The same for who means to call: 0 lets the caller through, who must tell how it ended."""
        left = self.left(key)
        breaker = self._known.get(key)
        if left == 0 and breaker is not None and breaker.failures >= self._failures:
            # Half open: this caller asks for all; until it is back the others wait as before.
            breaker.until, breaker.probing = self._monotonic() + self._pause, True
        return left

    def succeeded(self, key: Hashable) -> None:
        """The machine answered."""
        self._known.pop(key, None)

    def failed(self, key: Hashable) -> float:
        """The machine did not answer, or that it cannot; for how many seconds it is left alone now."""
        breaker = self._known.setdefault(key, _Breaker())
        self._known.move_to_end(key)
        if len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)
        left = self.left(key)
        if left > 0 and not breaker.probing:  # what fails together with others counts once
            return left
        breaker.failures, breaker.probing = breaker.failures + 1, False
        if breaker.failures < self._failures:
            return 0.0
        pause = min(self._pause * 2.0 ** min(breaker.failures - self._failures, 30), self._longest)
        breaker.until = self._monotonic() + pause
        return pause


class _Breaker:
    __slots__ = ("failures", "probing", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.until = float("-inf")
        self.probing = False
        """Somebody is finding out whether the machine is well again."""
