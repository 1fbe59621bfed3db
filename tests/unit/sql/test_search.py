"""Full-text search on SQLite finds what PostgreSQL finds, for words, phrases and the four ways of asking."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from undercroft.access.actor import ANONYMOUS
from undercroft.base.faults import Fault
from undercroft.catalog.kinds import Kind
from undercroft.catalog.reader import read_catalog
from undercroft.query.plan import Bound, Compare
from undercroft.sql.dialect import Scalar
from undercroft.sql.search.finding import finds
from undercroft.sql.search.lexemes import check_language, lexizer, positions
from undercroft.sql.search.queries import LONGEST, Style, parse_query, read_query, readable, write_query
from undercroft.sql.search.tokens import tokens
from undercroft.sql.statement import Given, compile_statement

TEXTS = [
    "The Fat Rats", "foo-bar-baz", "end.Start of", "e.g. this", "U.S.A.", "3.5 -3.5 1e5 1.2.3", "covid-19",
    "2nd 3D h2o", "12-a a12-b foo-1 foo-1a", "and/or", "foo_bar", "don't rock'n'roll", "http://example.com/a/b?c=d",
    "me@example.com", "<b>bold</b> &amp; x", "50% $12.50 #tag C++", "10:30 2024-01-02 1,000 +5", "naïve café 日本語",
    "node.js is 3/4",
    "adding eggs, running; universities organized international emergencies", "it's the of and", "",
]  # fmt: skip
WORDS = [
    "cat",
    "Cats",
    "dog",
    "the",
    "run",
    "running",
    "sat-mat",
    "x2",
    "12",
    "-5",
    "of",
    "fly",
    "e-mail",
    "it's",
    "ca",
]
FUNCTIONS: dict[Style, str] = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}
LANGUAGES = ("simple", "english")


@pytest.mark.parametrize(
    ("style", "query", "text", "found"),
    [
        ("fts", "cats & !dog", "a cat runs", True),
        ("fts", "cat <-> run", "a cat runs", True),
        ("fts", "cat <-> run", "the run of a cat", False),
        ("fts", "cat <2> run", "cats that run", True),
        ("fts", "ru:*", "Running", True),
        ("fts", "the", "the", False),
        ("fts", "run:A", "run", False),
        ("plfts", "the running cats", "a cat might run", True),
        ("phfts", "cat of run", "cat of run", True),
        ("wfts", '"fat rats" -dog or bird', "birds", True),
        ("wfts", "rat -dog", "rats and dogs", False),
    ],
)
def test_found(style: Style, query: str, text: str, found: bool) -> None:
    assert answer(style, query, text, "english") is found


def test_words() -> None:
    assert [each.text for each in tokens("Sat-mat, e.g. x")] == ["sat-mat", "sat", "mat", "e.g", "x"]
    assert positions("The cats of cats", lexizer("english")) == {"cat": [2, 4]}


@pytest.mark.parametrize("query", ["a b", "&", "(a", "a)", "a:x", "a <x> b", "'a"])
def test_no_query(query: str) -> None:
    assert code(lambda: read_query("fts", query, lexizer("simple"))) == "42601"


def test_refused() -> None:
    assert code(lambda: read_query("fts", "a<16385>b", lexizer("simple"))) == "22023"
    assert code(lambda: read_query("plfts", "a" * (LONGEST + 1), lexizer("simple"))) == "22023"
    assert code(lambda: check_language("french")) == "0A000"
    assert code(lambda: check_language("klingon")) == "42704"
    assert code(lambda: read_query("fts", "(" * 500 + "a", lexizer("simple"))) == "42601"


def test_a_query_comes_back_from_its_text() -> None:
    query = read_query("fts", "!a:*D <2> b | (c & 'd e')", lexizer("simple"))
    assert parse_query(write_query(query)) == query
    assert parse_query(write_query(None)) is None


@pytest.mark.needs("postgres")
def test_postgresql_has_the_same_words(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        for language in LANGUAGES:
            for text in TEXTS:
                rows = connection.execute(
                    "SELECT lexeme, positions FROM unnest(to_tsvector(%s::regconfig, %s))", (language, text)
                ).fetchall()
                theirs = {lexeme: [int(place) for place in places] for lexeme, places in rows}
                assert dict(positions(text, lexizer(language))) == theirs, (language, text)


@pytest.mark.needs("postgres")
def test_postgresql_finds_the_same(postgres_url: str) -> None:
    """Random queries over random texts, most of them well-formed; what one refuses, the other refuses as well."""
    import psycopg

    rnd, compared = random.Random(11), 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(1500):
            style, language = rnd.choice(list(FUNCTIONS)), rnd.choice(LANGUAGES)
            query = expression(rnd, 3) if style == "fts" else web(rnd) if style == "wfts" else words(rnd)
            text = words(rnd)
            theirs: bool | str
            try:
                row = connection.execute(
                    f"SELECT to_tsvector(%s::regconfig, %s) @@ {FUNCTIONS[style]}(%s::regconfig, %s)",
                    (language, text, language, query),
                ).fetchone()
                theirs = bool(row and row[0])
            except psycopg.Error as error:
                theirs = error.sqlstate or ""
            try:
                ours: bool | str = answer(style, query, text, language)
            except Fault as fault:
                ours = fault.code
            assert ours == theirs, (style, language, query, text)
            compared += theirs is True
    assert compared > 100


@pytest.mark.parametrize(
    "unit", ["a_", "-", "a--", "1-", "a+", "_", "1a.", "a@1a.", "+a._", "a.", "a/.", "<a", "&a", "é-", f"{'a_' * 31}a."]
)
def test_words_are_cut_in_time_that_grows_with_the_text(unit: str) -> None:
    """Whoever may write a row must not keep those busy who search."""
    text = unit * (20_000 // len(unit))
    begun = time.perf_counter()
    assert sum(1 for _ in tokens(text)) < len(text)
    assert time.perf_counter() - begun < 2


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("many", [1, 2, 29, 30, 31, 40, 81])
@pytest.mark.parametrize(
    ("style", "start", "sign", "end"),
    [
        ("fts", "", "!", "cat"),
        ("fts", "a | b & cat <-> ", "!", "rat"),
        ("fts", "dog & ", "! ", "cat"),
        ("wfts", "", "-", "cat"),
        ("wfts", "rat or dog ", "- ", "cat"),
        ("wfts", "dog or rat dog ", "-", '"cat rat"'),
        ("wfts", "dog", "-", "cat"),
        ("wfts", '"dog ', "-", ' cat"'),
    ],
)
def test_postgresql_reads_very_many_negations(
    postgres_url: str, style: Style, start: str, sign: str, end: str, many: int
) -> None:
    """By themselves they would be an internal error there."""
    import psycopg

    query = readable(style, start + sign * many + end)
    assert many > 28 or query == start + sign * many + end
    with psycopg.connect(postgres_url) as connection:
        for text in ("a cat", "dog", "dog cat", "cat dog", "rat", "cat rat dog"):
            row = connection.execute(
                f"SELECT to_tsvector('simple', %s) @@ {FUNCTIONS[style]}('simple', %s)", (text, query)
            ).fetchone()
            assert row is not None
            assert row[0] is answer(style, start + sign * many + end, text, "simple"), (text, query)


def test_postgresql_is_handed_what_it_can_read() -> None:
    from undercroft.sql.postgres.app import AppPostgresDialect
    from undercroft.sql.postgres.compiling import TextDialect

    metadata = sa.MetaData()
    sa.Table("texts", metadata, sa.Column("said", sa.Text))
    table = read_catalog(metadata).tables["texts"]
    styles: tuple[tuple[Style, str], ...] = (("fts", "!"), ("wfts", "-"))
    for style, sign in styles:
        term = Compare(Bound(table.columns["said"]), style, 0, False, None, None, None)
        clause = AppPostgresDialect(TextDialect()).compare(Scalar(table.element.c.said, Kind.TEXT), term)
        statement = compile_statement(sa.select(clause), TextDialect())
        assert statement.arguments(Given((sign * 41 + "cat",), ANONYMOUS))[-1] == f"{sign}cat"


@pytest.mark.parametrize("query", ["''", "!''", "cat & ''", "('')", "'' | cat"])
def test_a_word_between_quotes_has_letters(query: str) -> None:
    assert code(lambda: read_query("fts", query, lexizer("simple"))) == "42601"
    read_query("fts", query.replace("''", "' '"), lexizer("simple"))  # which PostgreSQL reads


def answer(style: Style, query: str, text: str, language: str) -> bool:
    lexize = lexizer(language)
    return finds(read_query(style, query, lexize), positions(text, lexize))


def words(rnd: random.Random) -> str:
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(0, 9)))


def web(rnd: random.Random) -> str:
    terms = [rnd.choice(["", "", "-"]) + rnd.choice([rnd.choice(WORDS), f'"{words(rnd)}"']) for _ in range(4)]
    return rnd.choice([" ", " or "]).join(terms)


def expression(rnd: random.Random, depth: int) -> str:
    chance = rnd.random()
    if depth == 0 or chance < 0.3:
        return rnd.choice(WORDS) + rnd.choice(["", "", "", ":*", ":D"])
    if chance < 0.55:
        return ("!" if chance < 0.4 else "") + f"({expression(rnd, depth - 1)})"
    joint = rnd.choice([" & ", " | ", " <-> ", "<2>", " "] if depth == 3 else [" & ", " | ", " <-> "])
    return expression(rnd, depth - 1) + joint + expression(rnd, depth - 1)


def code(act: Callable[[], object]) -> str:
    with pytest.raises(Fault) as caught:
        act()
    return caught.value.code
