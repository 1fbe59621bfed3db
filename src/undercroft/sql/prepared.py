"""A statement of the house's own, compiled once for an engine, whose parameters are given by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.sql.statement import compiled_parts

Process = Callable[[Any], object]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """Text for the driver, and for every parameter its name, or its value where that never changes."""

    text: str
    _places: tuple[tuple[str | None, object], ...]

    def args(self, **values: Any) -> list[object]:
        """The driver's values, in order; each parameter that was not given a value when it was written needs one."""
        return [
            constant if name is None else _processed(values[name], constant)  # type: ignore[arg-type]  # a processor
            for name, constant in self._places
        ]


def prepare(element: sa.ClauseElement, dialect: Dialect) -> Prepared:
    """Compile a statement whose open parameters are `sa.bindparam("name", type_=…)`."""
    text, parameters = compiled_parts(element, dialect)
    places: list[tuple[str | None, object]] = []
    for bind, constant in parameters:
        if bind is not None and bind.required:
            places.append((bind.key, bind.type.dialect_impl(dialect).bind_processor(dialect)))
        else:
            places.append((None, constant))
    return Prepared(text, tuple(places))


def _processed(value: Any, process: Process | None) -> object:
    return value if process is None or value is None else process(value)
