"""What runs beside the requests: a worker, the schedules, and the ear that hears of new work."""

from __future__ import annotations

from dataclasses import dataclass

from undercroft.jobs.backends import Announcer
from undercroft.jobs.service.office import Office
from undercroft.jobs.service.outbox import Outbox
from undercroft.jobs.service.scheduler import Scheduler
from undercroft.jobs.service.worker import Worker


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
