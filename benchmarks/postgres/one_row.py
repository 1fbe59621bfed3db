"""How near does the smallest read come to what PostgreSQL alone could do? One post by its key, with a user's token."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.one_row import compared


def measure(bench: Bench) -> Iterator[Figure]:
    return compared(bench, bench.ground, "PostgreSQL, one post by its key, against the ceiling", None)
