"""The house's own jobs of webhooks: make a delivery, and handle an event that came in."""

from __future__ import annotations

from typing import Any

from undercroft.jobs.declarations import house_job
from undercroft.models.jobs import Job
from undercroft.pipeline.context import Context
from undercroft.webhooks.service.delivering import Deliverer
from undercroft.webhooks.service.receiving import Inbox
from undercroft.webhooks.service.room import Room
from undercroft.webhooks.types import Inbound

DELIVER = "undercroft.deliver_webhook"
HANDLE = "undercroft.handle_webhook"


def deliver_job(deliverer: Deliverer, room: Room) -> Job[..., Any]:
    """The job that makes one attempt at a delivery; what fails is asked for anew, as late as the schedule says.

    Of one endpoint's deliveries one is made at a time: an endpoint that hangs holds up itself alone.
    """

    async def deliver_webhook(ctx: Context, delivery: int, endpoint: int, attempt: int) -> None:
        outcome = await deliverer.attempt(delivery, attempt)
        if outcome is None:
            return
        if outcome.later:
            await ctx.enqueue(job.options(delay=outcome.later), delivery, endpoint, attempt)
            return
        wait = await deliverer.record(ctx.transaction, outcome)
        if wait is not None:
            await ctx.enqueue(job.options(delay=wait), delivery, endpoint, attempt + 1)

    job: Job[..., Any] = house_job(
        deliver_webhook,
        name=DELIVER,
        queue="webhooks",
        attempts=10,
        timeout=room.settings.timeout + 30,
        concurrency=lambda delivery, endpoint, attempt: str(endpoint),
    )
    return job


def handle_job(inbox: Inbox, inbound: Inbound) -> Job[..., Any]:
    """The job that hands an event to its handler; those about one thing are handled one at a time."""

    async def handle_webhook(ctx: Context, event: int, subject: str) -> None:
        await inbox.handle(ctx, inbox.find(inbound.path), event)

    ordered = inbound.ordered_by is not None
    return house_job(
        handle_webhook,
        name=f"{HANDLE}.{inbound.path.strip('/').replace('/', '.')}",
        attempts=inbound.retries + 1,
        timeout=inbound.timeout,
        concurrency=(lambda event, subject: subject or f"#{event}") if ordered else None,
    )
