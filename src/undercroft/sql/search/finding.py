"""Whether a text holds what a query asks for: words anywhere, and phrases by the places of their words."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from undercroft.sql.search.lexemes import Positions
from undercroft.sql.search.queries import Joined, Not, Passed, Query, Word


class _Places(NamedTuple):
    """Where a term ends, or (`negated`) where alone it does not; it is `width` places longer than one word."""

    at: frozenset[int]
    negated: bool = False
    width: int = 0


def finds(query: Query | None, text: Positions) -> bool:
    """PostgreSQL's `@@`. A query of which nothing was left finds nothing."""
    match query:
        case None | Passed():
            return False
        case Word():
            return bool(_places_of(query, text))
        case Not(term):
            return not finds(term, text)
        case Joined("&", left, right):
            return finds(left, text) and finds(right, text)
        case Joined("|", left, right):
            return finds(left, text) or finds(right, text)
        case _:
            found = _places(query, text)
            return bool(found.at) or found.negated


def _places_of(word: Word, text: Positions) -> frozenset[int]:
    if word.weights and "D" not in word.weights:
        return frozenset()
    if not word.prefix:
        return frozenset(text.get(word.lexeme, ()))
    return frozenset(place for lexeme, places in text.items() if lexeme.startswith(word.lexeme) for place in places)


def _places(query: Query, text: Positions) -> _Places:
    match query:
        case Word():
            return _Places(_places_of(query, text))
        case Not(term):
            inner = _places(term, text)
            return inner._replace(negated=not inner.negated)
        case Joined(operator, left, right, distance):
            one, other = _places(left, text), _places(right, text)
            if operator == "<":
                gap = distance + other.width
                return _combined(one, other, gap, 0, gap + one.width, both=True)
            width = max(one.width, other.width)
            return _combined(one, other, width - one.width, width - other.width, width, both=operator == "&")
        case _:
            return _Places(frozenset())


def _combined(one: _Places, other: _Places, forth: int, back: int, width: int, *, both: bool) -> _Places:
    """The places of two terms, each moved to where the whole ends; whichever is a negation makes a difference of it."""
    left = frozenset(place + forth for place in one.at)
    right = frozenset(place + back for place in other.at)
    operations: dict[tuple[bool, bool, bool], tuple[Callable[[], frozenset[int]], bool]] = {
        (True, False, False): (lambda: left & right, False),
        (True, True, False): (lambda: right - left, False),
        (True, False, True): (lambda: left - right, False),
        (True, True, True): (lambda: left | right, True),
        (False, False, False): (lambda: left | right, False),
        (False, True, False): (lambda: left - right, True),
        (False, False, True): (lambda: right - left, True),
        (False, True, True): (lambda: left & right, True),
    }
    found, negated = operations[both, one.negated, other.negated]
    return _Places(found(), negated, width)
