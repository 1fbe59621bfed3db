"""Validation with the rules that are needed: what is left out loses nothing, and no time grows in squares."""

from __future__ import annotations

import random
import time

import pytest
from graphql import OverlappingFieldsCanBeMergedRule, build_schema, parse, validate

from undercroft.graphql.errors import GraphqlFault, ValidationFault
from undercroft.graphql.parts.documents.limits import Limits, check_document, check_text
from undercroft.graphql.parts.documents.merging import check_merging
from undercroft.graphql.parts.documents.validating import check_valid

SCHEMA = build_schema("""
    interface Node {nodeId: ID!}
    type A implements Node {nodeId: ID! a(x: Int, y: [Int!]): Int b: Int one: A other: B many(first: Int): AConnection}
    type B implements Node {nodeId: ID! a(x: Int): Int b: Int one: B many(first: Int): AConnection}
    type AEdge {node: A! cursor: String!} type AConnection {edges: [AEdge!]! totalCount: Int!}
    input F {a: Int and: [F!]}
    type Query {aCollection(first: Int, filter: F): AConnection a: A node(nodeId: ID!): Node}
""")
LIMITS = Limits()


def check(text: str) -> None:
    check_text(text, LIMITS)
    document = parse(text)
    check_document(document, LIMITS)
    check_valid(SCHEMA, document, LIMITS)


@pytest.mark.parametrize(
    "text",
    [
        "{a {b b b: b}}",
        "{a {a(x: 1) a(x: 1)}}",
        "{a {a(x: 1, y: [1, 2]) a(y: [1, 2], x: 1)}}",
        "query ($v: Int) {a {a(x: $v) a(x: $v)}}",
        "{aCollection(filter: {a: 1, and: []}) {totalCount} aCollection(filter: {and: [], a: 1}) {totalCount}}",
        "{a {one {b} one {a}} a {...F}} fragment F on A {one {b x: nodeId}}",
        '{node(nodeId: "x") {... on A {x: a} ... on B {x: b}}}',
        '{node(nodeId: "x") {... on A {x: one {b}} ... on B {x: one {b: a}}}}',
    ],
)
def test_fields_that_go_together(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    "text",
    [
        "{a {x: a x: b}}",
        "{a {a a: b}}",
        "{a {a(x: 1) a}}",
        "{a {a(x: 1) a(x: 2)}}",
        "{a {a(y: [1, 2]) a(y: [2, 1])}}",
        "{aCollection(filter: {a: 1, and: []}) {totalCount} aCollection(filter: {a: 2, and: []}) {totalCount}}",
        "query ($v: Int, $w: Int) {a {a(x: $v) a(x: $w)}}",
        "{a {one {x: a} ...F}} fragment F on A {one {x: b}}",
        "{a {... on A {x: a} x: b}}",
        '{node(nodeId: "x") {x: nodeId ... on A {x: a}}}',
        '{node(nodeId: "x") {... on Node {x: nodeId} ... on A {x: a}}}',
        '{node(nodeId: "x") {... on A {x: a ... on Node {x: nodeId}}}}',
        "{aCollection(first: 1) {totalCount} aCollection(first: 2) {totalCount}}",
    ],
)
def test_fields_that_do_not(text: str) -> None:
    with pytest.raises(ValidationFault, match=r"conflict because .*Use different aliases") as refused:
        check(text)
    assert len(refused.value.locations) == 2
    assert validate(SCHEMA, parse(text), [OverlappingFieldsCanBeMergedRule])


