"""One worker: claims jobs, runs them, stores how they ended, and looks after those of workers that were lost.

A turn is one transaction: it stores what has ended and claims what there is room for. Jobs that touched the database
end in their own transaction instead, by the fence under which they were claimed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from undercroft.base.clock import Clock
from undercroft.base.faults import Fault
from undercroft.jobs.parts.pace import Pace
from undercroft.jobs.service.attempt import Attempts
from undercroft.jobs.service.outbox import microseconds
from undercroft.jobs.service.turn import Turn, TurnRequest
from undercroft.jobs.settings import JobSettings
from undercroft.jobs.types import MICROSECONDS, Claimed, Ended
from undercroft.models.jobs import Job
from undercroft.pipeline.run import Pipeline

_LOOK = 0.5
"""Seconds after which a worker with jobs in hand looks whether it has more than it can run."""
_PAUSE = 0.5
"""Seconds after a turn that failed: the database is away, or full."""
_YIELD_EVERY = 16
"""Jobs that one runner does before others on the loop have their turn."""


@dataclass(slots=True, eq=False)
class Worker:
    """Runs from `start` to `stop`, on the loop of the engine."""

    pipeline: Pipeline
    jobs: Mapping[str, Job[Any, Any]]
    clock: Clock
    settings: JobSettings
    log: Any
    id: str = field(default_factory=lambda: uuid4().hex[:12])
    done: int = 0
    """Attempts that ended well, since the start."""
    _turn: Turn = field(init=False)
    _attempts: Attempts = field(init=False)
    _queue: deque[Claimed] = field(default_factory=deque)
    _running: dict[int, tuple[Claimed, asyncio.Task[None]]] = field(default_factory=dict)
    _ended: list[Ended] = field(default_factory=list)
    _pace: Pace = field(init=False)
    _suspect: int | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _work: asyncio.Condition = field(default_factory=asyncio.Condition)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Nothing runs."""
    _claiming: bool = True

    def __post_init__(self) -> None:
        self._turn = Turn(self.pipeline.engine, self.jobs, self.settings)
        self._attempts = Attempts(self.pipeline, self.jobs, self.clock, self.settings, self.log)
        self._pace = Pace(self.settings.concurrency)

    # --- life ---

    async def start(self) -> None:
        """Begin to claim and to run."""
        self._claiming = True
        self._idle.set()
        runners = [self._run() for _ in range(self.settings.concurrency)]
        self._tasks = [asyncio.create_task(each) for each in (self._turns(), self._duties(), *runners)]

    async def stop(self) -> None:
        """Claim no more, let what runs end in its time, and give back the rest."""
        if not self._tasks:
            return
        self._claiming = False
        self.wake()
        turns, *others = self._tasks
        self._tasks, unfinished = [], self._taken_back(len(self._queue))
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.drain):
                await asyncio.shield(turns)  # what a last turn claims must be known, to be given back
                unfinished += self._taken_back(len(self._queue))
                await self._idle.wait()
        unfinished += [*self._taken_back(len(self._queue)), *self._held()]
        for task in (turns, *others):
            task.cancel()
        await asyncio.gather(turns, *others, return_exceptions=True)
        with suppress(Fault):  # whoever comes next finds them when their lease is over
            await self._turn.leave(self._request(0), unfinished)
        self._ended = []

    def wake(self) -> None:
        """There is work, perhaps."""
        self._wake.set()

    # --- turns ---

    async def _turns(self) -> None:
        while self._claiming:
            self._wake.clear()
            try:
                pause = await self._turned()
            except Fault as fault:
                self.log.warning("jobs: turn failed", code=fault.code, message=fault.message)
                pause = _PAUSE
            except Exception:  # a worker that ends unseen would be worse than one that tells of it twice a second
                self.log.exception("jobs: turn crashed")
                pause = _PAUSE
            if pause:
                await self._rest(pause)

    async def _turned(self) -> float:
        """One turn, where there is something to store or to claim; seconds to rest after it."""
        held = len(self._queue) + len(self._running)
        excess = self._taken_back(self._pace.too_many(len(self._queue), time.monotonic()))
        request = self._request(self._pace.room(held - len(excess)))
        if request.room == 0 and not request.ended and not excess:
            return min(self.settings.poll, _LOOK)
        try:
            taken = await self._turn.take(request, excess)
        except BaseException:
            self._ended = [*request.ended, *self._ended]
            self._queue.extend(excess)
            raise
        self._pace.claimed(len(taken.claimed), request.room, time.monotonic())
        self._suspect = taken.suspect if taken.suspect is not None else self._suspect
        await self._give_out(taken.claimed)
        return 0.0 if taken.more or self._ended else self._until(taken.next_due)

    def _request(self, room: int) -> TurnRequest:
        ended, self._ended = self._ended, []
        now = microseconds(self.clock.now())
        lease = now + round(self.settings.lease * MICROSECONDS)
        free = not self._has_suspect()
        return TurnRequest(self.id, now, lease, room if self._claiming else 0, ended, may_suspect=free)

    def _has_suspect(self) -> bool:
        """Whether a job that has taken a worker down waits or runs here; it may have been given back meanwhile."""
        if self._suspect is None or self._suspect in self._running:
            return self._suspect is not None
        return any(each.id == self._suspect for each in self._queue)

    def _until(self, next_due: int | None) -> float:
        if next_due is None:
            return self.settings.poll
        wait = (next_due - microseconds(self.clock.now())) / MICROSECONDS
        return min(self.settings.poll, max(0.001, wait))

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _taken_back(self, number: int) -> list[Claimed]:
        """The last of those that wait here, which will not be run here."""
        return [self._queue.pop() for _ in range(number)]

    def _held(self) -> list[Claimed]:
        """Those that run."""
        return [claimed for claimed, _ in self._running.values()]

    async def _give_out(self, claimed: list[Claimed]) -> None:
        if claimed:
            async with self._work:
                self._queue.extend(claimed)
                self._work.notify(len(claimed))

    # --- running ---

    async def _run(self) -> None:
        count = 0
        while True:
            while not self._queue:
                async with self._work:
                    await self._work.wait()
            claimed = self._queue.popleft()
            await self._attempt(claimed)
            count += 1
            if count % _YIELD_EVERY == 0:
                await asyncio.sleep(0)

    async def _attempt(self, claimed: Claimed) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("a runner is a task")
        self._running[claimed.id] = claimed, task
        self._idle.clear()
        try:
            ended = await self._attempts.make(claimed)
        except asyncio.CancelledError:
            if claimed.id in self._running:  # the worker is stopped
                raise
            task.uncancel()  # the job alone was taken away: the runner goes on
            if not self._running:
                self._idle.set()
            return
        finally:
            if claimed.id == self._suspect:
                self._suspect = None
        held = self._running.pop(claimed.id, None)
        if ended is None:
            self.done += 1
        elif held is not None:
            self.done += ended.state == "done"
            self._ended.append(ended)
        if not self._running:
            self._idle.set()
        if self._pace.is_short(len(self._queue) + len(self._running)):
            self._wake.set()

    def _revoke(self, claimed: Claimed) -> None:
        """Somebody else has this job, or nobody is to have it: end our attempt."""
        found = self._running.get(claimed.id)
        if found is not None and found[0].fence == claimed.fence:
            del self._running[claimed.id]
            self.log.warning("jobs: lost", job=claimed.name, id=claimed.id)
            found[1].cancel()

    # --- duties ---

    async def _duties(self) -> None:
        """Signs of life, and those of others: three times in each lease."""
        while True:
            await asyncio.sleep(self.settings.lease / 3)
            try:
                await self._look_after()
            except Fault as fault:
                self.log.warning("jobs: duties failed", code=fault.code, message=fault.message)
            except Exception:
                self.log.exception("jobs: duties crashed")

    async def _look_after(self) -> None:
        waiting, running = [*self._queue], self._held()
        kept, rescued = await self._turn.look_after(self._duty_request())
        for claimed in running:
            if (claimed.id, claimed.fence) not in kept:
                self._revoke(claimed)
        lost = {each.id for each in waiting if (each.id, each.fence) not in kept}
        if lost:
            self._queue = deque(each for each in self._queue if each.id not in lost)
        for id_, name, state in rescued:
            self.log.warning("jobs: rescued", job=name, id=id_, state=state)
        if rescued:
            self.wake()

    def _duty_request(self) -> TurnRequest:
        now = microseconds(self.clock.now())
        return TurnRequest(self.id, now, now + round(self.settings.lease * MICROSECONDS), 0, [], may_suspect=False)
