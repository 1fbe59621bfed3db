"""How near does GraphQL come to the same question by the data API, and how far is it from the usual stack of GraphQL?

20 of 50,000 posts with their authors, filtered, ordered, under the example's policies, for a user with a token (HS256):
the question of `list_of_posts`. The document is the same in every request, and known; its variable is not. It is asked
by GET, as the data API is, and by POST, as most clients ask: a body is one more thing to wait for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

from benchmarks.bench import Bench, Place
from benchmarks.figures import Bar, Figure, paired
from benchmarks.list_of_posts import PATH as REST_PATH
from benchmarks.list_of_posts import read_moments
from benchmarks.load import Contestant, Load, costs, in_turns, rates, told
from benchmarks.server import PATIENCE, Server

API = "/graphql/v1"
DOCUMENT = """query ($before: Int!) {
  postsCollection(first: 20, filter: {published: {eq: true}, id: {lt: $before}}, orderBy: [{id: DescNullsLast}]) {
    edges { node { id title body createdAt author { username displayName } } }
  }
}"""
VARIABLES = quote('{"before":', safe="")
BY_GET = f"{API}?query={quote(' '.join(DOCUMENT.split()), safe='')}&variables={VARIABLES}"
BEHIND = quote("}", safe="")
PEER_API = "/graphql"
PEER_DOCUMENT = """query ($before: Int!) {
  posts(before: $before) { id title body createdAt author { username displayName } }
}"""


def measure(bench: Bench) -> Iterator[Figure]:
    return compared(bench, bench.world, "GraphQL")


def compared(bench: Bench, place: Place, what: str) -> Iterator[Figure]:
    """The question on an engine."""
    low, high = str(place.size.posts // 10), str(place.size.posts)
    headers = place.headers()
    with ExitStack() as stack:
        ours, peer = stack.enter_context(place.ours()), stack.enter_context(place.peer("strawberry_sqlalchemy"))
        rest = Load(("number", REST_PATH, low, high), headers, seconds=bench.seconds)
        got = Load(("number", BY_GET, low, high, BEHIND), headers, seconds=bench.seconds)
        asked = Load(("document", API, low, high, json.dumps(DOCUMENT)), headers, seconds=bench.seconds)
        usual = Load(("document", PEER_API, low, high, json.dumps(PEER_DOCUMENT)), headers, seconds=bench.seconds)
        contestants = [Contestant(ours, rest), Contestant(ours, got), Contestant(ours, asked), Contestant(peer, usual)]
        for value in (low, high):
            same_answers(ours, peer, value, headers)
        by_rest, by_get, by_graphql, by_peer = in_turns(contestants, bench.rounds, place.backends())
    for method, load, rounds in (("GET", got, by_get), ("POST", asked, by_graphql)):
        by_cost = paired(costs(by_rest), costs(rounds)).figure
        yield Figure(
            f"{what}: 20 posts with authors by {method}, against the data API",
            Bar(0.70),
            paired(rates(rounds), rates(by_rest)),
            f"{told(rounds)} against {told(by_rest)}; by processor time {by_cost:.2f}",
            (load.shown(ours.url),),
        )
    by_cost = paired(costs(by_peer), costs(by_graphql)).figure
    yield Figure(
        f"{what}: 20 posts with authors, against Strawberry + SQLAlchemy + dataloaders",
        Bar(10, unit=" ×"),
        paired(rates(by_graphql), rates(by_peer)),
        f"{told(by_graphql)} against {told(by_peer)}; by processor time {by_cost:.1f} ×",
        (usual.shown(peer.url),),
    )


def same_answers(ours: Server, peer: Server, value: str, headers: Mapping[str, str]) -> None:
    """Raises `AssertionError` unless all three tell the same posts."""
    rows = [_in_camels(row) for row in json.loads(ours.get(REST_PATH + value, headers), object_hook=read_moments)]
    data = _ask(ours, API, DOCUMENT, int(value), headers)
    nodes = [edge["node"] for edge in data["postsCollection"]["edges"]]
    got = json.loads(ours.get(f"{BY_GET}{value}{BEHIND}", headers), object_hook=read_moments)["data"]
    others = _ask(peer, PEER_API, PEER_DOCUMENT, int(value), headers)["posts"]
    if not rows or nodes != rows or others != rows or got != data:
        raise AssertionError(f"the contestants do not answer alike: {rows[:1]} {nodes[:1]} {others[:1]}")


def _in_camels(value: Any) -> Any:
    """`created_at` as the API names it; the keys of GraphQL are those of the schema."""
    names = {"created_at": "createdAt", "display_name": "displayName"}
    if isinstance(value, dict):
        return {names.get(name, name): _in_camels(member) for name, member in value.items()}
    return value


def _ask(server: Server, path: str, document: str, before: int, headers: Mapping[str, str]) -> Any:
    body = json.dumps({"query": document, "variables": {"before": before}}).encode()
    request = Request(server.url + path, body, {**headers, "Content-Type": "application/json"})
    with urlopen(request, timeout=PATIENCE) as answer:
        found = json.loads(answer.read(), object_hook=read_moments)
    if "errors" in found:
        raise AssertionError(f"{server.name}: {found['errors']}")
    return found["data"]
