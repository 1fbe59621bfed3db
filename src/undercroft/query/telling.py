"""What is told of a list of rows in the place of the list: its names, resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from undercroft.query.ask import SelectField, SelectGroup, SelectItem, SelectWord, TellAggregates, TellRows, Told
from undercroft.query.plan import Aggregates, Group, Item, Output, Telling, Word
from undercroft.query.scope import Scope, value_of


def bind_told(told: Told, scope: Scope, sizes: Sequence[int]) -> Telling:
    """Resolve what is told of a node's rows; `sizes` says how many outputs each item of its select became.

    Raises `QueryFault` for a name that the table does not have.
    """
    places = [0, *accumulate(sizes)]
    return Telling(
        members=tuple(
            Aggregates(each.name, tuple(_aggregates(each.select, scope)))
            if isinstance(each, TellAggregates)
            else TellRows(each.name, places[each.group])
            if isinstance(each, TellRows)
            else each
            for each in told.members
        ),
        place=tuple(scope.field(field) for field in told.place),
        beyond=None if told.beyond is None else scope.condition(told.beyond),
        backwards=told.backwards,
    )


def _aggregates(select: Sequence[SelectItem], scope: Scope) -> Iterator[Item]:
    for item in select:
        match item:
            case SelectGroup():
                yield Group(item.alias, tuple(_aggregates(item.select, scope)))
            case SelectWord() | SelectField():
                yield _of_all(value_of(item, scope))
            case _:
                raise AssertionError("aggregates are words, values with an aggregate, and groups of these")


def _of_all(item: Item) -> Item:
    """Of all rows together there is no value but an aggregate's."""
    if not isinstance(item, Word) and not (isinstance(item, Output) and item.aggregate):
        raise AssertionError("what is told of all rows is an aggregate")
    return item
