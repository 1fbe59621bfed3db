"""All sealed values of a house under the key in force: those of its own tables, and of the app's encrypted columns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

from sqlalchemy import Column

from undercroft.app.house import House
from undercroft.auth import SealingKeys
from undercroft.auth.parts.sealing import SEALED, Sealed
from undercroft.auth.tables import TABLES
from undercroft.base.sealing import SealedFault, SealingRing
from undercroft.engine.resealing import Reseal, resealed
from undercroft.models.encrypted import Encrypted, encrypted_columns


class Rotated(NamedTuple):
    """How far it is with a column."""

    column: str
    seen: int
    changed: int
    shut: int
    """Values that no key opens; they stay as they are."""


async def rotated(house: House) -> AsyncIterator[Rotated]:
    """Seal everything anew, some rows at a time; servers may run meanwhile. Raises `DatabaseFault`, `SetupFault`."""
    ring = SealingKeys(house.settings.auth, house.settings.database.data).ring()
    for name, column, reseal in _columns(house, ring):
        counting = _Counting(reseal)
        async for progress in resealed(house.engine, column, counting):
            yield Rotated(name, *progress, counting.shut)


class _Counting:
    """What cannot be opened is counted, and does not keep the rest from being sealed anew."""

    def __init__(self, reseal: Reseal) -> None:
        self.shut = 0
        self._reseal = reseal

    def __call__(self, key: str, stored: str) -> str | None:
        try:
            return self._reseal(key, stored)
        except SealedFault:
            self.shut += 1
            return None


def _columns(house: House, ring: SealingRing) -> Iterator[tuple[str, Column[Any], Reseal]]:
    tables = {str(table.fullname): table for table in TABLES}
    for sealed in SEALED:
        yield f"{sealed.table}.{sealed.column}", tables[sealed.table].c[sealed.column], _of_row(ring, sealed)
    for metadata in {table.element.metadata for table in house.pipeline.catalog.tables.values()}:
        for column in encrypted_columns(metadata):
            if isinstance(column.type, Encrypted):
                yield f"{column.table.fullname}.{column.name}", column, _of_column(ring, column.type)


def _of_row(ring: SealingRing, sealed: Sealed) -> Reseal:
    def reseal(row_id: str, stored: str) -> str | None:
        if not stored or ring.is_current(stored):
            return None
        return sealed.seal(ring, row_id, sealed.open(ring, row_id, stored))

    return reseal


def _of_column(ring: SealingRing, kind: Encrypted[Any]) -> Reseal:
    return lambda _, stored: kind.resealed(ring, stored)
