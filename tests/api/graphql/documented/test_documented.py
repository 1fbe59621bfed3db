"""The examples of pg_graphql's documentation, asked of an existing PostgreSQL, and of apps on both engines.

Where an app answers, the bytes are the same on both. `docs/graphql-examples.md` is made of the examples:
`python -m tests.api.graphql.documented.table` writes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from tests.api.graphql.documented.examples import PAGES, Example, lacking, present, read_examples
from tests.api.graphql.documented.houses import Existing, House, Modelled
from tests.api.graphql.documented.table import PAGE, page_of

EXAMPLES = sorted(read_examples(), key=lambda each: each.world.name)
OF_APPS = [each for each in EXAMPLES if each.world.missing is None]
DOCUMENTED = {"API": 45, "Functions": 10, "Views": 4, "Computed fields": 4, "Configuration": 22, "Security": 4}
"""How many there are on each page. One that is gone is a gap."""

Houses = Callable[[str], House]


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest) -> Houses:
    """The houses, by name."""

    @cache
    def made(name: str) -> House:
        if name == "sqlite":
            return Modelled(EXAMPLES, None)
        server = request.getfixturevalue("postgres_server")
        return Existing(EXAMPLES, server) if name == "existing" else Modelled(EXAMPLES, server)

    return made


def check(example: Example, house: House, result: object) -> None:
    """It answers as documented."""
    if example.query is None:
        return
    reply = house.reply(example)
    told = reply.json()
    if example.fails:
        assert told.get("errors"), told
        assert not told.get("data"), told
        assert example.message is None or [each["message"] for each in told["errors"]] == [example.message]
        return
    assert (reply.status, told) == (200, result)


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.id)
def test_an_existing_database_answers_as_documented(example: Example, house: Houses) -> None:
    existing = house("existing")
    check(example, existing, example.result)
    if example.types is not None:
        assert lacking(existing.schema(example), example.types) == []
    if example.absent:
        assert present(existing.schema(example), example.absent) == []


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
@pytest.mark.parametrize("example", OF_APPS, ids=lambda each: each.id)
def test_an_app_answers_as_documented(example: Example, engine: str, house: Houses) -> None:
    check(example, house(engine), example.of_apps)
    if example.absent:
        assert present(house(engine).schema(example), example.absent) == []


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("example", [each for each in OF_APPS if each.query is not None], ids=lambda each: each.id)
def test_both_engines_give_the_same_bytes(example: Example, house: Houses) -> None:
    assert house("sqlite").reply(example).body == house("postgres").reply(example).body


def test_none_is_missing() -> None:
    found = read_examples()
    assert Counter(each.page for each in found) == DOCUMENTED
    assert len({each.id for each in found}) == len(found)
    assert len(PAGES) == len(DOCUMENTED)


def test_the_page_is_made_of_them() -> None:
    assert PAGE.read_text() == page_of(read_examples()), "python -m tests.api.graphql.documented.table"
