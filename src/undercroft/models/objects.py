"""Rows as objects of their mapped classes: what business logic is handed, and what is read back from it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import inspect as sa_inspect


def new_object(entity: type[Any]) -> Any:
    """An empty object of a mapped class, without a call of its `__init__`."""
    return sa_inspect(entity).class_manager.new_instance()


def attribute_of(entity: type[Any], column: sa.Column[Any]) -> str:
    """The attribute of a mapped class that holds a column."""
    return str(sa_inspect(entity).get_property_by_column(column).key)


def values_of(instance: Any) -> dict[str, Any]:
    """The column values that were set on an object, by column name."""
    state = sa_inspect(instance)
    return {prop.columns[0].name: state.dict[prop.key] for prop in state.mapper.column_attrs if prop.key in state.dict}


def lacks_values(instance: Any) -> bool:
    """Whether an object of a session has columns whose values are not known yet."""
    state = sa_inspect(instance)
    return bool(state.persistent) and any(prop.key not in state.dict for prop in state.mapper.column_attrs)


def primary_key_of(instance: Any, dialect: Any) -> list[object]:
    """An object's primary key, as the database's driver takes it."""
    mapper = sa_inspect(type(instance))
    columns = mapper.local_table.primary_key.columns
    return [
        _for_driver(column, value, dialect)
        for column, value in zip(columns, mapper.primary_key_from_instance(instance), strict=True)
    ]


def _for_driver(column: sa.Column[Any], value: Any, dialect: Any) -> object:
    process = column.type.dialect_impl(dialect).bind_processor(dialect)
    return process(value) if process is not None else value
