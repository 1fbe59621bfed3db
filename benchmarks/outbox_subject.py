"""A process that enqueues jobs which do nothing, and does them, or only says what enqueuing costs. Started by `outbox`.

Lines on stdin are orders, lines on stdout are answers: `enqueue N` gives `enqueued SECONDS`, `left` gives `left N`,
`cost N` gives `cost MILLISECONDS MILLISECONDS` (the middle of N transactions without and with one job).
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from pathlib import Path
from time import perf_counter

from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Model
from undercroft.access.actor import SERVICE
from undercroft.app import House, build
from undercroft.base.settings import Settings
from undercroft.cli.worker import fastest_loop

TOGETHER = 100
"""Jobs that one transaction enqueues."""

app = App()


class BenchedNote(Model):
    """Something that a transaction writes beside its job."""

    __tablename__ = "benched_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


@app.job()
async def nothing(ctx: Context, number: int) -> None:
    """Does nothing."""


async def enqueue(house: House, number: int) -> float:
    started = perf_counter()
    for start in range(0, number, TOGETHER):
        async with house.pipeline.calling(SERVICE) as calling:
            await calling.context.enqueue_many([nothing.call(each) for each in range(start, start + TOGETHER)])
    return perf_counter() - started


async def left(house: House) -> int:
    name = '"undercroft.jobs"' if house.engine.dialect.name == "sqlite" else "undercroft.jobs"
    (count,) = await house.engine.read(f"SELECT count(*) FROM {name}", ())
    return int(count)


async def cost(house: House, number: int) -> tuple[float, float]:
    """Milliseconds of a transaction, without and with a job, in turns."""
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * number):
        started = perf_counter()
        async with house.pipeline.logic(SERVICE) as transaction:
            context = house.pipeline.context(SERVICE, transaction)
            context.session.add(BenchedNote(text="x"))
            await context.session.flush()
            if turn % 2:
                await context.enqueue(nothing, turn)
        # The commit is part of it: what is enqueued may travel with it.
        found[turn % 2].append((perf_counter() - started) * 1000)
    return statistics.median(found[0]), statistics.median(found[1])


async def main(options: argparse.Namespace) -> None:
    app.developing = options.make
    given = {"UNDERCROFT_DATABASE_DATA": options.data, "UNDERCROFT_JOBS_ENABLED": str(options.work).lower()}
    if options.url:
        given["UNDERCROFT_DATABASE_URL"] = options.url
    house = build(app, Settings.load(None, given))
    await house.start()
    print("ready", flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while words := (await orders.readline()).split():
        if words[0] == b"enqueue":
            print("enqueued", await enqueue(house, int(words[1])), flush=True)
        elif words[0] == b"left":
            print("left", await left(house), flush=True)
        else:
            print("cost", *await cost(house, int(words[1])), flush=True)
    await house.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--make", action="store_true", help="make the tables")
    parser.add_argument("--work", action="store_true", help="do the jobs, too")
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(main(parser.parse_args()))
