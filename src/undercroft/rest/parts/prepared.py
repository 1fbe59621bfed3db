"""A read that needs nothing more than its values: what requests of one shape, by one role, have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from undercroft.rest.errors import SingularFault
from undercroft.rest.parts.ranges import beyond

if TYPE_CHECKING:
    from collections.abc import Callable

    from undercroft.sql.statement import Statement

Header = tuple[bytes, bytes]


class PreparedRead(NamedTuple):
    """The statement of a read, and the start of its answer."""

    statement: Statement
    head: ReadHead


class ReadHead:
    """What the answers to one shape of read have in common."""

    __slots__ = ("_fixed", "_offset", "_range", "_single", "_warnings")

    def __init__(
        self,
        fixed: tuple[Header, ...],
        warnings: tuple[Header, ...],
        offset: int,
        *,
        single: bool,
        spans: Callable[[int, int, int | None], bytes],
    ) -> None:
        """`single`: the answer is one object; `offset`: rows skipped; `spans` is `content_range`."""
        self._fixed = fixed
        self._warnings = warnings
        self._offset = offset
        self._single = single
        self._range = spans

    def of(self, returned: int, total: int | None, location: bytes | None) -> tuple[int, tuple[Header, ...]]:
        """Status and headers of one answer: see `Writer.read`."""
        if self._single and returned != 1:
            raise not_single(returned)
        status = 200
        if total is not None:
            if self._offset > total:
                raise beyond(self._offset, total)
            if returned < total:
                status = 206
        spans = (b"content-range", self._range(self._offset, returned, total))
        if location is None:
            return status, (*self._fixed, spans, *self._warnings)
        return status, (*self._fixed, spans, (b"content-location", location), *self._warnings)


def not_single(rows: int) -> SingularFault:
    """The fault for an answer of one object that has no row, or several."""
    return SingularFault("Cannot coerce the result to a single JSON object", details=f"The result contains {rows} rows")
