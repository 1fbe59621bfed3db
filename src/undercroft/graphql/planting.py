"""Inserts records with those that belong to them, table by table within one transaction.

Rows of one relation go in together, whichever record they belong to: as many writes as there are relations in a
document, however many records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from undercroft.graphql.parts.asks.trees import Tree
from undercroft.graphql.parts.describing.described import Described, RelationField, TableType
from undercroft.pipeline.write import Written
from undercroft.query.ask import Ask, Field, SelectField, WriteAsk

Values = dict[str, Any]


class Insert(Protocol):
    """Writes rows to a table; the body is those that were written, in order, as a JSON list."""

    async def __call__(self, ask: WriteAsk, rows: list[Values]) -> Written: ...


class Planted(NamedTuple):
    """Records that are there: their keys, and what was stored in the columns that others refer to."""

    keys: tuple[object, ...]
    values: list[Values]


async def plant(
    described: Described, table: TableType, trees: Sequence[Tree], insert: Insert, needed: Iterable[str] = ()
) -> Planted:
    """Insert records and all that belong to them; `needed` are columns whose values are given back.

    Raises what `insert` does.
    """
    rows = [dict(tree.row) for tree in trees]
    for field, places in _before(trees).items():
        target = described.tables[field.target]
        theirs = [other for _, other in field.relation.pairs]
        found = await plant(described, target, [each for _, each in places], insert, theirs)
        for (place, _), values in zip(places, found.values, strict=True):
            rows[place] |= {own: values[other] for own, other in field.relation.pairs}
    children = _behind(trees)
    wanted = {*needed, *(own for field in children for own, _ in field.relation.pairs)}
    planted = await _inserted(table, rows, sorted(wanted) or table.key, insert)
    for field, places in children.items():
        below = [
            each._replace(row=each.row | {other: planted.values[place][own] for own, other in field.relation.pairs})
            for place, each in places
        ]
        await plant(described, described.tables[field.target], below, insert)
    return planted


async def _inserted(table: TableType, rows: list[Values], wanted: Sequence[str], insert: Insert) -> Planted:
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    select = tuple(SelectField(Field(name)) for name in wanted)
    ask = WriteAsk(table.table.name, "insert", Ask(select), columns=columns, missing_default=True, returning="rows")
    written = await insert(ask, rows)
    return Planted(written.keys, _DECODER.decode(written.body or "[]"))


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
