"""The same tree as the ask, with every name resolved to an object of the catalog.

A node carries its own alias of its table, so that one table may stand in many places. Policies are put in by the guard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from undercroft.catalog.types import Column, Relation, Table
from undercroft.query.ask import (
    Aggregate,
    CountKind,
    Direction,
    FilterOperator,
    IsValue,
    JoinKind,
    JsonStep,
    Limit,
    Nulls,
    Quantifier,
    Slot,
    Verb,
)
from undercroft.query.computed import call, row_of


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A column of the node's table, with the JSON path that follows it."""

    column: Column
    json: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """One key of the answer. `field` is None for a bare `count()`; `renamed` says that the caller chose the name."""

    name: str
    field: Bound | None
    cast: str | None = None
    aggregate: Aggregate | None = None
    aggregate_cast: str | None = None
    renamed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Compare:
    """A filter on a column."""

    field: Bound
    operator: FilterOperator
    value: Slot | None
    negated: bool
    quantifier: Quantifier | None
    is_value: IsValue | None
    language: str | None


@dataclass(frozen=True, slots=True, eq=False)
class EmbedExists:
    """A filter on an embed: it has rows (`not.is.null`), or none (`is.null`)."""

    embed: Embed
    empty: bool


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Conditions joined by one operator."""

    operator: Literal["and", "or"]
    terms: tuple[BoundCondition, ...]
    negated: bool


BoundCondition = Compare | EmbedExists | Tree


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """An order term; with `embed`, on a column of that to-one embed."""

    field: Bound
    direction: Direction
    nulls: Nulls
    embed: Embed | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Embed:
    """The rows of another table that belong to each row of this one."""

    name: str
    relation: Relation
    node: Node
    join: JoinKind
    spread: bool
    junction: Junction | None = None

    @property
    def shown(self) -> bool:
        """An embed with nothing selected (`clients()`) filters, and is not part of the answer."""
        return any(isinstance(output, Output) or output.shown for output in self.node.outputs)


@dataclass(frozen=True, slots=True, eq=False)
class Junction:
    """The table between, in a many-to-many embed: its rows must be readable too."""

    table: Table
    source: sa.FromClause
    policy: sa.ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One table's part of a plan."""

    table: Table
    source: sa.FromClause
    outputs: tuple[Output | Embed, ...]
    conditions: tuple[BoundCondition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: Limit | None = None
    offset: Slot | None = None
    policy: sa.ColumnElement[bool] | None = None
    """Set by the guard: what the caller may read here; None once guarded means everything."""
    guarded: bool = False

    def column(self, column: Column) -> sa.ColumnElement[Any]:
        """The column on this node's alias; a computed field as the call of its function."""
        if column.function is not None:
            return call(column.function, [row_of(self.table, self.source)], column.element.type)
        return self.source.c[column.name]

    def embeds(self) -> Iterator[Embed]:
        return (output for output in self.outputs if isinstance(output, Embed))


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """A read, bound; only a guarded one may be written as SQL."""

    node: Node
    count: CountKind | None = None


@dataclass(frozen=True, slots=True, eq=False)
class WritePlan:
    """A write, bound: the table itself is the target, and `node` reads the rows back as the caller may see them.

    `targets` finds the rows that an update or a delete touches. `check` is what new rows must satisfy, `using` what
    existing rows must; both are set by the guard, with the columns that the policies preset.
    """

    table: Table
    verb: Verb
    columns: tuple[Column, ...]
    targets: tuple[BoundCondition, ...]
    node: Node
    conflict: tuple[Column, ...] = ()
    resolution: Literal["merge", "ignore"] | None = None
    missing_default: bool = False
    returning: bool = False
    count: CountKind | None = None
    using: sa.ColumnElement[bool] | None = None
    insert_check: sa.ColumnElement[bool] | None = None
    update_check: sa.ColumnElement[bool] | None = None
    visible: sa.ColumnElement[bool] | None = None
    presets: tuple[Preset, ...] = ()
    guarded: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """A column whose value the rules give, whatever the caller sends."""

    column: sa.Column[Any]
    value: sa.ColumnElement[Any] = field(repr=False)
    at_insert: bool = True
    at_update: bool = False
