"""LIKE patterns for SQLite: its GLOB tells letters' cases apart, as PostgreSQL's LIKE does; its LIKE does not, and
folds letters of ASCII only, where PostgreSQL's ILIKE folds all."""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.sql.like import like_of


def glob_of_like(text: str, *, literal: bool = False) -> str:
    """A caller's pattern (with PostgreSQL's backslash escapes) for GLOB; `literal` as in `like_of`."""
    return "".join(_in_glob(char) if itself else _WILD[char] for char, itself in _parts(text, literal))


def glob_of_ilike(text: str, *, literal: bool = False) -> str:
    """The same, for letters of either case."""
    return "".join(_either_case(char) if itself else _WILD[char] for char, itself in _parts(text, literal))


def glob_beyond_ascii(text: str, *, literal: bool = False) -> str | None:
    """The same where it holds letters that SQLite's LIKE would not fold; else None: LIKE is several times faster."""
    return None if text.isascii() else glob_of_ilike(text, literal=literal)


_WILD = {"%": "*", "_": "?"}


def _parts(text: str, literal: bool) -> Iterator[tuple[str, bool]]:
    """The characters of a pattern, each with whether it stands for itself."""
    escaped = False
    for char in like_of(text, literal=literal):
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
