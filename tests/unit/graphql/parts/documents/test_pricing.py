"""The price of an operation: pages multiply, fragments are followed, and variables are asked with each request."""

from __future__ import annotations

from typing import Any, cast

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from undercroft.graphql.errors import LimitFault
from undercroft.graphql.parts.describing.described import Described, FunctionField, RelationField, TableType
from undercroft.graphql.parts.documents.limits import Limits
from undercroft.graphql.parts.documents.pricing import check_cost, check_price, price

NOTHING: Any = None
LIMITS = Limits()


def table(name: str, *relations: tuple[str, str, bool], rows: int = 30) -> TableType:
    return TableType(
        name.title(), NOTHING, f"{name}Collection", ("id",), {},
        {field: RelationField(field, NOTHING, target, many) for field, target, many in relations}, max_rows=rows,
    )  # fmt: skip


BLOG = " fragment B on Blog {id posts(first: 5) {edges {cursor}}}"
DESCRIBED = Described(
    {
        "blog": table("blog", ("posts", "post", True), ("owner", "account", False)),
        "post": table("post", ("blog", "blog", False), ("records", "blog", True), rows=10),
        "account": table("account", ("blogs", "blog", True)),
    },
    functions={
        "blogsOf": FunctionField("blogsOf", "blogs_of", "query", {}, "records", "blog"),
        "firstBlog": FunctionField("firstBlog", "first_blog", "query", {}, "record", "blog"),
        "add": FunctionField("add", "add", "query", {}, "scalar", "Int"),
    },
)


def ask(text: str, variables: dict[str, Any] | None = None, limits: Limits = LIMITS) -> int:
    document = parse(text)
    operation = cast(OperationDefinitionNode, document.definitions[0])
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    return check_cost(operation, fragments, variables or {}, DESCRIBED, limits)


@pytest.mark.parametrize(
    ("text", "variables", "fields"),
    [
        ("{add}", {}, 1),
        ("{blogCollection {totalCount pageInfo {hasNextPage}}}", {}, 4),
        ("{blogCollection {edges {cursor node {id}}}}", {}, 1 + 30 * 4),
        ("{blogCollection(first: 2) {edges {node {id title}}}}", {}, 1 + 2 * 4),
        ("{blogCollection(last: 2) {edges {node {id title}}}}", {}, 1 + 2 * 4),
        ("{blogCollection(first: 99999999999999999999999) {edges {cursor}}}", {}, 1 + 30 * 2),
        ("{blogCollection(first: null) {edges {cursor}}}", {}, 1 + 30 * 2),
        ("{blogCollection(first: 2) {a: edges {node {id}} b: edges {node {id}}}}", {}, 1 + 2 * 3 + 2 * 3),
        (
            "{blogCollection(first: 2) {edges {node {posts(first: 3) {edges {node {id}}}}}}}",
            {},
            1 + 2 * (2 + 1 + 3 * 3),
        ),
        ("{blogCollection(first: 2) {edges {node {posts {edges {node {id}}}}}}}", {}, 1 + 2 * (2 + 1 + 10 * 3)),
        ("{blogCollection(first: 2) {edges {node {owner {id}}}}}", {}, 1 + 2 * (2 + 2)),
        ("query ($n: Int) {blogCollection(first: $n) {edges {cursor}}}", {"n": 5}, 1 + 5 * 2),
        ("query ($n: Int) {blogCollection(first: $n) {edges {cursor}}}", {"n": None}, 1 + 30 * 2),
        ("query ($n: Int) {blogCollection(first: $n) {edges {cursor}}}", {}, 1 + 30 * 2),
        ("query ($n: Int) {blogCollection(first: $n) {edges {cursor}}}", {"n": 10**30}, 1 + 30 * 2),
        ("query ($n: Int) {blogCollection(first: $n) {edges {cursor}}}", {"n": -5}, 1),
        ("query ($n: Int) {blogCollection(first: $n) {edges {cursor}}}", {"n": True}, 1 + 30 * 2),
        (
            "query ($n: Int, $m: Int) {blogCollection(first: $n) {edges {node {posts(last: $m) {edges {cursor}}}}}}",
            {"n": 4, "m": 7},
            1 + 4 * (2 + 1 + 7 * 2),
        ),
        (
            "query ($m: Int) {blogCollection(first: 4) {edges {node {posts(last: $m) {edges {cursor}}}}}}",
            {"m": 7},
            1 + 4 * (2 + 1 + 7 * 2),
        ),
        (
            "{blogCollection(first: 2) {...E}} fragment E on BlogConnection {edges {... {node {...B ...B}}}}" + BLOG,
            {},
            1 + 2 * (2 + 2 * (1 + 1 + 5 * 2)),
        ),
        ("{node(nodeId: 1) {nodeId ... on Blog {posts(first: 5) {edges {cursor}}} ... on Post {id}}}", {}, 14),
        ("{blogsOf(first: 3) {edges {cursor}} firstBlog {posts(first: 2) {edges {cursor}}}}", {}, 7 + 1 + 5),
        (
            "mutation {updateBlogCollection(atMost: 9) {affectedCount records {posts(first: 2) {edges {cursor}}}}}",
            {},
            64,
        ),
        ("mutation {deleteFromPostCollection {records {records {edges {cursor}}}}}", {}, 1 + 1 + 1 + 30 * 2),
        ("mutation {insertIntoBlogCollection(objects: [{}, {}, {}]) {records {id}}}", {}, 1 + 3 * 2),
        ("mutation ($o: [B!]!) {insertIntoBlogCollection(objects: $o) {records {id}}}", {"o": [1, 2]}, 1 + 2 * 2),
        ("mutation ($o: [B!]!) {insertIntoBlogCollection(objects: $o) {records {id}}}", {"o": {}}, 1 + 1 * 2),
        ("mutation ($n: Int! = 3) {deleteFromBlogCollection(atMost: $n) {records {id}}}", {"n": 3}, 1 + 3 * 2),
    ],
)
def test_what_an_operation_costs(text: str, variables: dict[str, Any], fields: int) -> None:
    assert ask(text, variables) == fields


def test_an_operation_that_costs_too_much() -> None:
    limits = Limits(max_complexity=100)
    text = "query ($n: Int) {blogCollection(first: $n) {edges {node {id}}}}"
    assert ask(text, {"n": 33}, limits) == 91  # a page has no more than the table allows
    deeper = "query ($n: Int) {blogCollection(first: $n) {edges {node {posts {edges {cursor}}}}}}"
    assert ask(deeper, {"n": 4}, limits) == 93
    with pytest.raises(LimitFault, match="at most 100 are allowed"):
        ask(deeper, {"n": 5}, limits)
    nested = "{a: blogCollection {edges {node {" * 1 + "posts {edges {node {blog {" * 9 + "id" + "}}}}" * 9 + "}}}}"
    with pytest.raises(LimitFault):
        ask(nested)


def test_a_price_is_a_formula_of_the_variables_alone() -> None:
    document = parse("query ($n: Int) {blogCollection {edges {cursor}} postCollection(first: $n) {edges {cursor}}}")
    formula = price(cast(OperationDefinitionNode, document.definitions[0]), {}, DESCRIBED, LIMITS)
    assert formula.own == 1 + 30 * 2 + 1
    assert [check_price(formula, {"n": n}, LIMITS) for n in (0, 1, 10, 11)] == [62, 64, 82, 82]


def test_collections_are_counted() -> None:
    text = "{" + " ".join(f"c{n}: blogCollection {{edges {{cursor}}}}" for n in range(101)) + "}"
    with pytest.raises(LimitFault, match="collections and relations"):
        ask(text)
