"""Words as they are compared: of no language (`simple`), or of English, whose words are cut to their stems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from undercroft.base.faults import Fault
from undercroft.sql.errors import NotSupported
from undercroft.sql.search.tokens import Token, tokens

DEFAULT_LANGUAGE = "english"
"""PostgreSQL takes its `default_text_search_config`; an app's answers do not depend on a server's settings."""
LANGUAGES = frozenset({"simple", "english"})

Lexize = Callable[[Token], "str | None"]
"""A word as it is compared; None for one that a language passes over."""
Positions = Mapping[str, list[int]]
"""The words of a text, each with its places."""

_KNOWN_NAMES = (
    "arabic armenian basque catalan danish dutch english estonian finnish french german greek hindi hungarian "
    "indonesian irish italian lithuanian nepali norwegian portuguese romanian russian serbian simple spanish swedish "
    "tamil turkish yiddish"
)
_KNOWN = frozenset(_KNOWN_NAMES.split())
_PASSED_WORDS = (
    "i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself "
    "it its itself they them their theirs themselves what which who whom this that these those am is are was were be "
    "been being have has had having do does did doing a an the and but if or because as until while of at by for with "
    "about against between into through during before after above below to from up down in out on off over under "
    "again further then once here there when where why how all any both each few more most other some such no nor not "
    "only own same so than too very s t can will just don should now"
)
_PASSED_OVER = frozenset(_PASSED_WORDS.split())
_MOST_PLACES = 255
_LAST_PLACE = 16383
_REMEMBERED = 20_000
"""Words whose stems are kept,"""
_WORTH_KEEPING = 40
"""and their greatest length."""


def check_language(name: str | None) -> str:
    """The configuration that a filter names. Raises `NotSupported`, or `Fault` 42704 for one that nobody knows."""
    bare = known_language(name)
    if bare in LANGUAGES:
        return bare
    raise NotSupported(
        f'the text search configuration "{bare}" is not supported on SQLite',
        hint="Take english, or simple for the words as they are.",
    )


def known_language(name: str | None) -> str:
    """A configuration that PostgreSQL comes with; english where none is named. Raises `Fault` 42704 for any other."""
    if name is None:
        return DEFAULT_LANGUAGE
    bare = name.strip().lower().removeprefix("pg_catalog.")
    if bare in LANGUAGES or bare in _KNOWN:
        return bare
    raise Fault(f'text search configuration "{bare}" does not exist', code="42704")


def lexizer(language: str) -> Lexize:
    """How the words of a language are compared; it remembers what it has seen.

    Raises `NotSupported` where the library of stems is not installed.
    """
    if language == "simple":
        return lambda token: token.text
    try:
        import snowballstemmer  # type: ignore[import-untyped]  # an extra, and without types
    except ImportError:
        raise NotSupported(
            "full-text search in english is not supported here: its library is not installed",
            hint="Install it with: pip install 'undercroft[search]', or ask for simple: fts(simple).",
        ) from None

    stems = snowballstemmer.stemmer("english")

    def stem_of(word: str) -> str | None:
        if word in _PASSED_OVER:
            return None
        stem: str = stems.stemWord(word)
        # Three letters like add and egg keep both of the same at their end, whatever followed them.
        short = len(stem) == 2 and stem[0] in "aeo" and word.startswith(stem + stem[-1])
        return stem + stem[-1] if short else stem

    remembered = lru_cache(_REMEMBERED)(stem_of)

    def lexize(token: Token) -> str | None:
        if not token.spoken:
            return token.text
        return remembered(token.text) if len(token.text) <= _WORTH_KEEPING else stem_of(token.text)

    return lexize


def positions(text: str, lexize: Lexize) -> Positions:
    """The words of a text with their places, counted from 1; a word that is passed over has a place too."""
    found: dict[str, list[int]] = {}
    for lexeme, place in placed(text, lexize):
        if lexeme is not None:
            places = found.setdefault(lexeme, [])
            if len(places) < _MOST_PLACES:
                places.append(min(place, _LAST_PLACE))
    return found


def placed(text: str, lexize: Lexize) -> Iterator[tuple[str | None, int]]:
    """Every word with its place; None for one that is passed over."""
    for place, token in enumerate(tokens(text), 1):
        yield lexize(token), place
