"""Operations of GraphQL over the club, on both engines: what they answer, what they change, what they refuse.

Each is answered twice: once when nothing is known of its document, once when what was prepared is used again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.api.scenario import Place
from tests.compat.club import ADA, ROWS, another, fill
from undercroft.access.actor import Actor
from undercroft.app import build
from undercroft.app.graphql_api import answering_of
from undercroft.base.settings import Settings
from undercroft.graphql.parts.http.messages import Message, Outcome

TASK_1 = "WyJwdWJsaWMiLCAidGFza3MiLCAxXQ=="


class Club:
    """The club, with what answers GraphQL over it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.house = place.house
        self.answering = self.fresh()

    def fresh(self, *, dev: bool = True) -> Any:
        """One that knows no document yet."""
        return answering_of(self.place.app, self.house.pipeline, self.house.caller, self.house.settings, dev=dev)

    def outcome(
        self, document: str, variables: Mapping[str, Any] | None = None, *, role: str = "service_role", by: Any = None
    ) -> Outcome:
        class Asking:
            actor = Actor(role, ADA, {"sub": ADA, "role": role})
            authenticated = True

        found = (by or self.answering).answer(Message(document, variables or {}, None), Asking(), reads_only=False)
        outcome: Outcome = found if isinstance(found, Outcome) else self.place.run(found)
        return outcome

    def data(self, document: str, variables: Mapping[str, Any] | None = None) -> Any:
        outcome = self.outcome(document, variables)
        body = json.loads(outcome.body)
        assert outcome.status == 200, body
        assert "errors" not in body, body
        return body["data"]

    def code(self, document: str, variables: Mapping[str, Any] | None = None) -> str:
        body = json.loads(self.outcome(document, variables).body)
        assert body.get("data") is None, body
        return str(body["errors"][0]["extensions"]["code"])


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Club]:
    place = Place(another(), tmp_path_factory.mktemp("club"), server=server)
    if server is None:
        fill(build(place.app, Settings.load(None, place.environment)))
    with place:
        if server is not None:
            place.plant(ROWS)
        yield Club(place)


def tasks(*ids: int) -> dict[str, Any]:
    return {"tasksCollection": {"edges": [{"node": {"id": each}} for each in ids]}}


