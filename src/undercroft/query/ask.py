"""What a caller asked for, in names only: nothing here has been looked up or authorised yet.

An ask is a *shape*: every value that the caller gave (the `5` of `id=eq.5`, a limit, a body) stands in a separate
list, and the ask holds its index, a `Slot`. Two requests of one shape share one plan and one SQL text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Slot = int
"""The index of a value in the request's list of values (texts, in the order in which the request gave them)."""


@dataclass(frozen=True, slots=True)
class Page:
    """A number of rows that is part of the shape: a planner that knows how few are wanted can keep its plan."""

    rows: int


Limit = Slot | Page

Direction = Literal["asc", "desc"]
Nulls = Literal["first", "last"]
Aggregate = Literal["avg", "count", "max", "min", "sum"]
JoinKind = Literal["left", "inner"]
Quantifier = Literal["any", "all"]
CountKind = Literal["exact", "planned", "estimated"]
Verb = Literal["insert", "update", "upsert", "replace", "delete"]

FilterOperator = Literal[
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "isdistinct",
    "fts", "plfts", "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj",
]  # fmt: skip
IsValue = Literal["null", "not_null", "true", "false", "unknown"]


@dataclass(frozen=True, slots=True)
class JsonStep:
    """One arrow of a JSON path: `->key`, `->0` or, with `as_text`, `->>key`. Digits (and a minus) make an int."""

    key: str | int
    as_text: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column by name, with the JSON path that follows it."""

    name: str
    json: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectStar:
    """`*`: every column that the caller may read."""


@dataclass(frozen=True, slots=True)
class SelectField:
    """`alias:column->path::cast.aggregate()::aggregate_cast`; `field` is None for a bare `count()`."""

    field: Field | None
    alias: str | None = None
    cast: str | None = None
    aggregate: Aggregate | None = None
    aggregate_cast: str | None = None


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """`column.desc.nullslast`; with `relation`, a column of a to-one embed: `client(name).desc`."""

    field: Field
    direction: Direction | None = None
    nulls: Nulls | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """`column=not.op(any).value`. For `is` the value is part of the shape; every other operator takes a slot.

    The slot's text is as the caller wrote it: `(1,2,3)` for `in`, `{a,b}` with a quantifier, `*x*` for `like`.
    `language` is the text-search configuration in `fts(english)`.
    """

    field: Field
    operator: FilterOperator
    value: Slot | None = None
    negated: bool = False
    quantifier: Quantifier | None = None
    is_value: IsValue | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Logic:
    """`and=(...)`, `or=(...)`, with `not.` in front where `negated`."""

    operator: Literal["and", "or"]
    terms: tuple[Condition, ...]
    negated: bool = False


Condition = Filter | Logic


@dataclass(frozen=True, slots=True)
class Ask:
    """One table's part of a read, with the embeds below it.

    `conditions` are joined by AND. A `Filter` whose field is the name of an embed and whose operator is `is` (null, or
    not null) asks whether the embed is empty: that is decided when names are bound.
    """

    select: tuple[SelectField | SelectStar | EmbedAsk, ...] = (SelectStar(),)
    conditions: tuple[Condition, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: Limit | None = None
    offset: Slot | None = None


@dataclass(frozen=True, slots=True)
class EmbedAsk:
    """`alias:relation!hint!inner(...)`, or `...relation(...)` with `spread`."""

    relation: str
    ask: Ask
    alias: str | None = None
    hint: str | None = None
    join: JoinKind | None = None
    spread: bool = False


@dataclass(frozen=True, slots=True)
class ReadAsk:
    """A read of one table. `count` asks for the total without limits, beside the page."""

    table: str
    ask: Ask
    count: CountKind | None = None


@dataclass(frozen=True, slots=True)
class WriteAsk:
    """A write to one table.

    `columns` are the payload's columns (of the `columns` parameter, else the keys of the body). `replace` is PUT.
    `resolution` is the answer to a duplicate key, on the columns `on_conflict` (the primary key where it is empty).
    `returning` asks for the rows, as a read of them, or for their primary keys alone. `missing_default` fills absent
    keys with the column's default instead of null.
    """

    table: str
    verb: Verb
    ask: Ask
    columns: tuple[str, ...] = ()
    on_conflict: tuple[str, ...] = ()
    resolution: Literal["merge", "ignore"] | None = None
    missing_default: bool = False
    returning: Literal["rows", "keys"] | None = None
    count: CountKind | None = None
