"""Names and constants as they stand in statements."""

from __future__ import annotations

import sqlalchemy as sa


def literal(text: str) -> str:
    """A constant; backslashes mean themselves."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """A name."""
    return '"' + name.replace('"', '""') + '"'


def table_name(table: sa.Table) -> str:
    """A table's name with the schema that its model names."""
    return f"{quoted(table.schema)}.{quoted(table.name)}" if table.schema else quoted(table.name)
