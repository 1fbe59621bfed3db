"""A checksum of a table that any engine gives the same: over the texts of its rows, whatever their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

from undercroft.engine.move.types import Shape, Sum, TextRow
from undercroft.engine.move.values import speller

_BYTES = 16
_MODULUS = 1 << (8 * _BYTES)


class Summing:
    """Adds up rows one after the other: the sum of their hashes does not depend on their order."""

    def __init__(self, shape: Shape) -> None:
        found = [(place, speller(field.kind)) for place, field in enumerate(shape.fields)]
        self._spellers: list[tuple[int, Callable[[str], str]]] = [(place, each) for place, each in found if each]
        self._total = 0
        self.rows = 0

    def add(self, row: TextRow) -> None:
        if self._spellers:
            values = list(row)
            for place, spelled in self._spellers:
                value = values[place]
                if value is not None:
                    values[place] = spelled(value)
            row = tuple(values)
        # repr tells None from "None", and where one value ends and the next begins.
        digest = blake2b(repr(row).encode(), digest_size=_BYTES).digest()
        self._total = (self._total + int.from_bytes(digest)) % _MODULUS
        self.rows += 1

    @property
    def sum(self) -> Sum:
        return Sum(self.rows, f"{self._total:0{2 * _BYTES}x}")


def sum_of(shape: Shape, rows: Iterable[TextRow]) -> Sum:
    """The checksum of all rows."""
    summing = Summing(shape)
    for row in rows:
        summing.add(row)
    return summing.sum
