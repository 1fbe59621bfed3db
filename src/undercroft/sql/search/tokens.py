"""The words of a text, as PostgreSQL's default parser cuts them: each with whether a language has a say in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST = 2047
"""Bytes of a word; PostgreSQL passes over longer ones."""

# What stands before the sign by which something is known (an @, a dot, a slash) has a greatest length, and is never
# taken back: a long text without the sign is read from each of its words anew.
_LABEL = r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}+\.(?<=[A-Za-z0-9]\.)"
_HOST = rf"(?:{_LABEL}){{1,30}}[A-Za-z]{{2,}}+(?![A-Za-z0-9])(?::\d+)?"
_FIRST = r"[A-Za-z0-9_-]{1,255}+"
_NAME = r"[A-Za-z0-9_-]++"
_LETTER = r"[^\W\d_]"
_PART = rf"(?:\d*{_LETTER}(?:{_LETTER}|\d)*)"

_TOKEN = re.compile(
    rf"""
    (?P<nothing> <[/!?]?[A-Za-z][^<>]*> | &(?:\w+|\#\d+|\#[xX][0-9a-fA-F]+); | [A-Za-z][A-Za-z0-9]*:// )
  | (?P<email>   [A-Za-z0-9][A-Za-z0-9._+-]{{0,254}}+@{_HOST} )
  | (?P<url>     (?P<host>{_HOST})(?P<path>/[^\s<>"'(),]+) )
  | (?P<number>  [+-]?\d+(?:\.\d+)?[eE][+-]?\d+(?!\w) | \d+(?:\.\d+){{2,}}(?!\w) | [+-]?\d+\.\d+(?!\w) )
  | (?P<place>   {_HOST} | ~?/{_NAME}(?:[./]{_NAME})* | {_FIRST}(?:/{_NAME})(?:[./]{_NAME})*
                 | [A-Za-z][A-Za-z0-9_-]{{0,254}}+(?:\.{_NAME})+ )
  | (?P<hyphened>(?:{_LETTER}(?:{_LETTER}|\d)*)(?:-{_PART})+(?!\w) )
  | (?P<integer> [+-]\d+(?!\w) )
  | (?P<word>    (?:{_LETTER}|\d)+ )
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word in lower case. Words of letters are of a language: they are stemmed, and some of them are passed over."""

    text: str
    spoken: bool


def tokens(text: str) -> Iterator[Token]:
    """The words of a text, in their order. Linear."""
    for found in _TOKEN.finditer(text):
        whole = found[0].lower()
        match found.lastgroup:
            case "nothing":
                continue
            case "hyphened":
                parts = whole.split("-")
                yield Token(whole, all(map(_is_spoken, parts)))
                yield from (Token(part, _is_spoken(part)) for part in parts)
            case "path" | "url":
                yield from (Token(part, spoken=False) for part in (whole, found["host"].lower(), found["path"]))
            case "word":
                if len(whole.encode()) <= _LONGEST:
                    yield Token(whole, _is_spoken(whole))
            case _:
                yield Token(whole, spoken=False)


def _is_spoken(word: str) -> bool:
    return not any(char.isdigit() for char in word)
