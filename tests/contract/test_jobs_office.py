"""Looking at jobs and deciding about them, on both engines, while a worker runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import App, Context
from undercroft.access.actor import SERVICE
from undercroft.app import House, build
from undercroft.base.clock import SystemClock
from undercroft.base.faults import Fault
from undercroft.base.settings import Settings
from undercroft.engine import DatabaseFault
from undercroft.jobs.errors import NoSuchJob
from undercroft.jobs.service.background import Background
from undercroft.jobs.service.office import Filter, Office
from undercroft.jobs.service.worker import Worker
from undercroft.models.jobs import Job, Planned

pytestmark = pytest.mark.anyio


class OfficeBase(DeclarativeBase):
    pass


class Effect(OfficeBase):
    __tablename__ = "effects"
    id: Mapped[int] = mapped_column(primary_key=True)
    what: Mapped[str]


class Desk:
    """A house with a worker, and the office that looks after it."""

    def __init__(self, house: House, jobs: dict[str, Job[Any, Any]]) -> None:
        self.house, self.jobs = house, jobs
        self.office = Office(house.engine, SystemClock())
        self.fails = True
        self.entered = asyncio.Event()

    @property
    def background(self) -> Background:
        return next(part for part in self.house.running if isinstance(part, Background))

    @property
    def worker(self) -> Worker:
        assert self.background.worker is not None
        return self.background.worker

    async def retry(self, *jobs: int) -> list[int]:
        done = await self.office.retry(jobs)
        await self.background.announcer.say()
        return done

    async def retry_dead(self, name: str | None = None) -> list[int]:
        done = await self.office.retry_dead(name)
        await self.background.announcer.say()
        return done

    async def enqueue(self, *calls: Planned, then: Planned | None = None) -> list[int]:
        async with self.house.pipeline.calling(SERVICE) as calling:
            return await calling.context.enqueue_many(calls, then=then)

    async def chain(self, *calls: Planned) -> int:
        async with self.house.pipeline.calling(SERVICE) as calling:
            return await calling.context.chain(*calls)

    async def state(self, job: int) -> str:
        """`gone` once it is done."""
        try:
            return (await self.office.shown(job)).state
        except NoSuchJob:
            return "gone"

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not await holds():  # noqa: ASYNC110 -- the database has no event
                await asyncio.sleep(0.02)

    async def effects(self) -> list[str]:
        rows = await self.house.engine.write(lambda cursor: cursor.all("SELECT what FROM effects ORDER BY id"))
        return [str(what) for (what,) in rows]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    app = App(OfficeBase)
    app.developing = True

    @app.job()
    async def write(ctx: Context, what: str) -> None:
        ctx.session.add(Effect(what=what))

    @app.job(retries=0, unique="{what}")
    async def fail(ctx: Context, what: str) -> None:
        if found.fails:
            raise ValueError(f"no {what}")
        ctx.session.add(Effect(what=what))

    @app.job()
    async def wait(ctx: Context, what: str) -> None:
        await ctx.job.progress(0.25, f"{what} of job {ctx.job.id}, attempt {ctx.job.attempt}")
        found.entered.set()
        await asyncio.sleep(60)
        ctx.session.add(Effect(what=what))

    given = {"UNDERCROFT_DATABASE_DATA": str(tmp_path), "UNDERCROFT_JOBS_LEASE": "0.5", "UNDERCROFT_JOBS_POLL": "600"}
    if request.param == "postgres":
        given["UNDERCROFT_DATABASE_URL"] = request.getfixturevalue("postgres_url")
    given["UNDERCROFT_SERVER_DRAIN"] = "0.1"
    house = build(app, Settings.load(None, given))
    await house.start()
    found = Desk(house, {"write": write, "fail": fail, "wait": wait})
    try:
        yield found
    finally:
        await house.close()


async def test_a_dead_job_tells_why_and_is_done_when_it_is_tried_again(desk: Desk) -> None:
    (job,) = await desk.enqueue(desk.jobs["fail"].call("that"))
    await desk.until(lambda: _is(desk, job, "dead"))
    found = await desk.office.shown(job)
    assert (found.name, found.arguments, found.attempts) == ("fail", {"what": "that"}, 1)
    assert "ValueError: no that" in str(found.error)
    assert await desk.office.counts() == {"fail": {"dead": 1}}
    desk.fails = False
    assert await desk.retry(job) == [job]
    await desk.until(lambda: _is(desk, job, "gone"))
    assert await desk.effects() == ["that"]


async def test_all_dead_ones_of_a_name(desk: Desk) -> None:
    jobs = await desk.enqueue(*(desk.jobs["fail"].call(str(number)) for number in range(5)))
    for job in jobs:
        await desk.until(partial(_is, desk, job, "dead"))
    assert await desk.retry_dead("write") == []
    desk.fails = False
    assert await desk.retry_dead("fail") == jobs
    await desk.until(lambda: _is(desk, jobs[-1], "gone"))


async def test_of_several_dead_ones_with_one_key_the_latest(desk: Desk) -> None:
    (first,) = await desk.enqueue(desk.jobs["fail"].call("same"))
    await desk.until(lambda: _is(desk, first, "dead"))
    (second,) = await desk.enqueue(desk.jobs["fail"].call("same"))
    await desk.until(lambda: _is(desk, second, "dead"))
    desk.fails = False
    assert await desk.retry_dead() == [second]
    await desk.until(lambda: _is(desk, second, "gone"))
    assert await desk.retry_dead() == [first]


async def test_one_that_is_there_already_is_not_made_twice_by_trying_again(desk: Desk) -> None:
    (first,) = await desk.enqueue(desk.jobs["fail"].call("same"))
    await desk.until(lambda: _is(desk, first, "dead"))
    (second,) = await desk.enqueue(desk.jobs["fail"].options(delay="1h").call("same"))
    assert await desk.retry_dead() == []
    with pytest.raises(DatabaseFault) as refused:
        await desk.retry(first)
    assert refused.value.code == "23505"
    assert await desk.state(second) == "later"


async def test_a_running_job_is_taken_away_and_nothing_of_it_is_kept(desk: Desk) -> None:
    job = await desk.chain(
        desk.jobs["wait"].call("long"), desk.jobs["write"].call("next"), desk.jobs["write"].call("x")
    )
    await desk.entered.wait()
    cancelled = await desk.office.cancel([job])
    assert len(cancelled) == 3
    assert cancelled[0] == job
    await desk.until(lambda: _settled(desk.worker))
    assert await desk.effects() == []
    assert await desk.office.counts() == {"wait": {"cancelled": 1}, "write": {"cancelled": 2}}


async def test_what_was_cancelled_comes_back_in_its_order(desk: Desk) -> None:
    write = desk.jobs["write"]
    job = await desk.chain(write.options(delay="1h").call("one"), write.call("two"), write.call("three"))
    cancelled = await desk.office.cancel([job])
    assert await desk.retry(job) == [job]
    await desk.until(lambda: _is(desk, cancelled[2], "gone"))
    assert await desk.effects() == ["one", "two", "three"]


async def test_what_follows_waits_for_no_job_that_stays_cancelled(desk: Desk) -> None:
    write = desk.jobs["write"].options(delay="1h")
    first, second = await desk.enqueue(write.call("one"), write.call("two"), then=desk.jobs["write"].call("then"))
    await desk.office.cancel([first, second])
    assert await desk.retry(first) == [first]
    await desk.until(lambda: _written(desk, "one", "then"))


async def test_what_follows_waits_for_all_that_came_back(desk: Desk) -> None:
    write, held = desk.jobs["write"].options(delay="1h"), desk.jobs["wait"]
    jobs = await desk.enqueue(
        write.call("one"), held.call("two"), write.call("3"), then=desk.jobs["write"].call("then")
    )
    await desk.entered.wait()
    *_, last = await desk.office.cancel([jobs[0], jobs[2]])
    await desk.retry(jobs[0])
    await desk.until(lambda: _written(desk, "one"))
    await desk.retry(jobs[2])
    await desk.until(lambda: _written(desk, "one", "3"))
    assert await desk.state(last) == "held", "one of them runs"
    await desk.office.cancel([jobs[1]])
    assert await desk.retry(last) == [last]
    await desk.until(lambda: _written(desk, "one", "3", "then"))


async def test_who_looks_on_keeps_nobody_from_writing(desk: Desk) -> None:
    async with desk.house.engine.transaction() as transaction:
        await transaction.fetch("INSERT INTO effects (what) VALUES ('held')")
        async with asyncio.timeout(2):
            assert await desk.office.counts() == {}
            assert await desk.office.listed() == []
            assert await desk.office.upcoming() == []
    assert await desk.effects() == ["held"]


@pytest.mark.parametrize("unique", [False, True])
async def test_thousands_of_dead_ones_are_not_compared_with_each_other(desk: Desk, unique: bool) -> None:
    postgres = desk.house.engine.dialect.name == "postgresql"
    table = "undercroft.jobs" if postgres else '"undercroft.jobs"'
    key = "'k' || (n % 4000)" if unique else "NULL"
    many = (
        f"INSERT INTO {table} (name, state, unique_key, due) WITH RECURSIVE each (n) AS "
        f"(SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < 8000) SELECT 'none', 'dead', {key}, 9e18 FROM each"
    )
    await desk.house.engine.write(lambda cursor: cursor.all(many))
    begin = asyncio.get_running_loop().time()
    done = await desk.office.retry_dead("none")
    assert asyncio.get_running_loop().time() - begin < 2
    assert len(done) == (4000 if unique else 8000)


async def test_a_job_that_is_over_is_not_cancelled_and_nothing_else_either(desk: Desk) -> None:
    (later,) = await desk.enqueue(desk.jobs["write"].options(delay="1h").call("later"))
    with pytest.raises(NoSuchJob, match="424242"):
        await desk.office.cancel([later, 424242])
    assert await desk.state(later) == "later"
    with pytest.raises(NoSuchJob):
        await desk.retry(later)
    with pytest.raises(NoSuchJob):
        await desk.office.shown(424242)


async def test_the_latest_by_name_queue_and_state(desk: Desk) -> None:
    write = desk.jobs["write"]
    jobs = await desk.enqueue(*(write.options(delay="1h", queue=queue).call(queue) for queue in ("a", "b", "a")))
    assert [each.id for each in await desk.office.listed()] == jobs[::-1]
    assert [each.id for each in await desk.office.listed(Filter(queue="a"))] == [jobs[2], jobs[0]]
    assert [each.id for each in await desk.office.listed(Filter(state="later"), most=1)] == [jobs[2]]
    assert await desk.office.listed(Filter(name="fail")) == []
    assert await desk.office.counts(Filter(queue="b")) == {"write": {"later": 1}}


async def test_a_running_job_tells_how_far_it_is(desk: Desk) -> None:
    (job,) = await desk.enqueue(desk.jobs["wait"].call("step"))
    await desk.entered.wait()

    async def told() -> Any:
        return (await desk.office.shown(job)).progress

    await desk.until(told)
    assert await told() == {"share": 0.25, "message": f"step of job {job}, attempt 1"}


async def test_a_suspect_that_was_given_back_does_not_keep_others_from_running(desk: Desk) -> None:
    """Of jobs whose worker was lost one runs at a time here: one that is here no more is not waited for."""
    desk.worker._suspect = 424242
    jobs = await desk.enqueue(*(desk.jobs["write"].options(delay="0.3s").call(f"{number}") for number in range(3)))
    table = "undercroft.jobs" if desk.house.engine.dialect.name == "postgresql" else '"undercroft.jobs"'
    crashed = f"UPDATE {table} SET crashes = 1, throttled = true"
    await desk.house.engine.write(lambda cursor: cursor.all(crashed))
    for job in jobs:
        await desk.until(partial(_is, desk, job, "gone"))
    assert sorted(await desk.effects()) == ["0", "1", "2"]


async def test_others_enqueue_by_sql(desk: Desk) -> None:
    """The columns' defaults say all but name and arguments; on PostgreSQL a NOTIFY wakes the workers."""
    postgres = desk.house.engine.dialect.name == "postgresql"
    table = "undercroft.jobs" if postgres else '"undercroft.jobs"'
    insert = f"INSERT INTO {table} (name, arguments) VALUES ('write', '{{\"what\": \"by hand\"}}')"
    await desk.house.engine.write(lambda cursor: cursor.all(insert))
    if postgres:
        await desk.house.engine.write(lambda cursor: cursor.all("NOTIFY undercroft_jobs"))
    else:
        await desk.background.announcer.say()

    async def written() -> bool:
        return await desk.effects() == ["by hand"]

    await desk.until(written)
    assert await desk.office.counts() == {}


async def test_other_code_has_no_job(desk: Desk) -> None:
    async with desk.house.pipeline.calling(SERVICE) as calling:
        with pytest.raises(Fault, match="is for jobs"):
            calling.context.job  # noqa: B018 -- the look is what fails


async def _is(desk: Desk, job: int, state: str) -> bool:
    return await desk.state(job) == state


async def _written(desk: Desk, *effects: str) -> bool:
    return await desk.effects() == list(effects)


async def _settled(worker: Any) -> bool:
    return not worker._running
