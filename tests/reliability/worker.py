"""A process that writes through the engine and says what was acknowledged, for tests that kill it or break its disk.

One line each on stdout, written at once: `ready`, `ack KEY`, `fail KEY CODE`, `read COUNT`, `blind CODE` (a read
failed), `done`. Every write puts its key into two tables, so that a half-done one shows.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from undercroft.base.faults import Fault
from undercroft.engine import Cursor, Engine, SQLiteEngine, SQLiteSettings
from undercroft.engine.sqlite.unit import Member
from undercroft.engine.sqlite.writer import Writer

PAYLOAD = "x" * 300


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def entry(key: str, *, early: bool) -> Callable[[Cursor], None]:
    def work(cursor: Cursor) -> None:
        cursor.all("INSERT INTO entries VALUES (?, ?)", (key, PAYLOAD))
        cursor.all("INSERT INTO shadows VALUES (?)", (key,))
        if early:
            say("ack", key)

    return work


async def write(engine: Engine, key: str, *, by_lease: bool, early: bool) -> None:
    work = entry(key, early=early)
    try:
        if by_lease:
            async with engine.transaction() as transaction:
                transaction.run(work)
        else:
            await engine.write(work)
    except Fault as fault:
        say("fail", key, fault.code)
        await asyncio.sleep(0.005)
    else:
        if not early:
            say("ack", key)


async def client(engine: Engine, name: str, options: argparse.Namespace) -> None:
    index = 0
    while options.writes == 0 or index < options.writes:
        index += 1
        by_lease = options.leases and index % 4 == 0
        await write(engine, f"{options.name}.{name}.{index}", by_lease=by_lease, early=options.early)


async def watch(engine: Engine) -> None:
    while True:
        try:
            say("read", engine.read_now("SELECT count(*) FROM entries", ()) and 1)
        except Fault as fault:
            say("blind", fault.code)
        await asyncio.sleep(0.02)


def make_deaf() -> None:
    def after_failed_commit(self: Writer, done: list[Member], fault: BaseException) -> None:
        self._rollback(fault)
        self._answer(done)

    Writer._after_failed_commit = after_failed_commit  # type: ignore[method-assign]


async def main(options: argparse.Namespace) -> None:
    engine = SQLiteEngine(
        SQLiteSettings(
            path=options.path,
            library=options.library,
            synchronous=options.synchronous,
            checkpoint_pages=options.checkpoint_pages,
            write_queue=options.queue,
            read_budget_steps=10_000_000,
        )
    )
    if options.deaf:
        make_deaf()
    await engine.start()
    await engine.write(lambda cursor: cursor.all("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, payload)"))
    await engine.write(
        lambda cursor: cursor.all(
            "CREATE TABLE IF NOT EXISTS shadows (key TEXT PRIMARY KEY REFERENCES entries (key)) WITHOUT ROWID"
        )
    )
    if options.file_limit:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_limit, hard))
    say("ready")
    watching = asyncio.create_task(watch(engine))
    await asyncio.gather(*(client(engine, str(number), options) for number in range(options.clients)))
    watching.cancel()
    await engine.close()
    say("done")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--name", default="a", help="first part of every key")
    parser.add_argument("--library", default="auto")
    parser.add_argument("--synchronous", default="FULL")
    parser.add_argument("--checkpoint-pages", type=int, default=40, dest="checkpoint_pages")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--writes", type=int, default=0, help="per client; 0 is for ever")
    parser.add_argument("--queue", type=int, default=1024)
    parser.add_argument("--no-leases", action="store_false", dest="leases")
    parser.add_argument("--early", action="store_true", help="a planted fault: answer before the commit")
    parser.add_argument("--deaf", action="store_true", help="a planted fault: take a failed commit for a good one")
    parser.add_argument("--file-limit", type=int, default=0, dest="file_limit", help="bytes; until SIGUSR1")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
    sys.stdout.flush()
