"""How near does the smallest read come to what PostgreSQL alone could do? One post by its key, with a user's token."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Figure, paired
from benchmarks.list_of_posts import same_answers
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.one_row import PATH


def measure(bench: Bench) -> Iterator[Figure]:
    ground, low, high = bench.ground, "1", str(bench.ground.size.posts)
    headers = ground.headers()
    recorded = ground.record([PATH + low, PATH + high], headers)
    with ground.ours() as ours, ground.ceiling(recorded) as ceiling:
        load = Load(("number", PATH, low, high), headers, seconds=bench.seconds)
        same_answers([server.get(PATH + high, headers) for server in (ours, ceiling)])
        found, bare = in_turns([Contestant(ours, load), Contestant(ceiling, load)], bench.rounds, ground.backends())
    yield Figure(
        "PostgreSQL, one post by its key, against the ceiling",
        None,
        paired(rates(found), rates(bare)),
        f"{told(found)} against {told(bare)}; by processor time {paired(costs(bare), costs(found)).figure:.2f}",
        (load.shown(ours.url),),
    )
