"""What stops a statement: progress handlers, set once per connection and read by SQLite every so many steps.

SQLite counts virtual-machine steps per statement and goes on counting from one run to the next, so a handler is called
about once per `STRIDE` steps in the long run, also across many short runs. Each run therefore sets what it may use.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import monotonic
from typing import Any

from undercroft.sql.sqlite.converting import CAST, STRIPPED
from undercroft.sql.sqlite.texts import CONTAINS, REGEX, SEARCH

STRIDE = 5_000
"""Steps between two calls of a handler."""

FOREVER = float("inf")

_IN_PYTHON = re.compile(rf"\b(?:{CAST}|{STRIPPED}|{CONTAINS}|{REGEX}|{SEARCH})\(")


@lru_cache(4096)
def works_in_python(text: str) -> bool:
    """Whether a statement calls Python for its rows: its steps say little of the time that it takes."""
    return _IN_PYTHON.search(text) is not None


def allowance(steps: int) -> int:
    """How many calls of a handler a run of so many steps may see."""
    return max(1, steps // STRIDE)


class StepMeter:
    """Interrupts a statement after a number of steps: for reads on the loop, where counting is cheaper than a clock."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = 0
        """Calls that the present run may still see."""

    def attach(self, connection: Any) -> None:
        connection.set_progress_handler(self._tick, STRIDE)

    def _tick(self) -> bool:
        self.left -= 1
        return self.left < 0


class Deadline:
    """Interrupts a statement at a time, when told to, or after so many calls."""

    __slots__ = ("at", "left", "stopped")

    def __init__(self) -> None:
        self.at = FOREVER
        """On the monotonic clock, in seconds."""
        self.left = FOREVER
        """Calls that the present run may still see."""
        self.stopped = False

    def attach(self, connection: Any) -> None:
        connection.set_progress_handler(self._tick, STRIDE)

    def unlimit(self) -> None:
        """Let the next runs take as many steps as they like."""
        self.left = FOREVER

    def _tick(self) -> bool:
        self.left -= 1
        return self.left < 0 or self.stopped or monotonic() > self.at
