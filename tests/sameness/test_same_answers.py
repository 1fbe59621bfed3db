"""The same requests to the same app on SQLite and on PostgreSQL: the same status, headers, body, and then the same tables.

What is compared, and what a request must leave open to be compared otherwise, is in `pair.py`. `docs/differences.md`
has what one engine refuses by name.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from tests.api.scenario import SERVICE, Reply, get
from tests.sameness.asking import Asked, Asker
from tests.sameness.pair import Pair, both, same

pytestmark = pytest.mark.needs("postgres")
TABLES_EVERY = 250
"""Requests between two comparisons of whole tables."""
SEEDS = (1, 2)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Pair]:
    with both(tmp_path_factory.mktemp("market"), postgres_server) as pair:
        yield pair


@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_requests_have_the_same_answers(pair: Pair, seed: int, rounds: Callable[[int, int], int]) -> None:
    asker = Asker(random.Random(seed))
    number = rounds(400, 20_000) // len(SEEDS)
    before = dict(pair.statuses)
    for index in range(number):
        difference = pair.ask(asker.next())
        assert difference is None, f"seed {seed}, request {index}: {difference}"
        if index % TABLES_EVERY == TABLES_EVERY - 1 or index == number - 1:
            assert not pair.differing_tables(), f"seed {seed}, before request {index}"
    answered = {status: count - before.get(status, 0) for status, count in pair.statuses.items()}
    good = sum(count for status, count in answered.items() if status < 300)
    print(f"seed {seed}: {number} requests, {good} answered well, {pair.refused} refused by one engine: {answered}")
    assert good > number / 3, "requests that are refused prove little"
    assert sum(answered.values()) == number


def test_a_planted_difference_is_found(pair: Pair) -> None:
    """A row that one engine has otherwise, and an answer with another header."""
    asked = Asked(get("/rest/v1/labels?order=id"), SERVICE)
    assert pair.ask(asked) is None
    pair.sqlite.sql("update labels set name = 'planted' where id = 2")
    assert pair.ask(asked) is not None
    assert "labels" in pair.differing_tables()
    pair.sqlite.sql("update labels set name = 'Old' where id = 2")
    assert pair.ask(asked) is None
    reply = pair.sqlite.ask(asked.request, SERVICE)
    assert not same(reply, reply._replace(headers=[*reply.headers, (b"x-other", b"1")]), ordered=True)
    assert not same(reply, reply._replace(status=206), ordered=False)


def test_rows_in_no_order_must_still_be_the_same_rows() -> None:
    one, other = Reply(200, [], b'[{"a":1},{"a":2}]'), Reply(200, [], b'[{"a":2},{"a":1}]')
    assert same(one, other, ordered=False)
    assert not same(one, other, ordered=True)
    assert not same(one, Reply(200, [], b'[{"a":2},{"a":2}]'), ordered=False)
