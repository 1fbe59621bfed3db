"""The outbox of an app, wired: its jobs, a worker where this process is to have one, and how others hear of work."""

from __future__ import annotations

import socket
from typing import Any

from undercroft.app.blueprint import Blueprint
from undercroft.app.databases import database_path, postgres_url
from undercroft.base.clock import Clock
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.jobs.backends import Announcer
from undercroft.jobs.backends.alone import Alone
from undercroft.jobs.backends.neighbours import Neighbours
from undercroft.jobs.service.background import Background
from undercroft.jobs.service.office import Office
from undercroft.jobs.service.outbox import Outbox
from undercroft.jobs.service.scheduler import Scheduler
from undercroft.jobs.service.worker import Worker
from undercroft.jobs.settings import JobSettings
from undercroft.models.jobs import Job
from undercroft.pipeline.run import Pipeline


def background_of(
    app: Blueprint, house_jobs: list[Job[Any, Any]], pipeline: Pipeline, settings: Settings, clock: Clock, log: Any
) -> Background:
    """What runs beside the requests; `house_jobs` are those of the rooms. Raises `SetupFault` for two of one name."""
    jobs = jobs_by_name([*app.jobs, *house_jobs])
    outbox = Outbox(pipeline.engine, clock)
    pipeline.ports.enqueue = outbox
    works = settings.jobs.enabled and bool(jobs)
    worker = Worker(pipeline, jobs, clock, job_settings(settings), log) if works else None
    scheduler = Scheduler(pipeline.engine, outbox, app.schedules, clock, log) if works else None
    office = Office(pipeline.engine, clock, app.schedules)
    return Background(outbox, _announcer(pipeline, settings, log), worker, scheduler, office)


def jobs_by_name(jobs: list[Job[Any, Any]]) -> dict[str, Job[Any, Any]]:
    """Jobs by name. Raises `SetupFault` where two have one name."""
    found: dict[str, Job[Any, Any]] = {}
    for job in jobs:
        other = found.setdefault(job.name, job)
        if other is not job:
            raise SetupFault(f"{job.source}: a job {job.name} is already declared at {other.source}")
    return found


def job_settings(settings: Settings) -> JobSettings:
    """What a worker is told."""
    given = settings.jobs
    return JobSettings(
        concurrency=given.concurrency,
        queues=given.queues,
        lease=given.lease,
        poll=given.poll,
        keep=given.keep,
        crashes=given.crashes,
        drain=settings.server.drain,
        transaction=given.transaction_timeout,
    )


def _announcer(pipeline: Pipeline, settings: Settings, log: Any) -> Announcer:
    url = postgres_url(settings)
    if url is None:
        return Neighbours(database_path(settings), log) if hasattr(socket, "AF_UNIX") else Alone()
    from undercroft.jobs.backends.postgres import Notifier

    return Notifier(pipeline.engine, url, log)
