"""The same question by GraphQL and by the data API: equal data, and one statement for all of an operation (Z4)."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.scenario import Persona, Place, Reply, send
from tests.sameness.market import CALLERS, Base, fill, make_app
from tests.sameness.twice import Asker, Part, Twice, rows_of
from tests.security.graphql_questions import statements
from undercroft.access.policy import rules_of
from undercroft.access.scope import catalog_for
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.describing.rights import rights_of
from undercroft.graphql.parts.describing.tables import Options, describe, outline

SETTINGS = {
    "UNDERCROFT_API_AGGREGATES": "true",
    "UNDERCROFT_GRAPHQL_TOTAL_COUNT": "true",
    "UNDERCROFT_GRAPHQL_AGGREGATE": "true",
    "UNDERCROFT_GRAPHQL_MAX_COMPLEXITY": "100000000",
}
BEHIND = 416
"""The data API refuses a page behind the last row where the number of rows is asked for; GraphQL has none on it."""
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))]


@pytest.fixture(scope="module", params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    with Place(make_app(), tmp_path_factory.mktemp("market"), server=server, **SETTINGS) as place:
        fill(place)
        yield place


def described(place: Place, role: str) -> Described:
    """What the API is for a role, as the house reads it."""
    catalog = read_catalog(Base.metadata, mappers=mappers_of(Base))
    rules = rules_of(place.app.policies, place.app.column_rules)
    own = catalog_for(role, catalog, rules)
    return describe(outline(catalog, Options(total_count=True, aggregate=True)), own, rights_of(own, rules, role))


def differs(place: Place, twice: Twice, who: Persona) -> str | None:
    """In what two answers to one question differ; None where they do not."""
    with statements(place) as said:
        body = {"query": twice.document, "variables": twice.variables}
        reply = place.ask(send("POST", "/graphql/v1", body), who)
    told = reply.json()
    if reply.status != 200 or "errors" in told:
        by_rest = [place.ask(part.request, who).status for part in twice.parts]
        return f"{reply.status} {reply.body[:600]!r}, the data API says {by_rest}"
    if len(said) != 1:
        return f"{len(said)} statements"
    if list(told["data"]) != [part.name for part in twice.parts]:
        return f"the answer has {list(told['data'])}"
    for part in twice.parts:
        if (found := _part_differs(place, part, told["data"][part.name], who)) is not None:
            return found
    return None


def _part_differs(place: Place, part: Part, told: Any, who: Persona) -> str | None:
    reply = place.ask(part.request, who)
    if reply.status not in (200, 206, 416):
        return f"{part.request.target!r}: {reply.status} {reply.body[:500]!r}"
    rows, meant = rows_of(part.shape, told), [] if reply.status == BEHIND else reply.json()
    if _bytes(rows) != _bytes(meant):
        return f"{part.request.target!r}:\n    REST    {_bytes(meant)}\n    GraphQL {_bytes(rows)}"
    if part.totals and str(told["totalCount"]) != _total(reply):
        return f"{part.request.target!r}: {told['totalCount']} of {_total(reply)}"
    if part.figures is not None:
        figures = place.ask(part.figures, who).json()[0]
        flat = {
            name: each if name == "count" else next(iter(each.values())) for name, each in told["aggregate"].items()
        }
        if flat != figures:
            return f"{part.figures.target!r}:\n    REST    {figures}\n    GraphQL {flat}"
    return None


def _bytes(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _total(reply: Reply) -> str:
    return (reply.header("content-range") or "").partition("/")[2]


def test_the_same_questions_have_the_same_answers(place: Place, rounds: Callable[[int, int], int]) -> None:
    askers = {who: Asker(random.Random(f"twice {who.letter}"), described(place, who.role or "anon")) for who in CALLERS}
    parts = 0
    for index in range(rounds(60, 5_000)):
        who = CALLERS[index % len(CALLERS)]
        twice = askers[who].next()
        found = differs(place, twice, who)
        assert found is None, f"question {index} by {who.letter}:\n{twice.document}\n{twice.variables}\n{found}"
        parts += len(twice.parts)
    print(f"{parts} collections")
