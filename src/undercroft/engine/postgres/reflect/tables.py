"""Relations as the catalog's tables, with SQLAlchemy's inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from undercroft.catalog.types import Column, ObjectName, Table
from undercroft.engine.postgres.reflect.facts import ColumnFact, Oid, RelationFact
from undercroft.engine.postgres.reflect.keys import Keys
from undercroft.engine.postgres.reflect.types import Types

_UPDATE, _INSERT, _DELETE = 4, 8, 16
_IDENTITY = "GENERATED AS IDENTITY"


@dataclass(frozen=True, slots=True)
class TableMaker:
    """Makes tables of what was read."""

    types: Types
    keys: Keys
    metadata: sa.MetaData

    def make(self, fact: RelationFact, computed: Mapping[str, Column]) -> Table:
        """A served relation, or the composite type that a function gives."""
        primary = self.keys.primary.get(fact.oid, ())
        columns = [self._column(column, fact) for column in fact.columns]
        element = sa.Table(
            fact.name,
            self.metadata,
            *(column.element for column in columns),
            schema=fact.schema,
            comment=fact.comment,
            info={"is_view": fact.is_view},
        )
        if primary:
            name = self.keys.primary_names.get(fact.oid)
            element.append_constraint(sa.PrimaryKeyConstraint(*dict.fromkeys(primary), name=name))
        unique = self.keys.unique.get(fact.oid, {})
        for name, members in unique.items():
            element.append_constraint(sa.UniqueConstraint(*members, name=name))
        return Table(
            name=fact.name,
            schema=fact.schema,
            element=element,
            columns={column.name: column for column in columns},
            primary_key=tuple(dict.fromkeys(primary)),
            unique=tuple(unique.values()),
            is_view=fact.is_view,
            has_rowid=False,
            comment=fact.comment,
            computed=computed,
            insertable=bool(fact.writable & _INSERT),
            updatable=bool(fact.writable & _UPDATE),
            deletable=bool(fact.writable & _DELETE),
        )

    def _column(self, fact: ColumnFact, relation: RelationFact) -> Column:
        default = _IDENTITY if fact.identity else fact.default
        return Column(
            name=fact.name,
            element=sa.Column(
                fact.name,
                self.types.named(fact.type_, fact.type_name),
                nullable=not fact.not_null,
                autoincrement=False,
                comment=fact.comment,
            ),
            kind=self.types.kind(fact.type_),
            nullable=not fact.not_null,
            has_default=default is not None,
            generated=fact.generated,
            comment=fact.comment,
            type_name=self.types.bare_spelled(fact.type_),
            default=fact.default,
            length=fact.length,
            representation=self.types.representations.get(fact.type_),
            domain=self.types.is_domain(fact.type_),
        )

    def field(self, name: ObjectName, result: Oid, comment: str | None) -> Column:
        """A computed field."""
        type_ = self.types.named(result, self.types.spelled(result))
        return Column(
            name=name.name,
            element=sa.Column(name.name, type_),
            kind=type_.kind,
            nullable=True,
            has_default=False,
            generated=True,
            comment=comment,
            type_name=self.types.bare_spelled(result),
            representation=self.types.representations.get(result),
            domain=self.types.is_domain(result),
            function=name,
        )

    def record(self, name: ObjectName, members: Sequence[tuple[str, Oid]]) -> Table:
        """The rows of a function that names their columns itself: it belongs to no schema, and nothing refers to it."""
        columns = [self._member(member, type_) for member, type_ in _told_apart(members)]
        element = sa.Table(name.name, sa.MetaData(), *(column.element for column in columns), schema=name.schema)
        return Table(
            name=name.name,
            schema=name.schema,
            element=element,
            columns={column.name: column for column in columns},
            primary_key=(),
            is_view=True,
            has_rowid=False,
            insertable=False,
            updatable=False,
            deletable=False,
        )

    def _member(self, name: str, oid: Oid) -> Column:
        type_ = self.types.named(oid, self.types.spelled(oid))
        element: sa.Column[Any] = sa.Column(name, type_)
        spelled = self.types.bare_spelled(oid)
        shown = self.types.representations.get(oid)
        return Column(name, element, type_.kind, True, False, type_name=spelled, representation=shown)


def _told_apart(members: Iterable[tuple[str, Oid]]) -> list[tuple[str, Oid]]:
    """PostgreSQL calls the ones without a name column1, column2 and so on."""
    return [(name or f"column{place}", type_) for place, (name, type_) in enumerate(members, 1)]
