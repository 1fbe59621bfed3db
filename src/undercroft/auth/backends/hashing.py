"""A few threads for passwords: each hash takes 19 MiB and some 30 ms, and what serves others must not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from undercroft.auth.parts.passwords import hashed, is_outdated, matches
from undercroft.base.faults import Overloaded

T = TypeVar("T")


class Hasher:
    """Hashes and compares passwords, so many at once and so many waiting."""

    def __init__(self, threads: int, queue: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "passwords")
        self._room = threads + queue
        self._inside = 0

    async def hashed(self, password: str) -> str:
        """A password as it is stored. Raises `Overloaded`."""
        return await self._run(lambda: hashed(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether it is the stored one; where there is none, never, after just as long. Raises `Overloaded`."""
        return await self._run(lambda: matches(stored or _stand_in(), password) and stored is not None)

    async def renewed(self, stored: str, password: str) -> str | None:
        """The same password stored anew, where it is stored in an older way. Raises `Overloaded`."""
        return await self.hashed(password) if is_outdated(stored) else None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside >= self._room:
            raise Overloaded("too many sign-ins at once", hint="Try again in a second.")
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1

    async def start(self) -> None:
        """Threads begin when they are needed."""

    async def stop(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@cache
def _stand_in() -> str:
    return hashed("nobody has this password")
