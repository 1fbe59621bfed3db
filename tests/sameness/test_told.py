"""Lists that are told as objects, on both engines: pages over ties and NULLs in both directions, totals, aggregates,
tokens, and policies at every level. Each answer is compared with what Python makes of the same rows."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.sameness.blogs import CALLERS, READER, ROWS, Blogs, blogs_seen, both, read_token, token_of
from undercroft.access.actor import ANONYMOUS
from undercroft.query.ask import (
    Ask,
    EmbedAsk,
    Field,
    Filter,
    OrderTerm,
    Page,
    Question,
    ReadAsk,
    SelectField,
    SelectGroup,
    SelectToken,
    SelectWord,
    TellAggregates,
    TellPage,
    TellRows,
    TellTotal,
    TellWord,
    Told,
)
from undercroft.query.errors import QueryFault
from undercroft.query.keyset import Term, beyond_of

pytestmark = pytest.mark.needs("postgres")
Row = dict[str, Any]
PAGE = TellPage(
    "pageInfo",
    (("next", "has_next"), ("previous", "has_previous"), ("start", "start"), ("end", "end"), ("__type", "word:Page")),
)
COLUMNS = ("title", "rank", "at", "size", "open", "price", "owner")


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
        known.sort(key=lambda row: as_key(column, row[column]), reverse=direction == "desc")
        if direction == "desc":  # a stable order, also when it is turned round
            known = [row for value in distinct(known, column) for row in found if row[column] == value]
        none = [row for row in found if row[column] is None]
        found = none + known if nulls == "first" else known + none
    return found


def as_key(column: str, value: Any) -> Any:
    if column == "price":
        return Decimal(value)
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
        (Field(name), chance.choice(["asc", "desc"]), chance.choice(["first", "last"]), name not in ("open", "owner"))
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


# ---------------------------------------------------------------- levels


def relation(engines: tuple[Blogs, Blogs], actor: Any, source: str, target: str, kind: str) -> Any:
    """A relation of the catalog that the caller may know of; both engines have the same."""
    found = engines[0].place.house.pipeline.scope(actor.role).relations[source]
    return next(each for each in found if each.target == target and each.kind == kind)


def levels(engines: tuple[Blogs, Blogs], actor: Any) -> Question:
    """Blogs, the posts of each with the blog of each, and its tags, each told."""
    posts_of = relation(engines, actor, "blogs", "posts", "o2m")
    blog_of = relation(engines, actor, "posts", "blogs", "m2o")
    tags_of = relation(engines, actor, "blogs", "tags", "m2m")
    tags = Ask(
        (SelectGroup("edges", (SelectGroup("node", (field("word"),)),)),),
        order=(OrderTerm(Field("word")),),
        limit=Page(2),
        told=Told((TellTotal("all"), TellRows("edges", 0)), (Field("word"),)),
    )
    back = Ask((field("id"), EmbedAsk("x", tags, alias="tags", along=tags_of)))
    place = (Field("rank"), Field("number"))
    node = (SelectWord("__typename", 'Po"st'), field("title"), EmbedAsk("x", back, alias="blog", along=blog_of))
    posts = Ask(
        (edges(*node, place=place),),
        conditions=(Filter(Field("number"), "gt", 1),),
        order=(OrderTerm(Field("rank"), "desc", "last"), OrderTerm(Field("number"))),
        limit=0,
        told=Told(
            (
                TellRows('ed"ges', 0),
                TellPage("page", (("more", "has_next"), ("end", "end"))),
                TellAggregates(
                    "aggregate",
                    (
                        SelectField(None, alias="count", aggregate="count"),
                        SelectGroup("sum", (field("rank", aggregate="sum", aggregate_cast="text"),)),
                        SelectGroup("max", (field("title", aggregate="max"), SelectWord("t", "Max"))),
                    ),
                ),
                TellWord("kind", "Posts"),
            ),
            place,
        ),
    )
    ask = Ask(
        (SelectGroup("edges", (SelectGroup("node", (field("id"), EmbedAsk("x", posts, alias="posts", along=posts_of))),)),),
        order=(OrderTerm(Field("id")),),
        limit=Page(100),
        told=Told((TellRows("edges", 0),)),
    )  # fmt: skip
    return Question("blogs", ReadAsk("blogs", ask))


def tags_seen(blog: Row, *, everything: bool) -> list[str]:
    ties = {row["tag"] for row in ROWS["blog_tags"] if row["blog_id"] == blog["id"] and (row["open"] or everything)}
    return sorted(tag["word"] for tag in ROWS["tags"] if tag["word"] in ties and (tag["open"] or everything))


def expected_blog(blog: Row, *, everything: bool) -> Any:
    words = tags_seen(blog, everything=everything)
    tags = {"all": len(words), "edges": [{"node": {"word": word}} for word in words[:2]]}
    posts = [
        row
        for row in ROWS["posts"]
        if row["blog_id"] == blog["id"] and row["number"] > 0 and (everything or not row["draft"])
    ]
    posts.sort(key=lambda row: (row["rank"] is None, -(row["rank"] or 0), row["number"]))
    shown = [
        {
            "cursor": token_of([row["rank"], row["number"]]),
            "node": {"__typename": 'Po"st', "title": row["title"], "blog": {"id": blog["id"], "tags": tags}},
        }
        for row in posts[:2]
    ]
    ranks = [row["rank"] for row in posts if row["rank"] is not None]
    aggregate = {
        "count": len(posts),
        "sum": {"rank": str(sum(ranks)) if ranks else None},
        "max": {"title": max((row["title"] for row in posts), default=None), "t": "Max"},
    }
    page = {"more": len(posts) > 2, "end": shown[-1]["cursor"] if shown else None}
    told = {'ed"ges': shown, "page": page, "aggregate": aggregate, "kind": "Posts"}
    return {"node": {"id": blog["id"], "posts": told}}


@pytest.mark.parametrize("actor", CALLERS, ids=lambda actor: actor.role)
def test_each_level_is_told_with_its_own_policy(engines: tuple[Blogs, Blogs], actor: Any) -> None:
    found = same(engines, [levels(engines, actor), TellWord("__typename", "Query")], ["2", "0"], actor)
    everything = actor.role == "service_role"
    expected = [expected_blog(blog, everything=everything) for blog in blogs_seen(actor)]
    assert found == {"blogs": {"edges": expected}, "__typename": "Query"}


def test_members_keep_their_order_and_one_row_is_an_object(engines: tuple[Blogs, Blogs]) -> None:
    """Names are the caller's own; what is asked for by a single row that is not there is null."""
    by_key = Ask(
        (SelectToken("nodeId", ("public", 'bl"og'), (Field("id"),)), field("title", "z"), field("id", "a\"'b\\")),
        conditions=(Filter(Field("id"), "eq", 0),),
    )
    blog = blogs_seen(READER)[0]
    members = [
        Question("second", ReadAsk("blogs", by_key), single=True),
        Question("first", ReadAsk("blogs", Ask(by_key.select, (Filter(Field("id"), "eq", 1),))), single=True),
        Question("list", ReadAsk("blogs", Ask((field("id"),), order=(OrderTerm(Field("id")),), limit=Page(1)))),
    ]
    found = same(engines, members, [str(blog["id"]), "-1"], READER)
    assert list(found) == ["second", "first", "list"]
    assert found["second"] == {
        "nodeId": token_of(["public", 'bl"og', blog["id"]]), "z": blog["title"], 'a"\'b\\': blog["id"],
    }  # fmt: skip
    assert (found["first"], found["list"]) == (None, [{"id": blog["id"]}])
    assert same(engines, [], [], READER) == {}