IDS = "{ edges { node { id } } }"
READS: list[tuple[str, str, dict[str, Any], Any]] = [
    ("plain", f"{{ tasksCollection(first: 1) {IDS} }}", {}, tasks(1)),
    ("aliases", "{ a: tasksCollection(first: 1) { e: edges { n: node { i: id } } f: edges { cursor } t: __typename } }",
     {}, {"a": {"e": [{"n": {"i": 1}}], "f": [{"cursor": "WzFd"}], "t": "TasksConnection"}}),
    ("typenames", "{ __typename tasksCollection(first: 1) { edges { __typename node { __typename } } "
     "pageInfo { __typename } } }", {},
     {"__typename": "Query", "tasksCollection": {"edges": [{"__typename": "TasksEdge", "node": {"__typename": "Tasks"}}],
      "pageInfo": {"__typename": "PageInfo"}}}),
    ("fragments", "{ tasksCollection(first: 1) { ...c } } fragment c on TasksConnection { edges { node { ...t ... on Node "
     "{ nodeId } } } } fragment t on Tasks { id }", {},
     {"tasksCollection": {"edges": [{"node": {"id": 1, "nodeId": TASK_1}}]}}),
    ("merged", "{ tasksCollection(first: 1) { edges { node { id } } edges { node { title } } } }", {},
     {"tasksCollection": {"edges": [{"node": {"id": 1, "title": "draw"}}]}}),
    ("skip and include", "query($no: Boolean!) { tasksCollection(first: 1) { edges { node { id @skip(if: $no) "
     "title @include(if: $no) } } } }", {"no": True}, {"tasksCollection": {"edges": [{"node": {"title": "draw"}}]}}),
    ("to one and back", f"{{ tasksCollection(first: 1) {{ edges {{ node {{ project {{ id tasksCollection(first: 1) {IDS} "
     "} } } } }", {}, {"tasksCollection": {"edges": [{"node": {"project": {"id": 1, **tasks(1)}}}]}}),
    ("node", "query($id: ID!) { node(nodeId: $id) { nodeId ... on Tasks { title } ... on Projects { slug } } }",
     {"id": TASK_1}, {"node": {"nodeId": TASK_1, "title": "draw"}}),
    ("no such node", "query($id: ID!) { node(nodeId: $id) { nodeId } }", {"id": "WyJwdWJsaWMiLCAidGFza3MiLCA5OTld"},
     {"node": None}),
    ("by node id", f"query($id: ID!) {{ tasksCollection(filter: {{nodeId: {{eq: $id}}}}) {IDS} }}", {"id": TASK_1},
     tasks(1)),
    ("node id of another type", f"query($id: ID!) {{ tasksCollection(filter: {{nodeId: {{eq: $id}}}}) {IDS} }}",
     {"id": "WyJwdWJsaWMiLCAicGVvcGxlIiwgMl0="}, tasks()),
    ("empty filters", f"{{ tasksCollection(first: 1, filter: {{and: [], or: [], not: {{}}}}) {IDS} }}", {}, tasks(1)),
    ("or, and, not", "{ tasksCollection(filter: {or: [{id: {eq: 1}}, {and: [{id: {gt: 1}}, {not: {id: {neq: 2}}}]}]}) "
     f"{IDS} }}", {}, tasks(1, 2)),
    ("one name twice", f"{{ tasksCollection(filter: {{id: {{gt: 1}} id: {{lt: 3}}}}) {IDS} }}", {}, tasks(2)),
    ("a list of variables", f"query($a: Int!, $b: Int!) {{ tasksCollection(filter: {{id: {{in: [$a, $b, 3]}}}}) {IDS} }}",
     {"a": 1, "b": 1}, tasks(1, 3)),
    ("no rows", "{ tasksCollection(first: 0) { edges { cursor } pageInfo { hasNextPage startCursor endCursor } } }", {},
     {"tasksCollection": {"edges": [], "pageInfo": {"hasNextPage": True, "startCursor": None, "endCursor": None}}}),
    ("a scalar of a function", "{ add(a: 2, b: 3) }", {}, {"add": 5}),
    ("a function's default", "query($a: Int!) { add(a: $a) }", {"a": 4}, {"add": 5}),
    ("functions beside data", f"{{ z: add(a: 1, b: 1) tasksCollection(first: 1) {IDS} __typename a: total(values: [1, 2]) }}",
     {}, {"z": 2, **tasks(1), "__typename": "Query", "a": 3}),
    ("records of a function", "{ everyProject(first: 1) { edges { node { id } } pageInfo { hasNextPage } } }", {},
     {"everyProject": {"edges": [{"node": {"id": 1}}], "pageInfo": {"hasNextPage": True}}}),
    ("no record of a function", '{ projectBySlug(slug: "nobody") { id } }', {}, {"projectBySlug": None}),
    ("the schema beside data", f'{{ __type(name: "Tasks") {{ kind }} tasksCollection(first: 1) {IDS} }}', {},
     {"__type": {"kind": "OBJECT"}, **tasks(1)}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "variables", "expected"), [case[1:] for case in READS], ids=[case[0] for case in READS]
)
def test_reads(club: Club, document: str, variables: dict[str, Any], expected: Any) -> None:
    first, again = club.data(document, variables), club.data(document, variables)
    assert first == expected
    assert json.dumps(again) == json.dumps(first)  # in the same order, too


def test_members_stand_in_the_order_of_the_document(club: Club) -> None:
    data = club.data("{ b: tasksCollection(first: 1) { edges { node { title id } cursor } } a: add(a: 1) }")
    assert list(data) == ["b", "a"]
    assert list(data["b"]["edges"][0]) == ["node", "cursor"]
    assert list(data["b"]["edges"][0]["node"]) == ["title", "id"]


