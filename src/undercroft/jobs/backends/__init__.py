"""How workers of other processes hear that there is work: a port, and one file for each way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Announcer(Protocol):
    """Tells, and hears. What is lost of it costs time and no job: workers look by themselves now and then."""

    async def start(self, heard: Callable[[], None]) -> None:
        """Have `heard` called on the loop whenever somebody says that there is work."""
        ...

    async def stop(self) -> None: ...

    def tell(self) -> None:
        """Say so to everybody. Called on the loop, right after a commit; never waits and never raises."""
        ...

    async def say(self) -> None:
        """Say so, and return once it is said: for a command that ends then. Never raises."""
        ...
