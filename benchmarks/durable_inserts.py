"""What does a write cost that is on disk when it is answered? 64 connections insert comments, one in each request."""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle, paired
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.server import Server
from benchmarks.world import API

CONNECTIONS = 64
PATH = f"{API}/comments"
PEER_PATH = "/comments"
POSTS = f"{API}/posts?select=id&published=is.true&audience=eq.everyone&limit=1000"


def measure(bench: Bench) -> Iterator[Figure]:
    world, headers = bench.world, bench.world.headers()
    with world.ours() as ours, world.peer() as peer:
        ids = ",".join(str(row["id"]) for row in json.loads(ours.get(POSTS, headers)))
        loads = [
            Load(("insert", path, ids), headers, connections=CONNECTIONS, seconds=bench.seconds)
            for path in (PATH, PEER_PATH)
        ]
        before = _stats(ours)
        found, usual = in_turns([Contestant(ours, loads[0]), Contestant(peer, loads[1])], bench.rounds)
        after = _stats(ours)
    commits, answered = (after[name] - before[name] for name in ("commits", "acknowledged"))
    yield Figure(
        "inserts over 64 connections, commits for each answered",
        Bar(1 / 8, least=False),
        middle([commits / answered]),
        f"{commits:,} commits for {answered:,} writes, at most {after['largest_batch']} in one",
        (loads[0].shown(ours.url),),
    )
    by_cost = paired(costs(usual), costs(found)).figure
    yield Figure(
        "inserts over 64 connections, against FastAPI + SQLAlchemy",
        Bar(6, unit=" ×"),
        paired(rates(found), rates(usual)),
        f"{told(found)} against {told(usual)}; by processor time {by_cost:.1f} ×",
        (loads[1].shown(peer.url),),
    )


def _stats(server: Server) -> dict[str, int]:
    found: dict[str, int] = json.loads(server.get("/stats/", {}))
    return found