REFUSED = {
    "{ nothing": "UC440",
    "{ nope }": "UC441",
    "{ tasksCollection { edges { node { id: title id } } } }": "UC441",
    "{ tasksCollection(filter: {id: {eq: 1} id: {eq: 2}}) { edges { cursor } } }": "UC441",
    "{ tasksCollection(first: 1, last: 1) { edges { cursor } } }": "UC447",
    "{ tasksCollection(first: -1) { edges { cursor } } }": "UC447",
    '{ tasksCollection(after: "x") { edges { cursor } } }': "UC447",
    '{ tasksCollection(after: "WzEsIDJd") { edges { cursor } } }': "UC447",
    "{ tasksCollection(last: 1, offset: 1) { edges { cursor } } }": "UC447",
    "{ tasksCollection(filter: {id: {eq: null}}) { edges { cursor } } }": "UC447",
    "{ tasksCollection(orderBy: [{id: AscNullsLast, title: AscNullsLast}]) { edges { cursor } } }": "UC447",
    '{ node(nodeId: "x") { nodeId } }': "UC447",
    "mutation { insertIntoTasksCollection(objects: []) { affectedCount } }": "UC447",
    "mutation { updateTasksCollection(set: {}) { affectedCount } }": "UC447",
    "mutation { deleteFromTasksCollection { affectedCount } }": "PGRST124",
    "mutation { insertIntoTasksCollection(objects: [{title: null, projectId: 1}]) { affectedCount } }": "23502",
    "subscription { x }": "UC441",
}


@pytest.mark.parametrize("document", REFUSED)
def test_what_is_refused(club: Club, document: str) -> None:
    before = club.place.contents()
    assert club.code(document) == REFUSED[document]
    assert club.place.contents() == before


def test_a_write_whose_filter_lacks_a_variable_is_refused(club: Club) -> None:
    document = "mutation($id: Int) { deleteFromTasksCollection(filter: {id: {eq: $id}}) { affectedCount } }"
    assert club.code(document) == "UC447"
    assert club.code(document, {"id": None}) == "UC447"


def test_what_a_mutation_does_is_done_together_or_not_at_all(club: Club) -> None:
    before = club.place.contents()
    document = """mutation { a: insertIntoTasksCollection(objects: [{title: "x", projectId: 1}]) { affectedCount }
      b: deleteFromTasksCollection { affectedCount } }"""
    outcome = json.loads(club.outcome(document).body)
    assert outcome["errors"][0]["path"] == ["b"]
    assert club.place.contents() == before
    done = club.data("""mutation {
      a: insertIntoTasksCollection(objects: [{title: "x", projectId: 1}, {title: "y", projectId: 1, points: 7}]) {
        affectedCount records { title points project { id } __typename } }
      b: updateTasksCollection(set: {points: 9}, filter: {title: {eq: "x"}}) { records { points } affectedCount }
      c: deleteFromTasksCollection(filter: {title: {in: ["x", "y"]}}, atMost: 2) { affectedCount records { title } } }""")
    rows = [("x", 1), ("y", 7)]
    told = [{"title": title, "points": points, "project": {"id": 1}, "__typename": "Tasks"} for title, points in rows]
    assert done["a"] == {"affectedCount": 2, "records": told}
    assert done["b"] == {"records": [{"points": 9}], "affectedCount": 1}
    assert done["c"] == {"affectedCount": 2, "records": [{"title": "x"}, {"title": "y"}]}
    assert club.place.contents() == before


def test_records_are_inserted_with_those_that_belong_to_them(club: Club) -> None:
    document = """mutation($rows: [ProjectsInsertInput!]!) { insertIntoProjectsCollection(objects: $rows) {
      affectedCount records { slug owner { name }
        tasksCollection(orderBy: [{title: AscNullsLast}]) { edges { node { title } } } } } }"""
    rows: list[dict[str, Any]] = [
        {"slug": "n1", "title": "one", "owner": {"name": "Zed"}, "tasksCollection": [{"title": "t1"}, {"title": "t2"}]},
        {"slug": "n2", "title": "two", "tasksCollection": [{"title": "t3"}]},
    ]
    made = club.data(document, {"rows": rows})["insertIntoProjectsCollection"]
    assert made["affectedCount"] == 2
    assert [each["owner"] for each in made["records"]] == [{"name": "Zed"}, None]
    titles = [[edge["node"]["title"] for edge in each["tasksCollection"]["edges"]] for each in made["records"]]
    assert titles == [["t1", "t2"], ["t3"]]
    before = club.place.contents()
    rows = [{"slug": "n3", "title": "three", "tasksCollection": [{"title": "t4"}, {"title": None}]}]
    assert club.code(document, {"rows": rows}) == "23502"
    assert club.place.contents() == before  # the project is not there either


