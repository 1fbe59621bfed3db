"""Jobs as an app declares them, and one call of a job as it is asked for: plain values."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from undercroft.base.faults import Fault
from undercroft.base.settings.units import seconds_of

P = ParamSpec("P")
R = TypeVar("R")
Span = str | float | timedelta
"""A length of time: seconds, "10m" as in the settings, or a timedelta."""
Named = Callable[..., str]
"""Takes a job's arguments by name and gives a key."""
MOST_BYTES = 1 << 20
"""Of a job's arguments: workers hold many at once."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a failed job waits: `first` seconds, times `factor` at each further attempt, at most `most`."""

    first: float = 2.0
    factor: float = 2.0
    most: float = 3600.0
    spread: float = 0.2
    """By how much of it, either way, the wait is varied: those that failed together do not return together."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` starts in `seconds`, evenly spread after a burst of `count`."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one call asks beside its arguments."""

    delay: float = 0.0
    """Seconds from now."""
    at: datetime | None = None
    """A moment, with a zone; it comes before `delay`."""
    priority: int | None = None
    queue: str | None = None
    unique: str | None = None
    """A key: while a job with it waits or runs, no second one is made."""
    keep: float | None = None
    """Seconds for which the finished job and its result are kept."""


@dataclass(slots=True, eq=False)
class CurrentJob:
    """`ctx.job`: the job that runs."""

    id: int
    attempt: int
    """1 for the first."""
    fence: int
    """Grows with every attempt of the job, whoever makes it: for systems outside that are to refuse late ones."""
    _note: Callable[[int, int, str], None]

    async def progress(self, share: float, message: str | None = None) -> None:
        """Tell how far it is, from 0 to 1: stored beside the job's transaction, for others to see."""
        self._note(self.id, self.fence, json.dumps({"share": share, "message": message}))


@dataclass(frozen=True, slots=True, eq=False)
class Job(Generic[P, R]):
    """What `@app.job` makes of a coroutine. Called, it runs at once, as any coroutine; enqueued, a worker runs it."""

    name: str
    run: Callable[..., Any]
    arguments: type[BaseModel]
    parameters: tuple[str, ...]
    """The names of its arguments, in their order."""
    result: TypeAdapter[Any] | None
    """How its result becomes JSON; None for a job that gives nothing."""
    source: str
    doc: str | None = None
    queue: str = "default"
    priority: int = 0
    """Higher comes first."""
    attempts: int = 4
    """How often it is started at most, where it fails."""
    backoff: Backoff = field(default_factory=Backoff)
    timeout: float = 60.0
    """Seconds for one attempt."""
    unique: Named | None = None
    concurrency: Named | None = None
    """Of jobs with one key, one runs at a time."""
    rate: Rate | None = None
    keep: float | None = None
    """Seconds for which it is kept when it is done; None as the settings say."""
    as_caller: bool = False
    """It acts as whoever enqueued it, not as the service."""
    wishes: Wishes = field(default_factory=Wishes)

    async def __call__(self, ctx: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run it here and now, in the transaction of `ctx`."""
        result: R = await self.run(ctx, *args, **kwargs)
        return result

    def options(
        self,
        *,
        delay: Span | None = None,
        at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        unique: str | None = None,
        keep: Span | None = None,
    ) -> Job[P, R]:
        """The same job with other wishes: `ctx.enqueue(remind.options(delay="2h"), user_id)`.

        Raises `Fault` 22023 for a moment without a zone, and for a length of time that is none.
        """
        if at is not None and at.tzinfo is None:
            raise Fault("a moment needs a zone: datetime.now(UTC), not datetime.now()", code="22023")
        wishes = Wishes(
            delay=self.wishes.delay if delay is None else span(delay),
            at=at or self.wishes.at,
            priority=self.wishes.priority if priority is None else priority,
            queue=queue or self.wishes.queue,
            unique=unique or self.wishes.unique,
            keep=self.wishes.keep if keep is None else span(keep),
        )
        return replace(self, wishes=wishes)

    def call(self, *args: P.args, **kwargs: P.kwargs) -> Planned:
        """The job with its arguments, for chains and batches.

        Raises `Fault` 22P02 for arguments of other types.
        """
        return Planned(self, self.write_arguments(args, kwargs))

    def write_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Arguments as the JSON that is stored, checked by their types. Raises `Fault` 22P02, 54000."""
        if len(args) > len(self.parameters):
            raise Fault(f"the job {self.name} takes {len(self.parameters)} arguments, not {len(args)}", code="22P02")
        given = dict(zip(self.parameters, args, strict=False))
        if twice := given.keys() & kwargs.keys():
            raise Fault(f"the job {self.name} was given {', '.join(sorted(twice))} twice", code="22P02")
        try:
            written = self.arguments.model_validate(given | kwargs).model_dump_json()
        except ValidationError as error:
            raise _refused(self.name, error) from None
        if len(written) > MOST_BYTES:
            raise Fault(
                f"the arguments of the job {self.name} are longer than {MOST_BYTES} characters",
                code="54000",
                hint="Store what is large in a table, and hand over its key.",
            )
        return written

    def read_arguments(self, text: str) -> dict[str, Any]:
        """Stored arguments as values to call `run` with. Raises `Fault` 22P02: the job may have been changed since."""
        try:
            checked = self.arguments.model_validate_json(text)
        except ValidationError as error:
            raise _refused(self.name, error) from None
        return {name: getattr(checked, name) for name in self.parameters}


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """One job to be done: what it is, its arguments as JSON, and what is to follow it."""

    job: Job[Any, Any]
    arguments: str
    then: Planned | None = None
    """Done when this one is done."""


LONGEST = 100 * 365 * 86_400.0
"""Seconds of a length of time, at most: moments that lie further ahead, no database stores."""


def span(value: Span) -> float:
    """A length of time in seconds. Raises `Fault` 22023 for what is none."""
    try:
        seconds = value.total_seconds() if isinstance(value, timedelta) else seconds_of(value)
    except ValueError as error:
        raise Fault(str(error), code="22023") from None
    if not 0 <= seconds <= LONGEST:
        raise Fault(f"a length of time is between 0 seconds and 100 years, not {value}", code="22023")
    return seconds


def parameters_of(run: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a job's own arguments, behind the context."""
    return tuple(inspect.signature(run).parameters)[1:]


def _refused(name: str, error: ValidationError) -> Fault:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return Fault(f"invalid argument {place}: {first['msg']}", code="22P02", details=f"of the job {name}")
