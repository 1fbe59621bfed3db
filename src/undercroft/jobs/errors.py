"""What can go wrong with jobs."""

from __future__ import annotations

from undercroft.base.faults import Fault, SetupFault


class JobSetupFault(SetupFault):
    """A job or a schedule is declared wrongly."""


class Fenced(Fault):
    """Somebody else has the job by now: this attempt came back too late, and none of it may count."""

    default_code = "UC510"


class UnknownJob(Fault):
    """A stored job of a name that the app does not declare (any more)."""

    default_code = "UC511"


class NoSuchJob(Fault):
    """No job has this id, or none in a state in which that can be done."""

    default_code = "UC404"


def fenced(job: int) -> Fenced:
    return Fenced(f"job {job} was given to another worker meanwhile: nothing of this attempt is kept")


def unknown_job(name: str) -> UnknownJob:
    return UnknownJob(
        f"no job is called {name}", hint="Was it renamed? Declare it again under its old name, or cancel those left."
    )
