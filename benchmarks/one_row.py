"""How near does the smallest read come to what SQLite alone could do? One post by its key, with a user's token."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, paired
from benchmarks.list_of_posts import same_answers
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.world import API

PATH = f"{API}/posts?select=id,title,body,created_at&id=eq."


def measure(bench: Bench) -> Iterator[Figure]:
    world, low, high = bench.world, "1", str(bench.world.size.posts)
    headers = world.headers()
    recorded = world.record([PATH + low, PATH + high], headers)
    with world.ours() as ours, world.ceiling(recorded[0]) as ceiling:
        load = Load(("number", PATH, low, high), headers, seconds=bench.seconds)
        same_answers([server.get(PATH + high, headers) for server in (ours, ceiling)])
        found, bare = in_turns([Contestant(ours, load), Contestant(ceiling, load)], bench.rounds)
    yield Figure(
        "one post by its key, against the ceiling",
        Bar(0.55),
        paired(rates(found), rates(bare)),
        f"{told(found)} against {told(bare)}; by processor time {paired(costs(bare), costs(found)).figure:.2f}",
        (load.shown(ours.url),),
    )
