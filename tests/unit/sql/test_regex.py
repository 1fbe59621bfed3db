"""Regular expressions of callers mean the same to RE2 and to PostgreSQL, or are refused by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from undercroft.base.faults import Fault
from undercroft.sql.regex import LONGEST, common_regex

ALPHABET = [*"abAB|()*+?{}[]^$.\\-,12 é\nßÉk", "\\d", "\\w", "\\s", "[:alpha:]", "[^", "{2}", "{1,3}", "(?:", "[a-c]"]


@pytest.mark.parametrize(
    ("pattern", "written"),
    [
        ("^xy", "^xy"),
        ("a{2,}?b", "a{2,}b"),
        ("{a}", "\\{a\\}"),
        ("\\d+\\.\\W", "[0-9]+\\.[^0-9A-Z_a-z]"),
        ("[]^-]", "[\\]\\^\\-]"),
        ("[[:digit:]x-z]", "[0-9x-z]"),
        ("(a|b)c", "(?:a|b)c"),
        ("\\u00e9\\n", "é\n"),
    ],
)
def test_written_anew(pattern: str, written: str) -> None:
    assert common_regex(pattern) == written


def test_letters_of_either_case() -> None:
    assert common_regex("aÉ1", fold=True) == "[Aa][Éé]1"
    assert common_regex("[x-z]", fold=True) == "[x-zXYZ]"


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[a", "a**", "*a", "^*", "a{3,2}", "a{256}", "[z-a]", "[[:nobody:]]", "a\\", "\\q", "((a{99}){99})"],
)
def test_no_regular_expression(pattern: str) -> None:
    assert _code(pattern) == "2201B"


@pytest.mark.parametrize(
    "pattern", ["(a)\\1", "(?=a)", "(?!a)", "(?<=a)", "(?i)a", "\\ya\\y", "\\Aa", "***=a", "[[.a.]]", "[\\W]", "\\x41"]
)
def test_what_the_engines_do_not_share_is_refused(pattern: str) -> None:
    assert _code(pattern) == "0A000"


def test_length_is_bounded() -> None:
    assert common_regex("a" * LONGEST)
    assert _code("a" * (LONGEST + 1)) == "2201B"


@pytest.mark.needs("postgres")
def test_both_engines_agree(postgres_url: str) -> None:
    """Random patterns, most of them nonsense: what is taken gives one answer, and the one of the pattern as it came."""
    import psycopg

    search, rnd, asked = _re2(), random.Random(20), 0
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for _ in range(1500):
            pattern = "".join(rnd.choice(ALPHABET) for _ in range(rnd.randint(1, 8)))
            fold = rnd.random() < 0.5
            try:
                common = common_regex(pattern, fold=fold)
            except Fault:
                continue
            text = "".join(rnd.choice("abABcé1 \nÉkß_-") for _ in range(rnd.randint(0, 6)))
            theirs = connection.execute(
                "SELECT %s ~ %s, %s ~ %s", (text, common, text, "(?i)" * fold + pattern)
            ).fetchone()
            assert theirs is not None
            assert search(common, text) is theirs[0], (pattern, common, text)
            assert not text.isascii() or theirs[0] is theirs[1], (pattern, common, text)
            asked += 1
    assert asked > 300


def _re2() -> Callable[[str, str], bool]:
    re2: Any = pytest.importorskip("re2")
    options = re2.Options()
    options.dot_nl = True
    return lambda pattern, text: re2.compile(pattern, options).search(text) is not None


def _code(pattern: str) -> str:
    with pytest.raises(Fault) as caught:
        common_regex(pattern)
    return caught.value.code
