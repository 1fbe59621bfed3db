"""The outbox's promises on both engines: what is enqueued happens if and only if its transaction commits, and once."""

# ruff: noqa: PT012
# The whole of a transaction is what raises here.

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from tests.contract.job_house import Entry, JobBase, JobHouse, job_house
from undercroft import App, Context, Fault
from undercroft.access.actor import Actor
from undercroft.engine.errors import DatabaseFault
from undercroft.jobs.service.attempt import _wait
from undercroft.jobs.service.turn import Taken, Turn, TurnRequest
from undercroft.jobs.types import Claimed, Ended
from undercroft.models.jobs import Backoff

pytestmark = pytest.mark.anyio

SOON = Backoff(first=0.01, factor=1, spread=0)


class Bench:
    """An app and what its jobs did beside the database."""

    def __init__(self) -> None:  # noqa: C901  # a list of jobs
        self.app = App(JobBase)
        self.seen: list[object] = []
        self.gate = asyncio.Event()
        app = self.app

        @app.job(retries=2, backoff=SOON)
        async def write(ctx: Context, text: str) -> None:
            ctx.session.add(Entry(text=text))

        @app.job(retries=2, backoff=SOON)
        async def note(ctx: Context, text: str, number: int = 0) -> None:
            self.seen.append(text)

        @app.job(retries=2, backoff=SOON)
        async def failing(ctx: Context, times: int) -> None:
            ctx.session.add(Entry(text="undone"))
            await ctx.session.flush()
            self.seen.append("try")
            if self.seen.count("try") <= times:
                raise ValueError("not yet")

        @app.job(timeout=0.1, retries=0)
        async def slow(ctx: Context) -> None:
            await asyncio.sleep(30)

        @app.job(keep="1h")
        async def add(ctx: Context, one: int, other: int) -> int:
            return one + other

        @app.job(unique=True)
        async def only_one(ctx: Context, what: str) -> None:
            self.seen.append(what)
            await self.gate.wait()

        @app.job(concurrency_key="k:{key}")
        async def in_turn(ctx: Context, key: str) -> None:
            self.seen.append(f"+{key}")
            await asyncio.sleep(0.05)
            self.seen.append(f"-{key}")

        @app.job(rate_limit="5/1s")
        async def limited(ctx: Context) -> None:
            self.seen.append(asyncio.get_running_loop().time())

        @app.job(as_caller=True)
        async def who(ctx: Context) -> None:
            self.seen.append((ctx.auth.role, ctx.auth.subject, ctx.auth.claims.get("team")))

        @app.job()
        async def waits(ctx: Context) -> None:
            ctx.session.add(Entry(text="zombie"))
            await ctx.session.flush()
            self.seen.append("running")
            await self.gate.wait()

        @app.job()
        async def breeds(ctx: Context, children: int) -> None:
            for child in range(children):
                await ctx.enqueue(write, f"child {child}")
            if children > 2:
                raise ValueError("too many")

        self.write, self.note, self.failing, self.slow, self.add = write, note, failing, slow, add
        self.only_one, self.in_turn, self.limited, self.who = only_one, in_turn, limited, who
        self.waits, self.breeds = waits, breeds


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def house(bench: Bench, tmp_path: Path, url: str | None) -> AsyncIterator[JobHouse]:
    async with job_house(bench.app, tmp_path, url, poll=60) as found:
        yield found


@pytest.fixture
async def idle(bench: Bench, tmp_path: Path, url: str | None) -> AsyncIterator[JobHouse]:
    """A house that enqueues and does nothing by itself."""
    async with job_house(bench.app, tmp_path, url, enabled=False) as found:
        yield found


# --- if and only if it commits ---


async def test_what_is_enqueued_happens_when_its_transaction_commits(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.write, "done")
        await asyncio.sleep(0.1)
        assert bench.seen == []
    await house.settled()
    assert await house.entries() == ["done"]
    assert await house.states() == {}


