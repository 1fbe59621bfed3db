"""Work that goes on beside the requests, for as long as what it belongs to is open."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Beside:
    """One coroutine on the running loop, from `begin` to `end`."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it has begun and is not over."""
        return self._task is not None and not self._task.done()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have it run; it is to raise nothing."""
        self._task = asyncio.get_running_loop().create_task(work)

    async def end(self) -> None:
        """Cancel it where it waits, and be done with it. May be called again."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
