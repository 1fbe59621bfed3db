"""How many jobs that do nothing are enqueued and done in a second, and what does a job add to its transaction?

On SQLite one process enqueues and works; on PostgreSQL two processes do, half each. The clock runs from the first
order until the table of jobs is empty.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle
from tests import postgres

JOBS = 20_000
"""Of one round."""
TRANSACTIONS = 300
ROUNDS = 5


class Subject:
    """See `outbox_subject`."""

    def __init__(self, folder: str, url: str | None, *flags: str) -> None:
        command = [sys.executable, "-m", "benchmarks.outbox_subject", folder, *flags, *(["--url", url] if url else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._answer()

    def tell(self, order: str) -> None:
        _open(self._process.stdin).write(f"{order}\n")

    def answer(self) -> list[float]:
        """The numbers of the next answer."""
        return [float(word) for word in self._answer()[1:]]

    def ask(self, order: str) -> list[float]:
        self.tell(order)
        return self.answer()

    def end(self) -> None:
        _open(self._process.stdin).close()
        self._process.wait(30)

    def _answer(self) -> list[str]:
        words = _open(self._process.stdout).readline().split()
        if not words:
            raise RuntimeError("the subject ended")
        return words


def _open(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise AssertionError("both ends are pipes")
    return pipe


@contextmanager
def subjects(url: str | None, number: int, *flags: str) -> Iterator[list[Subject]]:
    with tempfile.TemporaryDirectory(prefix="undercroft-outbox-") as folder, ExitStack() as stack:
        found = []
        for index in range(number):
            subject = Subject(folder, url, *flags, *(["--make"] if index == 0 else []))
            stack.callback(subject.end)
            found.append(subject)
        yield found


def rate(found: Sequence[Subject], jobs: int) -> float:
    """Jobs a second, enqueued and done by all of them together."""
    started = time.perf_counter()
    for each in found:
        each.tell(f"enqueue {jobs // len(found)}")
    for each in found:
        each.answer()
    while found[0].ask("left") != [0]:
        time.sleep(0.01)
    return jobs / (time.perf_counter() - started)


def measure(bench: Bench) -> Iterator[Figure]:
    jobs = max(1000, JOBS // bench.divide)
    with subjects(None, 1, "--work") as found:
        rates = [rate(found, jobs) for _ in range(ROUNDS)]
    note = f"{ROUNDS} rounds of {jobs:,} jobs"
    yield Figure("jobs enqueued and done, SQLite, one process", Bar(2_000, unit=" /s"), middle(rates), note)
    with subjects(None, 1) as found:
        yield _cost("SQLite", found)
    with bench.server() as server:
        with postgres.database(server) as url, subjects(url, 2, "--work") as found:
            rates = [rate(found, jobs) for _ in range(ROUNDS)]
        yield Figure("jobs enqueued and done, PostgreSQL, two workers", Bar(6_500, unit=" /s"), middle(rates), note)
        with postgres.database(server) as url, subjects(url, 1) as found:
            yield _cost("PostgreSQL", found)


def _cost(engine: str, found: Sequence[Subject]) -> Figure:
    costs = [found[0].ask(f"cost {TRANSACTIONS}") for _ in range(ROUNDS)]
    without, with_job = (sorted(pair)[len(pair) // 2] for pair in zip(*costs, strict=True))
    note = f"{with_job:.3f} ms with a job, {without:.3f} ms without"
    added = [after - before for before, after in costs]
    return Figure(
        f"what a job adds to its transaction, {engine}", Bar(0.2, least=False, unit=" ms"), middle(added), note
    )
