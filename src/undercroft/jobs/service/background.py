"""What runs beside the requests: a worker, the schedules, and the ear that hears of new work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from undercroft.jobs.backends import Announcer
from undercroft.jobs.service.office import Office
from undercroft.jobs.service.outbox import Outbox
from undercroft.jobs.service.scheduler import Scheduler
from undercroft.jobs.service.worker import Worker
from undercroft.jobs.tables import RUNNING, WAITING

_LOOK = 0.02
"""Seconds between two looks at whether all is done."""


@dataclass(slots=True, eq=False)
class Background:
    """Lives from `start` to `stop`. Without a worker, this process only tells others of what it has enqueued."""

    outbox: Outbox
    announcer: Announcer
    worker: Worker | None
    scheduler: Scheduler | None
    office: Office
    """For those who look after it."""

    async def start(self) -> None:
        """Begin to work. Raises `SetupFault`."""
        self.outbox.wake = self.announcer.tell
        if self.worker is not None:
            self.worker.tell(self.announcer.tell)
            await self.announcer.start(self.worker.wake)
            await self.worker.start()
        if self.scheduler is not None:
            await self.scheduler.start()

    async def stop(self) -> None:
        """End what runs, in its time, and give back the rest."""
        if self.scheduler is not None:
            await self.scheduler.stop()
        if self.worker is not None:
            await self.worker.stop()
        await self.announcer.stop()

    async def settled(self, seconds: float = 10.0) -> None:
        """Wait until nothing waits and nothing runs, for tests: what is to be done later, or held, stays.

        Raises `TimeoutError` after so many seconds, and `DatabaseFault`.
        """
        async with asyncio.timeout(seconds):
            while await self._busy():  # noqa: ASYNC110  # workers of other processes tell nobody
                await asyncio.sleep(_LOOK)

    async def _busy(self) -> bool:
        counts = await self.office.counts()
        return any(state in (WAITING, RUNNING) for states in counts.values() for state in states)
