"""What SQLite must be taught to match as PostgreSQL does: regular expressions, words, and what JSON contains."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec

from undercroft.sql.search.finding import finds
from undercroft.sql.search.lexemes import lexizer, positions
from undercroft.sql.search.queries import parse_query
from undercroft.sql.sqlite.texts import CONTAINS, REGEX, SEARCH

_REMEMBERED = 128
"""Patterns and documents that a connection keeps in the form in which they are matched."""


def teach_matching(connection: Any) -> None:
    """Register them with a DB-API connection; only queries use them, never the schema.

    Without RE2 (the extra `regex`) there is no function for patterns, and SQLite says so.
    """
    connection.create_function(CONTAINS, 2, _container(), deterministic=True)
    connection.create_function(SEARCH, 3, _searcher(), deterministic=True)
    if find_spec("re2") is not None:
        connection.create_function(REGEX, 2, _matcher(), deterministic=True)


def _matcher() -> Callable[[str | None, object], bool | None]:
    @lru_cache(_REMEMBERED)
    def search(pattern: str) -> Callable[[str], object]:
        re2: Any = import_module("re2")  # it is an extra, and few requests need it
        options = re2.Options()
        options.dot_nl = True
        options.log_errors = False
        found: Callable[[str], object] = re2.compile(pattern, options).search
        return found

    def matches(pattern: str | None, text: object) -> bool | None:
        if pattern is None or text is None:
            return None
        return search(pattern)(text if isinstance(text, str) else str(text)) is not None

    return matches


def _searcher() -> Callable[[str, str, object], bool | None]:
    query_of, lexizer_of = lru_cache(_REMEMBERED)(parse_query), cache(lexizer)

    def found(query: str, language: str, text: object) -> bool | None:
        if text is None:
            return None
        return finds(query_of(query), positions(str(text), lexizer_of(language)))

    return found


def _container() -> Callable[[str | None, str | None], bool | None]:
    read = lru_cache(_REMEMBERED)(msgspec.json.decode)

    def contains_text(whole: str | None, part: str | None) -> bool | None:
        if whole is None or part is None:
            return None
        try:
            return contains(read(whole), read(part))
        except (msgspec.DecodeError, RecursionError):
            return None  # somebody stored another text by hand

    return contains_text


def contains(whole: Any, part: Any) -> bool:
    """Whether a JSON value contains another, as PostgreSQL's `jsonb @> jsonb` has it.

    Objects by their keys, arrays by their members in any order; an array contains a bare scalar, at the top only.
    """
    if isinstance(whole, list) and not isinstance(part, (list, dict)):
        return any(_equal(member, part) for member in whole)
    return _inside(whole, part)


def _inside(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and _inside(whole[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(_inside(member, each) for member in whole) for each in part)
    return not isinstance(whole, (list, dict)) and _equal(whole, part)


def _equal(one: Any, other: Any) -> bool:
    """JSON tells true from 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)
