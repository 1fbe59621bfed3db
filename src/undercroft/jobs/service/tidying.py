"""Housekeeping of the rooms: what is long over goes, whether anything new comes or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from undercroft.base.faults import Fault
from undercroft.engine.beside import Beside


@dataclass(slots=True, eq=False)
class Tidying:
    """Runs what tidies up, from `start` to `stop`; several processes may do it at once. Seconds."""

    tidies: Sequence[Callable[[], Awaitable[object]]]
    log: Any
    first: float = 5.0
    every: float = 3600.0
    _beside: Beside = field(default_factory=Beside)

    async def start(self) -> None:
        """Begin to."""
        self._beside.begin(self._run())

    async def stop(self) -> None:
        """What is being removed is gone or is not."""
        await self._beside.end()

    async def _run(self) -> None:
        await asyncio.sleep(self.first)
        while True:
            for tidy in self.tidies:
                await self._one(tidy)
            await asyncio.sleep(self.every)

    async def _one(self, tidy: Callable[[], Awaitable[object]]) -> None:
        try:
            await tidy()
        except Fault as fault:
            self.log.warning("tidying failed", code=fault.code, message=fault.message)
        except Exception:  # what one room cannot do keeps no other from it
            self.log.exception("tidying crashed")
