"""What does it cost that the database decides? The same reads in database mode (role, claims, native row-level
security) and in app mode, where the policies are part of the statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, paired, percent_more
from benchmarks.list_of_posts import PATH, same_answers
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.one_row import PATH as ROW
from benchmarks.server import Server

LIST = PATH.replace("author(", "author:profiles!posts_author_id_fkey(")
"""A database knows of no names of relations."""
ASKED = (
    ("PostgreSQL, list in database mode, more time than in app mode", LIST, Bar(25, least=False, unit=" %")),
    ("PostgreSQL, one post in database mode, more time than in app mode", ROW, None),
)


def measure(bench: Bench) -> Iterator[Figure]:
    with bench.ground.native() as native, bench.ground.ours() as app:
        yield from compared(bench, native, app, ASKED)


def compared(
    bench: Bench, native: Server, app: Server, asked: Iterable[tuple[str, str, Bar | None]]
) -> Iterator[Figure]:
    """How much more time the database's rules take than those of the app alone."""
    ground, high = bench.ground, str(bench.ground.size.posts)
    headers = ground.headers()
    for what, path, bar in asked:
        low = str(ground.size.posts // 10)
        load = Load(("number", path, low, high), headers, seconds=bench.seconds)
        for value in (low, high):
            same_answers([server.get(path + value, headers) for server in (native, app)])
        ruled, compiled = in_turns([Contestant(native, load), Contestant(app, load)], bench.rounds, ground.backends())
        yield Figure(
            what,
            bar,
            percent_more(paired(rates(compiled), rates(ruled))),
            f"{told(ruled)} against {told(compiled)}; by processor time "
            f"{percent_more(paired(costs(ruled), costs(compiled))).figure:.1f} %",
            (load.shown(native.url),),
        )
