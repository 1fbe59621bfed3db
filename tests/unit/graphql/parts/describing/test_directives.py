"""Comment directives: what is read of them, what stays as a description, and what is told of wrong ones."""

from __future__ import annotations

import pytest

from undercroft.graphql.parts.describing.directives import NOTHING, DirectedKey, Directive, read_comment

VIEW = (
    '@graphql({"primary_key_columns": ["a", "b"], "foreign_keys": [{"local_columns": ["a"], "foreign_table": "t", '
    '"foreign_schema": "public", "foreign_columns": ["id"], "foreign_name": "up"}]})'
)


@pytest.mark.parametrize(
    ("comment", "directive", "text"),
    [
        (None, NOTHING, None),
        ("  People. ", NOTHING, "People."),
        ('@graphql({"name": "Person"})', Directive(name="Person"), None),
        ('Who. @graphql({"name": "P", "later": [1]}) And more.', Directive(name="P"), "Who. And more."),
        ('@graphql( {"totalCount": {"enabled": true}, "aggregate": {"enabled": false}} )',
         Directive(total_count=True, aggregate=False), None),
        ('Old @graphql({"description": "New (really)"})', Directive(description="New (really)"), "New (really)"),
        ('@graphql({"mappings": {"a-b": "A_B"}, "max_rows": 7})', Directive(mappings={"a-b": "A_B"}, max_rows=7), None),
        (VIEW,
         Directive(primary_key=("a", "b"), foreign_keys=(DirectedKey(("a",), "t", ("id",), None, "up"),)), None),
        ('@graphql({"inflect_names": true, "introspection": false})',
         Directive(inflect_names=True, introspection=False), None),
    ],
)  # fmt: skip
def test_what_is_read(comment: str | None, directive: Directive, text: str | None) -> None:
    assert read_comment(comment) == (directive, text, None)


@pytest.mark.parametrize(
    ("comment", "problem"),
    [
        ("@graphql(name)", "no JSON"),
        ('@graphql({"name": "x"}', "takes one JSON object"),
        ("@graphql([1])", "takes one JSON object"),
        ("@graphql(" + "[" * 100_000, "no JSON"),
        ('@graphql({"name": 5})', '"name"'),
        ('@graphql({"max_rows": true})', '"max_rows"'),
        ('@graphql({"totalCount": true})', '"totalCount"'),
        ('@graphql({"foreign_keys": [{"local_columns": ["a"]}]})', '"foreign_keys"'),
        ('@graphql({"mappings": ["a"]})', '"mappings"'),
    ],
)
def test_what_is_wrong_is_none_and_told(comment: str, problem: str) -> None:
    found = read_comment(f"Words. {comment}")
    assert found.directive == NOTHING
    assert problem in (found.problem or "")
    assert (found.text or "").startswith("Words.")


def test_one_over_another() -> None:
    under = Directive(name="a", max_rows=3, total_count=True, mappings={"x": "Y"})
    over = Directive(name="b", total_count=False)
    assert over.over(under) == Directive(name="b", max_rows=3, total_count=False, mappings={"x": "Y"})
