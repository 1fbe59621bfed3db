"""The same tree as the ask, with every name resolved to an object of the catalog.

A node carries its own alias of its table, so that one table may stand in many places. Policies are put in by the guard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    TellPage,
    TellRows,
    TellTotal,
    TellWord,
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
    names: tuple[tuple[str, str], ...] = ()
    """(word, name): texts that are shown by other names."""


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """A text of the protocol's own, the same in every row."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """An opaque text that names the row: base64 of a JSON list of words and the values of columns."""

    name: str
    words: tuple[str, ...]
    fields: tuple[Bound, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Members of the same row as an object within it."""

    name: str
    members: tuple[Item, ...]


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
    literal: bool = False
    """`*` in a pattern is a letter like others."""


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
        node = self.node
        return node.telling is not None or any(
            not isinstance(item, Embed) or item.shown for item in leaves(node.outputs)
        )


Item = Output | Word | Token | Group | Embed
"""What stands in a row of the answer."""


def leaves(items: Iterable[Item]) -> Iterator[Output | Word | Token | Embed]:
    """The items, and those within groups in the place of the groups."""
    for item in items:
        if isinstance(item, Group):
            yield from leaves(item.members)
        else:
            yield item


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """Aggregates over all rows of a node, as an object."""

    name: str
    members: tuple[Item, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Telling:
    """What is told of a node's rows, as an object in the place of a list; `TellRows.group` is a place in the node's
    outputs."""

    members: tuple[TellRows | TellPage | TellTotal | TellWord | Aggregates, ...]
    place: tuple[Bound, ...] = ()
    beyond: BoundCondition | None = None
    backwards: bool = False


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
    outputs: tuple[Item, ...]
    conditions: tuple[BoundCondition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: Limit | None = None
    offset: Slot | None = None
    telling: Telling | None = None
    policy: sa.ColumnElement[bool] | None = None
    """Set by the guard: what the caller may read here; None once guarded means everything."""
    guarded: bool = False

    def column(self, column: Column) -> sa.ColumnElement[Any]:
        """The column on this node's alias; a computed field as the call of its function."""
        if column.function is not None:
            return call(column.function, [row_of(self.table, self.source)], column.element.type)
        return self.source.c[column.name]

    def embeds(self) -> Iterator[Embed]:
        """Those of its rows, within groups too; aggregates have none."""
        return (item for item in leaves(self.outputs) if isinstance(item, Embed))

    def told_outputs(self) -> Iterator[Output]:
        """The outputs of its rows and of what is told of them."""
        aggregated = () if self.telling is None else (m for m in self.telling.members if isinstance(m, Aggregates))
        items = (*leaves(self.outputs), *(leaf for each in aggregated for leaf in leaves(each.members)))
        return (item for item in items if isinstance(item, Output))


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """A read, bound; only a guarded one may be written as SQL."""

    node: Node
    count: CountKind | None = None


@dataclass(frozen=True, slots=True, eq=False)
class QuestionPlan:
    """One of several reads that are answered together; with `single` it is one row, or null."""

    name: str
    node: Node
    single: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class QuestionsPlan:
    """Several reads, bound; only guarded ones may be written as SQL."""

    members: tuple[QuestionPlan | TellWord, ...]


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
    updates: tuple[Column, ...] | None = None
    """What an upsert changes of a row that is there; None for all that are written."""
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
