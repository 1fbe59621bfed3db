"""Schedules on every engine: each slot once, whichever nodes fire it and wherever the clock jumps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.contract.outbox_cases import called, make_tables, outbox_engine
from undercroft import Context
from undercroft.base.clock import ManualClock
from undercroft.base.faults import Fault
from undercroft.engine import Engine
from undercroft.jobs.declarations import JobDeclarations
from undercroft.jobs.service.outbox import Outbox
from undercroft.jobs.service.scheduler import KEEP, Scheduler

pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


class Nodes:
    """Schedulers of several nodes, each with its own clock, on one database."""

    def __init__(self, engine: Engine, number: int = 1, start: datetime = START) -> None:
        self.engine = engine
        self.declared = JobDeclarations()
        self.clocks = [ManualClock(start) for _ in range(number)]
        self.nodes: list[Scheduler] = []

    def tick(self, **schedule: Any) -> None:
        """Declare a schedule called `tick`."""

        async def run(ctx: Context) -> None: ...

        self.declared.schedule(schedule.pop("cron", None), name=schedule.pop("name", "tick"), **schedule)(run)

    def begin(self) -> None:
        """Start all nodes, as after a deployment."""
        self.nodes = [
            Scheduler(self.engine, Outbox(self.engine, clock), self.declared.schedules, clock, structlog.get_logger())
            for clock in self.clocks
        ]

    async def look(self, seconds: float = 0) -> None:
        """Move all clocks, and have all nodes look at once."""
        for clock in self.clocks:
            clock.advance(seconds)
        await asyncio.gather(*(node.look() for node in self.nodes))

    async def slots(self, name: str = "tick") -> list[datetime]:
        text = f"SELECT slot FROM {called(self.engine, 'job_slots')} WHERE schedule = '{name}' AND slot > 0 ORDER BY 1"
        rows = await self.engine.write(lambda cursor: cursor.all(text))
        return [datetime.fromtimestamp(slot / 1e6, UTC) for (slot,) in rows]

    async def enqueued(self) -> Counter[str]:
        text = f"SELECT name, count(*) FROM {called(self.engine, 'jobs')} GROUP BY name"
        return Counter(dict(await self.engine.write(lambda cursor: cursor.all(text))))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    place = tmp_path / "app.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with outbox_engine(place) as engine:
        await make_tables(engine)
        yield engine


async def test_a_slot_fires_once_for_all_nodes(stored: Engine) -> None:
    nodes = Nodes(stored, 3)
    nodes.tick(cron="* * * * *")
    nodes.begin()
    await nodes.look()
    assert await nodes.slots() == []  # nothing is made up for from before it was there
    for _ in range(10):
        await nodes.look(30)
    assert await nodes.slots() == [START.replace(minute=minute, second=0) for minute in range(1, 6)]
    assert await nodes.enqueued() == {"tick": 5}
    assert sum(node.fired for node in nodes.nodes) == 5


async def test_without_the_constraint_each_node_would_fire_it(stored: Engine) -> None:
    """The control: what the primary key of the slots is for."""
    table = called(stored, "job_slots")

    def unconstrain(cursor: Any) -> None:
        cursor.all(f"DROP TABLE {table}")
        cursor.all(f"CREATE TABLE {table} (schedule TEXT, slot BIGINT, fired BIGINT)")

    nodes = Nodes(stored, 3)
    nodes.tick(cron="* * * * *")
    nodes.begin()
    await nodes.look()
    await stored.write(unconstrain)
    for node, clock in zip(nodes.nodes, nodes.clocks, strict=True):
        clock.advance(60)
        await node.look()
    assert await nodes.enqueued() == {"tick": 3}


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("once", ["15:00"]), ("all", ["13:00", "14:00", "15:00"]), ("skip", [])],
)
async def test_slots_that_nobody_fired_are_made_up_for_by_the_policy(
    stored: Engine, missed: str, expected: list[str]
) -> None:
    nodes = Nodes(stored)
    nodes.tick(cron="0 * * * *", missed=missed)
    nodes.begin()
    await nodes.look()
    nodes.begin()  # the nodes were away, and are started anew
    await nodes.look(3.5 * 3600 - 60)
    assert [f"{slot:%H:%M}" for slot in await nodes.slots()] == expected


async def test_a_little_late_is_not_missed(stored: Engine) -> None:
    nodes = Nodes(stored)
    nodes.tick(cron="0 * * * *", missed="skip")
    nodes.begin()
    await nodes.look()
    await nodes.look(3600 - 30 + 20)
    assert [f"{slot:%H:%M}" for slot in await nodes.slots()] == ["13:00"]


async def test_all_is_at_most_a_thousand_and_the_newest(stored: Engine) -> None:
    nodes = Nodes(stored)
    nodes.tick(every="1s", missed="all")
    nodes.begin()
    await nodes.look()
    await nodes.look(86_400)
    slots = await nodes.slots()
    assert len(slots) == 1000
    assert slots[-1] == START + timedelta(days=1)
    assert await nodes.enqueued() == {"tick": 1000}


async def test_a_clock_that_goes_back_fires_nothing_twice(stored: Engine) -> None:
    nodes = Nodes(stored, 2)
    nodes.tick(cron="* * * * *")
    nodes.begin()
    await nodes.look()
    for _ in range(5):
        await nodes.look(60)
    nodes.clocks[0].advance(-180)
    for _ in range(6):
        await nodes.look(60)
    slots = await nodes.slots()
    assert len(slots) == len(set(slots)) == 11
    assert await nodes.enqueued() == {"tick": 11}


async def test_a_clock_that_went_ahead_and_back_does_not_stop_a_schedule(stored: Engine) -> None:
    nodes = Nodes(stored)
    nodes.tick(cron="* * * * *")
    nodes.begin()
    await nodes.look()
    await nodes.look(365 * 86_400)
    await nodes.look(-365 * 86_400)
    nodes.begin()
    for _ in range(3):
        await nodes.look(60)
    assert [f"{slot:%Y %H:%M}" for slot in await nodes.slots()] == [
        "2026 12:01", "2026 12:02", "2026 12:03", "2027 12:00"
    ]  # fmt: skip


async def test_a_changed_expression_makes_up_for_nothing_from_before(stored: Engine) -> None:
    before = Nodes(stored)
    before.tick(cron="0 0 1 * *")
    before.begin()
    await before.look()
    after = Nodes(stored, start=START + timedelta(days=20))
    after.tick(cron="0 * * * *", missed="all")
    after.begin()
    await after.look()
    assert await after.slots() == []
    await after.look(3600)
    assert len(await after.slots()) == 1


async def test_two_expressions_of_one_name_share_their_slots(stored: Engine) -> None:
    """As in a rolling deployment: the old and the new one both fire at noon, once."""
    old, new = Nodes(stored), Nodes(stored)
    old.tick(cron="*/10 * * * *")
    new.tick(cron="*/5 * * * *")
    for each in (old, new):
        each.begin()
        await each.look()
    for _ in range(4):
        await asyncio.gather(old.look(300), new.look(300))
    assert [slot.minute for slot in await old.slots()] == [5, 10, 15, 20]
    assert await old.enqueued() == {"tick": 4}


async def test_what_is_removed_never_fires_again(stored: Engine) -> None:
    nodes = Nodes(stored, 2)
    nodes.tick(every="1s")
    nodes.begin()
    await nodes.look()
    sleeper, nodes.nodes = nodes.nodes[1], nodes.nodes[:1]
    for _ in range(5 * KEEP):
        await nodes.look(1)
    kept = await nodes.slots()
    assert KEEP < len(kept) < 3 * KEEP
    before = await nodes.enqueued()
    nodes.clocks[1].advance(-2 * KEEP)  # of whom we have not heard for long, and whose clock is behind
    fired = nodes.nodes[0].fired
    for _ in range(KEEP):
        nodes.clocks[1].advance(1)
        await sleeper.look()
    assert nodes.nodes[0].fired == fired
    assert await nodes.enqueued() == before
    assert sleeper.fired == 0


@pytest.mark.parametrize("started_anew", [False, True])
async def test_a_node_whose_clock_is_ahead_does_not_keep_others_from_firing(stored: Engine, started_anew: bool) -> None:
    nodes = Nodes(stored, 2)
    nodes.tick(every="1s")
    nodes.begin()
    await nodes.look()
    right, ahead = nodes.nodes
    nodes.clocks[1].advance(86_400)
    for _ in range(3 * KEEP):
        nodes.clocks[1].advance(1)
        await ahead.look()
    assert ahead.fired > 2 * KEEP, "enough for it to remove some"
    with structlog.testing.capture_logs() as logs:
        if started_anew:
            right = Scheduler(stored, right.outbox, right.schedules, right.clock, structlog.get_logger())
            await right.look()
        for _ in range(3 * KEEP):
            nodes.clocks[0].advance(1)
            await right.look()
    assert right.fired == 3 * KEEP
    assert [each["log_level"] for each in logs] == ["warning"] * len(logs)
    assert any(86_000 < each["seconds"] < 87_000 for each in logs)
    again = Scheduler(stored, right.outbox, right.schedules, ManualClock(START), structlog.get_logger())
    for _ in range(KEEP):
        again.clock.advance(1)  # type: ignore[attr-defined]
        await again.look()
    assert again.fired == 0, "what the right one has removed since is past for all"


async def test_a_schedule_that_a_node_saw_first_whose_clock_is_ahead(stored: Engine) -> None:
    nodes = Nodes(stored, 2)
    nodes.tick(cron="* * * * *")
    nodes.begin()
    right, ahead = nodes.nodes
    nodes.clocks[1].advance(86_400)
    await ahead.look()
    await right.look()
    for _ in range(5):
        nodes.clocks[0].advance(60)
        await right.look()
    assert right.fired == 5


async def test_a_firing_is_undone_with_its_job(stored: Engine) -> None:
    nodes = Nodes(stored)
    nodes.tick(cron="* * * * *")
    nodes.begin()
    await nodes.look()
    (node,) = nodes.nodes
    outbox = node.outbox

    async def fail(*given: Any) -> list[int]:
        await outbox(*given)
        raise Fault("the disk is full", code="53100")

    node.outbox = fail  # type: ignore[assignment]
    with pytest.raises(Fault):
        await nodes.look(60)
    assert await nodes.slots() == []
    assert await nodes.enqueued() == {}
    node.outbox = outbox
    await nodes.look()
    assert len(await nodes.slots()) == 1
    assert await nodes.enqueued() == {"tick": 1}


async def test_a_thousand_that_are_due_at_once(stored: Engine) -> None:
    nodes = Nodes(stored, 3)
    for number in range(1000):
        nodes.tick(cron="* * * * *", name=f"tick{number}")
    nodes.begin()
    await nodes.look()
    await nodes.look(30)
    found = await nodes.enqueued()
    assert len(found) == 1000
    assert set(found.values()) == {1}
    assert sum(node.fired for node in nodes.nodes) == 1000


async def test_it_runs_by_itself_and_stops(stored: Engine) -> None:
    nodes = Nodes(stored)
    nodes.tick(every="1s")
    nodes.begin()
    (node,) = nodes.nodes
    await node.start()
    nodes.clocks[0].advance(5)
    await asyncio.sleep(0.05)
    nodes.clocks[0].advance(1)
    async with asyncio.timeout(5):
        while not node.fired:  # noqa: ASYNC110 -- a count has no event
            await asyncio.sleep(0.02)
    await node.stop()
    nodes.clocks[0].advance(100)
    await asyncio.sleep(0.05)
    assert node.fired == 1


@pytest.mark.needs("postgres")
async def test_nodes_with_connections_of_their_own(postgres_url: str) -> None:
    async with outbox_engine(postgres_url) as first, outbox_engine(postgres_url) as second:
        await make_tables(first)
        nodes = Nodes(first, 2)
        for number in range(50):
            nodes.tick(cron="* * * * *", name=f"tick{number}")
        nodes.begin()
        nodes.nodes[1] = Scheduler(
            second, Outbox(second, nodes.clocks[1]), nodes.declared.schedules, nodes.clocks[1], structlog.get_logger()
        )
        await nodes.look()
        for _ in range(10):
            await nodes.look(60)
        assert set((await nodes.enqueued()).values()) == {10}
        assert sum(node.fired for node in nodes.nodes) == 500
