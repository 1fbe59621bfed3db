"""One worker: claims jobs, runs them, stores how they ended, and looks after those of workers that were lost.

A turn is one transaction: it stores what has ended and claims what there is room for. Jobs that touched the database
end in their own transaction instead, by the fence under which they were claimed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from undercroft.base.clock import Clock
from undercroft.base.faults import Fault
from undercroft.engine.errors import DatabaseFault
from undercroft.jobs.parts.pace import Pace
from undercroft.jobs.service.attempt import FOREVER, Attempts
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
_OF_VALUES = ("22", "23")
"""Classes of faults that are about what is stored: a bad value, a constraint."""
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
    _stopping: bool = False
    """Whatever is cancelled from now on is cancelled by us."""
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Turns and signs of life touch the same rows: on two connections they would wait for one another."""

    def __post_init__(self) -> None:
        self._turn = Turn(self.pipeline.engine, self.jobs, self.settings)
        self._attempts = Attempts(self.pipeline, self.jobs, self.clock, self.settings, self.log)
        self._pace = Pace(self.settings.concurrency)

    # --- life ---

    async def start(self) -> None:
        """Begin to claim and to run."""
        self._claiming, self._stopping = True, False
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
        self._stopping = True
        for task in (turns, *others):
            task.cancel()
        await asyncio.gather(turns, *others, return_exceptions=True)
        with suppress(Fault):  # whoever comes next finds them when their lease is over
            await self._turn.leave(self._request(0), unfinished)
        self._ended = []

    def wake(self) -> None:
        """There is work, perhaps."""
        self._wake.set()

    def tell(self, others: Callable[[], None]) -> None:
        """Have `others` called where the end of a job lets another one begin, which may be somebody else's."""
        self._attempts.opened = self._turn.opened = others

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
            async with self._alone:
                taken = await self._turn.take(request, excess)
        except DatabaseFault as fault:
            self._queue.extend(excess)
            self._ended = [*(await self._stored_singly(request, fault)), *self._ended]
            raise
        except BaseException:
            self._ended = [*request.ended, *self._ended]
            self._queue.extend(excess)
            raise
        self._pace.claimed(len(taken.claimed), request.room, time.monotonic())
        self._suspect = taken.suspect if taken.suspect is not None else self._suspect
        await self._give_out(taken.claimed)
        return 0.0 if taken.more or self._ended else self._until(taken.next_due)

    async def _stored_singly(self, request: TurnRequest, fault: DatabaseFault) -> list[Ended]:
        """Where the database refuses a value, one end must not keep all others from being stored; those that are left.

        One that cannot be stored as it is ends as dead, without its words.
        """
        if fault.code[:2] not in _OF_VALUES or not request.ended:
            return request.ended
        left: list[Ended] = []
        for ended in request.ended:
            plain = Ended(ended.id, ended.fence, "dead", FOREVER, "how it ended cannot be stored")
            for attempt in (ended, plain):
                try:
                    await self._turn.leave(request._replace(ended=[attempt]), [])
                    break
                except Fault as again:
                    self.log.warning("jobs: end not stored", id=ended.id, code=again.code)
            else:
                left.append(plain)
        return left

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
        ended: Ended | None
        try:
            ended = await self._attempts.make(claimed)
        except asyncio.CancelledError as error:
            if self._stopping:
                raise
            if self._is_ours(claimed):  # the job's own doing: it awaited something that was cancelled
                ended = self._attempts.failed(claimed, error)
            else:
                task.uncancel()  # it was taken away: the runner goes on
                ended = None
        finally:
            if claimed.id == self._suspect:
                self._suspect = None
        self._end(claimed, ended)

    def _is_ours(self, claimed: Claimed) -> bool:
        found = self._running.get(claimed.id)
        return found is not None and found[0] is claimed

    def _end(self, claimed: Claimed, ended: Ended | None) -> None:
        """An attempt is over; None where there is nothing to store of it."""
        if self._is_ours(claimed):
            del self._running[claimed.id]
            self.done += ended is None or ended.state == "done"
            if ended is not None:
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
                await self._turn.tidy(microseconds(self.clock.now()))
            except Fault as fault:
                self.log.warning("jobs: duties failed", code=fault.code, message=fault.message)
            except Exception:
                self.log.exception("jobs: duties crashed")

    async def _look_after(self) -> None:
        async with self._alone:
            waiting, running = [*self._queue], self._held()
            stored = [Claimed(each.id, "", "", 0, each.fence, None, None, False) for each in self._ended]
            kept, rescued = await self._turn.look_after(self._duty_request(), [*waiting, *running, *stored])
        for claimed in running:
            if (claimed.id, claimed.fence) not in kept:
                self._revoke(claimed)
        lost = {(each.id, each.fence) for each in waiting} - kept
        if lost:
            self._queue = deque(each for each in self._queue if (each.id, each.fence) not in lost)
        for id_, name, state in rescued:
            self.log.warning("jobs: rescued", job=name, id=id_, state=state)
        if rescued:
            self.wake()

    def _duty_request(self) -> TurnRequest:
        now = microseconds(self.clock.now())
        return TurnRequest(self.id, now, now + round(self.settings.lease * MICROSECONDS), 0, [], may_suspect=False)
