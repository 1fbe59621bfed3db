"""The place of a row in an order, as a condition: which rows come behind it."""

from __future__ import annotations

from collections.abc import Sequence

from undercroft.query.ask import Condition, Direction, Field, Filter, FilterOperator, Logic, Nulls, Slot

Term = tuple[Field, Direction, Nulls, bool]
"""A column of the order, its direction, where its NULLs are, and whether it may have any."""


def beyond_of(terms: Sequence[Term], slots: Sequence[Slot | None]) -> Condition:
    """The rows that come behind the row of these values, in the order of the terms; None is a NULL.

    It is true or false of every row, never unknown, so that its negation holds of all other rows.
    """
    if not terms or len(terms) != len(slots):
        raise AssertionError("a place in an order has a value for each of its columns")
    first, *others = zip(terms, slots, strict=True)
    behind = _behind(*first)
    if not others:
        return behind if behind is not None else _never(first[0][0])
    rest = beyond_of([term for term, _ in others], [slot for _, slot in others])
    level = Logic("and", (*_level(*first), rest))
    if behind is None:
        return level
    either = Logic("or", (behind, level))
    bound = _bound(*first)
    return either if bound is None else Logic("and", (*bound, either))


def _behind(term: Term, slot: Slot | None) -> Condition | None:
    """The rows whose first column alone puts them behind; None where there are none such."""
    field, direction, nulls, nullable = term
    if slot is None:
        return _null(field, is_null=False) if nulls == "first" else None
    further = Filter(field, "gt" if direction == "asc" else "lt", slot)
    if not nullable:
        return further
    known = Logic("and", (_null(field, is_null=False), further))
    return known if nulls == "first" else Logic("or", (known, _null(field, is_null=True)))


def _level(term: Term, slot: Slot | None) -> tuple[Condition, ...]:
    """The rows that the first column does not tell apart from the place."""
    field, _, _, nullable = term
    if slot is None:
        return (_null(field, is_null=True),)
    same = Filter(field, "eq", slot)
    return (_null(field, is_null=False), same) if nullable else (same,)


def _bound(term: Term, slot: Slot | None) -> tuple[Condition, ...] | None:
    """What holds of all of them, said once more where it is a plain range: an index can begin there."""
    field, direction, nulls, nullable = term
    if slot is None or (nullable and nulls == "last"):
        return None
    operator: FilterOperator = "gte" if direction == "asc" else "lte"
    at_least = Filter(field, operator, slot)
    return (_null(field, is_null=False), at_least) if nullable else (at_least,)


def _null(field: Field, *, is_null: bool) -> Filter:
    return Filter(field, "is", is_value="null" if is_null else "not_null")


def _never(field: Field) -> Condition:
    """Behind the last NULL there is nothing."""
    return Logic("and", (_null(field, is_null=True), _null(field, is_null=False)))
