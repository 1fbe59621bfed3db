"""How near does the smallest read come to what the database alone could do? One post by its key, with a token."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench, Place
from benchmarks.figures import Bar, Figure, paired
from benchmarks.list_of_posts import same_answers
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.world import API

PATH = f"{API}/posts?select=id,title,body,created_at&id=eq."


def measure(bench: Bench) -> Iterator[Figure]:
    return compared(bench, bench.world, "one post by its key, against the ceiling", Bar(0.55))


def compared(bench: Bench, place: Place, what: str, bar: Bar | None) -> Iterator[Figure]:
    """The question on an engine."""
    low, high = "1", str(place.size.posts)
    headers = place.headers()
    recorded = place.record([PATH + low, PATH + high], headers)
    with place.ours() as ours, place.ceiling(recorded) as ceiling:
        load = Load(("number", PATH, low, high), headers, seconds=bench.seconds)
        same_answers([server.get(PATH + high, headers) for server in (ours, ceiling)])
        found, bare = in_turns([Contestant(ours, load), Contestant(ceiling, load)], bench.rounds, place.backends())
    yield Figure(
        what,
        bar,
        paired(rates(found), rates(bare)),
        f"{told(found)} against {told(bare)}; by processor time {paired(costs(bare), costs(found)).figure:.2f}",
        (load.shown(ours.url),),
    )
