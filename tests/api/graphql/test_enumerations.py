"""Enumerations whose words are no GraphQL names: shown, taken, compared, and in cursors, on both engines."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.scenario import Persona, Place, send
from undercroft import App

SERVICE = Persona("s", "service_role")


class Base(DeclarativeBase):
    """The models of this page."""


class Algorithm(enum.Enum):
    """Two words, of which one is no name."""

    sealed = "aead-ietf"
    plain = "plain"


class Thing(Base):
    """Something of either."""

    __tablename__ = "things"

    id: Mapped[int] = mapped_column(primary_key=True)
    algorithm: Mapped[Algorithm] = mapped_column(
        sa.Enum(Algorithm, name="algorithm", values_callable=lambda each: [member.value for member in each])
    )


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    app = App(Base)
    app.policy(Thing, "select", "insert", "update", "delete")(lambda thing: True)
    app.graphql(Thing, total_count=True)
    app.graphql(Algorithm, mappings={"aead-ietf": "AEAD_IETF"})
    with Place(app, tmp_path_factory.mktemp("things"), server=server) as place:
        ask(
            place,
            "mutation { insertIntoThingsCollection(objects: [{algorithm: AEAD_IETF}, {algorithm: plain}]) { affectedCount } }",
        )
        yield place


def ask(place: Place, document: str, **variables: Any) -> Any:
    reply = place.ask(send("POST", "/graphql/v1", {"query": document, "variables": variables}), SERVICE)
    body = json.loads(reply.body)
    assert "errors" not in body, body
    return body["data"]


def test_words_are_stored_and_names_are_shown(things: Place) -> None:
    assert things.sql("select algorithm from things order by id") == [("aead-ietf",), ("plain",)]
    found = ask(things, "{ thingsCollection { edges { node { algorithm } } } }")["thingsCollection"]["edges"]
    assert [each["node"]["algorithm"] for each in found] == ["AEAD_IETF", "plain"]
    changed = ask(
        things,
        "mutation { updateThingsCollection(set: {algorithm: AEAD_IETF}, filter: {id: {eq: 1}}) { records { algorithm } } }",
    )
    assert changed["updateThingsCollection"]["records"] == [{"algorithm": "AEAD_IETF"}]


def test_names_are_compared_as_the_words(things: Place) -> None:
    one = "query($is: Algorithm) { thingsCollection(filter: {algorithm: {eq: $is}}) { totalCount edges { node { id } } } }"
    assert ask(things, one, **{"is": "AEAD_IETF"})["thingsCollection"] == {
        "totalCount": 1,
        "edges": [{"node": {"id": 1}}],
    }
    several = "query($in: [Algorithm!]) { thingsCollection(filter: {algorithm: {in: $in}}) { totalCount } }"
    assert ask(things, several, **{"in": ["AEAD_IETF", "plain"]})["thingsCollection"]["totalCount"] == 2
    literal = "{ thingsCollection(filter: {algorithm: {neq: AEAD_IETF}}) { edges { node { id } } } }"
    assert ask(things, literal)["thingsCollection"]["edges"] == [{"node": {"id": 2}}]


def test_a_cursor_is_of_the_words(things: Place) -> None:
    page = "query($after: Cursor) { thingsCollection(first: 1, after: $after, orderBy: [{algorithm: DescNullsLast}]) { edges { cursor node { id } } } }"
    first = ask(things, page)["thingsCollection"]["edges"][0]
    second = ask(things, page, after=first["cursor"])["thingsCollection"]["edges"][0]
    assert [first["node"]["id"], second["node"]["id"]] == [2, 1]