async def test_what_is_undone_never_happens(bench: Bench, house: JobHouse) -> None:
    with pytest.raises(ZeroDivisionError):
        async with house.calling() as ctx:
            await ctx.enqueue(bench.write, "never")
            ctx.session.add(Entry(text="neither"))
            raise ZeroDivisionError
    async with house.calling() as ctx:
        await ctx.enqueue(bench.note, "after")
    await house.settled()
    assert (await house.entries(), bench.seen) == ([], ["after"])


async def test_a_job_enqueues_with_its_own_transaction(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.breeds, 2)
        await ctx.enqueue(bench.breeds.options(), 3)
    await house.until(lambda: _is(house, 2, "entries"))
    await asyncio.sleep(0.1)
    assert sorted(await house.entries()) == ["child 0", "child 1"]


async def _is(house: JobHouse, number: int, what: str) -> bool:
    return len(await (house.entries() if what == "entries" else house.states())) == number


async def test_workers_are_woken_and_need_not_look(bench: Bench, house: JobHouse) -> None:
    started = asyncio.get_running_loop().time()
    async with house.calling() as ctx:
        await ctx.enqueue(bench.note, "now")
    await house.settled()
    assert asyncio.get_running_loop().time() - started < 5  # the poll is a minute
    assert bench.seen == ["now"]


# --- failing ---


async def test_a_failed_attempt_is_undone_and_made_again(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.failing, 2)
    await house.settled()
    assert bench.seen == ["try"] * 3
    assert await house.entries() == ["undone"]


