"""Reads a catalog off SQLAlchemy's MetaData (and, for the models' own names of relations, off the mapped classes)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import inspect as sa_inspect

from undercroft.base.faults import SetupFault
from undercroft.catalog.indexes import whole_key
from undercroft.catalog.kinds import INTEGERS, Sealed, kind_of
from undercroft.catalog.relations import ForeignKey, find_relations
from undercroft.catalog.types import Catalog, Column, Table

if TYPE_CHECKING:
    from sqlalchemy.orm import Mapper

DEFAULT_SCHEMA = "public"


def read_catalog(
    metadata: sa.MetaData,
    *,
    mappers: Iterable[Mapper[Any]] = (),
    schema: str = DEFAULT_SCHEMA,
    spoken: str | None = None,
    without_rowid: Callable[[sa.Table], bool] = lambda table: False,
) -> Catalog:
    """The tables of `schema` (those without a schema belong to "public") with their relations.

    `spoken` is the schema's name in messages, where it is another. Tables of other schemas are not part of it, so no
    protocol can reach them. Raises `SetupFault` for a class that is stored in two tables.
    """
    mapped = list(mappers)
    _refuse_joined(mapped)
    # Where classes share a table, as in single-table inheritance, it is the first one's.
    entities = {mapper.local_table: mapper.class_ for mapper in reversed(mapped) if not mapper.single}
    elements = [table for table in metadata.tables.values() if (table.schema or DEFAULT_SCHEMA) == schema]
    label = spoken or schema
    tables = {
        table.name: _read_table(table, label, entities.get(table), has_rowid=not without_rowid(table))
        for table in elements
    }
    keys = [key for table in elements for key in _read_keys(table, schema)]
    return Catalog(tables, find_relations(tables, keys, _relationship_names(mapped)), schema=label)


def _refuse_joined(mappers: Iterable[Mapper[Any]]) -> None:
    for mapper in mappers:
        if mapper.inherits is not None and not mapper.single and not mapper.concrete:
            tables = " and ".join(str(table.description) for table in (mapper.inherits.local_table, mapper.local_table))
            raise SetupFault(
                f"{mapper.class_.__name__} is stored in {tables} (joined-table inheritance): policies are of one table",
                hint="Let it have a relationship to the other class instead, or put both into one table.",
            )


def _read_table(table: sa.Table, schema: str, entity: type[Any] | None, *, has_rowid: bool) -> Table:
    unique = [
        tuple(c.name for c in item.columns) for item in table.constraints if isinstance(item, sa.UniqueConstraint)
    ]
    unique += [key for index in table.indexes if index.unique and (key := whole_key(index)) is not None]
    is_view = bool(table.info.get("is_view"))
    sealed = frozenset(column.name for column in table.columns if isinstance(column.type, Sealed))
    unique += [(column.name,) for column in table.columns if column.unique]
    return Table(
        name=table.name,
        schema=schema,
        element=table,
        columns={column.name: _read_column(column) for column in table.columns if column.name not in sealed},
        primary_key=tuple(column.name for column in table.primary_key.columns),
        unique=tuple(sorted(key for key in set(unique) if sealed.isdisjoint(key))),
        is_view=is_view,
        insertable=not is_view,
        updatable=not is_view,
        deletable=not is_view,
        has_rowid=has_rowid,
        entity=entity,
        comment=table.comment or _docstring(entity),
        sealed=sealed,
    )


def _read_column(column: sa.Column[Any]) -> Column:
    kind = kind_of(column.type)
    numbered = column.table.autoincrement_column is column and kind in INTEGERS
    return Column(
        name=column.name,
        element=column,
        kind=kind,
        nullable=bool(column.nullable),
        has_default=numbered or column.default is not None or column.server_default is not None,
        generated=column.computed is not None,
        comment=column.comment,
    )


def _docstring(entity: type[Any] | None) -> str | None:
    """A model's own docstring; an inherited one says nothing of the table."""
    text = entity.__dict__.get("__doc__") if entity is not None else None
    return text.strip() if isinstance(text, str) else None


def _read_keys(table: sa.Table, schema: str) -> Iterable[ForeignKey]:
    places = {name: place for place, name in enumerate(table.columns.keys())}
    # SQLAlchemy keeps them in a set: without an order of ours, messages would differ from one start to the next.
    for constraint in sorted(
        table.foreign_key_constraints, key=lambda each: ([places[key] for key in each.column_keys], str(each.name))
    ):
        target = constraint.referred_table
        if (target.schema or DEFAULT_SCHEMA) != schema:
            continue
        pairs = tuple((element.parent.name, element.column.name) for element in constraint.elements)
        name = (
            constraint.name
            if isinstance(constraint.name, str)
            else f"{table.name}_{'_'.join(a for a, _ in pairs)}_fkey"
        )
        yield ForeignKey(name, table.name, target.name, pairs)


def _relationship_names(mappers: Iterable[Mapper[Any]]) -> dict[tuple[str, str, frozenset[str]], frozenset[str]]:
    """`author = relationship()` lets a request say `author(...)`: by (source, target, the foreign key's columns)."""
    names: dict[tuple[str, str, frozenset[str]], set[str]] = defaultdict(set)
    for mapper in mappers:
        for relationship in mapper.relationships:
            source, target = relationship.parent.local_table, relationship.mapper.local_table
            if not isinstance(source, sa.Table) or not isinstance(target, sa.Table):
                continue
            keys = list(relationship.remote_side) if relationship.direction.name != "MANYTOONE" else []
            columns = frozenset(c.name for c in keys) or frozenset(c.name for c in relationship.local_columns)
            marked = (
                f"<{relationship.key}"
                if source is target and relationship.direction.name == "ONETOMANY"
                else relationship.key
            )
            names[source.name, target.name, columns].add(marked)
    return {key: frozenset(found) for key, found in names.items()}


def mappers_of(base: Any) -> list[Mapper[Any]]:
    """The mappers of a declarative base, sorted by class name so that start-up is the same every time."""
    return sorted(
        (sa_inspect(mapper.class_) for mapper in base.registry.mappers), key=lambda mapper: mapper.class_.__name__
    )
