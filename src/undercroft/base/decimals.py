"""Exact decimals: rounded as PostgreSQL rounds them, and put in order where they are stored as text."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

_EXACTLY = Context(prec=3_000)
"""More digits than any number here has: nothing is rounded behind our back."""


def rounded(value: Decimal, scale: int) -> Decimal:
    """The value with so many digits behind the point; halves go away from zero."""
    return value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _EXACTLY)


def in_order(one: str, other: str) -> int:
    """-1, 0 or 1, as the number that a text spells is less than, equal to or greater than another's."""
    first, second = Decimal(one), Decimal(other)
    return (first > second) - (first < second)


def total(values: list[str]) -> str | None:
    """The exact sum of numbers that are spelled out; None for none."""
    found = Decimal(0)
    for value in values:
        found = _EXACTLY.add(found, Decimal(value))
    return format(found, "f") if values else None
