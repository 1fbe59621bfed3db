"""Which name somebody may have meant, for hints in the manner of PostgREST (names that share letters in a row, and then
by how many letters they differ) and of PostgreSQL (columns that differ by few letters).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import sqrt

_LEAST = 0.33
"""The least share of letters that must agree."""
_MOST = 50
"""So many of the likeliest are compared letter by letter."""
_MOST_LETTERS = 3
"""By so many letters a column may differ from the one that is meant: PostgreSQL's MAX_FUZZY_DISTANCE."""


def resembling(name: str, candidates: Iterable[str], least: float = _LEAST) -> str | None:
    """The candidate that is most like `name`; None where nothing is. Case does not count."""
    known = list(dict.fromkeys(candidates))
    for size in (3, 2):
        wanted = _pieces(name, size)
        shared = [(_likeness(wanted, _pieces(each, size)), each) for each in known]
        likely = sorted((each for each in shared if each[0] > 0), key=lambda each: -each[0])[:_MOST]
        found = [(_agreement(name.lower(), each.lower()), each) for _, each in likely]
        best = max(found, key=lambda each: each[0], default=(0.0, ""))
        if best[0] >= least:
            return best[1]
    return None


def _pieces(name: str, size: int) -> Counter[str]:
    """Every run of `size` letters, without signs, and with a dash for the beginning and the end."""
    plain = "".join(char for char in name.lower() if char.isalnum() or char in " ,")
    padded = f"-{plain}-".ljust(size, "-")
    return Counter(padded[at : at + size] for at in range(len(padded) - size + 1))


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """The cosine of the angle between two counts."""
    dot = sum(count * other[piece] for piece, count in one.items() if piece in other)
    return dot / sqrt(sum(count**2 for count in one.values()) * sum(count**2 for count in other.values()))


def misspelt(name: str, columns: Iterable[str]) -> tuple[str, ...]:
    """The column that PostgreSQL would take `name` for, or both of two that are equally near; none where more are."""
    nearest, found = _MOST_LETTERS + 1, list[str]()
    for column in columns:
        letters = distance(column, name)
        if letters > nearest or letters > len(name.encode()) // 2:
            continue
        if letters < nearest:
            nearest, found = letters, [column]
        elif len(found) == 2:
            nearest, found = letters - 1, []  # too many of them: only a nearer one will do
        elif letters <= _MOST_LETTERS:
            found.append(column)
    return tuple(found)


def _agreement(one: str, other: str) -> float:
    """1 less the share of letters that must be changed."""
    longest = max(len(one), len(other))
    return 1 - distance(one, other) / longest if longest else 1.0


def distance(one: str, other: str) -> int:
    """How many letters must be changed, put in or left out (Levenshtein)."""
    row = list(range(len(other) + 1))
    for place, char in enumerate(one, 1):
        corner, row[0] = row[0], place
        for column, each in enumerate(other, 1):
            corner, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, corner + (char != each))
    return row[-1]