def written(rng: random.Random, type_: str, depth: int, fragments: list[str]) -> str:
    """A selection on A or B, with few names, so that many of them meet."""
    members = []
    for _ in range(rng.randint(1, 4)):
        alias = rng.choice(["", "", "", "a: ", "b: ", "x: "])
        if depth and rng.random() < 0.4:
            field, target = rng.choice([("one", type_), *([("other", "B")] if type_ == "A" else [])])
            alias = rng.choice(["", "", "one: ", "y: "])
            members.append(f"{alias}{field} {{{written(rng, target, depth - 1, fragments)}}}")
        elif fragments and depth and rng.random() < 0.3:
            members.append(f"...{type_}{rng.randrange(2)}")
        elif depth and rng.random() < 0.2:
            members.append(f"... on {rng.choice([type_, 'Node', type_])} {{x: nodeId}}")
        else:
            members.append(alias + rng.choice(["a", "b", "a(x: 1)", "a(x: 2)"]))
    return " ".join(members)


def test_the_verdict_is_that_of_the_rule_that_it_replaces() -> None:
    """Over documents of one type at each place; there the two rules say the same."""
    rng = random.Random(6)
    verdicts = []
    for _ in range(300):
        fragments = [f"fragment {t}{n} on {t} {{{written(rng, t, 1, [])}}}" for t in "AB" for n in range(2)]
        selection = written(rng, "A", 3, fragments)
        used = [each for each in fragments if f"...{each.split()[1]}" in selection]  # the rule looks at others, too
        text = f"{{a {{{selection}}}}} {' '.join(used)}"
        document = parse(text)
        expected = not validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule])
        try:
            check_merging(document)
        except ValidationFault:
            verdicts.append(False)
        else:
            verdicts.append(True)
        assert verdicts[-1] is expected, text
    assert 50 < sum(verdicts) < 250


def test_no_other_name_is_suggested() -> None:
    with pytest.raises(ValidationFault) as refused:
        check("{aCollectio {totalCount}}")
    assert refused.value.message == "Cannot query field 'aCollectio' on type 'Query'."
    with pytest.raises(ValidationFault) as refused:
        check("{a {...F}} fragment F on AA {a}")
    assert "AEdge" not in str([refused.value.message, *refused.value.more])


def test_errors_are_few() -> None:
    with pytest.raises(ValidationFault) as refused:
        check("{a {" + "".join(f" z{n}" for n in range(500)) + "}}")
    assert len(refused.value.more) == LIMITS.max_errors
    assert refused.value.locations == ((1, 6),)
    with pytest.raises(ValidationFault) as refused:
        check("{a {a(y: {" + "".join(f" z{n}: 1" for n in range(300)) + "})}}")
    assert len(refused.value.message) < 600


def many(template: str, count: int) -> str:
    return " ".join(template.replace("#", str(n)) for n in range(count))


SPREADS = many("...F#", 20)
SLOW = {
    "one name 900 times": f"{{a {{{many('b', 900)} zz}}}}",
    "collections in collections": f"{{{many('aCollection {edges {node {one {one {b}}}}}', 100)} zz}}",
    "many fragments": f"{{a {{{many('...F#', 150)} zz}}}} {many('fragment F# on A {a b}', 150)}",
    "operations": many(f"query Q# {{a {{{SPREADS} zz}}}}", 20) + many("fragment F# on A {a b}", 20),
    "a filter": f"{{aCollection(filter: {{and: [{many('{a: 1}', 390)} {{zz: 1}}]}}) {{totalCount}}}}",
    "variables": f"query ({many('$v#: Int!', 200)}) {{a {{a(y: [{many('$v#', 200)}])}} zz}}",
    "fragments of a record": f'{{node(nodeId: "x") {{{many("... on A {a b} ... on B {a b}", 110)} zz}}}}',
}
BUSY = 4
"""Times the bar of 50 ms, which is for a machine that does nothing else; what grows in squares takes far longer."""


@pytest.mark.parametrize("name", SLOW)
def test_what_is_refused_late_is_refused_soon(name: str) -> None:
    """As large as the limits let it be, and wrong at its end."""
    took = []
    for _ in range(4):
        begun = time.thread_time()
        with pytest.raises(GraphqlFault):
            check(SLOW[name])
        took.append(time.thread_time() - begun)
    assert min(took) < 0.05 * BUSY
