"""Patterns of `like` and `ilike` on SQLite mean what they mean on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from undercroft.sql.errors import ValueFault
from undercroft.sql.like import like_of
from undercroft.sql.sqlite.patterns import glob_beyond_ascii, glob_of_ilike, glob_of_like

ALPHABET = "aAbZäÄßéΣσ漢%_\\*?[]^-! \n"
TEXTS = st.text(ALPHABET, max_size=8)


def naive(text: str, pattern: str, *, fold: bool = False) -> bool:
    """PostgreSQL's LIKE, by its documentation: `%`, `_`, and a backslash before what stands for itself."""
    if fold:
        text, pattern = _folded(text), _folded(pattern)

    def matches(at: int, place: int) -> bool:
        if place == len(pattern):
            return at == len(text)
        char = pattern[place]
        if char == "%":
            return any(matches(start, place + 1) for start in range(at, len(text) + 1))
        if char == "\\":
            place += 1
            char = pattern[place]
        elif char == "_":
            return at < len(text) and matches(at + 1, place + 1)
        return at < len(text) and text[at] == char and matches(at + 1, place + 1)

    return matches(0, 0)


def _folded(text: str) -> str:
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(":memory:") as connection:
        yield connection
    connection.close()


def ends_in_escape(pattern: str) -> bool:
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


@given(TEXTS, TEXTS)
@example("a[b", "a[b")
@example("]", "]")
@example("^", "\\^")
@example("a%", "a\\%")
def test_like(sqlite: sqlite3.Connection, text: str, pattern: str) -> None:
    pattern = pattern.replace("*", "%")
    if ends_in_escape(pattern):
        with pytest.raises(ValueFault) as raised:
            glob_of_like(pattern)
        assert raised.value.code == "22025"
        return
    (found,) = sqlite.execute("select ? glob ?", (text, glob_of_like(pattern))).fetchone()
    assert bool(found) == naive(text, pattern)


@given(TEXTS, TEXTS)
@example("STRASSE Ä", "%ä")
@example("ÄÖ", "ä_")
def test_ilike(sqlite: sqlite3.Connection, text: str, pattern: str) -> None:
    pattern = pattern.replace("*", "%")
    if ends_in_escape(pattern):
        return
    expected = naive(text, pattern, fold=True)
    (found,) = sqlite.execute("select ? glob ?", (text, glob_of_ilike(pattern))).fetchone()
    assert bool(found) == expected
    if glob_beyond_ascii(pattern) is None:
        (found,) = sqlite.execute("select ? like ? escape '\\'", (text, like_of(pattern))).fetchone()
        assert bool(found) == expected


@pytest.mark.parametrize(
    ("pattern", "glob", "folded"),
    [
        ("a*b%", "a*b*", "[Aa]*[Bb]*"),
        ("_?", "?[?]", "?[?]"),
        ("\\%\\_\\\\", "%_\\", "%_\\"),
        ("[a]", "[[]a]", "[[][Aa]]"),
        ("ß漢", "ß漢", "ß漢"),
        ("É", "É", "[Éé]"),
        ("", "", ""),
    ],
)
def test_patterns_become_globs(pattern: str, glob: str, folded: str) -> None:
    assert glob_of_like(pattern) == glob
    assert glob_of_ilike(pattern) == folded


def test_a_pattern_holds_no_nul() -> None:
    with pytest.raises(ValueFault) as raised:
        glob_of_like("a\0")
    assert raised.value.code == "22P05"
