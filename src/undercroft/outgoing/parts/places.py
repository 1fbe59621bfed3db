"""Places for what waits on other machines: so many of each kind, so that one kind cannot take them all."""

from __future__ import annotations

import asyncio


class Places:
    """At most `each` at once of every key; further ones wait in line."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._known: dict[str, _Line] = {}

    async def take(self, key: str, seconds: float | None) -> None:
        """Take a place, to be given back. Raises `TimeoutError` where none is free in so many seconds."""
        line = self._known.get(key)
        if line is None:
            line = self._known[key] = _Line(self._each)
        line.people += 1
        try:
            if line.free.locked():
                async with asyncio.timeout(seconds):
                    await line.free.acquire()
            else:
                await line.free.acquire()
        except BaseException:
            self._leave(key, line)
            raise

    def give_back(self, key: str) -> None:
        """Let the next one in."""
        line = self._known[key]
        line.free.release()
        self._leave(key, line)

    def _leave(self, key: str, line: _Line) -> None:
        line.people -= 1
        if line.people == 0:
            del self._known[key]


class _Line:
    __slots__ = ("free", "people")

    def __init__(self, places: int) -> None:
        self.free = asyncio.Semaphore(places)
        self.people = 0
        """Those inside and those who wait."""
