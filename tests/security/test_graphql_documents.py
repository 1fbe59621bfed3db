"""Hostile documents are refused at once, with no statement and little memory; nobody but who may sees the schema (F1–F4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.scenario import ANON, SERVICE, Place, Reply, Request, send
from tests.security.graphql_questions import (
    HOSTILE,
    INTROSPECTION,
    NODES,
    PATH,
    ask,
    asked,
    by_get,
    deep,
    many,
    memory,
    persisted,
)
from tests.security.world import BEA

SOON = 0.05
BUSY = 4
"""Times the bar, which is for a machine that does nothing else."""
TYPES = ("NotesConnection", "NotesFilter", "NotesInsertInput", "InboxInsertInput", "notesCollection")
"""Names that nobody who may not ask for the schema has read anywhere."""


def codes(reply: Reply) -> set[str]:
    return {error["extensions"]["code"] for error in reply.json()["errors"]}


def assert_refused(place: Place, request: Request, who: Any, name: str) -> Reply:
    found = min((ask(place, request, who) for _ in range(2)), key=lambda each: each.seconds)
    assert found.reply.status == 400, f"{name}: {found.reply.status} {found.reply.body[:300]!r}"
    assert found.statements == 0, name
    assert found.seconds < SOON * BUSY, f"{name}: {found.seconds * 1e3:.0f} ms"
    assert len(found.reply.body) < 5_000, name
    assert codes(found.reply) <= {"UC440", "UC441", "UC442", "UC443", "UC444", "UC447"}, (
        f"{name}: {found.reply.body[:300]!r}"
    )
    return found.reply


def test_f1_f2_hostile_documents_are_refused(place: Place) -> None:
    """Whoever sends them; what they are refused for does not depend on who it is."""
    place.ask(asked("{__typename}"), SERVICE)
    place.ask(asked("{__typename}"), ANON)
    before = memory()
    for name, document in HOSTILE.items():
        for who in (ANON, SERVICE):
            assert_refused(place, asked(document), who, f"{name}, by {who.letter}")
    assert memory() - before < 60, "megabytes"


def test_f1_what_is_just_within_the_limits_is_answered(place: Place) -> None:
    """The control: the same documents, smaller, are sound."""
    for document in (
        f"{{{many(f'a#: notesCollection {NODES}', 100)}}}",
        "{" + "__typename @include(if: true) " * 49 + "}",
        f"{{{many('...F', 20)}}} fragment F on Query {{__typename}}",
        f"{{{many('notesCollection {edges {node {id title}}}', 100)}}}",
        "{notesCollection(first: 1) {edges {node {notesCollection(first: 2) {edges {node {id}}}}}}}",
    ):
        found = ask(place, asked(document), BEA)
        assert (found.reply.status, found.statements) == (200, 1), f"{document[:100]}: {found.reply.body[:300]!r}"


def test_f2_a_page_that_a_variable_makes_too_large(place: Place) -> None:
    """The price is asked again with each request, though the document is known."""
    inner = "id"
    for _ in range(4):
        inner = f"notesCollection(first: $n) {{edges {{node {{{inner}}}}}}}"
    document = f"query ($n: Int) {{{inner}}}"
    for number in (1, 30, 2, None, 1):
        found = ask(place, asked(document, {"n": number}), BEA)
        expected = (200, 1) if number in (1, 2) else (400, 0)
        assert (found.reply.status, found.statements) == expected, f"{number}: {found.reply.body[:300]!r}"


@pytest.mark.parametrize(
    ("argument", "type_", "value"),
    [
        ("filter", "NotesFilter", {"or": [{"id": {"eq": 1}}] * 20_000}),
        ("filter", "NotesFilter", {"and": [{"id": {"gt": 0, "lt": 900}}] * 300}),
        ("filter", "NotesFilter", {"or": [{}] * 100_000}),
        ("filter", "NotesFilter", {"not": {"or": [{"and": [{"id": {"is": "NULL"}}] * 30}] * 30}}),
        ("orderBy", "[NotesOrderBy!]", [{"id": "AscNullsFirst"}] * 20_000),
        ("orderBy", "[NotesOrderBy!]", [{"id": None}] * 20_000),
    ],
)
def test_f2_what_variables_hold_is_bounded_too(place: Place, argument: str, type_: str, value: Any) -> None:
    """A document cannot hold so many conditions: its variables could."""
    document = f"query ($v: {type_}) {{notesCollection({argument}: $v) {{edges {{node {{id}}}}}}}}"
    found = min((ask(place, asked(document, {"v": value}), BEA) for _ in range(2)), key=lambda each: each.seconds)
    assert (found.reply.status, found.statements) == (400, 0), found.reply.body[:300]
    assert codes(found.reply) == {"UC442"}
    # What is left is to read a message of up to a megabyte.
    assert found.seconds < 6 * SOON * BUSY


def test_f2_variables_of_several_collections_are_counted_together(place: Place) -> None:
    document = f"query ($v: NotesFilter) {{{many('a#: notesCollection(filter: $v) {totalCount}', 50)}}}"
    document = document.replace("{totalCount}", "{edges {cursor}}")
    for number, expected in ((5, (200, 1)), (20, (400, 0))):
        found = ask(place, asked(document, {"v": {"and": [{"id": {"gt": 0}}] * (number // 2)}}), BEA)
        assert (found.reply.status, found.statements) == expected, found.reply.body[:300]


@pytest.mark.parametrize(
    "body",
    [
        deep(100_000),
        deep(70),
        deep(30_000, '{"a":', "}"),
        b'{"query": "{__typename}", "variables": {"v": ' + b"9" * 1_000_000 + b"}}",
        b'{"query": "{__typename}", "variables": ' + b"[" * 100_000,
        b"[" * 100_000,
        b"[" + b'{"query": "{__typename}"},' * 99 + b'{"query": "{__typename}"}]',
        b"[" + b'{"query": "{__typename}"},' * 50_000 + b"{}]",
        b'{"query": ["{__typename}"]}',
        b'{"query": {"a": 1}, "variables": []}',
        b"null",
        b"",
    ],
    ids=lambda body: body[:40].decode(),
)
def test_f4_messages_that_are_none(place: Place, body: bytes) -> None:
    request = Request("POST", PATH, (("content-type", "application/json"),), body)
    found = min((ask(place, request, BEA) for _ in range(2)), key=lambda each: each.seconds)
    if b"999999" in body:  # a value that no variable takes
        assert found.reply.status in (200, 400)
    else:
        assert found.reply.status == 400, found.reply.body[:300]
    assert found.statements == 0
    assert found.seconds < SOON * BUSY
    assert len(found.reply.body) < 5_000


def test_f4_a_batch_is_bounded_and_each_of_it_is_held_to_the_limits(place: Place) -> None:
    sound, hostile = {"query": "{__typename}"}, {"query": HOSTILE["101 aliases of a collection"]}
    found = ask(place, send("POST", PATH, [sound, hostile, sound]), BEA)
    assert found.reply.status == 200
    assert ["errors" in each for each in found.reply.json()] == [False, True, False]
    assert found.statements <= 2
    assert ask(place, send("POST", PATH, [sound] * 11), BEA).reply.status == 400


def test_f4_by_other_ways(place: Place) -> None:
    """By GET, and as persisted documents: these are never kept."""
    for name, document in HOSTILE.items():
        if not document:
            continue
        reply = place.ask(by_get(document), BEA)
        assert reply.status in (400, 414), f"{name}: {reply.status}"
    for name in ("101 aliases of a collection", "a circle of two", "51 directives", "pages within pages"):
        document = HOSTILE[name]
        for _ in range(2):
            assert_refused(place, persisted(document, document), BEA, name)
        reply = place.ask(persisted(None, document), BEA)
        assert codes(reply) == {"PERSISTED_QUERY_NOT_FOUND"}, name


@pytest.mark.parametrize("who", [ANON, BEA], ids=lambda who: who.letter)
def test_f3_the_schema_is_told_to_nobody_who_may_not_ask(place: Place, who: Any) -> None:
    for name, (document, variables, operation) in INTROSPECTION.items():
        for way, request in (
            ("by POST", asked(document, variables, operation)),
            (
                "in a batch",
                send("POST", PATH, [{"query": document, "variables": variables, "operationName": operation}]),
            ),
            ("by GET", by_get(document)),
            ("persisted", persisted(document, document)),
        ):
            found = ask(place, request, who)
            body = found.reply.body.decode()
            assert found.statements == 0, f"{name} {way}"
            assert '"errors"' in body, f"{name} {way}: {body[:300]}"
            assert '"data":{' not in body, f"{name} {way}"
            known = [each for each in TYPES if each in body and each not in document]
            assert not known, f"{name} {way}: {body[:300]}"
            assert found.reply.status in ((200,) if way == "in a batch" else (400, 405)), f"{name} {way}: {body[:300]}"


def test_f3_the_schema_is_told_to_who_may(place: Place) -> None:
    """The control: the same spellings, but for the one that is of no mutation, have an answer for the service."""
    for name, (document, variables, operation) in INTROSPECTION.items():
        reply = place.ask(asked(document, variables, operation), SERVICE)
        expected = 400 if name == "in a mutation" else 200
        assert reply.status == expected, f"{name}: {reply.body[:300]!r}"
        assert ("errors" in reply.json()) == (expected == 400), f"{name}: {reply.body[:300]!r}"


def test_f3_no_name_is_suggested(place: Place) -> None:
    for document in (
        "{notesCollectio {edges {cursor}}}",
        "{notesCollection {edge {cursor}}}",
        "{notesCollection {edges {node {titl secre}}}}",
        "{notesCollection(filte: {}) {edges {cursor}}}",
        "{notesCollection(filter: {titl: {eq: 1}}) {edges {cursor}}}",
        "{notesCollection(orderBy: [{title: Asc}]) {edges {cursor}}}",
        "{notesCollection {edges {cursor @includ(if: true)}}}",
        "query ($v: NotesFilte) {notesCollection(filter: $v) {edges {cursor}}}",
        "{...F} fragment F on Quer {__typename}",
        "mutation {insertIntoNotesCollection(objects: [{titl: 1}]) {affectedCount}}",
    ):
        reply = place.ask(asked(document), BEA)
        text = json.dumps(reply.json())
        assert reply.status == 400, document
        assert "Did you mean" not in text, text
        for word in ("secret", "AscNullsFirst", "notesCollection"):
            assert word not in text or word in document, f"{document}: {text}"


def main() -> None:
    """`python -m tests.security.test_graphql_documents`: the documents, with what each is refused for and how soon."""
    import tempfile
    from pathlib import Path

    from tests.security.world import fill, make_app

    with tempfile.TemporaryDirectory() as folder, Place(make_app(), Path(folder)) as place:
        fill(place)
        for name, document in HOSTILE.items():
            found = min((ask(place, asked(document), ANON) for _ in range(5)), key=lambda each: each.seconds)
            message = found.reply.json()["errors"][0]["message"][:60]
            print(f"{name:45} {found.seconds * 1e3:5.1f} ms  {message}")


if __name__ == "__main__":
    main()
