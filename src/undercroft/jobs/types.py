"""Values of the outbox: a claimed job, a finished attempt, a schedule, what is told of a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Literal

from undercroft.models.jobs import Job

MICROSECONDS = 1_000_000


@dataclass(slots=True)
class Claimed:
    """A job that is this worker's, for as long as its lease is renewed."""

    id: int
    name: str
    arguments: str
    attempts: int
    """This attempt included."""
    fence: int
    actor: str | None
    keep: float | None
    leads: bool
    """Another job follows it."""
    priority: int = 0


@dataclass(slots=True)
class Ended:
    """How an attempt without a transaction of its own came out, to be stored with others."""

    id: int
    fence: int
    state: Literal["done", "later", "dead"]
    due: int = 0
    """When it is tried again, in microseconds."""
    error: str | None = None
    result: str | None = None
    keep: float = 0.0
    leads: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job that fires at moments of its own: by a cron expression in a zone, or every so many seconds."""

    job: Job[[], Any]
    cron: str | None
    every: float | None
    zone: tzinfo
    missed: Literal["once", "all", "skip"] = "once"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as it stands in the database. Moments have zone UTC."""

    id: int
    name: str
    state: str
    queue: str
    priority: int
    arguments: Any
    attempts: int
    created: datetime
    due: datetime
    started: datetime | None
    finished: datetime | None
    worker: str | None
    error: str | None
    result: Any
    progress: Any
