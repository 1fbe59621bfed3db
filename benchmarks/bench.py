"""What every question is handed: where the data is, and how long to look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from benchmarks.postgres.ground import Ground
    from benchmarks.server import Server
    from benchmarks.world import Recorded, World
    from examples.social.seed import Size


class Place(Protocol):
    """The example's rows on an engine, and the contestants that serve them there."""

    @property
    def size(self) -> Size: ...

    def headers(self) -> dict[str, str]:
        """What every request brings: the token of a user (HS256)."""
        ...

    def record(self, urls: Sequence[str], headers: Mapping[str, str]) -> Recorded:
        """What requests that differ in one value do to the database: they are sent through our own pipeline."""
        ...

    def ours(self) -> AbstractContextManager[Server]:
        """The app, with its policies in the statements."""
        ...

    def ceiling(self, recorded: Recorded) -> AbstractContextManager[Server]:
        """A bare application that runs this one statement."""
        ...

    def peer(self, name: str = "fastapi_sqlalchemy") -> AbstractContextManager[Server]:
        """The usual stack, on the same rows: a module of `peers`."""
        ...

    def backends(self) -> Server | None:
        """The processes of the database, to ask for their processor time, where it has any that we know."""
        ...


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
