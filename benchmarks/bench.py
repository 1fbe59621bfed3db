"""What every question is handed: where the data is, and how long to look."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.postgres.ground import Ground
    from benchmarks.world import World


@dataclass(eq=False)
class Bench:
    """One run of the benchmarks. What a question needs is made when it is first asked for."""

    make_world: Callable[[], World]
    make_ground: Callable[[], Ground]
    server: Callable[[], AbstractContextManager[str]]
    """The address of a PostgreSQL as its superuser: the one that was named, or one for the time that it is needed."""
    rounds: int = 15
    """Rounds of each contestant; each takes `seconds`."""
    seconds: int = 1
    divide: int = 1
    """Only so much of the rows."""

    @cached_property
    def world(self) -> World:
        """The example's rows on SQLite."""
        return self.make_world()

    @cached_property
    def ground(self) -> Ground:
        """The example's rows on PostgreSQL."""
        return self.make_ground()
