"""What does a second wall cost? The same reads by policies in the statements alone, and by row-level security too."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.list_of_posts import PATH as LIST
from benchmarks.one_row import PATH as ROW
from benchmarks.postgres.database_mode import compared

ASKED = (
    ("PostgreSQL, list behind both walls, more time than behind one", LIST, None),
    ("PostgreSQL, one post behind both walls, more time than behind one", ROW, None),
)


def measure(bench: Bench) -> Iterator[Figure]:
    with bench.ground.walled() as walled, bench.ground.ours() as app:
        yield from compared(bench, walled, app, ASKED)
