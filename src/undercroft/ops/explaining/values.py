"""An explanation as values: everything that there is to show, in words, and nothing of how it is shown."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """A policy that speaks for this role and command."""

    name: str
    command: str
    condition: str
    """As SQL with words for parameters, as in `posts.author_id = auth.uid`; `true` for every row."""
    reason: str | None
    source: str | None
    """`app.py:31`."""


@dataclass(frozen=True, slots=True)
class ExplainedNode:
    """One table's part of the plan."""

    path: str
    """`posts`, `posts.comments`."""
    table: str
    alias: str
    """Its name in the SQL."""
    joined: str | None
    """How its rows belong to the rows above; None for the first."""
    columns: tuple[str, ...]
    policies: tuple[AppliedPolicy, ...]
    rows: Literal["all", "some", "none"]
    """What the policies leave of the table; `some`: where one of them is true."""
    hidden: tuple[str, ...] = ()
    """Columns that do not exist for this role."""
    read_only: tuple[str, ...] = ()
    preset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that goes to the database beside the text."""

    origin: str
    """`auth.uid`, `value`, `limit`, `constant`..."""
    value: str


@dataclass(frozen=True, slots=True)
class ExplainedStatement:
    """One SQL statement, and how the database will go about it."""

    title: str
    sql: str
    parameters: tuple[Parameter, ...]
    query_plan: tuple[str, ...]
    """Lines of the database's own account, indented by two spaces per level."""
    found: tuple[str, ...] = ()
    """Of these, what is found by an index."""
    slow: tuple[str, ...] = ()
    """Of these, what is read from end to end, or sorted aside."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one condition says of the row: true, false, or None for SQL's NULL, which lets no row through."""

    kind: Literal["policy", "filter", "embed"]
    what: str
    holds: bool | None
    reason: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """Why one row is shown or hidden."""

    row: str
    exists: bool
    shown: bool
    """By policies and filters; a limit may still leave it out."""
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The request goes no further; `why` tells what the caller is not told."""

    code: str
    message: str
    hint: str | None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a request means to this caller, and what it meets."""

    request: str
    role: str
    uid: str | None
    asked: tuple[str, ...]
    """The request's tree, one line each, indented by two spaces per level."""
    nodes: tuple[ExplainedNode, ...] = ()
    statements: tuple[ExplainedStatement, ...] = ()
    indexes: tuple[str, ...] = ()
    """What is found by an index."""
    scans: tuple[str, ...] = ()
    """What is read from end to end, or sorted aside."""
    rows: int | None = None
    total: int | None = None
    microseconds: float | None = None
    """The least of a few runs of the statement, prepared and warm; writes are not run."""
    row: RowVerdict | None = None
    refusal: Refusal | None = None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, in a fixed order."""
        return asdict(self)
