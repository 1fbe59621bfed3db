"""The load: wrk, in short rounds, with requests of which no two in a row are alike."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.server import Server

SCRIPT = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that differ in one value. `words` are the script's: kind, path, and the values' bounds or list."""

    words: tuple[str, ...]
    headers: Mapping[str, str]
    connections: int = 16
    seconds: int = 1

    def command(self, url: str) -> list[str]:
        headers = [f"-H{name}: {value}" for name, value in self.headers.items()]
        # An answer may be late on a machine with other work, and is still an answer.
        how = ["wrk", "-t1", f"-c{self.connections}", f"-d{self.seconds}s", "--timeout", "60s", "-s", str(SCRIPT)]
        return [*how, *headers, url, "--", *self.words]

    def shown(self, url: str) -> str:
        """The command for people: without the token and without this machine's folders."""
        short = [f"-H{name}: …" if name == "Authorization" else f"-H{name}: {v}" for name, v in self.headers.items()]
        words = [word if len(word) < 250 else word[:20] + "…" for word in self.words]
        how = ["wrk", "-t1", f"-c{self.connections}", f"-d{self.seconds}s", "-s", f"benchmarks/{SCRIPT.name}"]
        return shlex.join([*how, *short, url, "--", *words])


@dataclass(frozen=True, slots=True)
class Round:
    """What one round of one contestant was."""

    answers: int
    seconds: float
    cpu: float
    """Processor time that the server's processes took, in seconds, on all their threads."""
    behind: float = 0.0
    """And what the processes of the database behind it took, where there are any that we know."""

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds

    @property
    def cost(self) -> float:
        """Processor microseconds for each answer."""
        return self.cpu / self.answers * 1e6


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server, and what is asked of it."""

    server: Server
    load: Load

    def round(self, database: Server | None = None) -> Round:
        """One round. Raises `RuntimeError` where an answer was none that the load is about."""
        before, behind = self.server.cpu(), database.cpu() if database else 0.0
        told = subprocess.run(self.load.command(self.server.url), capture_output=True, text=True, check=True).stdout
        said = json.loads(told.splitlines()[-1])
        if said["failed"] or not said["answers"]:
            raise RuntimeError(f"{self.server.name}: {said}")
        behind = database.cpu() - behind if database else 0.0
        return Round(said["answers"], said["seconds"], self.server.cpu() - before, behind)


def in_turns(contestants: Sequence[Contestant], rounds: int, database: Server | None = None) -> list[list[Round]]:
    """Rounds of each contestant, one after the other, and the next time in the opposite order; after one to warm up.

    `database` is the server that all of them ask, for its processor time.
    """
    found: list[list[Round]] = [[] for _ in contestants]
    for number in range(-1, rounds):
        order = list(zip(contestants, found, strict=True))
        for contestant, kept in order if number % 2 else reversed(order):
            measured = contestant.round(database)
            if number >= 0:
                kept.append(measured)
    return found


def rates(rounds: Sequence[Round]) -> list[float]:
    return [each.rate for each in rounds]


def costs(rounds: Sequence[Round]) -> list[float]:
    return [each.cost for each in rounds]


def told(rounds: Sequence[Round]) -> str:
    """`4,321/s (250 µs)`: the median rate, and processor time of one; `(250 + 90 µs)` with the database's."""
    behind = median(each.behind / each.answers * 1e6 for each in rounds)
    return f"{median(rates(rounds)):,.0f}/s ({median(costs(rounds)):,.0f}{f' + {behind:,.0f}' if behind else ''} µs)"