SHAPES = """query($filter: TasksFilter, $order: [TasksOrderBy!], $first: Int, $after: Cursor, $ids: [Int!], $with: Boolean!) {
  a: tasksCollection(filter: $filter, orderBy: $order, first: $first, after: $after) {
    edges { cursor node { id title @include(if: $with) points } } pageInfo { hasNextPage hasPreviousPage endCursor } }
  b: tasksCollection(filter: {id: {in: $ids}}) { edges { node { id } } } }"""


def _condition(chance: random.Random, depth: int = 2) -> dict[str, Any]:
    match chance.randrange(7 if depth else 4):
        case 0:
            return {"id": {chance.choice(["eq", "neq", "gt", "lte"]): chance.randrange(8)}}
        case 1:
            return {"title": {"like": chance.choice(["%a%", "d_a%", "*"])}, "points": {"gte": chance.randrange(3)}}
        case 2:
            return {"points": {"is": chance.choice(["NULL", "NOT_NULL"])}}
        case 3:
            return {"id": {"in": [chance.randrange(8) for _ in range(chance.randrange(4))]}}
        case 4:
            return {"not": _condition(chance, depth - 1)}
        case _:
            return {chance.choice(["and", "or"]): [_condition(chance, depth - 1) for _ in range(chance.randrange(3))]}


def _some_variables(chance: random.Random, cursors: list[str]) -> dict[str, Any]:
    order = [{chance.choice(["title", "points", "id"]): chance.choice(["AscNullsFirst", "DescNullsLast"])}]
    may_be = {
        "filter": _condition(chance),
        "order": order if chance.random() < 0.8 else [],
        "first": chance.choice([0, 1, 2, 100, None]),
        "ids": [chance.randrange(8) for _ in range(chance.randrange(4))],
        "after": chance.choice([*cursors, None]),
    }
    return {"with": chance.random() < 0.5} | {name: each for name, each in may_be.items() if chance.random() < 0.7}


def test_what_was_prepared_for_other_values_answers_as_what_is_new(club: Club) -> None:
    """The shape of variables tells apart everything that is asked otherwise."""
    chance, answered = random.Random(6), 0
    cursors: list[str] = []
    for _ in range(250):
        variables = _some_variables(chance, cursors)
        warm = club.outcome(SHAPES, variables)
        assert warm == club.outcome(SHAPES, variables, by=club.fresh())
        if b'"errors"' not in warm.body:
            answered += 1
            edges = json.loads(warm.body)["data"]["a"]["edges"]
            cursors = ([edge["cursor"] for edge in edges] + cursors)[:8]
    assert answered > 100


def test_a_query_is_one_statement(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, said = club.house.engine, []
    now, slow = engine.read_now, engine.read_slow

    def noted_now(text: str, args: Any) -> Any:
        found = now(text, args)
        if found is not None:
            said.append(text)
        return found

    async def noted(text: str, args: Any, *more: Any) -> Any:
        said.append(text)
        return await slow(text, args, *more)

    monkeypatch.setattr(engine, "read_now", noted_now)
    monkeypatch.setattr(engine, "read_slow", noted)
    club.data("""{ a: tasksCollection { edges { node { project { owner { name } } } } pageInfo { hasNextPage } }
      b: peopleCollection { edges { cursor } } }""")
    assert len(said) == 1


def test_who_may_not_ask_for_the_schema_is_refused(club: Club) -> None:
    by = club.fresh(dev=False)
    for document in ("{ __schema { types { name } } }", '{ ... { x: __type(name: "Tasks") { name } } }'):
        outcome = club.outcome(document, role="authenticated", by=by)
        assert json.loads(outcome.body)["errors"][0]["extensions"]["code"] == "UC446"
        assert outcome.status == 400
