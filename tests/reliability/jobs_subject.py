"""Processes that enqueue and work, for tests that kill, stop and confuse them.

This program makes such processes by forking: it has everything imported already, so that a thousand of them take
minutes. It reads orders on its standard input, one line of JSON each (`Order`), and answers `made NAME PID`. What its
children have to say comes on the same standard output, one line each, written at once: `ready NAME`, `ack KEY`,
`over NAME`, `overslept NAME`. What they did outside of the database stands in a file: `start KEY NAME` and `end KEY`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import App, Context
from undercroft.access.actor import SERVICE
from undercroft.app import build
from undercroft.app.house import House
from undercroft.base.clock import SystemClock
from undercroft.base.faults import Fault
from undercroft.base.settings import Settings
from undercroft.jobs.service.attempt import Attempts
from undercroft.jobs.service.turn import Turn
from undercroft.jobs.service.worker import Worker
from undercroft.models.jobs import Backoff


class Order(msgspec.Struct, kw_only=True):
    """What one process is to be."""

    name: str
    folder: str
    """Where the outside file is, and on SQLite the database."""
    url: str | None = None
    environment: dict[str, str] = {}
    """Settings, as variables."""
    asks: list[tuple[str, str]] = []
    """Jobs to enqueue at the start: name and key."""
    schedules: int = 0
    """How many fire at each minute; a firing leaves an entry `tickN`."""
    ahead: int = 0
    """Hours by which its clock is ahead."""
    clients: int = 0
    """How many enqueue at once, until the end."""
    work: bool = True
    until_drained: bool = False
    """End when nothing is left to do."""
    nap: float = 0.02
    """What a job spends at most, outside of its transaction."""
    stall: float = 0.0
    """What a slow job then spends without letting anybody else have the loop."""
    deaf: bool = False
    """A running job is never taken away: only the fence is left."""
    unfenced: bool = False
    """A planted fault: an attempt that came back too late counts."""
    leaky: bool = False
    """A planted fault: jobs are stored in a transaction of their own."""
    forgetful: bool = False
    """A planted fault: what was enqueued is said before the commit, which never comes."""


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class JumpingClock(SystemClock):
    """SIGUSR1 sets it an hour ahead, SIGUSR2 an hour back."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def timestamp(self) -> float:
        return self.now().timestamp()

    def jump(self, hours: int) -> None:
        self.ahead += timedelta(hours=hours)


class SubjectBase(DeclarativeBase):
    pass


