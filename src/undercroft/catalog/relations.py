"""From foreign keys to relations, as PostgREST finds them: along each key, against it, and through junctions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

from undercroft.catalog.types import Junction, Relation, RelationKind, Table

_KINDS: tuple[RelationKind, ...] = ("o2m", "m2o", "o2o", "m2m")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key between two tables of the catalog: (column of `source`, column of `target`) pairs."""

    name: str
    source: str
    target: str
    pairs: tuple[tuple[str, str], ...]
    one_to_one: bool | None = None
    """Whether its columns are a key of `source`; None where the table's own keys tell. Views inherit it."""
    comment: str | None = None

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(own for own, _ in self.pairs)


def find_relations(
    tables: Mapping[str, Table],
    keys: Iterable[ForeignKey],
    names: Mapping[tuple[str, str, frozenset[str]], frozenset[str]],
) -> dict[str, tuple[Relation, ...]]:
    """All relations by source table. `names` gives the models' own names by (source, target, the key's columns)."""
    found: dict[str, list[Relation]] = defaultdict(list)
    by_table: dict[str, list[ForeignKey]] = defaultdict(list)
    for key in keys:
        if key.source in tables and key.target in tables:
            by_table[key.source].append(key)
            unique = key.one_to_one if key.one_to_one is not None else _is_unique(tables[key.source], key.columns)
            there = frozenset(names.get((key.source, key.target, key.columns), ()))
            back = frozenset(names.get((key.target, key.source, key.columns), ()))
            if key.source == key.target:
                there, back = _split_self_names(there)
            found[key.source].append(
                Relation(
                    "o2o" if unique else "m2o",
                    key.source,
                    key.target,
                    key.name,
                    key.pairs,
                    holds_key=True,
                    names=there,
                    comment=key.comment,
                )
            )
            found[key.target].append(
                Relation(
                    "o2o" if unique else "o2m",
                    key.target,
                    key.source,
                    key.name,
                    tuple((b, a) for a, b in key.pairs),
                    names=back,
                    comment=key.comment,
                )
            )
    for table_name, own in by_table.items():
        for one, other in permutations(own, 2):
            # A view may show a table's key in several ways; going there and back along one key is no junction.
            if one.name != other.name and _is_junction(tables[table_name], one, other):
                junction = Junction(
                    table_name,
                    one.name,
                    other.name,
                    tuple((b, a) for a, b in one.pairs),
                    tuple((b, a) for a, b in other.pairs),
                )
                through = frozenset(names.get((one.target, other.target, one.columns | other.columns), ()))
                found[one.target].append(
                    Relation("m2m", one.target, other.target, one.name, junction=junction, names=through)
                )
    return {name: tuple(relations) for name, relations in found.items()}


def with_computed(
    found: Mapping[str, tuple[Relation, ...]], computed: Iterable[Relation]
) -> dict[str, tuple[Relation, ...]]:
    """Relations together with those that functions make: a function takes the place of what leads from its table to
    one that has the function's name. They are told in PostgREST's order."""
    merged = {source: list(relations) for source, relations in found.items()}
    for relation in computed:
        own = merged.setdefault(relation.source, [])
        own[:] = [each for each in own if each.function is not None or each.target != relation.constraint]
        own.append(relation)
    return {source: tuple(sorted(relations, key=_place)) for source, relations in merged.items()}


def _place(relation: Relation) -> tuple[object, ...]:
    """By target; then one to many, many to one, one to one and many to many; and then by names."""
    junction = relation.junction
    named: tuple[object, ...] = (relation.constraint, relation.pairs)
    if junction is not None:
        constraints = junction.source_constraint, junction.target_constraint
        named = (junction.table, *constraints, junction.source_pairs, junction.target_pairs)
    return relation.function is not None, relation.target, _KINDS.index(relation.kind), named


def _split_self_names(names: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """A key from a table to itself gives both directions one entry; the reader marks the way back with a leading
    `<`."""
    return (
        frozenset(name for name in names if not name.startswith("<")),
        frozenset(name[1:] for name in names if name.startswith("<")),
    )


def _is_unique(table: Table, columns: frozenset[str]) -> bool:
    return frozenset(table.primary_key) == columns or any(frozenset(unique) == columns for unique in table.unique)


def _is_junction(table: Table, one: ForeignKey, other: ForeignKey) -> bool:
    """Both keys lie within the primary key: the table says which pairs there are.

    Where a key alone is the whole of it, there is at most one other end, and nothing to be paired.
    """
    key = frozenset(table.primary_key)
    if one.one_to_one or other.one_to_one:
        return False
    return bool(key) and one.columns <= key and other.columns <= key
