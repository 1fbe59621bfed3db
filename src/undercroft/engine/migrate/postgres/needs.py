"""What tables need before they are made: the schemas that they stand in, and the enum types of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Connection, Enum
from sqlalchemy.types import TypeEngine

from undercroft.engine.migrate.facts import quoted
from undercroft.engine.migrate.ground import runner
from undercroft.engine.migrate.postgres.copying import literal


def create_schema(connection: Connection, schema: str | None) -> None:
    """Make the schema where there is none. Asked first, since even IF NOT EXISTS takes the right to make one."""
    if not schema:
        return
    found = connection.exec_driver_sql("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s", (schema,))
    if found.first() is None:
        runner(connection)(f"CREATE SCHEMA {quoted(schema)}")


def create_types(connection: Connection, columns: Iterable[Column[Any]]) -> None:
    """Make the enum types that are not there. One that no column has any more is made anew: its members may differ."""
    for column in columns:
        enum = _enum(column.type)
        if enum is None:
            continue
        name, members = quoted(str(enum.name)), ", ".join(map(literal, enum.enums))
        if enum.schema:
            name = f"{quoted(enum.schema)}.{name}"
        oid = connection.exec_driver_sql(
            "SELECT t.oid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
            " WHERE t.typname = %s AND n.nspname = coalesce(%s, current_schema())", (str(enum.name), enum.schema)
        ).scalar()  # fmt: skip
        if oid is not None:
            used = "SELECT 1 FROM pg_catalog.pg_attribute WHERE atttypid = %s AND NOT attisdropped LIMIT 1"
            labels = "SELECT enumlabel FROM pg_catalog.pg_enum WHERE enumtypid = %s ORDER BY enumsortorder"
            same = list(connection.exec_driver_sql(labels, (oid,)).scalars()) == list(enum.enums)
            if same or connection.exec_driver_sql(used, (oid,)).first() is not None:
                continue
            runner(connection)(f"DROP TYPE {name}")
        runner(connection)(f"CREATE TYPE {name} AS ENUM ({members})")


def _enum(type_: TypeEngine[Any]) -> Enum | None:
    variant = type_._variant_mapping.get("postgresql", type_)
    inner = getattr(variant, "item_type", variant)
    return inner if isinstance(inner, Enum) and inner.native_enum and inner.name is not None else None
