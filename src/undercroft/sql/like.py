"""The patterns of `like` and `ilike`, read as PostgreSQL reads them."""

from __future__ import annotations

from undercroft.query.values import like_pattern
from undercroft.sql.codecs import read_text
from undercroft.sql.errors import ValueFault


def like_of(text: str, *, literal: bool = False) -> str:
    """A caller's pattern, with `%` for each `*` unless it is meant as SQL has it.

    It raises `ValueFault`: 22P05, or 22025 for a backslash at its end.
    """
    pattern = read_text(text) if literal else like_pattern(read_text(text))
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise ValueFault("LIKE pattern must not end with escape character", code="22025")
    return pattern
