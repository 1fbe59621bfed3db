"""`Encrypted`: a column whose values are sealed before they reach the database, and opened after they left it.

The database, its copies and its logs hold what no key of theirs opens. So SQL does nothing with such a value but carry
it: the data API neither shows nor takes it, and functions and hooks read and write it as the plain Python value it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.sql import operators
from sqlalchemy.types import TypeDecorator

from undercroft.base.faults import SetupFault
from undercroft.base.sealing import SealingRing
from undercroft.catalog.kinds import Sealed

T = TypeVar("T")

_RING = "undercroft.sealing"
_INDEX = 32
"""Letters of a blind index: 128 bits, before the sealed value."""
_KEYS = 3
"""Keys under which an equal value is looked for while they are changed."""
_KINDS = (str, int, float, bool, bytes, Decimal, UUID, date, datetime, time, dict, list)


class Encrypted(TypeDecorator[T], Sealed):
    """A column of sealed values of a kind: `note: Mapped[str] = mapped_column(Encrypted(str))`.

    With `index=True` a row can be found by an equal value: beside the sealed value stands a text that follows from it
    and from the key. Whoever reads the database then sees which rows are equal, and nothing more. Give it an index:
    `Index("members_tax_id_idx", blind(Member.tax_id))`.
    """

    impl = sa.Text
    cache_ok = True

    def __init__(self, kind: type[T] | Any = str, *, index: bool = False) -> None:
        if kind not in _KINDS:
            raise SetupFault(f"Encrypted({kind!r}): a kind is one of {', '.join(each.__name__ for each in _KINDS)}")
        super().__init__()
        self.kind = kind
        self.index = index
        self._column: sa.Column[Any] | None = None

    def _set_parent(self, parent: Any, outer: bool = False, **kw: Any) -> None:
        self._column = parent
        super()._set_parent(parent, outer, **kw)

    @property
    def place(self) -> tuple[str, str]:
        """Table and column: a sealed value opens there and nowhere else."""
        column = self._column
        if column is None or column.table is None:
            raise SetupFault("Encrypted is the type of a table's column")
        return (str(column.table.fullname), column.name)

    @property
    def ring(self) -> SealingRing:
        """The keys. Raises `SetupFault` before the app is built."""
        column = self._column
        given: Callable[[], SealingRing] | None = None if column is None else column.table.metadata.info.get(_RING)
        if given is None:
            raise SetupFault("an encrypted column has no keys yet: they come when the app is built")
        return given()

    def seal(self, ring: SealingRing, value: Any) -> str:
        """A value as it is stored."""
        text = written(value, self.kind)
        sealed = ring.seal(text, *self.place)
        return ring.indexes(text, *self.place)[0][:_INDEX] + sealed if self.index else sealed

    def resealed(self, ring: SealingRing, stored: str) -> str | None:
        """A stored value under the key in force; None where it is under that. Raises `SealedFault`."""
        sealed = stored[_INDEX:] if self.index else stored
        if ring.is_current(sealed):
            return None
        text = ring.open(sealed, *self.place)
        again = ring.seal(text, *self.place)
        return ring.indexes(text, *self.place)[0][:_INDEX] + again if self.index else again

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else self.seal(self.ring, value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        sealed = value[_INDEX:] if self.index else value
        return read(self.ring.open(sealed, *self.place), self.kind)

    class Comparator(TypeDecorator.Comparator[Any]):
        """Nothing compares with a sealed value but by its blind index, and with NULL."""

        def operate(self, op: Any, *other: Any, **kwargs: Any) -> Any:
            kind = self.expr.type
            if op in (operators.is_, operators.is_not) or (op in (operators.eq, operators.ne) and other[0] is None):
                return super().operate(op, *other, **kwargs)
            if not isinstance(kind, Encrypted) or op not in (operators.eq, operators.ne, operators.in_op):
                raise InvalidRequestError("a value of an encrypted column is sealed: SQL cannot compare it")
            values = other[0] if op is operators.in_op else [other[0]]
            found = kind.matching(self.expr, values)
            return sa.not_(found) if op is operators.ne else found

    comparator_factory: Any = Comparator

    def matching(self, column: Any, values: Iterable[Any]) -> sa.ColumnElement[bool]:
        """Whether a column's value is one of these, by its blind index."""
        if not self.index:
            raise InvalidRequestError(
                f"{'.'.join(self.place)} is encrypted without an index: give it index=True to find equal values"
            )
        kind = Blind(*self.place)
        given = [sa.bindparam(None, (self, value, turn), type_=kind) for value in values for turn in range(_KEYS)]
        return blind(column).in_(given)


class Blind(TypeDecorator[Any]):
    """The blind index of a value, made when a statement is run."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, table: str, column: str) -> None:
        super().__init__()
        self.table, self.column = table, column

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        of, plain, turn = value
        found = of.ring.indexes(written(plain, of.kind), *of.place)
        return str(found[min(turn, len(found) - 1)][:_INDEX])


def blind(column: Any) -> sa.ColumnElement[str]:
    """The blind index of an encrypted column, for an `Index` over it."""
    return sa.func.substr(sa.type_coerce(column, sa.Text()), sa.literal_column("1"), sa.literal_column(str(_INDEX)))


def unlock(metadata: sa.MetaData, ring: Callable[[], SealingRing]) -> None:
    """Give the encrypted columns of an app their keys."""
    metadata.info[_RING] = ring


def encrypted_columns(metadata: sa.MetaData) -> list[sa.Column[Any]]:
    """All of them."""
    return [
        column for table in metadata.sorted_tables for column in table.columns if isinstance(column.type, Encrypted)
    ]


def written(value: Any, kind: Any) -> str:
    """A value as the text that is sealed. Raises `TypeError` for one of another kind."""
    if kind is float and type(value) is int:
        value = float(value)
    if not isinstance(value, kind) or (kind in (int, date) and isinstance(value, bool | datetime)):
        raise TypeError(f"an encrypted column of {kind.__name__} takes no {type(value).__name__}")
    return value if kind is str else msgspec.json.encode(value).decode()


def read(text: str, kind: Any) -> Any:
    """The value of a text that was sealed."""
    return text if kind is str else msgspec.json.decode(text, type=kind)
