"""The verbs of an app file for background work: lists that `build` reads once."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from datetime import tzinfo
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from undercroft.base.faults import Fault, SetupFault
from undercroft.jobs.errors import JobSetupFault
from undercroft.jobs.parts.keys import template
from undercroft.jobs.parts.slots import slots_after
from undercroft.jobs.types import Schedule
from undercroft.models.functions import read_function, source_of
from undercroft.models.jobs import Backoff, Job, Named, Rate, Span, parameters_of, span
from undercroft.pipeline.context import Context

P = ParamSpec("P")
R = TypeVar("R")
Key = str | Named
"""A template over a job's arguments, "import:{account_id}", or a function of them."""
Missed = Literal["once", "all", "skip"]


class JobDeclarations:
    """What an app declared of jobs and schedules, in the order of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job[Any, Any]] = []
        self.schedules: list[Schedule] = []

    def job(
        self,
        *,
        retries: int = 3,
        backoff: Backoff | None = None,
        timeout: Span = 60.0,
        queue: str = "default",
        priority: int = 0,
        unique: Key | bool = False,
        concurrency_key: Key | None = None,
        rate_limit: str | None = None,
        keep: Span | None = None,
        as_caller: bool = False,
        name: str | None = None,
    ) -> Callable[[Callable[Concatenate[Context, P], Awaitable[R]]], Job[P, R]]:
        """Make a coroutine a job, to be enqueued by `await ctx.enqueue(job, …)` and run by a worker.

        Args:
            retries: how often it is run again where it fails; then it is a dead letter.
            timeout: for one attempt.
            unique: while one with this key waits or runs, no second one is made; True: with the same arguments.
            concurrency_key: of those with one key, one runs at a time.
            rate_limit: starts in a time, over all workers, as "10/s", "100/m", "5/10s".
            keep: how long it is kept when it is done, with its result; as `[jobs] keep` says when left out.
            as_caller: it acts as whoever enqueued it, under the policies; else as the service.

        Raises:
            SetupFault: where the coroutine or an option is wrong; it names the line.
        """

        def declare(run: Callable[Concatenate[Context, P], Awaitable[R]]) -> Job[P, R]:
            try:
                found = read_job(
                    run,
                    name=name,
                    attempts=retries + 1,
                    backoff=backoff or Backoff(),
                    timeout=span(timeout),
                    queue=queue,
                    priority=priority,
                    unique=_unique(unique),
                    concurrency=None if concurrency_key is None else _key(concurrency_key),
                    rate=None if rate_limit is None else read_rate(rate_limit),
                    keep=None if keep is None else span(keep),
                    as_caller=as_caller,
                )
            except Fault as fault:
                raise fault if isinstance(fault, SetupFault) else JobSetupFault(f"{source_of(run)}: {fault}") from None
            self.jobs.append(found)
            return found

        return declare

    def schedule(
        self,
        cron: str | None = None,
        *,
        every: Span | None = None,
        tz: str | tzinfo = "UTC",
        missed: Missed = "once",
        name: str | None = None,
        retries: int = 3,
        timeout: Span = 60.0,
    ) -> Callable[[Callable[[Context], Awaitable[Any]]], Job[[], Any]]:
        """Run a coroutine as a job at the moments of a cron expression, or `every` so often, once for all workers.

        Args:
            cron: five fields, as Debian's cron reads them, in the zone `tz`: "*/5 * * * *".
            every: from 1970 on, in UTC: "10s" fires at :00, :10, :20.
            missed: of the slots that passed while no worker was there, run the newest one, "all", or none ("skip").

        Raises:
            SetupFault: where the expression, the zone or the coroutine is wrong.
        """

        def declare(run: Callable[[Context], Awaitable[Any]]) -> Job[[], Any]:
            found: Job[[], Any] = self.job(retries=retries, timeout=timeout, name=name)(run)
            source = source_of(run)
            if found.parameters:
                raise JobSetupFault(f"{source}: a schedule calls {found.name} without arguments")
            self.schedules.append(read_schedule(found, cron, every, tz, missed, source))
            return found

        return declare


def read_job(run: Callable[..., Any], *, name: str | None = None, **options: Any) -> Job[Any, Any]:
    """Read a coroutine's signature. Raises `SetupFault` where it is no coroutine, or an argument has no type."""
    function = read_function(run, name=name, roles=frozenset(), read_only=False)
    return Job(
        name=function.name,
        run=run,
        arguments=function.arguments,
        parameters=parameters_of(run),
        result=function.result,
        source=function.source,
        doc=inspect.getdoc(run),
        **options,
    )


def house_job(run: Callable[..., Any], *, name: str, **options: Any) -> Job[Any, Any]:
    """A job of the house itself, such as sending a mail: `name` begins with "undercroft."."""
    return read_job(run, name=name, **options)


def read_rate(text: str) -> Rate:
    """`"10/s"`, `"100/m"`, `"5/10s"`. Raises `Fault` 22023."""
    count, slash, time = text.partition("/")
    if not slash or not time.strip() or not count.strip().isdigit() or int(count) < 1:
        raise Fault(f'a rate is starts in a time, as in "10/s" or "5/10s", not {text!r}', code="22023")
    time = time.strip()
    return Rate(int(count), span(time if time[:1].isdigit() else f"1{time}"))


def read_schedule(
    job: Job[[], Any], cron: str | None, every: Span | None, tz: str | tzinfo, missed: Missed, source: str
) -> Schedule:
    """What fires when. Raises `SetupFault`."""
    if (cron is None) == (every is None):
        raise JobSetupFault(f'{source}: a schedule has a cron expression or every="10s", one of both')
    try:
        zone = ZoneInfo(tz) if isinstance(tz, str) else tz
        seconds = None if every is None else span(every)
        schedule = Schedule(job, cron, seconds, zone, missed)
        next(slots_after(schedule, 0))
        return schedule
    except Exception as error:
        raise JobSetupFault(f"{source}: {error}") from None


def _unique(unique: Key | bool) -> Named | None:
    if unique is True:
        return template(None)
    return _key(unique) if unique else None


def _key(key: Key) -> Named:
    return template(key) if isinstance(key, str) else key
