"""Fires schedules: each slot once, whichever nodes try, because its row can be inserted once.

A slot's row and its job are one transaction. Every node with a worker does this; there is no leader to lose. The clock
may jump: forward, the slots in between count as missed; back, those that have fired are there and stay fired. A node
whose clock is ahead fires too early and tells others what is past; they do not believe it where it is far off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from undercroft.access.actor import SERVICE
from undercroft.base.clock import Clock
from undercroft.engine.beside import Beside
from undercroft.engine.types import Cursor, Engine, Row
from undercroft.jobs.parts.slots import MOST_MISSED, mark_of, next_slot, slots_to_fire
from undercroft.jobs.service.outbox import Outbox, microseconds
from undercroft.jobs.store.slots import ASTRAY, HORIZON, SlotStatements, slot_statements
from undercroft.jobs.types import MICROSECONDS, Schedule

AT_ONCE = 500
"""Slots that one transaction fires."""
KEEP = 100
"""Slots of each schedule that are kept, so that no jump of the clock fires them again."""
WATCH = 1.0
"""Seconds after which the clock is looked at again: it may have jumped."""
_PAUSE = 0.5
_NEVER = 2**62


@dataclass(slots=True, eq=False)
class _Hand:
    """Where one schedule stands."""

    schedule: Schedule
    floor: int
    """Nothing up to this moment is made up for."""
    done: int
    """Every slot up to this moment has been dealt with."""
    next: int
    kept: int = 0
    """Rows in the table, about: those of other nodes are not counted."""

    @property
    def name(self) -> str:
        return self.schedule.job.name

    @property
    def keep(self) -> int:
        return KEEP + (MOST_MISSED if self.schedule.missed == "all" else 0)

    def turn_to(self, moment: int) -> None:
        self.done = max(moment, self.floor)
        self.next = next_slot(self.schedule, self.done) or _NEVER


@dataclass(slots=True, eq=False)
class Scheduler:
    """Runs from `start` to `stop`, on the loop of the engine."""

    engine: Engine
    outbox: Outbox
    schedules: Sequence[Schedule]
    clock: Clock
    log: Any
    fired: int = 0
    """Slots that this node has fired, since the start."""
    _statements: SlotStatements = field(init=False)
    _hands: list[_Hand] = field(default_factory=list)
    _seen: int = 0
    """The latest moment that the clock has shown."""
    _beside: Beside = field(default_factory=Beside)

    def __post_init__(self) -> None:
        self._statements = slot_statements(self.engine.dialect)

    # --- life ---

    async def start(self) -> None:
        """Begin to fire, where there is anything to."""
        if self.schedules and not self._beside.running:
            self._beside.begin(self._run())

    async def stop(self) -> None:
        """Fire no more. What is being fired has happened or has not."""
        await self._beside.end()

    async def _run(self) -> None:
        while True:
            try:
                wait = await self.look()
            except Exception as error:
                # Nothing is lost by a round that failed: what was due still is.
                self.log.warning("schedules: failed", error=f"{type(error).__name__}: {error}"[:300])
                wait = _PAUSE
            await asyncio.sleep(wait)

    # --- one round ---

    async def look(self) -> float:
        """Fire what is due; how many seconds to wait. Raises `DatabaseFault`, `Overloaded`."""
        now = microseconds(self.clock.now())
        if not self._hands:
            await self._learn(now)
        if now < self._seen:
            for hand in self._hands:
                hand.turn_to(now)
        self._seen = now
        due = [hand for hand in self._hands if hand.next <= now]
        if due:
            await self._fire_due(due, now)
        nearest = min((hand.next for hand in self._hands), default=_NEVER)
        return min(WATCH, max(0.0, (nearest - microseconds(self.clock.now())) / MICROSECONDS))

    async def _learn(self, now: int) -> None:
        """Find where schedules stand, and leave a mark where one is seen for the first time."""
        marks = {each.job.name: mark_of(each) for each in self.schedules}

        def work(cursor: Cursor) -> tuple[list[Row], list[Row]]:
            known = self._statements
            cursor.all(known.see.text, known.see.args(slots=json.dumps(sorted(marks.items())), now=now))
            return cursor.all(known.marks.text), cursor.all(known.standing.text, known.standing.args(now=now))

        marked, standing = await self.engine.write(work)
        floors: dict[object, int] = {}
        for name, slot, moment in marked:
            if slot in (HORIZON, marks.get(str(name))):
                floors[name] = max(floors.get(name, 0), self._believed(str(name), slot, int(moment), now))
        last = {name: (int(slot), int(count)) for name, slot, count in standing}
        for each in self.schedules:
            slot, count = last.get(each.job.name, (0, 0))
            hand = _Hand(each, floors[each.job.name], 0, _NEVER, count)
            hand.turn_to(slot)
            self._hands.append(hand)

    def _believed(self, name: str, slot: Any, moment: int, now: int) -> int:
        """A mark's moment, or a horizon; of one that is astray, what does no harm."""
        if moment <= now + ASTRAY:
            return moment
        self._warn(name, moment)
        return 0 if slot == HORIZON else now

    async def _fire_due(self, due: Sequence[_Hand], now: int) -> None:
        # All nodes in one order: two that fire the same slots at once then wait for each other in one direction only.
        wanted = [(hand, slot) for hand in due for slot in slots_to_fire(hand.schedule, hand.done, now)]
        wanted.sort(key=lambda each: (each[0].name, each[1]))
        for start in range(0, len(wanted), AT_ONCE):
            await self._fire(wanted[start : start + AT_ONCE], now)
        for hand in due:
            hand.turn_to(now)
            if hand.kept >= 2 * hand.keep:
                await self._purge(hand, now)

    async def _fire(self, wanted: Sequence[tuple[_Hand, int]], now: int) -> None:
        """Insert the slots, and enqueue the jobs of those that were not there: one transaction."""
        jobs = {hand.name: hand.schedule.job for hand, _ in wanted}
        listed = json.dumps([[hand.name, slot] for hand, slot in wanted])
        fire = self._statements.fire
        async with self.engine.transaction() as transaction:
            mine = sorted(await transaction.fetch(fire.text, fire.args(slots=listed, now=now)))
            if mine:
                await self.outbox(transaction, SERVICE, [jobs[str(name)].call() for name, _ in mine])
        self.fired += len(mine)
        for hand, _ in wanted:
            hand.kept += 1

    async def _purge(self, hand: _Hand, now: int) -> None:
        """Remove slots below the horizon, then raise it: never at once, so that nobody who tries one of these slots
        at this moment finds neither its row nor the horizon.
        """

        def work(cursor: Cursor) -> list[Row]:
            known, name = self._statements, hand.name
            astray = cursor.all(known.astray.text, known.astray.args(schedule=name, now=now))
            cursor.all(known.forget.text, known.forget.args(schedule=name, now=now))
            found = cursor.all(known.oldest_kept.text, known.oldest_kept.args(schedule=name, keep=hand.keep, now=now))
            for (slot,) in found:
                cursor.all(known.raise_horizon.text, known.raise_horizon.args(schedule=name, moment=slot, now=now))
            return astray

        for (moment,) in await self.engine.write(work):
            self._warn(hand.name, moment)
        hand.kept = hand.keep

    def _warn(self, name: str, moment: int) -> None:
        seconds = (moment - microseconds(self.clock.now())) // MICROSECONDS
        self.log.warning("schedules: a clock is or was ahead of ours", schedule=name, seconds=seconds)