@pytest.mark.parametrize("backwards", [False, True])
def test_pages_that_are_empty_or_begin_further_on(engines: tuple[Blogs, Blogs], backwards: bool) -> None:
    """Of no rows, of a page of no size, behind an offset, and behind all rows."""
    ids = [blog["id"] for blog in blogs_seen(ANONYMOUS)]
    order = (OrderTerm(Field("id"), "desc" if backwards else "asc"),)
    more, other = ("previous", "next") if backwards else ("next", "previous")

    def page(limit: Any, values: Sequence[str], **asked: Any) -> Any:
        told = Told((TellRows("edges", 0), PAGE), (Field("id"),), asked.pop("beyond", None), backwards)
        ask = Ask((edges(field("id")),), order=order, limit=limit, told=told, **asked)
        found = same(engines, [Question("b", ReadAsk("blogs", ask))], values, ANONYMOUS)["b"]
        place = found["pageInfo"]
        return [edge["node"]["id"] for edge in found["edges"]], place[more], place[other], place["start"], place["end"]

    nothing = (Filter(Field("id"), "lt", 0),)
    assert page(Page(3), ["0"], conditions=nothing) == ([], False, False, None, None)
    assert page(Page(0), []) == ([], True, False, None, None)
    found, has_more, has_other, start, end = page(Page(2), ["3"], offset=0)
    expected = ids[-5:-3] if backwards else ids[3:5]
    assert (found, has_more, has_other) == (expected, True, True)
    assert (read_token(start), read_token(end)) == ([expected[0]], [expected[1]])
    assert page(Page(2), ["0"], offset=0)[2] is False
    term: Term = (Field("id"), "desc" if backwards else "asc", "last", False)
    last = str(ids[0] if backwards else ids[-1])
    assert page(0, ["5", last], beyond=beyond_of([term], [1])) == ([], False, True, None, None)


