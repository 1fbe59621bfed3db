"""What a worker is told of the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How jobs are run. Seconds."""

    concurrency: int = 16
    """Jobs that one worker runs at once."""
    queues: tuple[str, ...] = ()
    """Only of these queues; empty for all."""
    lease: float = 10.0
    """How long a claimed job stays its worker's without a sign of life."""
    poll: float = 5.0
    """How often it is looked for work that nobody has announced."""
    keep: float = 0.0
    """How long finished jobs are kept that do not say it themselves."""
    crashes: int = 5
    """How often a job may take its worker down with it."""
    drain: float = 10.0
    """What running jobs get when the worker is stopped."""
    transaction: float = 5.0
    """How long a job's transaction may take: on SQLite it holds the writer meanwhile."""
