"""Primary, unique and foreign keys of the served relations, with those that views inherit from their tables.

A view has a key of a table below it when it shows all of the key's columns; where it shows one twice, each way counts.
Protocol: PostgREST, "resource embedding", "foreign keys on views".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from undercroft.catalog.relations import ForeignKey
from undercroft.engine.postgres.reflect.facts import ConstraintFact, Oid, RelationFact
from undercroft.engine.postgres.reflect.views import Place

_MOST_WAYS = 64
"""A view may show a key's columns many times; more ways than these are not told apart by anybody."""


@dataclass(frozen=True)
class Keys:
    """The keys of a database, and how its views show the columns of tables."""

    constraints: Sequence[ConstraintFact]
    relations: Mapping[Oid, RelationFact]
    """The served ones."""
    origins: Mapping[Place, Place]

    @cached_property
    def shown(self) -> Mapping[Place, Sequence[Place]]:
        """For a table's column: the columns of served views that show it, in their order."""
        found: dict[Place, list[Place]] = defaultdict(list)
        for place, origin in sorted(self.origins.items()):
            if place[0] in self.relations:
                found[origin].append(place)
        return found

    @cached_property
    def primary(self) -> Mapping[Oid, tuple[str, ...]]:
        """The primary key of each served relation that has one; a view of several tables has all of theirs."""
        found: dict[Oid, tuple[str, ...]] = {}
        for key in self._of_kind("p"):
            if key.table in self.relations:
                found[key.table] = tuple(self._name((key.table, number)) for number in key.columns)
            for view, ways in self._views_of(key.table, key.columns).items():
                found[view] = (*found.get(view, ()), *(self._name(places[0]) for places in ways))
        return found

    @cached_property
    def unique(self) -> Mapping[Oid, Mapping[str, tuple[str, ...]]]:
        """The unique constraints of each served table, by their names."""
        found: dict[Oid, dict[str, tuple[str, ...]]] = defaultdict(dict)
        for key in self._of_kind("u"):
            if key.table in self.relations:
                found[key.table][key.name] = tuple(self._name((key.table, number)) for number in key.columns)
        return found

    @cached_property
    def primary_names(self) -> Mapping[Oid, str]:
        """The name of each served table's primary key."""
        return {key.table: key.name for key in self._of_kind("p") if key.table in self.relations}

    def foreign(self, schema: str) -> Iterator[ForeignKey]:
        """Every foreign key between relations of a schema: of tables, and of views at one end or at both."""
        one_to_one = {(key.table, frozenset(key.columns)) for key in self.constraints if key.kind in ("p", "u")}
        for key in self._of_kind("f"):
            unique = (key.table, frozenset(key.columns)) in one_to_one
            sources = list(self._ends(key.table, key.columns, schema))
            targets = list(self._ends(key.target, key.target_columns or (), schema))
            for (source, own), (target, other) in product(sources, targets):
                pairs = tuple(zip(own, other, strict=True))
                yield ForeignKey(key.name, source, target, pairs, unique, key.comment)

    def _of_kind(self, kind: str) -> Iterator[ConstraintFact]:
        return (each for each in self.constraints if each.kind == kind)

    def _ends(self, table: Oid, numbers: Sequence[int], schema: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """(relation, its columns) for one end of a key: the table itself, and every view that shows all its columns."""
        own = self.relations.get(table)
        if own is not None and own.schema == schema:
            yield own.name, tuple(self._name((table, number)) for number in numbers)
        for view, ways in self._views_of(table, numbers).items():
            relation = self.relations[view]
            if relation.schema == schema:
                for places in _first(product(*ways), _MOST_WAYS):
                    yield relation.name, tuple(self._name(place) for place in places)

    def _views_of(self, table: Oid, numbers: Sequence[int]) -> dict[Oid, list[list[Place]]]:
        """For each view that shows all these columns: the places of each."""
        found: dict[Oid, list[list[Place]]] = {}
        for view in sorted({place[0] for place in self.shown.get((table, numbers[0]), ())} if numbers else ()):
            ways = [[each for each in self.shown.get((table, number), ()) if each[0] == view] for number in numbers]
            if all(ways):
                found[view] = ways
        return found

    def _name(self, place: Place) -> str:
        return self._names[place]

    @cached_property
    def _names(self) -> Mapping[Place, str]:
        return {
            (oid, column.number): column.name for oid, relation in self.relations.items() for column in relation.columns
        }


def _first(ways: Iterable[tuple[Place, ...]], most: int) -> Iterator[tuple[Place, ...]]:
    for count, way in enumerate(ways):
        if count == most:
            return
        yield way
