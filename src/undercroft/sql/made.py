"""Values on their way between a body, Python and the database, where an app's own code stands between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from undercroft.catalog.kinds import JSONS, kind_of
from undercroft.sql.codecs import from_json, from_text, write_json
from undercroft.sql.dialect import AppDialect


class Made(NamedTuple):
    """A value that the app's own code put into a row: of the column's Python type, not in a form that bodies have."""

    value: Any


def as_loaded(column: sa.Column[Any], dialect: AppDialect, *, text_rows: bool) -> Callable[[Any], Any]:
    """A converter from a body's value to the Python value that would be loaded once it was written.

    It raises what a write of the value would raise.
    """
    kind = kind_of(column.type)
    if kind in JSONS:  # loaded from the database, numbers would lose digits
        return _json_of(from_text(kind) if text_rows else from_json(kind))
    return dialect.loaded_value(kind, column.type)


def _json_of(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def loaded(value: Any) -> Any:
        """Refused here already: a flush would tell what is wrong as an error of its own."""
        found = None if value is None else read(value)
        write_json(found)
        return found

    return loaded
