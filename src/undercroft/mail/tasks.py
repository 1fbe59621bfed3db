"""What is done for mail beside the requests: hand one over, and let go of those that are long over."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from undercroft.base.faults import Fault
from undercroft.jobs.declarations import house_job
from undercroft.mail.service import Mailer
from undercroft.models.jobs import Job
from undercroft.pipeline.context import Context

SEND = "undercroft.send_mail"
FIRST_TIDY, TIDY = 5.0, 3600.0
"""Seconds until old mails are looked for, from the start and from one time to the next."""


def send_job(mailer: Mailer) -> Job[..., Any]:
    """The job that hands one mail over. What no server took is asked again by a new job, as late as it should be."""

    async def send_mail(ctx: Context, mail: int) -> None:
        wait = await mailer.deliver(mail)
        if wait is not None:
            await ctx.enqueue(mailer.job.options(delay=wait), mail)

    # The lease of the mail, not the number of tries, says when a hand-over was lost: a killed worker's is taken again.
    return house_job(send_mail, name=SEND, queue="mail", attempts=10, timeout=mailer.settings.lease + 30)


@dataclass(slots=True, eq=False)
class Tidying:
    """Forgets old mails, from `start` to `stop`, whether any are sent or not; several processes may do it at once."""

    mailer: Mailer
    first: float = FIRST_TIDY
    every: float = TIDY
    _task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What is being removed is gone or is not."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        await asyncio.sleep(self.first)
        while True:
            try:
                await self.mailer.tidy()
            except Fault as fault:
                self.mailer.log.warning("old mails not removed", error=f"{fault.code}: {fault.message}"[:300])
            await asyncio.sleep(self.every)
