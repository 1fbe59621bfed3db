"""Limits of a document: what is counted, on the expanded operation, and in linear time."""

from __future__ import annotations

import time

import pytest
from graphql import GraphQLSyntaxError, parse

from undercroft.graphql.errors import GraphqlFault, SyntaxFault
from undercroft.graphql.parts.documents.limits import Limits, asks_for_schema, check_document, check_text

LIMITS = Limits(
    max_tokens=400,
    max_depth=4,
    max_aliases=3,
    max_directives=2,
    max_fields=40,
    max_nesting=12,
    max_operations=2,
    max_variables=2,
)

SCHEMA = (
    "{...S} fragment S on Query {__schema {types {...T}}} fragment T on __Type {fields {type {...R}}} "
    "fragment R on __Type "
)


def check(text: str, limits: Limits = LIMITS) -> None:
    check_text(text, limits)
    check_document(parse(text, max_lexical_tokens=limits.max_tokens), limits)


@pytest.mark.parametrize(
    "text",
    [
        "{a{b{c{d}}}}",
        "{a:x b:x c:x x x x}",
        "{a @skip(if: true) b @include(if: true)}",
        "query A($a: Int, $b: Int) {a} query B {b}",
        "{a {...F}} fragment F on A {b {...G}} fragment G on B {c {d}}",
        "{...F ...F ...F} fragment F on A {a: b}",
        '{a(x: "{{{{{{{{{{{{{{{", y: """[[[[[[[[[[[[ @@@ \\""" @""") # @@@ {{{{{{{{{{{{{{{{{{\n}',
        "{__schema {types {fields {args {type {ofType {ofType {ofType {name}}}}}}}}}",
        SCHEMA + "{ofType {ofType {name}}}",
    ],
)
def test_what_is_within_the_limits(text: str) -> None:
    check(text)


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("{a{b{c{d{e}}}}}", "UC442", "fields within each other"),
        ("{...F} fragment F on A {a{...G}} fragment G on B {b{c{...{d{e}}}}}", "UC442", "fields within each other"),
        ("{a{...F}} fragment F on A {b{c{d{e}}}}", "UC442", "fields within each other"),
        ("{a:x b:x c:x d:x}", "UC442", "aliases"),
        ("{...F ...F ...G} fragment F on A {a:b} fragment G on A {...F ...F}", "UC442", "aliases"),
        ("{a @x @y @z}", "UC442", "directives"),
        ("{...F ...F ...F} fragment F on A {a @x}", "UC442", "directives"),
        ("query ($a: Int @x) @y {a @z}", "UC442", "directives"),
        ("{a} {b} {c}", "UC442", "operations"),
        ("query ($a: Int, $b: Int, $c: Int) {a}", "UC442", "variables"),
        ("{" + " a" * 41 + "}", "UC442", "and fragments"),
        ("{...A ...A} fragment A on X {...B ...B ...B} fragment B on X {a b c d e f g}", "UC442", "and fragments"),
        ("{" + " a" * 400 + "}", "UC442", "tokens"),
        ("{a(x: " + "[" * 12 + "]" * 12 + ")}", "UC442", "braces"),
        ("{" + "...{" * 8 + "...F" + "}" * 9 + " fragment F on A {...{...{...{...{a}}}}}", "UC442", "selections"),
        ("{...F} fragment F on A {a {...G}} fragment G on A {b {...F}}", "UC441", "spreads itself"),
        ("{a} fragment F on A {...F}", "UC441", "spreads itself"),
        ("fragment F on A {a}", "UC441", "no operation"),
        ("{a} type A {b: Int}", "UC441", "nothing else"),
        ("{a {}}", "UC441", "names no field"),
        ("{__type(name: \"A\") {fields {type {fields {type {fields {name}}}}}}}", "UC442", "lists of the schema"),
        (SCHEMA + "{... on __Type {possibleTypes {name}}}", "UC442", "lists of the schema"),
        ("{__schema {...T}} fragment T on __Schema {" + "types " * 21 + "}", "UC442", "lists of the schema"),
        ("{__schema {queryType {" + "ofType {" * 20 + "name" + "}" * 23, "UC442", "fields of the schema"),
    ],
)  # fmt: skip
def test_what_is_over_them(text: str, code: str, word: str) -> None:
    limits = Limits(
        max_tokens=400,
        max_depth=4,
        max_aliases=3,
        max_directives=2,
        max_fields=40,
        max_nesting=40,
        max_operations=2,
        max_variables=2,
    )
    with pytest.raises(GraphqlFault) as refused:
        check(text, limits if "__schema" in text else LIMITS)
    assert refused.value.code == code
    assert word in refused.value.message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{a(x: "b\n")}', (1, 7)),
        ('{a\n (x: """b\n"" ")}', (2, 6)),
        ('{a(x: "b\\"', (1, 7)),
        ('{a(x: """b\\""")}', (1, 7)),
    ],
)
def test_a_string_that_does_not_end(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(SyntaxFault) as refused:
        check_text(text, LIMITS)
    assert refused.value.locations == (place,)
    with pytest.raises(GraphQLSyntaxError):
        parse(text)


@pytest.mark.parametrize("text", ['""', '"a"', '"\\"" "\\\\"', '""""""', '"""a"b""c\\"""d"""', '"""\n"""', '"\\u0041"'])
def test_a_string_that_ends(text: str) -> None:
    check(f"{{a(x: [{text}])}}")


BUSY = 4
"""Times the bar of 50 ms, which is for a machine that does nothing else; what grows in squares takes far longer."""
HOSTILE = {
    "doubling fragments": "{...F0}" + "".join(f" fragment F{n} on A {{...F{n + 1} ...F{n + 1}}}" for n in range(300))
    + " fragment F300 on A {a}",
    "a chain of fragments": "{...F0}" + "".join(f" fragment F{n} on A {{...F{n + 1}}}" for n in range(500))
    + " fragment F500 on A {a}",
    "a circle of fragments": "{...F0}" + "".join(f" fragment F{n} on A {{...F{(n + 1) % 500}}}" for n in range(500)),
    "each spreads all": "{...F0}" + "".join(
        f" fragment F{n} on A {{" + " ".join(f"...F{m}" for m in range(n + 1, 40)) + " a}" for n in range(40)
    ),
    "quotes without end": '{a(x:"' + '\\"' * 30_000,
    "blocks without end": '{a(x:"""' + '" \\' * 20_000,
    "quotes on lines": '"\n' * 30_000,
    "braces": "{a" * 30_000,
    "directives": "{a" + " @a" * 10_000 + "}",
    "comments": "#\n" * 30_000 + "{a}",
    "commas": "," * 60_000 + "{a",
    "a long text": "{a}" + " " * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_at_once(name: str) -> None:
    """Before they are parsed where that can be; graphql-core's own limits stand behind."""
    text, limits = HOSTILE[name], Limits()
    took = []
    for _ in range(3):
        begun = time.thread_time()
        with pytest.raises((GraphqlFault, GraphQLSyntaxError)):
            check(text, limits)
        took.append(time.thread_time() - begun)
    assert min(took) < 0.05 * BUSY


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("{a}", False),
        ("{__typename a {__typename}}", False),
        ('{a(x: "__schema") b: schema}', False),
        ("{s: __schema {types {name}}}", True),
        ("{... on Query {... {__type(name: \"A\") {name}}}}", True),
        ("{...F} fragment F on Query {...G} fragment G on Query {t: __type(name: \"A\") {name}}", True),
        ("query A {a} query B {__schema {types {name}}}", True),
        ("{a @skip(if: true) __schema @skip(if: true) {types {name}}}", True),
    ],
)  # fmt: skip
def test_whether_a_document_asks_for_the_schema(text: str, asks: bool) -> None:
    assert asks_for_schema(parse(text)) is asks
