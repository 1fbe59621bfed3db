"""How near does a list come to what PostgreSQL alone could do, and how far is it from the usual stack?"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure
from benchmarks.list_of_posts import compared


def measure(bench: Bench) -> Iterator[Figure]:
    usual = "FastAPI + SQLAlchemy + asyncpg"
    return compared(bench, bench.ground, "PostgreSQL, list", Bar(0.65), usual, Bar(8, unit=" ×"))
