"""JSON that callers send, within bounds: numbers with all their digits, and no deeper than is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_MOST_EXPONENT = 1_000


def exact_number(text: str) -> Decimal:
    """A number with all its digits; but `1e999999999` would become a gigabyte where somebody makes it an int.

    For a decoder's `float_hook`. Raises `ValueError`, or `ArithmeticError`, for one that is too great or small.
    """
    number = Decimal(text)
    if -_MOST_EXPONENT <= number.adjusted() <= _MOST_EXPONENT:
        return number
    raise ValueError("a number out of range")


def is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are nested more than so many deep.

    The value is walked level by level; a level holds each container once, so this is linear.
    """
    level = [value] if isinstance(value, (dict, list)) else []
    depth = 0
    while level:
        depth += 1
        if depth > most:
            return True
        below: list[Any] = []
        for item in level:
            members = item.values() if isinstance(item, dict) else item
            below += [member for member in members if isinstance(member, (dict, list))]
        level = below
    return False
