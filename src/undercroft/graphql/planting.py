"""Inserts records with those that belong to them, table by table within one transaction.

Rows of one relation go in together, whichever record they belong to: as many writes as there are relations in a
document, however many records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from undercroft.graphql.parts.asks.trees import Tree
from undercroft.graphql.parts.describing.described import Described, RelationField, TableType
from undercroft.query.ask import Ask, Field, SelectField, WriteAsk

Values = dict[str, Any]


class Planted(NamedTuple):
    """Records that are there: their keys, where whoever wrote them knows of any, and what was stored in the columns
    that were asked for."""

    keys: tuple[object, ...]
    values: list[Values]


class Rows(NamedTuple):
    """Rows to be written to a table, and what of them is to be told."""

    ask: WriteAsk
    rows: list[Values]


Planting = Generator[Rows, Planted, Planted]
"""Gives what is to be written next, takes what became of it, and ends with the records themselves: whoever drives it
waits for the database as it must."""


def planted(body: bytes | str | None, keys: tuple[object, ...] = ()) -> Planted:
    """What became of rows whose answer is a JSON list, or nothing where nothing of them was asked for."""
    return Planted(keys, _DECODER.decode(body or "[]"))


def plant(described: Described, table: TableType, trees: Sequence[Tree], needed: Iterable[str] = ()) -> Planting:
    """Insert records and all that belong to them; `needed` are columns whose values are told in the end."""
    rows = [dict(tree.row) for tree in trees]
    for field, places in _before(trees).items():
        target = described.tables[field.target]
        theirs = [other for _, other in field.relation.pairs]
        found = yield from plant(described, target, [each for _, each in places], theirs)
        for (place, _), values in zip(places, found.values, strict=True):
            rows[place] |= {own: values[other] for own, other in field.relation.pairs}
    children = _behind(trees)
    wanted = {*needed, *(own for field in children for own, _ in field.relation.pairs)}
    stored = yield _inserted(table, rows, sorted(wanted))
    for field, places in children.items():
        below = [
            each._replace(row=each.row | {other: stored.values[place][own] for own, other in field.relation.pairs})
            for place, each in places
        ]
        yield from plant(described, described.tables[field.target], below)
    return stored


def _inserted(table: TableType, rows: list[Values], wanted: Sequence[str]) -> Rows:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    select = tuple(SelectField(Field(name)) for name in wanted)
    returning: Literal["rows"] | None = "rows" if select else None  # what is not told need not be readable
    ask = WriteAsk(table.table.name, "insert", Ask(select), columns=columns, missing_default=True, returning=returning)
    return Rows(ask, rows)


def _before(trees: Sequence[Tree]) -> dict[RelationField, list[tuple[int, Tree]]]:
    """The records that these refer to, each with the place of the one that does."""
    found: dict[RelationField, list[tuple[int, Tree]]] = defaultdict(list)
    for place, tree in enumerate(trees):
        for field, each in tree.before:
            found[field].append((place, each))
    return found


def _behind(trees: Sequence[Tree]) -> dict[RelationField, list[tuple[int, Tree]]]:
    """The records that refer to these, each with the place of the one that it refers to."""
    found: dict[RelationField, list[tuple[int, Tree]]] = defaultdict(list)
    for place, tree in enumerate(trees):
        for field, children in tree.behind:
            found[field] += [(place, child) for child in children]
    return found


_DECODER = msgspec.json.Decoder(list[Values])
"""Keys are whole numbers, texts and ids: a number with a fraction is none of them."""
