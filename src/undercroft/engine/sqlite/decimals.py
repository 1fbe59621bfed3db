"""What SQLite must be taught about decimals that are stored as text: their order, and their sum."""

from __future__ import annotations

from decimal import InvalidOperation
from typing import Any

from undercroft.base.decimals import in_order, total
from undercroft.sql.sqlite.texts import DECIMAL_ORDER, DECIMAL_SUM


def teach_decimals(connection: Any) -> None:
    """Register both with a DB-API connection; only queries use them, never the schema."""
    connection.create_collation(DECIMAL_ORDER, _compare)
    connection.create_aggregate(DECIMAL_SUM, 1, _Sum)


def _compare(one: str, other: str) -> int:
    try:
        return in_order(one, other)
    except InvalidOperation:  # somebody stored another text by hand
        return (one > other) - (one < other)


class _Sum:
    def __init__(self) -> None:
        self._values: list[str] = []

    def step(self, value: object) -> None:
        if value is not None:
            self._values.append(str(value))

    def finalize(self) -> str | None:
        return total(self._values)