def test_what_a_role_may_not_know_of_is_unknown(engines: tuple[Blogs, Blogs]) -> None:
    """A hidden column in a token, in a place, in an aggregate; a relation that is not in the role's catalog."""
    hidden = Field("secret")
    service = CALLERS[-1]
    rows = (edges(field("id")),)
    asks = [
        Ask((SelectGroup("g", (SelectToken("t", (), (hidden,)),)),)),
        Ask(rows, limit=Page(1), told=Told((TellRows("edges", 0), PAGE), (hidden,))),
        Ask(rows, limit=Page(1), told=Told((TellRows("edges", 0),), (), Filter(hidden, "is", is_value="null"))),
        Ask((), told=Told((TellAggregates("a", (SelectGroup("max", (field("secret", aggregate="max"),)),)),))),
    ]
    for ask in asks:
        question = Question("b", ReadAsk("blogs", ask))
        with pytest.raises(QueryFault) as raised:
            engines[0].ask([question], [], READER)
        assert raised.value.code == "42703"
        same(engines, [question], [], service)
    along = relation(engines, service, "blogs", "posts", "o2m")
    stranger = EmbedAsk("x", Ask((field("number"),)), alias="p", along=along)
    with pytest.raises(QueryFault) as raised:
        engines[0].ask([Question("b", ReadAsk("tags", Ask((stranger,))))], [], READER)
    assert raised.value.code == "PGRST200"


def test_patterns_are_as_sql_has_them_where_that_is_asked(engines: tuple[Blogs, Blogs]) -> None:
    for operator in ("like", "ilike"):
        for text, literal, number in (("post *", True, 0), ("post %", True, None), ("post *", False, None)):
            where = Filter(Field("title"), operator, 0, literal=literal)
            ask = Ask((), (where,), told=Told((TellTotal("n"),)))
            found = same(engines, [Question("p", ReadAsk("posts", ask))], [text], ANONYMOUS)["p"]["n"]
            shown = sum(not row["draft"] for row in ROWS["posts"])
            assert found == (shown if number is None else number)


def test_a_row_may_have_very_many_members(engines: tuple[Blogs, Blogs]) -> None:
    """SQLite looks a thousand parts deep into an expression."""
    names = [f"f{index}" for index in range(900)]
    group = SelectGroup("g", tuple(field("id", name) for name in names))
    ask = Ask((group,), order=(OrderTerm(Field("id")),), limit=Page(1))
    (found,) = same(engines, [Question("b", ReadAsk("blogs", ask))], [], CALLERS[-1])["b"]
    assert list(found["g"]) == names
