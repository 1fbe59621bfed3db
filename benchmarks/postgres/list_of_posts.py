"""How near does a list come to what PostgreSQL alone could do, and how far is it from the usual stack?

20 of 50,000 posts with their authors, filtered, ordered, under the example's policies, for a user with a token (HS256).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, paired
from benchmarks.list_of_posts import PATH, PEER_PATH, same_answers
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told


def measure(bench: Bench) -> Iterator[Figure]:
    ground, low, high = bench.ground, str(bench.ground.size.posts // 10), str(bench.ground.size.posts)
    headers = ground.headers()
    recorded = ground.record([PATH + low, PATH + high], headers)
    with ExitStack() as stack:
        ours, ceiling, peer = map(stack.enter_context, (ground.ours(), ground.ceiling(recorded), ground.peer()))
        load = Load(("number", PATH, low, high), headers, seconds=bench.seconds)
        peer_load = Load(("number", PEER_PATH, low, high), headers, seconds=bench.seconds)
        contestants = [Contestant(ours, load), Contestant(ceiling, load), Contestant(peer, peer_load)]
        for value in (low, high):
            same_answers([each.server.get(each.load.words[1] + value, headers) for each in contestants])
        found, bare, usual = in_turns(contestants, bench.rounds, ground.backends())
    by_cost = paired(costs(bare), costs(found)).figure
    yield Figure(
        "PostgreSQL, list: 20 posts with authors, against the ceiling",
        Bar(0.65),
        paired(rates(found), rates(bare)),
        f"{told(found)} against {told(bare)}; by processor time {by_cost:.2f}",
        (load.shown(ours.url),),
    )
    by_cost = paired(costs(usual), costs(found)).figure
    yield Figure(
        "PostgreSQL, list: 20 posts with authors, against FastAPI + SQLAlchemy + asyncpg",
        Bar(8, unit=" ×"),
        paired(rates(found), rates(usual)),
        f"{told(found)} against {told(usual)}; by processor time {by_cost:.1f} ×",
        (peer_load.shown(peer.url),),
    )