class Entry(SubjectBase):
    """An effect in the database. Its key may be there twice, so that it shows."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]


def make_app(order: Order) -> tuple[App, dict[str, Any]]:
    app = App(SubjectBase)
    app.developing = True
    outside = os.open(Path(order.folder) / "outside", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    chance = random.Random()
    quick = Backoff(first=0.05, most=0.2)

    def note(*words: str) -> None:
        os.write(outside, (" ".join(words) + "\n").encode())

    @app.job(retries=50, backoff=quick)
    async def entry(ctx: Context, key: str) -> None:
        note("start", key, order.name)
        await asyncio.sleep(order.nap * chance.random())
        ctx.session.add(Entry(key=key))
        await ctx.session.flush()
        if chance.random() < 0.3:
            await asyncio.sleep(0.003)

    @app.job(retries=50, backoff=quick)
    async def plain(ctx: Context, key: str) -> None:
        note("start", key, order.name)
        await asyncio.sleep(order.nap * chance.random())
        note("end", key)

    @app.job(retries=50, backoff=quick, concurrency_key="all")
    async def alone(ctx: Context, key: str) -> None:
        note("start", key, order.name)
        ctx.session.add(Entry(key=key))

    @app.job(timeout=30)
    async def slow(ctx: Context, key: str) -> None:
        note("start", key, order.name)
        await asyncio.sleep(order.nap)
        note("late", key)
        time.sleep(order.stall)  # noqa: ASYNC251 -- nothing else of this process may run meanwhile
        ctx.session.add(Entry(key=key))

    @app.job()
    async def poison(ctx: Context, key: str) -> None:
        note("start", key, order.name)
        os._exit(77)

    for number in range(order.schedules):
        app.schedule("* * * * *", name=f"tick{number}")(tick_of(number))

    return app, {"entry": entry, "plain": plain, "alone": alone, "slow": slow, "poison": poison}


def tick_of(number: int) -> Callable[[Context], Awaitable[None]]:
    async def tick(ctx: Context) -> None:
        ctx.session.add(Entry(key=f"tick{number}"))

    return tick


class _Undo(Exception):
    pass


async def enqueue_for_ever(house: House, jobs: dict[str, Any], order: Order, client: int) -> None:
    """Every fifth transaction is undone; what the others asked for is said once they have committed."""
    chance, turn = random.Random(f"{order.name}.{client}"), 0
    while True:
        turn += 1
        key = f"{order.name}.{client}.{turn}"
        try:
            await asyncio.sleep(0.01 * chance.random())
            await ask(house, jobs, order, key, turn)
        except _Undo:
            pass
        except Fault as fault:
            say("fault", fault.code)
            await asyncio.sleep(0.02)


async def ask(house: House, jobs: dict[str, Any], order: Order, key: str, turn: int) -> None:
    entry, plain, alone = jobs["entry"], jobs["plain"], jobs["alone"]
    undone = turn % 5 == 0
    prefix = "undone." if undone else ""
    async with house.pipeline.calling(SERVICE) as calling:
        ctx = calling.context
        if undone and order.leaky:
            async with house.pipeline.calling(SERVICE) as other:
                await other.context.enqueue(entry, f"{prefix}{key}")
        match turn % 4:
            case 0:
                keys = [f"{prefix}{key}.a", f"{prefix}{key}.b"]
                await ctx.chain(*(entry.call(each) for each in keys))
            case 1:
                keys = [f"{prefix}{key}.{number}" for number in range(3)]
                await ctx.enqueue_many([entry.call(each) for each in keys[:2]], then=entry.call(keys[2]))
            case 2:
                keys = [f"{prefix}{key}"]
                await ctx.enqueue(alone, keys[0])
            case _:
                keys = [f"{prefix}plain.{key}"]
                await ctx.enqueue(plain, keys[0])
        if order.forgetful and not undone:
            for each in keys:
                say("ack", each)
            raise _Undo
        if undone:
            raise _Undo
    for each in keys:
        say("ack", each)


async def live(order: Order) -> None:
    clock, stopping = JumpingClock(), asyncio.Event()
    clock.jump(order.ahead)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, clock.jump, 1)
    loop.add_signal_handler(signal.SIGUSR2, clock.jump, -1)
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    app, jobs = make_app(order)
    given = {"UNDERCROFT_DATABASE_DATA": str(Path(order.folder) / "data"), **order.environment}
    if order.url:
        given["UNDERCROFT_DATABASE_URL"] = order.url
    given.setdefault("UNDERCROFT_JOBS_ENABLED", str(order.work).lower())
    house = build(app, Settings.load(None, given), clock=clock)
    await house.start()
    say("ready", order.name)
    await ask_for(house, jobs, order)
    tasks = [asyncio.create_task(enqueue_for_ever(house, jobs, order, number)) for number in range(order.clients)]
    if order.until_drained:
        await drained(house)
    else:
        await stopping.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await house.close()
    say("over", order.name)


async def ask_for(house: House, jobs: dict[str, Any], order: Order) -> None:
    """Enqueue what the order names, in one transaction."""
    if order.asks:
        async with house.pipeline.calling(SERVICE) as calling:
            await calling.context.enqueue_many([jobs[name].call(key) for name, key in order.asks])
        for _, key in order.asks:
            say("ack", key)


async def drained(house: House) -> None:
    """Nothing waits or runs."""
    table = "undercroft.jobs" if house.engine.dialect.name == "postgresql" else '"undercroft.jobs"'
    left = f"SELECT count(*) FROM {table} WHERE state IN ('waiting', 'later', 'held', 'running')"
    while (await house.engine.read(left, ()))[0]:  # noqa: ASYNC110 -- other processes work on it
        await asyncio.sleep(0.05)


def tell_of_oversleeping(order: Order) -> None:
    """Say so when this worker could not be heard for about its lease: then its jobs are rightly others' by now.

    On a machine with much else to do, a lease of half a second passes without anybody being killed.
    """
    lease, heard = float(order.environment.get("UNDERCROFT_JOBS_LEASE", "10")), [time.monotonic()]

    def told(method: Callable[..., Any], *, renews: bool) -> Callable[..., Any]:
        async def call(self: Turn, *given: Any) -> Any:
            began = time.monotonic()
            answer = await method(self, *given)
            if time.monotonic() - (heard[0] if renews else began) > 0.7 * lease:
                say("overslept", order.name)
            if renews:
                heard[0] = began
            return answer

        return call

    Turn.look_after = told(Turn.look_after, renews=True)  # type: ignore[method-assign]
    Turn.take = told(Turn.take, renews=False)  # type: ignore[method-assign]


def plant(order: Order) -> None:
    """Break what the test is to notice, or not to need."""
    if order.deaf:
        Worker._revoke = lambda *_: None  # type: ignore[method-assign]
    if not order.unfenced:
        return

    async def end_in(self: Attempts, transaction: Any, claimed: Any, *_: object) -> None:
        table = "undercroft.jobs" if self.pipeline.engine.dialect.name == "postgresql" else '"undercroft.jobs"'
        session = transaction.session()
        await session.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": claimed.id})

    Attempts._end_in = end_in  # type: ignore[method-assign,assignment]


def child(order: Order) -> None:
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        tell_of_oversleeping(order)
        plant(order)
        asyncio.run(live(order))
        status = 0
    except BaseException as error:
        say("broken", order.name, type(error).__name__, str(error).replace("\n", " ")[:300])
    finally:
        os._exit(status)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        made = os.fork()
        if made == 0:
            child(order)
        say("made", order.name, made)


if __name__ == "__main__":
    main()
