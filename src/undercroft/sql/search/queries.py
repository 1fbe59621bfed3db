"""Text-search queries: the four languages in which they are written, read into one tree of words.

`fts` is `to_tsquery`, `plfts` `plainto_tsquery`, `phfts` `phraseto_tsquery`, `wfts` `websearch_to_tsquery`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import msgspec

from undercroft.base.faults import Fault
from undercroft.sql.codecs import json_encoder
from undercroft.sql.errors import ValueFault
from undercroft.sql.search.lexemes import Lexize, placed

LONGEST = 1000
"""Characters of a query."""
_DEEPEST = 100
_FURTHEST = 16384
_ALL_WEIGHTS = ""

_QUOTED = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.DOTALL)
_BARE = re.compile(r"(?!')(?:[^\s!|&():<\\]|\\.)+", re.DOTALL)
_FLAGS = re.compile(r":([*abcdABCD]*)")
_FOLLOWED = re.compile(r"<(-|\d{1,9})>")
_WEB_WORD = re.compile(r'[^\s"|&():!<]+')
_WEB_OR = re.compile(r"or(?![\w-])", re.IGNORECASE)
_NEGATIONS = {"fts": re.compile(r"(?:!\s*){29,}"), "wfts": re.compile(r"(?<![\w-])(?:-\s*){29,}")}
"""So many in a row, behind three other operators, are more than PostgreSQL keeps in mind: its STACKDEPTH is 32."""


class Word(NamedTuple):
    """A word to be found. `weights` are those that it must have; the words of a text all have D."""

    lexeme: str
    prefix: bool = False
    weights: str = _ALL_WEIGHTS


class Passed(NamedTuple):
    """A word that the language passes over: it keeps a place in a phrase, and means nothing else."""


class Not(NamedTuple):
    term: Query


class Joined(NamedTuple):
    """Two terms: both, either, or one so many places after the other."""

    operator: Literal["&", "|", "<"]
    left: Query
    right: Query
    distance: int = 1


Query = Word | Passed | Not | Joined
Style = Literal["fts", "plfts", "phfts", "wfts"]


def read_query(style: Style, text: str, lexize: Lexize) -> Query | None:
    """What a query asks for; None where nothing is left of it, and it finds nothing.

    Raises `ValueFault` for a query that is too long, `Fault` 42601 (`fts`) for one that is none, 22023 for a distance
    beyond 16384.
    """
    if len(text) > LONGEST:
        raise ValueFault(f"a text-search query may have at most {LONGEST} characters", code="22023")
    match style:
        case "fts":
            found = _Reading(text, lexize).whole()
        case "wfts":
            found = _web(text, lexize)
        case _:
            found = _operand(text, lexize, "&" if style == "plfts" else "<")
    return _cleaned(found)[0] if found is not None else None


def readable(style: Style, text: str) -> str:
    """The same query as PostgreSQL can read it: of very many negations in a row, two or one."""
    runs = _NEGATIONS.get(style)
    return text if runs is None else runs.sub(_one_or_two, text)


def _one_or_two(run: re.Match[str]) -> str:
    sign = run[0][0]
    return sign if run[0].count(sign) % 2 else 2 * sign


def _operand(
    text: str, lexize: Lexize, operator: Literal["&", "<"] = "<", *, prefix: bool = False, weights: str = _ALL_WEIGHTS
) -> Query:
    """The words of a text one after the other."""
    found: Query | None = None
    for lexeme, _ in placed(text, lexize):
        word: Query = Passed() if lexeme is None else Word(lexeme, prefix, weights)
        found = word if found is None else Joined(operator, found, word)
    return Passed() if found is None else found


# --- to_tsquery ---


class _Reading:
    """One query while it is read. `!` binds closest, then `<->`, `&`, `|`."""

    def __init__(self, text: str, lexize: Lexize) -> None:
        self._text = text
        self._lexize = lexize
        self._place = 0

    def whole(self) -> Query | None:
        if not self._text.strip():
            return None
        found = self._either(0)
        if self._next():
            raise self._fault()
        return found

    def _next(self) -> str:
        """The next character that is not white space; empty at the end."""
        while self._text[self._place : self._place + 1].isspace():
            self._place += 1
        return self._text[self._place : self._place + 1]

    def _fault(self) -> Fault:
        return Fault(f'syntax error in tsquery: "{self._text[:300]}"', code="42601")

    def _either(self, depth: int) -> Query:
        found = self._both(depth)
        while self._next() == "|":
            self._place += 1
            found = Joined("|", found, self._both(depth))
        return found

    def _both(self, depth: int) -> Query:
        found = self._phrase(depth)
        while self._next() == "&":
            self._place += 1
            found = Joined("&", found, self._phrase(depth))
        return found

    def _phrase(self, depth: int) -> Query:
        found = self._one(depth)
        while self._next() == "<":
            followed = _FOLLOWED.match(self._text, self._place)
            if followed is None:
                raise self._fault()
            distance = 1 if followed[1] == "-" else int(followed[1])
            if distance > _FURTHEST:
                raise Fault(
                    "distance in phrase operator must be an integer value between zero and 16384 inclusive",
                    code="22023",
                )
            self._place = followed.end()
            found = Joined("<", found, self._one(depth), distance)
        return found

    def _one(self, depth: int) -> Query:
        if depth > _DEEPEST:
            raise self._fault()
        char = self._next()
        if char == "!":
            self._place += 1
            return Not(self._one(depth + 1))
        if char == "(":
            self._place += 1
            inner = self._either(depth + 1)
            if self._next() != ")":
                raise self._fault()
            self._place += 1
            return inner
        quoted = _QUOTED.match(self._text, self._place)
        found = quoted or _BARE.match(self._text, self._place)
        if found is None:
            raise self._fault()
        self._place = found.end()
        written = quoted[1].replace("''", "'") if quoted else found[0]
        if not written:
            raise self._fault()
        flags = _FLAGS.match(self._text, self._place)
        if flags:
            self._place = flags.end()
        marks = flags[1].upper() if flags else ""
        return _operand(
            re.sub(r"\\(.)", r"\1", written, flags=re.DOTALL),
            self._lexize,
            prefix="*" in marks,
            weights="".join(sorted(set(marks) - {"*"})),
        )


# --- websearch_to_tsquery ---


def _web(text: str, lexize: Lexize) -> Query | None:
    """Words that must all be there, "phrases", `or` between them, and a minus before what must not be there."""
    either: list[list[Query]] = [[]]
    for is_or, term in _web_terms(text, lexize):
        if is_or:
            either.append([])
        either[-1].append(term)
    found: Query | None = None
    for group in either:
        both: Query | None = None
        for term in group:
            both = term if both is None else Joined("&", both, term)
        if both is not None:
            found = both if found is None else Joined("|", found, both)
    return found


def _web_terms(text: str, lexize: Lexize) -> Iterator[tuple[bool, Query]]:
    """Every term, with whether an `or` stands before it."""
    place, first, is_or, negated = 0, True, False, 0
    while place < len(text):
        char = text[place]
        if char not in '"-' and not char.isalnum():
            negated = negated if char.isspace() else 0
            place += 1
            continue
        if not first and not negated and not is_or:
            word = _WEB_OR.match(text, place)
            if word and text[word.end() :].strip():
                is_or, place = True, word.end()
                continue
        if char == "-":
            negated, place = negated + 1, place + 1
            continue
        if char == '"':  # a phrase up to the next quote, or to the end
            phrase, _, _ = text[place + 1 :].partition('"')
            term, place = _operand(phrase, lexize), place + len(phrase) + 2
        elif found := _WEB_WORD.match(text, place):
            term, place = _operand(found[0], lexize), found.end()
        for _ in range(min(negated, 2) if negated % 2 == 0 else 1):
            term = Not(term)
        yield is_or, term
        first, is_or, negated = False, False, 0


# --- a query as text, on its way to the database and back ---


def write_query(query: Query | None) -> str:
    """The query that `parse_query` gives back."""
    return json_encoder.encode(_lists(query)).decode()


def parse_query(text: str) -> Query | None:
    """A query that `write_query` wrote."""
    return _from_lists(msgspec.json.decode(text))


def _lists(query: Query | None) -> list[Any] | None:
    match query:
        case None | Passed():
            return None
        case Not(term):
            return ["!", _lists(term)]
        case Joined(operator, left, right, distance):
            return [operator, _lists(left), _lists(right), distance]
        case Word():
            return ["word", *query]


def _from_lists(read: list[Any] | None) -> Query | None:
    match read:
        case ["word", lexeme, prefix, weights]:
            return Word(lexeme, prefix, weights)
        case ["!", term]:
            return Not(_from_lists(term) or Passed())
        case [operator, left, right, distance]:
            return Joined(operator, _from_lists(left) or Passed(), _from_lists(right) or Passed(), distance)
        case _:
            return None


# --- what is left ---


def _cleaned(query: Query) -> tuple[Query | None, int, int]:
    """The query without what is passed over, and how many places that leaves open before and after it."""
    match query:
        case Word():
            return query, 0, 0
        case Passed():
            return None, 0, 0
        case Not(term):
            inner, before, after = _cleaned(term)
            return (Not(inner) if inner is not None else None), before, after
        case Joined(operator, left, right, distance):
            one, one_before, one_after = _cleaned(left)
            other, other_before, other_after = _cleaned(right)
            gap = distance if operator == "<" else 0
            if one is None and other is None:
                open_ = one_before + gap + other_before if gap else max(one_before, other_before)
                return None, open_, open_
            if one is None:
                return other, one_before + gap + other_before, other_after
            if other is None:
                return one, one_before, one_after + gap + other_after
            if operator == "<":
                return Joined("<", one, other, distance + one_after + other_before), one_before, other_after
            return Joined(operator, one, other), 0, 0
