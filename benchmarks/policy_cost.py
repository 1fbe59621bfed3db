"""What does a policy cost? One author's posts, where all may read all, and where authors may read their own."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, paired, percent_more
from benchmarks.list_of_posts import same_answers
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.world import API
from examples.social.seed import ADA, LATEST

PATH = f"{API}/posts?select=id,title,body,created_at&author_id=eq.{ADA}&order=created_at.desc&limit=20&created_at=lt."
APPS = "benchmarks.contestants.policies"


def measure(bench: Bench) -> Iterator[Figure]:
    world, headers = bench.world, bench.world.headers()
    latest = int(LATEST.timestamp())
    bounds = str(latest - 300 * 86_400), str(latest)
    load = Load(("moment", PATH, *bounds), headers, seconds=bench.seconds)
    with world.ours(f"{APPS}:own_only") as own, world.ours(f"{APPS}:open_to_all") as anybody:
        same_answers([server.get(PATH + LATEST.strftime("%Y-%m-%dT%H:%M:%SZ"), headers) for server in (own, anybody)])
        guarded, bare = in_turns([Contestant(own, load), Contestant(anybody, load)], bench.rounds)
    yield Figure(
        "a policy on an indexed column, more time than without",
        Bar(15, least=False, unit=" %"),
        percent_more(paired(rates(bare), rates(guarded))),
        f"{told(guarded)} against {told(bare)}; "
        f"by processor time {percent_more(paired(costs(guarded), costs(bare))).figure:.1f} %",
        (load.shown(own.url),),
    )
