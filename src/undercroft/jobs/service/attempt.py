"""One attempt at a job: its arguments, its context, its time, its end in the transaction of what it wrote."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from undercroft.access.actor import SERVICE
from undercroft.base.clock import Clock
from undercroft.jobs.errors import Fenced, fenced, unknown_job
from undercroft.jobs.service.outbox import microseconds, read_actor
from undercroft.jobs.service.reports import Reports
from undercroft.jobs.settings import JobSettings
from undercroft.jobs.store import Statements, statements
from undercroft.jobs.types import MICROSECONDS, Claimed, Ended
from undercroft.models.jobs import Backoff, CurrentJob, Job
from undercroft.pipeline.results import write_result
from undercroft.pipeline.run import Pipeline

FOREVER = 2**62
MOST_TOLD = 8_000
"""Characters of a failure that are kept."""
LONGEST_WAIT = 30 * 86_400.0
"""Seconds that a failed job waits at most, whatever it or its failure asks for."""


@dataclass(slots=True, eq=False)
class Attempts:
    """Runs claimed jobs."""

    pipeline: Pipeline
    jobs: Mapping[str, Job[Any, Any]]
    clock: Clock
    settings: JobSettings
    log: Any
    opened: Callable[[], None] = lambda: None
    """Called where the end of a job lets another one begin."""
    _statements: Statements = field(init=False)
    _note: Callable[[int, int, str], None] = field(init=False)

    def __post_init__(self) -> None:
        self._statements = statements(self.pipeline.engine.dialect)
        self._note = Reports(self.pipeline.engine, self.log).note

    async def make(self, claimed: Claimed) -> Ended | None:
        """Run a job; how it ended, to be stored, or None where its own transaction has stored it."""
        job = self.jobs.get(claimed.name)
        try:
            if job is None:
                raise unknown_job(claimed.name)
            async with asyncio.timeout(job.timeout):
                return await self._call(job, claimed)
        except Fenced as fault:
            self.log.warning("jobs: fenced", job=claimed.name, id=claimed.id, message=fault.message)
            return None
        except (Exception, SystemExit) as error:
            return self.failed(claimed, error)

    async def _call(self, job: Job[Any, Any], claimed: Claimed) -> Ended | None:
        arguments = job.read_arguments(claimed.arguments)
        actor = SERVICE if claimed.actor is None else read_actor(claimed.actor)
        keep = self._keep(job, claimed)
        async with self.pipeline.calling(actor, seconds=self.settings.transaction) as calling:
            context = calling.context
            context.current = CurrentJob(claimed.id, claimed.attempts, claimed.fence, self._note)
            value = await job.run(context, **arguments)
            await calling.transaction.finish()
            result = write_result(job.result, value).decode() if job.result is not None and keep > 0 else None
            if calling.transaction.begun:
                await self._end_in(calling.transaction, claimed, result, keep)
                return None
        return Ended(claimed.id, claimed.fence, "done", self._expiry(keep), None, result, keep, claimed.leads)

    async def _end_in(self, transaction: Any, claimed: Claimed, result: str | None, keep: float) -> None:
        """The job is done if and only if what it wrote is there, and only under its own fence."""
        known = self._statements
        if keep > 0:
            statement = known.keep_here
            extra = {"result": result, "now": microseconds(self.clock.now()), "due": self._expiry(keep)}
        else:
            statement, extra = known.finish_here, {}
        found = await transaction.fetch(statement.text, statement.args(id=claimed.id, fence=claimed.fence, **extra))
        if not found:
            raise fenced(claimed.id)
        if found[0][0] is not None:
            now = microseconds(self.clock.now())
            await transaction.fetch(known.step.text, known.step.args(done=1, then_id=found[0][0], now=now))
            transaction.after_commit(self.opened)

    def failed(self, claimed: Claimed, error: BaseException) -> Ended:
        """How a failed attempt ends. Whatever the error is, this gives an answer: a runner lives by it."""
        job = self.jobs.get(claimed.name)
        last = job is None or claimed.attempts >= job.attempts
        wait = 0.0 if job is None else _wait(job.backoff, claimed.attempts, error)
        self.log.warning(
            "jobs: dead" if last else "jobs: failed",
            job=claimed.name,
            id=claimed.id,
            attempt=claimed.attempts,
            # No more of it: its words may hold what nobody is to read in a log, and stand with the job.
            error=type(error).__name__,
        )
        due = FOREVER if last else microseconds(self.clock.now()) + round(wait * MICROSECONDS)
        return Ended(claimed.id, claimed.fence, "dead" if last else "later", due, _told(error))

    def _keep(self, job: Job[Any, Any], claimed: Claimed) -> float:
        for seconds in (claimed.keep, job.keep):
            if seconds is not None:
                return seconds
        return self.settings.keep

    def _expiry(self, keep: float) -> int:
        return microseconds(self.clock.now()) + round(keep * MICROSECONDS)


def _wait(backoff: Backoff, attempts: int, error: BaseException) -> float:
    """Seconds until the next attempt: as the failure asks (`retry_after`), else longer each time."""
    asked = getattr(error, "retry_after", None)
    if isinstance(asked, int | float) and asked >= 0:
        return float(min(asked, LONGEST_WAIT))
    try:
        wait = min(backoff.most, backoff.first * backoff.factor ** (attempts - 1))
    except OverflowError:
        wait = backoff.most
    return min(LONGEST_WAIT, wait * random.uniform(1 - backoff.spread, 1 + backoff.spread))  # noqa: S311  # to part those who met


def _told(error: BaseException) -> str:
    """What happened, as a text that every database takes: a failure may hold anything that somebody sent."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # an exception may fail at telling what it is
        text = type(error).__name__
    return text[-MOST_TOLD:].encode("utf-8", "replace").decode().replace("\0", "\ufffd")
