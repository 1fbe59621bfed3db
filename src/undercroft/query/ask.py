"""What a caller asked for, in names only: nothing here has been looked up or authorised yet.

An ask is a *shape*: every value that the caller gave (the `5` of `id=eq.5`, a limit, a body) stands in a separate
list, and the ask holds its index, a `Slot`. Two requests of one shape share one plan and one SQL text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from undercroft.catalog.types import Relation

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
    names: tuple[tuple[str, str], ...] = ()
    """(word, name): texts that are shown by other names than the database has for them."""


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
    literal: bool = False
    """A pattern of `like` and `ilike` is as SQL has it: `*` is a letter like others."""


@dataclass(frozen=True, slots=True)
class Logic:
    """`and=(...)`, `or=(...)`, with `not.` in front where `negated`."""

    operator: Literal["and", "or"]
    terms: tuple[Condition, ...]
    negated: bool = False


Condition = Filter | Logic


@dataclass(frozen=True, slots=True)
class SelectWord:
    """A text of the protocol's own that is the same in every row, such as the name of a type."""

    alias: str
    text: str


@dataclass(frozen=True, slots=True)
class SelectToken:
    """An opaque text that names the row: base64 of a JSON list of `words` and the values of columns."""

    alias: str
    words: tuple[str, ...]
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class SelectGroup:
    """Members of the same row as an object within it: `"node": {"id": 1}`."""

    alias: str
    select: tuple[SelectItem, ...]


@dataclass(frozen=True, slots=True)
class TellRows:
    """The rows of the page, as a list of objects: `group` is the place of a `SelectGroup` in the ask's select."""

    name: str
    group: int


@dataclass(frozen=True, slots=True)
class TellPage:
    """Where the page stands among all rows that the conditions let in, as an object.

    `members` are (name, what): whether there are rows behind it or before it, the tokens of its first and last row, or
    (`word:…`) a text of the protocol's own.
    """

    name: str
    members: tuple[tuple[str, str], ...]
    """`has_next`, `has_previous`, `start`, `end`, `word:PageInfo`"""


@dataclass(frozen=True, slots=True)
class TellTotal:
    """The number of all rows that the conditions let in."""

    name: str


@dataclass(frozen=True, slots=True)
class TellAggregates:
    """Aggregates over all rows that the conditions let in, as an object: fields have an `aggregate`."""

    name: str
    select: tuple[SelectItem, ...]


@dataclass(frozen=True, slots=True)
class TellWord:
    """A text of the protocol's own."""

    name: str
    text: str


ToldMember = TellRows | TellPage | TellTotal | TellAggregates | TellWord


@dataclass(frozen=True, slots=True)
class Told:
    """A list of rows as an object, in the place of a list: what is told of it, in this order.

    The page begins behind a place in the order of the ask: `beyond` holds of the rows behind it. `backwards`: the page
    is the last rows before that place; the ask's order is then the reverse of the one in which they are shown.
    `place` are the columns that tokens of rows are made of.
    """

    members: tuple[ToldMember, ...]
    place: tuple[Field, ...] = ()
    beyond: Condition | None = None
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """One table's part of a read, with the embeds below it.

    `conditions` are joined by AND. A `Filter` whose field is the name of an embed and whose operator is `is` (null, or
    not null) asks whether the embed is empty: that is decided when names are bound.
    """

    select: tuple[SelectItem, ...] = (SelectStar(),)
    conditions: tuple[Condition, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit: Limit | None = None
    offset: Slot | None = None
    told: Told | None = None
    """Set where the rows are told as an object; then `select` holds a `SelectGroup` for each list of rows in it."""


@dataclass(frozen=True, slots=True)
class EmbedAsk:
    """`alias:relation!hint!inner(...)`, or `...relation(...)` with `spread`."""

    relation: str
    ask: Ask
    alias: str | None = None
    hint: str | None = None
    join: JoinKind | None = None
    spread: bool = False
    along: Relation | None = None
    """The very relation, where whoever asks took it from the catalog that the caller may know of: it is looked for
    there once more."""


SelectItem = SelectField | SelectStar | SelectWord | SelectToken | SelectGroup | EmbedAsk


@dataclass(frozen=True, slots=True)
class ReadAsk:
    """A read of one table. `count` asks for the total without limits, beside the page."""

    table: str
    ask: Ask
    count: CountKind | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One member of the answer to several questions: a list (or what is told of it), or with `single` one row as an
    object, null where there is none."""

    name: str
    ask: ReadAsk
    single: bool = False


@dataclass(frozen=True, slots=True)
class QuestionsAsk:
    """Several reads that are answered together, as one object. A `TellWord` is a member of the protocol's own."""

    members: tuple[Question | TellWord, ...]


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
    updates: tuple[str, ...] | None = None
    """The columns that an upsert changes of a row that is there already; None for all that are written."""
