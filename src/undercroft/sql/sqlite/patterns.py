"""LIKE patterns for SQLite: its GLOB tells letters' cases apart, as PostgreSQL's LIKE does; its LIKE does not, and
folds letters of ASCII only, where PostgreSQL's ILIKE folds all."""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.query.values import like_pattern
from undercroft.sql.codecs import read_text
from undercroft.sql.errors import ValueFault


def like_of(text: str) -> str:
    """A caller's pattern with `%` for each `*`. It raises `ValueFault`: 22P05, or 22025 for a backslash at its end."""
    pattern = like_pattern(read_text(text))
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise ValueFault("LIKE pattern must not end with escape character", code="22025")
    return pattern


def glob_of_like(text: str) -> str:
    """The same pattern (with PostgreSQL's backslash escapes) for GLOB."""
    return "".join(_in_glob(char) if is_literal else _WILD[char] for char, is_literal in _parts(text))


def glob_of_ilike(text: str) -> str:
    """The same, for letters of either case."""
    return "".join(_either_case(char) if is_literal else _WILD[char] for char, is_literal in _parts(text))


def glob_beyond_ascii(text: str) -> str | None:
    """The same where it holds letters that SQLite's LIKE would not fold; else None: LIKE is several times faster."""
    return None if text.isascii() else glob_of_ilike(text)


_WILD = {"%": "*", "_": "?"}


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The characters of a pattern, each with whether it stands for itself."""
    escaped = False
    for char in like_of(text):
        if escaped or char not in "%_\\":
            yield char, True
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            yield char, False


def _in_glob(char: str) -> str:
    return f"[{char}]" if char in "*?[" else char


def _either_case(char: str) -> str:
    same = {each for each in (char, char.lower(), char.upper()) if len(each) == 1 and each.lower() == char.lower()}
    return f"[{''.join(sorted(same))}]" if len(same) > 1 else _in_glob(char)