async def test_one_that_fails_for_good_is_kept_with_its_reason(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        job = await ctx.enqueue(bench.failing, 9)
        await ctx.enqueue(bench.note, "the others go on")
    await house.settled()
    assert bench.seen.count("try") == 3
    assert "the others go on" in bench.seen
    ((id_, state, attempts, error),) = await house.rows("SELECT id, state, attempts, error FROM undercroft.jobs ")
    assert (id_, state, attempts) == (job, "dead", 3)
    assert "ValueError: not yet" in error
    assert await house.entries() == []


async def test_an_attempt_has_its_time(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.slow)
    await house.settled()
    ((state, error),) = await house.rows("SELECT state, error FROM undercroft.jobs ")
    assert state == "dead"
    assert "TimeoutError" in error


async def test_arguments_are_checked_before_anything_is_stored(bench: Bench, idle: JobHouse) -> None:
    for wrong in ({"one": "x", "other": 1}, {"one": 1}, {"one": 1, "other": 1, "third": 1}):
        with pytest.raises(Fault) as caught:
            async with idle.calling() as ctx:
                await ctx.enqueue(bench.add, **wrong)
        assert caught.value.code == "22P02"
    assert await idle.states() == {}


async def test_arguments_that_no_longer_fit_are_a_dead_letter(bench: Bench, house: JobHouse) -> None:
    await house.rows("INSERT INTO undercroft.jobs (name, arguments) VALUES ('add', '{\"two\": 1}') ")
    await house.rows("INSERT INTO undercroft.jobs (name, arguments) VALUES ('write', 'no JSON') ")
    house.worker.wake()

    async def is_judged() -> bool:
        return set((await house.states()).values()) <= {"dead", "later"}

    await house.until(is_judged)


# --- when, and how often ---


async def test_delay_and_moment(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.note.options(delay="0.3s"), "delayed")
        await ctx.enqueue(bench.note.options(at=datetime(2000, 1, 1, tzinfo=UTC)), "long ago")
        await ctx.enqueue(bench.note.options(at=datetime(2100, 1, 1, tzinfo=UTC)), "far")
    await asyncio.sleep(0.15)
    assert bench.seen == ["long ago"]
    await house.until(lambda: _saw(bench, "delayed"))
    await house.until(lambda: _is(house, 1, "states"))
    assert list((await house.states()).values()) == ["later"]


async def _saw(bench: Bench, what: object) -> bool:
    return what in bench.seen


async def test_priority_comes_first(bench: Bench, tmp_path: Path, url: str | None) -> None:
    async with job_house(bench.app, tmp_path, url, enabled=False) as house, house.calling() as ctx:
        await ctx.enqueue(bench.note, "first")
        await ctx.enqueue(bench.note.options(priority=-1), "last")
        await ctx.enqueue(bench.note.options(priority=5), "urgent")
    async with job_house(bench.app, tmp_path, url, concurrency=1) as house:
        await house.settled()
    assert bench.seen == ["urgent", "first", "last"]


async def test_a_worker_of_some_queues_leaves_the_others(bench: Bench, tmp_path: Path, url: str | None) -> None:
    async with job_house(bench.app, tmp_path, url, queues="mails") as house:
        async with house.calling() as ctx:
            await ctx.enqueue(bench.note, "not mine")
            await ctx.enqueue(bench.note.options(queue="mails"), "mine")
        await house.until(lambda: _saw(bench, "mine"))
        await asyncio.sleep(0.1)
        assert bench.seen == ["mine"]


async def test_results_are_kept_as_long_as_asked(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.add, 2, other=3)
        await ctx.enqueue(bench.add.options(keep=0), 4, 5)
    await house.settled()
    ((state, result),) = await house.rows("SELECT state, result FROM undercroft.jobs ")
    assert (state, json.loads(result)) == ("done", 5)
    await house.rows("UPDATE undercroft.jobs SET due = 1 ")
    await house.worker._turn.tidy(2)
    assert await house.states() == {}


async def test_a_unique_job_is_there_once(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        first = await ctx.enqueue(bench.only_one, "a")
        again = await ctx.enqueue(bench.only_one, "a")
        other = await ctx.enqueue(bench.only_one, "b")
        third = await ctx.enqueue(bench.only_one.options(unique="a"), "c")
        fourth = await ctx.enqueue(bench.only_one.options(unique="a"), "d")
    assert first == again != other
    assert third == fourth
    await house.until(lambda: _saw(bench, "c"))
    async with house.calling() as ctx:
        assert await ctx.enqueue(bench.only_one, "a") == first  # it runs
    bench.gate.set()
    await house.settled()
    assert sorted(map(str, bench.seen)) == ["a", "b", "c"]
    async with house.calling() as ctx:
        assert await ctx.enqueue(bench.only_one, "a") != first
    await house.settled()
    assert sorted(map(str, bench.seen)) == ["a", "a", "b", "c"]


async def test_of_one_key_one_runs_at_a_time(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        for key in "aababa":
            await ctx.enqueue(bench.in_turn, key)
    await house.settled()
    for key, number in (("a", 4), ("b", 2)):
        assert [each for each in bench.seen if each in (f"+{key}", f"-{key}")] == [f"+{key}", f"-{key}"] * number
    assert bench.seen[:2] == ["+a", "+b"]


async def test_those_with_keys_leave_room_for_the_others(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    async with house.calling() as ctx:
        await ctx.enqueue_many([bench.in_turn.call(str(number)) for number in range(40)])
        await ctx.enqueue_many([bench.note.call("x") for _ in range(40)])
    taken = await _take(house, _request(house, room=10))
    assert sorted(each.name for each in taken.claimed) == ["in_turn"] * 5 + ["note"] * 5
    assert taken.more


async def test_a_rate_is_kept(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue_many([bench.limited.call() for _ in range(8)])
    await house.settled()
    moments = [float(str(each)) for each in bench.seen]
    assert len(moments) == 8
    assert moments[4] - moments[0] < 0.5  # a burst
    assert 0.5 < moments[7] - moments[0] < 2  # and then one each 0.2 s


async def test_it_acts_as_the_service_or_as_who_enqueued_it(bench: Bench, house: JobHouse) -> None:
    async with house.calling(Actor("authenticated", "ada", {"team": 7})) as ctx:
        await ctx.enqueue(bench.who)
    await house.settled()
    assert bench.seen == [("authenticated", "ada", 7)]


@pytest.mark.needs("postgres")
async def test_behind_the_second_wall_too(bench: Bench, tmp_path: Path, postgres_url: str) -> None:
    async with job_house(bench.app, tmp_path, postgres_url, rls=True) as house:
        async with house.calling(Actor("authenticated", "ada", {"team": 7})) as ctx:
            await ctx.enqueue(bench.who)
            await ctx.chain(bench.write.call("x"), bench.write.call("y"))
        await house.settled()
        assert await house.entries() == ["x", "y"]
        assert bench.seen == [("authenticated", "ada", 7)]


# --- one after the other ---


async def test_a_chain_is_done_in_its_order(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.chain(bench.write.call("one"), bench.note.call("two"), bench.write.call("three"))
    await house.settled()
    assert (await house.entries(), bench.seen) == (["one", "three"], ["two"])


async def test_what_follows_a_batch_comes_after_all_of_it(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        calls = [bench.write.call(str(number)) for number in range(20)] + [bench.note.call("x") for _ in range(20)]
        await ctx.enqueue_many(calls, then=bench.write.call("end"))
    await house.settled()
    entries = await house.entries()
    assert len(entries) == 21
    assert entries[-1] == "end"


async def test_what_follows_one_that_is_dead_is_held(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.chain(bench.failing.call(9), bench.note.call("after"))
    await house.settled()
    assert sorted((await house.states()).values()) == ["dead", "held"]
    assert "after" not in bench.seen


async def test_what_follows_a_unique_job_waits_for_the_one_that_was_there(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.enqueue(bench.only_one, "a")
    await house.until(lambda: _saw(bench, "a"))
    async with house.calling() as ctx:
        await ctx.enqueue_many([bench.only_one.call("a"), bench.note.call("b")], then=bench.note.call("end"))
        await ctx.enqueue_many([bench.only_one.call("a"), bench.note.call("c")], then=bench.note.call("not waiting"))
    await house.until(lambda: _saw(bench, "not waiting"))  # the one that was there leads to the first already
    assert "end" not in bench.seen
    bench.gate.set()
    await house.settled()
    assert bench.seen[-1] == "end"


async def test_a_unique_follower_follows_all_who_ask_for_it(bench: Bench, idle: JobHouse, tmp_path: Path) -> None:
    async with idle.calling() as ctx:
        end = bench.note.options(unique="end")
        await ctx.enqueue_many([bench.write.call(f"a{each}") for each in range(3)], then=end.call("end"))
        await ctx.enqueue_many([bench.write.call(f"b{each}") for each in range(3)], then=end.call("end"))
    held = await idle.rows("SELECT awaits FROM undercroft.jobs WHERE state = 'held' ")
    assert held == [(6,)]
    async with idle.calling() as ctx:
        await ctx.enqueue(bench.note.options(unique="runs"), "runs")
        await ctx.chain(bench.write.call("c"), bench.note.options(unique="runs").call("behind c"))
    assert sorted(await idle.rows("SELECT awaits FROM undercroft.jobs WHERE state = 'held' ")) == [(1,), (6,)]


async def test_nothing_at_all_is_followed_at_once(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        assert await ctx.enqueue_many([], then=bench.note.call("end")) == []
        assert await ctx.enqueue_many([]) == []
        with pytest.raises(Fault, match="at least one"):
            await ctx.chain()
    await house.settled()
    assert bench.seen == ["end"]


async def test_a_followers_delay_begins_when_it_could(bench: Bench, house: JobHouse) -> None:
    async with house.calling() as ctx:
        await ctx.chain(bench.note.call("one"), bench.note.options(delay="0.4s").call("two"))
        later = bench.note.options(at=datetime(2100, 1, 1, tzinfo=UTC)).call("never")
        await ctx.chain(bench.note.call("three"), later)
    await house.until(lambda: _saw(bench, "one"))
    await asyncio.sleep(0.2)
    assert "two" not in bench.seen
    await house.until(lambda: _saw(bench, "two"))
    await house.until(lambda: _is(house, 1, "states"))
    assert list((await house.states()).values()) == ["later"]


# --- what a job may do to its worker ---


class Mute(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


class Wants(Exception):
    """Asks for a time."""

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = retry_after


async def _cancels() -> None:
    task = asyncio.create_task(asyncio.sleep(30))
    await asyncio.sleep(0)
    task.cancel()
    await task


def _raising(error: BaseException) -> Any:
    async def run() -> None:
        raise error

    return run


WAYS: dict[str, Any] = {
    "cancelled": _cancels,
    "mute": _raising(Mute()),
    "NUL": _raising(ValueError("a\0b")),
    "surrogate": _raising(ValueError("a\ud800b")),
    "infinite": _raising(Wants(float("inf"))),
    "huge": _raising(Wants(1e305)),
    "long": _raising(Wants(1e20)),
    "exit": _raising(SystemExit(3)),
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_failure_takes_a_worker_with_it(way: str, tmp_path: Path, url: str | None) -> None:
    app, seen = App(JobBase), []

    @app.job(retries=1)
    async def bad(ctx: Context) -> None:
        await WAYS[way]()

    @app.job()
    async def good(ctx: Context) -> None:
        seen.append("good")

    async with job_house(app, tmp_path, url, concurrency=2, poll=60) as house:
        async with house.calling() as ctx:
            await ctx.enqueue_many([bad.call() for _ in range(5)])

        async def are_stored() -> bool:
            return set((await house.states()).values()) == {"later"}

        await house.until(are_stored)
        async with house.calling() as ctx:
            await ctx.enqueue(good)
        await house.until(lambda: _is(house, 5, "states"))
        assert seen == ["good"]


async def test_many_attempts_have_a_longest_wait(bench: Bench) -> None:
    claimed = Claimed(1, "failing", "{}", 5_000, 1, None, None, False)
    assert 0 < _wait(Backoff(most=60, spread=0), claimed.attempts, ValueError()) <= 60


class Unheard:
    """A turn whose first claim is committed and not heard of."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._heard = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._turn, name)

    async def take(self, request: TurnRequest, excess: Any = ()) -> Any:
        taken = await self._turn.take(request, excess)
        if taken.claimed and not self._heard:
            self._heard = True
            raise DatabaseFault("who knows", code="08007")
        return taken


async def test_a_claim_whose_commit_was_not_heard_of_comes_back(bench: Bench, tmp_path: Path, url: str | None) -> None:
    async with job_house(bench.app, tmp_path, url, lease=0.9, poll=0.2) as house:
        house.worker._turn = cast("Turn", Unheard(house.worker._turn))
        async with house.calling() as ctx:
            await ctx.enqueue(bench.write, "x")
        await house.settled()
        assert await house.entries() == ["x"]


async def test_an_end_that_cannot_be_stored_keeps_no_other_from_it(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    async with house.calling() as ctx:
        await ctx.enqueue_many([bench.note.call(str(each)) for each in range(3)])
    claims = (await _take(house, _request(house, room=9))).claimed
    ended = [Ended(each.id, each.fence, "done") for each in claims]
    ended[1] = Ended(claims[1].id, claims[1].fence, "later", 0, "x" if url_of(house) is None else "a\0b")
    left = await house.worker._stored_singly(_request(house)._replace(ended=ended), DatabaseFault("", code="22P05"))
    assert left == []
    assert list((await house.states()).values()) == (["later"] if url_of(house) is None else ["dead"])


def url_of(house: JobHouse) -> str | None:
    return None if house.house.engine.dialect.name == "sqlite" else "postgres"


async def test_rows_by_hand_are_throttled_as_others_are(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    insert = (
        "INSERT INTO undercroft.jobs (name, arguments, concurrency_key) VALUES ('in_turn', '{\"key\": \"a\"}', 'k') "
    )
    for _ in range(2):
        await house.rows(insert)
    await house.rows("INSERT INTO undercroft.jobs (name) VALUES ('limited') ")
    assert (await _take(house, _request(house, room=9))).claimed == []
    await house.worker._turn.look_after(_request(house), [])
    taken = await _take(house, _request(house, room=9))
    assert sorted(each.name for each in taken.claimed) == ["in_turn", "limited"]


async def test_rows_by_hand_that_are_broken_are_dead_and_stop_nobody(bench: Bench, tmp_path: Path) -> None:
    async with job_house(bench.app, tmp_path, None, poll=0.2) as house:
        for columns, values in (
            ("priority", "'high'"),
            ("attempts", "'x'"),
            ("keep", "'long'"),
            ("then_id", "'abc'"),
            ("state, due", "'later', '2026-12-01'"),
        ):
            arguments = '{"text": "x"}'
            insert = (
                f"INSERT INTO undercroft.jobs (name, arguments, {columns}) VALUES ('note', '{arguments}', {values}) "
            )
            await house.rows(insert)
        async with house.calling() as ctx:
            await ctx.enqueue(bench.note, "good")
        await house.until(lambda: _saw(bench, "good"))

        async def are_judged() -> bool:
            return not {"waiting", "running"} & set((await house.states()).values())

        await house.until(are_judged)
        assert sorted((await house.states()).values()) == ["dead", "dead", "later"]


async def test_many_that_may_not_run_are_not_looked_at_all_the_time(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    async with house.calling() as ctx:
        await ctx.enqueue_many([bench.limited.call() for _ in range(20_000)])
    turn = house.worker._turn
    burst = _request(house, room=40)
    request = burst._replace(room=1)  # at the same moment, however slow this machine is: none is free
    assert (await _take(house, burst)).claimed != []
    started = time.perf_counter()
    assert (await _take(house, request)).claimed == []
    spent = time.perf_counter() - started
    if turn._look_at:  # a machine for which it is nothing may look again
        assert started + 20 * spent > turn._look_at > started + 0.2
        taken = await turn.take(request)
        assert taken.next_due is not None


async def test_what_is_kept_is_removed_however_much_it_is(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    async with house.calling() as ctx:
        await ctx.enqueue_many([bench.note.call("x") for _ in range(1_200)])
    await house.rows("UPDATE undercroft.jobs SET state = 'done', due = 1 ")
    await house.worker._turn.tidy(2)
    assert await house.states() == {}


# --- lost and found ---


def _request(house: JobHouse, worker: str = "here", later: float = 0, room: int = 1) -> TurnRequest:
    now = round((datetime.now(UTC).timestamp() + later) * 1_000_000)
    return TurnRequest(worker, now, now + 10_000_000, room, [], may_suspect=True)


async def _take(house: JobHouse, request: TurnRequest) -> Taken:
    """A turn that looks at throttled jobs however long the last look took: this machine may be busy."""
    house.worker._turn._look_at = 0.0
    return await house.worker._turn.take(request)


async def _claimed_by(house: JobHouse, worker: str, later: float = 0) -> list[Claimed]:
    return (await _take(house, _request(house, worker, later))).claimed


async def test_a_lost_workers_job_is_given_to_another_and_the_first_is_fenced_off(
    bench: Bench, tmp_path: Path, url: str | None
) -> None:
    """The zombie runs, is thought dead, and wakes up: nothing that it wrote may stay."""
    async with job_house(bench.app, tmp_path, url, transaction_timeout=30, lease=30) as house:
        async with house.calling() as ctx:
            job = await ctx.enqueue(bench.note, "x")
        await house.settled()
        async with house.calling() as ctx:
            job = await ctx.enqueue(bench.waits)
        await house.until(lambda: _saw(bench, "running"))
        if url is not None:  # on SQLite the zombie holds the writer: nobody can come between
            await house.rows(f"UPDATE undercroft.jobs SET fence = fence + 1 WHERE id = {job} ")
        bench.gate.set()
        await asyncio.sleep(0.2)
        assert await house.entries() == ([] if url is not None else ["zombie"])


async def test_what_a_claim_holds_is_rescued_after_its_lease(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    async with house.calling() as ctx:
        job = await ctx.enqueue(bench.write, "x")
    (first,) = await _claimed_by(house, "lost")
    assert await _claimed_by(house, "other") == []
    kept, rescued = await house.worker._turn.look_after(_request(house, "other", later=5), [])
    assert (kept, rescued) == (set(), [])
    _, rescued = await house.worker._turn.look_after(_request(house, "other", later=11), [])
    assert rescued == [(job, "write", "waiting")]
    (second,) = await _claimed_by(house, "other", later=11)
    assert (second.id, second.fence, second.attempts) == (first.id, first.fence + 1, 1)
    assert await house.worker._attempts.make(first) is None  # the zombie
    assert await house.entries() == []
    assert await house.worker._attempts.make(second) is None
    assert await house.entries() == ["x"]


async def test_a_sign_of_life_keeps_a_lease(bench: Bench, house: JobHouse) -> None:
    await house.worker.stop()
    async with house.calling() as ctx:
        job = await ctx.enqueue(bench.note, "x")
    (claimed,) = await _claimed_by(house, "alive")
    kept, _ = await house.worker._turn.look_after(_request(house, "alive", later=9), [claimed])
    assert kept == {(job, claimed.fence)}
    _, rescued = await house.worker._turn.look_after(_request(house, "other", later=15), [])
    assert rescued == []


async def test_one_that_takes_its_workers_down_runs_alone_and_is_dead_in_the_end(
    bench: Bench, tmp_path: Path, url: str | None
) -> None:
    async with job_house(bench.app, tmp_path, url, crashes=4) as house:
        await house.worker.stop()
        async with house.calling() as ctx:
            await ctx.enqueue_many([bench.note.call("x"), bench.note.call("y")])
        assert len((await _take(house, _request(house, "w0", room=9))).claimed) == 2
        _, rescued = await house.worker._turn.look_after(_request(house, "other", later=11), [])
        assert {state for _, _, state in rescued} == {"waiting"}
        # One death of a worker says nothing of its jobs: they run together again.
        assert len((await _take(house, _request(house, "w1", 11, room=9))).claimed) == 2
        later = 11.0
        for crash in (2, 3):
            later += 11
            _, rescued = await house.worker._turn.look_after(_request(house, "other", later=later), [])
            assert {state for _, _, state in rescued} == {"waiting"}
            taken = await _take(house, _request(house, f"w{crash}", later, room=9))
            assert len(taken.claimed) == 1  # one suspect at a time
            assert taken.suspect == taken.claimed[0].id
            refused = await _take(house, _request(house, "w", later, 9)._replace(may_suspect=False))
            assert refused.claimed == []
        _, rescued = await house.worker._turn.look_after(_request(house, "other", later=later + 11), [])
        assert [state for _, _, state in rescued] == ["dead"]


async def test_a_worker_that_stops_gives_back_what_it_has_not_done(
    bench: Bench, tmp_path: Path, url: str | None
) -> None:
    async with job_house(bench.app, tmp_path, url, concurrency=1) as house:
        house.worker.settings = house.worker.settings.__class__(concurrency=1, drain=0.2)
        async with house.calling() as ctx:
            await ctx.enqueue(bench.only_one, "runs")
            await ctx.enqueue(bench.note, "waits behind it")
        await house.until(lambda: _saw(bench, "runs"))
        await house.worker.stop()
        found = await house.rows("SELECT state, attempts FROM undercroft.jobs ORDER BY id ")
        assert found == [("waiting", 0), ("waiting", 0)]


async def test_jobs_of_names_that_this_app_does_not_know_are_left_alone(bench: Bench, house: JobHouse) -> None:
    await house.rows("INSERT INTO undercroft.jobs (name) VALUES ('of a newer version') ")
    async with house.calling() as ctx:
        await ctx.enqueue(bench.note, "known")
    await house.until(lambda: _saw(bench, "known"))
    await house.until(lambda: _is(house, 1, "states"))
    assert list((await house.states()).values()) == ["waiting"]


async def test_long_jobs_leave_the_other_places_to_short_ones(bench: Bench, tmp_path: Path, url: str | None) -> None:
    async with job_house(bench.app, tmp_path, url, concurrency=4, poll=60) as house:
        async with house.calling() as ctx:
            await ctx.enqueue_many([bench.only_one.options(unique=f"{number}").call("long") for number in range(3)])
        await house.until(lambda: _many(bench, "long", 3))
        for number in range(5):
            async with house.calling() as ctx:
                await ctx.enqueue(bench.note, str(number))
            await house.until(lambda wanted=str(number): _saw(bench, wanted), seconds=3)  # type: ignore[misc]
        await house.until(lambda: _is(house, 3, "states"), seconds=3)  # those that ended are stored at once
        bench.gate.set()


async def _many(bench: Bench, what: str, number: int) -> bool:
    return bench.seen.count(what) == number
