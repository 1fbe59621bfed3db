"""Functions: those that are called by name, and those that make a field or a relationship of a row.

Protocol: PostgREST, "functions as RPC", "computed fields", "computed relationships".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Argument, ObjectName, Routine, Table, Volatility
from undercroft.engine.postgres.reflect.facts import Oid, RoutineFact
from undercroft.engine.postgres.reflect.types import Types

_VOLATILITIES: Mapping[str, Volatility] = {"i": "immutable", "s": "stable", "v": "volatile"}
_UNNAMED = frozenset({"json", "jsonb", "text", "bytea", "xml"})
"""The types of a single argument that may go without a name: it takes the whole body."""


class Parameter(NamedTuple):
    """One argument as it was declared: i, o, b (both), v (variadic) or t (a column of RETURNS TABLE)."""

    name: str
    type_: Oid
    mode: str


def parameters(fact: RoutineFact) -> list[Parameter]:
    """All arguments of a function, OUT ones too."""
    names = fact.names or ()
    modes = fact.modes or ("i",) * len(fact.types)
    return [
        Parameter(names[place] if place < len(names) else "", type_, modes[place])
        for place, type_ in enumerate(fact.types)
    ]


@dataclass(frozen=True, slots=True)
class RoutineMaker:
    """Makes functions of what was read. `table` finds the table or composite type of a result; `record` makes one of
    OUT arguments."""

    types: Types
    table: Callable[[Oid], Table | None]
    record: Callable[[ObjectName, Sequence[tuple[str, Oid]]], Table]

    def make(self, facts: Iterable[RoutineFact]) -> dict[str, tuple[Routine, ...]]:
        """By name, fewer arguments first; without those that cannot be called by the names of their arguments."""
        found: dict[str, list[Routine]] = defaultdict(list)
        for fact in facts:
            if self._is_callable(fact):
                found[fact.name].append(self._routine(fact))
        return {name: tuple(sorted(routines, key=_order)) for name, routines in found.items()}

    def _is_callable(self, fact: RoutineFact) -> bool:
        taken = _taken(fact)
        unnamed = [each for each in taken if not each.name]
        return not unnamed or (len(taken) == 1 and self.types.spelled(unnamed[0].type_) in _UNNAMED)

    def _routine(self, fact: RoutineFact) -> Routine:
        name = ObjectName(fact.schema, fact.name)
        given = [(each.name, each.type_) for each in parameters(fact) if each.mode in "obt"]
        relation = self.types.relation_of(fact.result)
        rows = self.record(name, given) if given else self.table(relation) if relation is not None else None
        return Routine(
            name=name,
            arguments=tuple(self._arguments(fact)),
            volatility=_VOLATILITIES[fact.volatility],
            many=fact.many,
            rows=rows,
            kind=Kind.COMPOSITE if rows is not None else self.types.kind(fact.result),
            type_name=self.types.spelled(fact.result),
            comment=fact.comment,
            settings=tuple(_pairs(fact.settings or ())),
        )

    def _arguments(self, fact: RoutineFact) -> Iterator[Argument]:
        taken = _taken(fact)
        for place, each in enumerate(taken):
            yield Argument(
                name=each.name,
                type_=self.types.spelled(each.type_),
                cast=self.types.argument_cast(each.type_),
                required=place < len(taken) - fact.defaults,
                variadic=each.mode == "v",
                kind=self.types.kind(each.type_),
            )


def _order(routine: Routine) -> tuple[int, list[tuple[str, str]]]:
    """In which order messages tell those that share a name."""
    return len(routine.arguments), [(each.name, each.type_) for each in routine.arguments]


def _taken(fact: RoutineFact) -> list[Parameter]:
    return [each for each in parameters(fact) if each.mode in "ibv"]


def _pairs(settings: Iterable[str]) -> Iterator[tuple[str, str]]:
    for setting in settings:
        name, _, value = setting.partition("=")
        yield name, value


class OfRow(NamedTuple):
    """A function whose one argument is a row of a table."""

    name: ObjectName
    source: Oid
    result: Oid
    many: bool
    one_row: bool
    """It is declared as a set of one row: `ROWS 1`."""
    comment: str | None


def of_rows(facts: Iterable[RoutineFact], types: Types) -> Iterator[OfRow]:
    """The functions that can make a field or a relationship of a row."""
    for fact in facts:
        taken = _taken(fact)
        if len(taken) != 1 or len(fact.types) != 1 or taken[0].mode == "v":
            continue
        argument = types.by_oid.get(taken[0].type_)
        if argument is not None and argument.kind == "c" and argument.relation:
            name, one_row = ObjectName(fact.schema, fact.name), fact.estimated_rows == 1
            yield OfRow(name, argument.relation, fact.result, fact.many, one_row, fact.comment)
