"""Lists that are told as objects, on both engines: pages over ties and NULLs in both directions, totals, aggregates,
tokens, and policies at every level. Each answer is compared with what Python makes of the same rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.sameness.blogs import CALLERS, Blogs, blogs_seen, both, read_token
from undercroft.query.ask import (
    Ask,
    Field,
    OrderTerm,
    Page,
    Question,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectToken,
    TellPage,
    TellRows,
    TellTotal,
    Told,
)
from undercroft.query.keyset import Term, beyond_of

pytestmark = pytest.mark.needs("postgres")
Row = dict[str, Any]
PAGE = TellPage(
    "pageInfo",
    (("next", "has_next"), ("previous", "has_previous"), ("start", "start"), ("end", "end"), ("__type", "word:Page")),
)
COLUMNS = ("title", "rank", "at", "size", "open")


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[tuple[Blogs, Blogs]]:
    with both(tmp_path_factory.mktemp("blogs"), postgres_server) as pair:
        yield pair


def same(engines: tuple[Blogs, Blogs], members: Sequence[Any], values: Sequence[str], actor: Any) -> Any:
    """The answer, which is the same text on both engines and took one statement."""
    before = [each.statements for each in engines]
    sqlite, postgres = (each.ask(members, values, actor) for each in engines)
    assert sqlite == postgres
    assert [each.statements - one for each, one in zip(engines, before, strict=True)] == [1, 1]
    return json.loads(sqlite)


def field(name: str, alias: str | None = None, **more: Any) -> SelectField:
    return SelectField(Field(name), alias or name, **more)


def edges(*select: Any, place: tuple[Field, ...] = ()) -> SelectGroup:
    return SelectGroup("edges", (SelectToken("cursor", (), place), SelectGroup("node", select)))


# ---------------------------------------------------------------- walks


def turned(term: Term) -> Term:
    name, direction, nulls, nullable = term
    return name, "asc" if direction == "desc" else "desc", "last" if nulls == "first" else "first", nullable


def in_order(rows: Sequence[Row], terms: Sequence[Term]) -> list[Row]:
    """The rows in an order, by Python."""
    found = list(rows)
    for name, direction, nulls, _ in reversed(terms):
        column = name.name
        known = [row for row in found if row[column] is not None]
        known.sort(key=lambda row: as_key(row[column]), reverse=direction == "desc")
        if direction == "desc":  # a stable order, also when it is turned round
            known = [row for value in distinct(known, column) for row in found if row[column] == value]
        none = [row for row in found if row[column] is None]
        found = none + known if nulls == "first" else known + none
    return found


def as_key(value: Any) -> Any:
    return value.encode() if isinstance(value, str) else value


def distinct(rows: Sequence[Row], column: str) -> list[Any]:
    return list(dict.fromkeys(row[column] for row in rows))


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def asked_page(terms: Sequence[Term], after: Sequence[Any] | None, size: int, *, backwards: bool) -> tuple[Any, Any]:
    """A question for a page of blogs, and its values."""
    shown = [turned(term) for term in terms] if backwards else list(terms)
    values = [] if after is None else [as_text(value) for value in after if value is not None]
    slots = iter(range(len(values)))
    places = None if after is None else [None if value is None else next(slots) for value in after]
    place = tuple(term[0] for term in terms)
    told = Told(
        (TellRows("edges", 0), PAGE, TellTotal("total")),
        place,
        None if places is None else beyond_of(shown, places),
        backwards,
    )
    order = tuple(OrderTerm(name, direction, nulls) for name, direction, nulls, _ in shown)
    ask = Ask((edges(field("id"), place=place),), order=order, limit=Page(size), told=told)
    return Question("blogs", ReadAsk("blogs", ask)), values


def random_terms(chance: random.Random) -> list[Term]:
    named = chance.sample(COLUMNS, chance.randrange(3))
    terms: list[Term] = [
        (Field(name), chance.choice(["asc", "desc"]), chance.choice(["first", "last"]), name != "open")
        for name in named
    ]
    return [*terms, (Field("id"), chance.choice(["asc", "desc"]), "last", False)]


def walk(engines: tuple[Blogs, Blogs], chance: random.Random) -> None:
    """Page by page through all blogs: each is met once, in its order, and each page knows where it stands."""
    terms, size, backwards, actor = (
        random_terms(chance),
        chance.randrange(1, 8),
        chance.random() < 0.5,
        chance.choice(CALLERS),
    )
    rows = in_order(blogs_seen(actor), terms)
    met: list[int] = []
    after: Sequence[Any] | None = None
    while True:
        question, values = asked_page(terms, after, size, backwards=backwards)
        found = same(engines, [question], values, actor)["blogs"]
        keys = [edge["node"]["id"] for edge in found["edges"]]
        met = keys + met if backwards else met + keys
        page = found["pageInfo"]
        more, other = ("previous", "next") if backwards else ("next", "previous")
        assert page[more] is (len(met) < len(rows)), (terms, size, actor)
        assert page[other] is (after is not None)
        assert found["total"] == len(rows)
        assert (page["start"], page["end"]) == (found["edges"][0]["cursor"], found["edges"][-1]["cursor"])
        if not page[more]:
            break
        after = read_token(page["start"] if backwards else page["end"])
    assert met == [row["id"] for row in rows], (terms, size, backwards)


@pytest.mark.parametrize("seed", range(4))
def test_walks_meet_each_row_once(engines: tuple[Blogs, Blogs], seed: int, rounds: Callable[[int, int], int]) -> None:
    chance = random.Random(seed)
    for _ in range(rounds(6, 200)):
        walk(engines, chance)
