"""How near does a list come to what the database alone could do, and how far is it from the usual stack?

20 of 50,000 posts with their authors, filtered, ordered, under the example's policies, for a user with a token (HS256).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from benchmarks.bench import Bench, Place
from benchmarks.figures import Bar, Figure, paired
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.world import API

PATH = (
    f"{API}/posts?select=id,title,body,created_at,author(username,display_name)&published=is.true&order=id.desc"
    "&limit=20&id=lt."
)
PEER_PATH = "/posts?limit=20&before="
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")


def measure(bench: Bench) -> Iterator[Figure]:
    return compared(bench, bench.world, "list", Bar(0.70), "FastAPI + SQLAlchemy", Bar(15, unit=" ×"))


def compared(bench: Bench, place: Place, what: str, nearness: Bar, usual_stack: str, lead: Bar) -> Iterator[Figure]:
    """The question on an engine. `nearness` is the bar for the ceiling, `lead` the one for the usual stack."""
    low, high = str(place.size.posts // 10), str(place.size.posts)
    headers = place.headers()
    recorded = place.record([PATH + low, PATH + high], headers)
    with ExitStack() as stack:
        ours, ceiling, peer = map(stack.enter_context, (place.ours(), place.ceiling(recorded), place.peer()))
        load = Load(("number", PATH, low, high), headers, seconds=bench.seconds)
        peer_load = Load(("number", PEER_PATH, low, high), headers, seconds=bench.seconds)
        contestants = [Contestant(ours, load), Contestant(ceiling, load), Contestant(peer, peer_load)]
        for value in (low, high):
            same_answers([each.server.get(each.load.words[1] + value, headers) for each in contestants])
        found, bare, usual = in_turns(contestants, bench.rounds, place.backends())
    by_cost = paired(costs(bare), costs(found)).figure
    yield Figure(
        f"{what}: 20 posts with authors, against the ceiling",
        nearness,
        paired(rates(found), rates(bare)),
        f"{told(found)} against {told(bare)}; by processor time {by_cost:.2f}",
        (load.shown(ours.url),),
    )
    by_cost = paired(costs(usual), costs(found)).figure
    yield Figure(
        f"{what}: 20 posts with authors, against {usual_stack}",
        lead,
        paired(rates(found), rates(usual)),
        f"{told(found)} against {told(usual)}; by processor time {by_cost:.1f} ×",
        (peer_load.shown(peer.url),),
    )


def same_answers(bodies: list[bytes]) -> None:
    """Raises `AssertionError` unless all bodies are the same JSON; moments may be written with Z or with +00:00."""
    first, *others = [json.loads(body, object_hook=read_moments) for body in bodies]
    if not first or any(other != first for other in others):
        raise AssertionError(f"the contestants do not answer alike: {[body[:300] for body in bodies]}")


def read_moments(found: dict[str, Any]) -> dict[str, Any]:
    """The members of an object with moments read, whichever way they are written."""
    return {
        name: datetime.fromisoformat(value) if isinstance(value, str) and MOMENT.fullmatch(value) else value
        for name, value in found.items()
    }
