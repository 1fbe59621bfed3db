"""What does a write cost on PostgreSQL? 64 connections insert comments, one in each request, on disk when answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.durable_inserts import CONNECTIONS, PATH, PEER_PATH, POSTS
from benchmarks.figures import Figure, paired
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told


def measure(bench: Bench) -> Iterator[Figure]:
    ground, headers = bench.ground, bench.ground.headers()
    with ExitStack() as stack:
        ours, native, peer = map(stack.enter_context, (ground.ours(), ground.native(), ground.peer()))
        ids = ",".join(str(row["id"]) for row in json.loads(ours.get(POSTS, headers)))
        loads = [
            Load(("insert", path, ids), headers, connections=CONNECTIONS, seconds=bench.seconds)
            for path in (PATH, PATH, PEER_PATH)
        ]
        contestants = [Contestant(*each) for each in zip((ours, native, peer), loads, strict=True)]
        found, ruled, usual = in_turns(contestants, bench.rounds, ground.backends())
    by_cost = paired(costs(usual), costs(found)).figure
    yield Figure(
        "PostgreSQL, inserts over 64 connections, against FastAPI + SQLAlchemy + asyncpg",
        None,
        paired(rates(found), rates(usual)),
        f"{told(found)} against {told(usual)}; by processor time {by_cost:.1f} ×; database mode {told(ruled)}",
        (loads[0].shown(ours.url), loads[2].shown(peer.url)),
    )
