"""Sealed values under another key, while the database is in use: some rows at a time, each only as it was read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from undercroft.engine.types import Cursor, Engine
from undercroft.sql.prepared import Prepared, prepare

BATCH = 500
"""Rows of one transaction."""

Reseal = Callable[[str, str], str | None]
"""From the row's key as text and what is stored to what is to be stored; None where nothing is to be done."""


class Progress(NamedTuple):
    """What was done of a column so far."""

    seen: int
    changed: int


async def resealed(engine: Engine, column: sa.Column[Any], reseal: Reseal) -> AsyncIterator[Progress]:
    """Go through a column by primary key. Rows that somebody else changes meanwhile are theirs: what is sealed now is
    sealed under the key in force.

    Raises what `reseal` raises, and `DatabaseFault`.
    """
    walk = _Walk(engine, column, reseal)
    seen = changed = 0
    after: Sequence[Any] | None = None
    while True:
        found = await engine.write(lambda cursor, after=after: walk.batch(cursor, after))  # type: ignore[misc]
        seen, changed = seen + found.seen, changed + found.changed
        yield Progress(seen, changed)
        if found.seen < BATCH:
            return
        after = found.last


class _Batch(NamedTuple):
    seen: int
    changed: int
    last: Sequence[Any]


class _Walk:
    """The statements of a column."""

    def __init__(self, engine: Engine, column: sa.Column[Any], reseal: Reseal) -> None:
        table = column.table
        self._reseal = reseal
        # Plain columns, by the types that the driver has: what stands there is carried, and not read.
        self._keys = [sa.column(each.name, each.type) for each in sa.inspect(table).primary_key]
        stored = sa.column(column.name, sa.Text())
        bare = sa.table(table.name, *self._keys, stored, schema=table.schema)
        keys = [bare.c[key.name] for key in self._keys]
        first = sa.select(*keys, bare.c[stored.name]).where(bare.c[stored.name].is_not(None)).order_by(*keys)
        given = [sa.bindparam(f"k{place}", type_=key.type) for place, key in enumerate(keys)]
        later = sa.tuple_(*keys) > sa.tuple_(*given) if len(keys) > 1 else keys[0] > given[0]
        before, after = sa.bindparam("before", type_=sa.Text()), sa.bindparam("after", type_=sa.Text())
        change = sa.update(bare).where(*(key == one for key, one in zip(keys, given, strict=True)))
        change = change.where(bare.c[stored.name] == before).values({stored.name: after})
        limit: sa.ColumnClause[int] = sa.literal_column(str(BATCH))
        self._first = prepare(first.limit(limit), engine.dialect)
        self._later = prepare(first.where(later).limit(limit), engine.dialect)
        self._change = prepare(change.returning(*keys), engine.dialect)

    def batch(self, cursor: Cursor, after: Sequence[Any] | None) -> _Batch:
        """The next rows, in one unit of work."""
        rows = _all(cursor, self._first, {}) if after is None else _all(cursor, self._later, _named(after))
        changed = 0
        for *key, stored in rows:
            again = self._reseal(":".join(str(part) for part in key), stored)
            if again is not None:
                changed += len(_all(cursor, self._change, _named(key) | {"before": stored, "after": again}))
        return _Batch(len(rows), changed, rows[-1][:-1] if rows else ())


def _named(key: Sequence[Any]) -> dict[str, Any]:
    return {f"k{place}": part for place, part in enumerate(key)}


def _all(cursor: Cursor, statement: Prepared, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    return cursor.all(statement.text, statement.args(**values))
