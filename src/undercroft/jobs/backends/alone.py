"""For one process: whoever works here is told directly."""

from __future__ import annotations

from collections.abc import Callable


class Alone:
    """Implements `Announcer`."""

    def __init__(self) -> None:
        self._heard: Callable[[], None] = lambda: None

    async def start(self, heard: Callable[[], None]) -> None:
        self._heard = heard

    async def stop(self) -> None:
        self._heard = lambda: None

    def tell(self) -> None:
        self._heard()

    async def say(self) -> None:
        self._heard()
