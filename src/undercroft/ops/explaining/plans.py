"""How a database says it will go about a statement, each in its own words: the lines, and what of them is found by an
index or read from end to end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from undercroft.engine.types import Transaction


class QueryPlan(NamedTuple):
    """Lines are indented by two spaces per level."""

    lines: tuple[str, ...]
    found: tuple[str, ...]
    """What is found by an index."""
    slow: tuple[str, ...]
    """What is read from end to end, or sorted aside."""


# --- SQLite ---

_AT_HAND = ("CONSTANT ROW", "VIRTUAL TABLE")
"""A row of constants, and lists that came with the request."""
_INDEX = re.compile(r"USING (?:(?:AUTOMATIC |PARTIAL |COVERING )*INDEX|INTEGER PRIMARY KEY|PRIMARY KEY)")


def sqlite_plan(transaction: Transaction, text: str, arguments: Sequence[object]) -> QueryPlan:
    """SQLite's EXPLAIN QUERY PLAN."""
    lines = tuple(_by_parents(transaction.all(f"EXPLAIN QUERY PLAN {text}", arguments)))
    said = [line.strip() for line in lines]
    # What a part of the statement has put together is there already: to go through it is no search.
    made = {line.partition(" ")[2] for line in said if line.startswith(("CO-ROUTINE ", "MATERIALIZE "))}
    found = [line for line in said if _INDEX.search(line) and "AUTOMATIC" not in line]
    slow = [line for line in said if _is_slow(line) and line.removeprefix("SCAN ") not in made]
    return QueryPlan(lines, tuple(found), tuple(slow))


def _by_parents(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    """Rows of (id, parent, _, detail) as lines, indented by their depth."""
    depths: dict[int, int] = {0: -1}
    for own, parent, _, detail in rows:
        depths[own] = depths.get(parent, -1) + 1
        yield "  " * depths[own] + str(detail)


def _is_slow(line: str) -> bool:
    if "AUTOMATIC" in line or line.startswith("USE TEMP B-TREE"):
        return True
    return line.startswith("SCAN") and not _INDEX.search(line) and not any(word in line for word in _AT_HAND)


# --- PostgreSQL ---

_NODE = re.compile(r"^(?P<space> *)(?:-> +)?(?P<what>[A-Z].*)$")
_BY_INDEX = re.compile(r"^(?:Parallel )?(?:Index|Index Only|Bitmap Index) Scan\b")
_BY_ALL = re.compile(r"^(?:Parallel )?Seq Scan\b|^(?:Incremental )?Sort$")


def postgres_plan(transaction: Transaction, text: str, arguments: Sequence[object]) -> QueryPlan:
    """PostgreSQL's EXPLAIN. Only its nodes: the conditions have the values of the request in them."""
    lines = tuple(_nodes(str(line) for (line,) in transaction.all(f"EXPLAIN (COSTS OFF) {text}", arguments)))
    said = [line.strip() for line in lines]
    return QueryPlan(
        lines,
        tuple(line for line in said if _BY_INDEX.match(line)),
        tuple(line for line in said if _BY_ALL.match(line)),
    )


def _nodes(rows: Iterator[str]) -> Iterator[str]:
    """The nodes of a plan, indented by their depth; `->` marks each but the first, and headings name what is below."""
    depths: list[int] = []
    for row in rows:
        node = _NODE.match(row)
        if node is None or (depths and "->" not in row[: node.start("what")] and not _is_heading(node["what"])):
            continue
        place = len(node["space"])
        while depths and depths[-1] >= place:
            depths.pop()
        yield "  " * len(depths) + node["what"]
        depths.append(place)


def _is_heading(what: str) -> bool:
    return what.startswith(("SubPlan ", "InitPlan ", "CTE "))


PLANS: Mapping[str, Callable[[Transaction, str, Sequence[object]], QueryPlan]] = {
    "sqlite": sqlite_plan,
    "postgresql": postgres_plan,
}
"""By the name of SQLAlchemy's dialect."""
