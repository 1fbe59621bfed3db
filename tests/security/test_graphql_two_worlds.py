"""Two databases that differ in what somebody may not read give the same answers by GraphQL, byte for byte (T0, T1).

Questions are random; between them stand records by their ids, writes of at most no row, and documents that are wrong.
What differs by design is as it is for the data API: see `test_two_worlds`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.api.scenario import ANON, SERVICE, Persona, Place, Request
from tests.sameness.twice import Asker
from tests.security.graphql_questions import INTROSPECTION, asked
from tests.security.graphql_world import SETTINGS, camel, columns, described, key_columns, pascal, token
from tests.security.test_two_worlds import differences, two_worlds
from tests.security.world import AUDITOR, BEA, BEA_ID, CARL_ID, NOBODY, TABLES, rows
from undercroft.access.guard import Guard
from undercroft.graphql.parts.describing.described import ColumnField

__all__ = ["two_worlds"]
MOMENTS = ("2026-03-31T12:00:00Z", "2026-06-01T00:00:00Z", "2030-01-01T00:00:00+01:00")
WORDS = [value for table in rows().values() for row in table for value in row.values() if isinstance(value, str)]


def texts(column: ColumnField) -> Sequence[str]:
    """Values of the world to ask a column with; also those that its caller may not see."""
    if column.type_ in ("Int", "BigInt", "Float", "BigFloat"):
        return ("1", "2", "10", "20", "30", "40", "60", "70", "100", "900", "-5")
    named = {"UUID": (BEA_ID, CARL_ID), "Datetime": MOMENTS, "Opaque": ("\\x00",)}
    return named.get(column.type_, WORDS)


class Questions:
    """What one persona asks, out of chance."""

    def __init__(self, who: Persona, chance: random.Random) -> None:
        self._chance = chance
        self._described = described(who)
        self._asker = Asker(chance, self._described, texts, depth=2)

    def next(self) -> Request:
        roll = self._chance.random()
        if roll < 0.7:
            twice = self._asker.next()
            return asked(twice.document, twice.variables)
        return asked(self._node() if roll < 0.8 else self._write() if roll < 0.92 else self._wrong())

    def _node(self) -> str:
        table = self._chance.choice([*TABLES, "nope"])
        row = self._chance.choice(rows().get(table, [{}]))
        key = [row.get(column, 1) for column in key_columns(table)] if table in TABLES else [1]
        if self._chance.random() < 0.2:
            key = [self._chance.choice((1, 10, 31, 5000, "x", None)) for _ in key]
        fields = ["nodeId", "__typename"]
        if table in TABLES:
            fields.append(f"... on {pascal(table)} {{{camel(self._chance.choice(columns(table)))}}}")
        return f'{{node(nodeId: "{token("public", table, *key)}") {{{" ".join(fields)}}}}}'

    def _write(self) -> str:
        """A change or deletion of no row: who may make one is told that there is one."""
        table = self._chance.choice(list(TABLES))
        column = camel(self._chance.choice(columns(table)))
        value = self._chance.choice(('"x"', "10", "null", json.dumps(self._chance.choice(WORDS))))
        where = f"filter: {{{column}: {{{self._chance.choice(('eq', 'neq', 'gt', 'in'))}: {value}}}}}, atMost: 0"
        if self._chance.random() < 0.5:
            return f"mutation {{deleteFrom{pascal(table)}Collection({where}) {{affectedCount records {{nodeId}}}}}}"
        set_ = f"{camel(self._chance.choice(columns(table)))}: {value}"
        return f"mutation {{update{pascal(table)}Collection(set: {{{set_}}}, {where}) {{affectedCount}}}}"

    def _wrong(self) -> str:
        document = self._asker.next().document
        at = self._chance.randrange(len(document))
        return self._chance.choice(
            (
                document[:at] + document[at + 1 :],
                document[:at],
                document.replace("Collection", "Collectio", 1),
                document.replace("edges", "edges @skip(if: true)", 1),
                self._chance.choice(list(INTROSPECTION.values()))[0],
                f"{{{camel(self._chance.choice(list(TABLES)))}Collection {{edges {{node {{secret motto pin}}}}}}}}",
            )
        )


@pytest.mark.parametrize("who", [ANON, BEA, AUDITOR, NOBODY], ids=lambda who: who.letter)
def test_t0_what_one_may_not_read_changes_no_answer(
    two_worlds: Any, who: Persona, rounds: Callable[[int, int], int]
) -> None:
    places = two_worlds(who, **SETTINGS)
    questions = Questions(who, random.Random(f"questions {who.letter}"))
    asked_ = well = 0
    while asked_ < rounds(40, 5_000):
        requests = [questions.next() for _ in range(20)]
        found, answered = differences(places, requests, who)
        assert not found, found[0]
        asked_ += len(requests)
        well += answered
    assert well > asked_ / 2, "too many of the requests were refused to prove anything"


def test_t0_the_difference_is_seen_by_whoever_may_see_it(two_worlds: Any) -> None:
    """The control: to the service the two worlds are not the same at all."""
    places = two_worlds(BEA, **SETTINGS)
    questions = Questions(SERVICE, random.Random(1))
    found, _ = differences(places, [questions.next() for _ in range(40)], SERVICE)
    assert len(found) > 10


def test_t0_a_planted_leak_is_seen(two_worlds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other control: policies that are forgotten on related tables are noticed, by bytes and by canaries."""
    guarded = Guard._embed

    def leaking(self: Guard, embed: Any) -> Any:
        done = guarded(self, embed)
        return replace(done, node=replace(done.node, policy=None))

    monkeypatch.setattr(Guard, "_embed", leaking)
    monkeypatch.setattr(Place, "sweep", lambda *_: None)
    places = two_worlds(BEA, **SETTINGS)
    questions = Questions(BEA, random.Random(3))
    found, _ = differences(places, [questions.next() for _ in range(60)], BEA)
    assert found
