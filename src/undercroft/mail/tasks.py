"""What is done for mail beside the requests: hand one over."""

from __future__ import annotations

from typing import Any

from undercroft.jobs.declarations import house_job
from undercroft.mail.service import Mailer
from undercroft.models.jobs import Job
from undercroft.pipeline.context import Context

SEND = "undercroft.send_mail"


def send_job(mailer: Mailer) -> Job[..., Any]:
    """The job that hands one mail over. What no server took is asked again by a new job, as late as it should be."""

    async def send_mail(ctx: Context, mail: int) -> None:
        wait = await mailer.deliver(mail)
        if wait is not None:
            await ctx.enqueue(mailer.job.options(delay=wait), mail)

    # The lease of the mail, not the number of tries, says when a hand-over was lost: a killed worker's is taken again.
    return house_job(send_mail, name=SEND, queue="mail", attempts=10, timeout=mailer.settings.lease + 30)
