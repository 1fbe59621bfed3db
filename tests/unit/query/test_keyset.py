"""The rows behind a place in an order, by three-valued logic: true of those, false of all others, unknown of none."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from undercroft.query.ask import Condition, Direction, Field, Filter, Nulls
from undercroft.query.keyset import Term, beyond_of

Row = tuple[int | None, ...]
VALUES: tuple[int | None, ...] = (None, 1, 2)


def held(condition: Condition, row: Row, values: list[int]) -> bool | None:
    """As a database would say; None is unknown."""
    if isinstance(condition, Filter):
        x = row[int(condition.field.name)]
        if condition.operator == "is":
            return (x is None) == (condition.is_value == "null")
        if x is None or condition.value is None:
            return None
        y = values[condition.value]
        return {"eq": x == y, "gt": x > y, "lt": x < y, "gte": x >= y, "lte": x <= y}[condition.operator]
    found = [held(term, row, values) for term in condition.terms]
    decided = condition.operator == "or"
    return decided if decided in found else None if None in found else not decided


def key_of(row: Row, terms: list[Term]) -> list[Any]:
    places = []
    for value, (_, direction, nulls, _) in zip(row, terms, strict=True):
        null = (1 if nulls == "last" else -1) if value is None else 0
        places.append((null, 0 if value is None else value if direction == "asc" else -value))
    return places


DIRECTIONS: tuple[Direction, ...] = ("asc", "desc")
NULLS: tuple[Nulls, ...] = ("first", "last")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_rows_behind_a_place(number: int) -> None:
    for shape in product(product(DIRECTIONS, NULLS), repeat=number):
        terms: list[Term] = [(Field(str(i)), *each, True) for i, each in enumerate(shape)]
        for place in product(VALUES, repeat=number):
            values = [value for value in place if value is not None]
            slots = iter(range(len(values)))
            beyond = beyond_of(terms, [None if value is None else next(slots) for value in place])
            for row in product(VALUES, repeat=number):
                assert held(beyond, row, values) is (key_of(row, terms) > key_of(place, terms)), (terms, place, row)


def test_columns_without_nulls_are_compared_alone() -> None:
    """An index gives the rows from the first column's place on."""
    terms: list[Term] = [(Field("0"), "asc", "last", False), (Field("1"), "desc", "first", False)]
    found = beyond_of(terms, [0, 1])
    assert not isinstance(found, Filter)
    assert found.operator == "and"
    assert found.terms[0] == Filter(Field("0"), "gte", 0)
    assert beyond_of(terms[:1], [0]) == Filter(Field("0"), "gt", 0)
    for row, place in product(product((1, 2), repeat=2), product((1, 2), repeat=2)):
        assert held(found, row, list(place)) is (key_of(row, terms) > key_of(place, terms))


def test_a_place_has_a_value_for_each_column() -> None:
    with pytest.raises(AssertionError):
        beyond_of([], [])
    with pytest.raises(AssertionError):
        beyond_of([(Field("0"), "asc", "last", False)], [])
