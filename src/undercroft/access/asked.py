"""The queries inside a policy as functions of the database: whoever runs a statement needs no right to what they read.

Where a database judges its callers itself (row-level security), a statement is run with the caller's own rights, and a
policy that asks a table which the caller may not read would be refused, or see too little. So each query of a policy is
a function there, with its owner's rights, and the row's columns are its arguments. Both who writes these functions and
who calls them work them out here, from the policy alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression

from undercroft.access.policy import Policy, Rules

FUNCTIONS = "undercroft"
"""The schema of these functions."""
_LONGEST = 63
"""Bytes of a name, in PostgreSQL."""

Clause = sa.ColumnElement[bool]
Side = Literal["using", "check"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a policy: a function of these columns that gives whether there is a row, one value, or several."""

    name: str
    arguments: tuple[sa.ColumnElement[Any], ...]
    gives: Literal["truth", "value", "values"]
    query: Any


def function_name(rules: Rules, policy: Policy, side: Side) -> str:
    """What the functions of a policy are called, before their number. It holds as long as the policy keeps its name.

    Where another policy would give the same name (`team_members` and `see`, `team` and `members_see`), each has a part
    of a digest.
    """
    side = side if side in _sides(policy) else "using"
    name = _plain_name(rules, policy, side)
    sharing = (
        (each, other)
        for table, policies in rules.policies.items()
        if name.startswith(f"{table}_")
        for each in policies
        for other in _sides(each)
        if _plain_name(rules, each, other) == name
    )
    if all(each is policy and other == side for each, other in sharing):
        return name
    digest = hashlib.sha256(repr((policy.table, policy.name, _place(rules, policy), side)).encode()).hexdigest()[:8]
    return f"{name}_{digest}"


def _plain_name(rules: Rules, policy: Policy, side: Side) -> str:
    place = _place(rules, policy)
    own = f"_{place + 1}" if place else ""
    half = "_check" if side == "check" else ""
    return f"{policy.table}_{policy.name}{own}{half}"


def _place(rules: Rules, policy: Policy) -> int:
    """Which one it is among the table's policies of its name."""
    same = [each for each in rules.policies.get(policy.table, ()) if each.name == policy.name]
    return next((index for index, each in enumerate(same) if each is policy), 0)


def _sides(policy: Policy) -> tuple[Side, ...]:
    return ("using",) if policy.check is policy.using else ("using", "check")


def as_functions(clause: Clause, source: sa.FromClause, name: str) -> tuple[Clause, tuple[Asked, ...]]:
    """The clause over a row of `source` with calls in the places of its queries, and what is called."""
    found: list[Asked] = []

    def called(query: Any, gives: Literal["truth", "value", "values"], type_: Any) -> Any:
        parts: list[Any] = list(visitors.iterate(query))
        columns = {part.key: part for part in parts if _is_of(part, source)}
        arguments = tuple(columns[key] for key in sorted(columns))
        asked = Asked(_short(f"{name}_{len(found) + 1}"), arguments, gives, query)
        found.append(asked)
        return sa.Function(asked.name, *arguments, packagenames=(FUNCTIONS,), type_=type_)

    def replace(element: Any, **_: Any) -> Any:
        if isinstance(element, BinaryExpression) and element.operator in (operators.in_op, operators.not_in_op):
            if not _asks(element.right, source):
                return None
            left = visitors.replacement_traverse(element.left, {}, replace)
            call = called(_select_of(element.right), "values", element.left.type)
            listed = sa.select(call)
            return left.in_(listed) if element.operator is operators.in_op else left.not_in(listed)
        if isinstance(element, sa.Exists) and _asks(element, source):
            return called(element, "truth", sa.Boolean())
        if isinstance(element, (sa.ScalarSelect, sa.SelectBase)) and _asks(element, source):
            query = _select_of(element)
            return called(query, "value", query.selected_columns[0].type)
        return None

    written: Clause = visitors.replacement_traverse(clause, {}, replace)
    return written, tuple(found)


def _asks(element: Any, source: sa.FromClause) -> bool:
    """Whether it is a query that reads a table, and not only what a claim lists."""
    parts = list(visitors.iterate(element))
    return any(isinstance(part, sa.SelectBase) for part in parts) and any(_tables(parts, source))


def _tables(parts: list[Any], source: sa.FromClause) -> Iterator[bool]:
    for part in parts:
        if isinstance(part, sa.Table):
            yield part is not source
        if isinstance(part, sa.Alias):
            yield isinstance(part.element, sa.Table) and not _is(part, source)


def _select_of(element: Any) -> Any:
    while not isinstance(element, sa.SelectBase):
        element = element.element
    return element


def _is_of(part: Any, source: sa.FromClause) -> bool:
    return isinstance(part, sa.ColumnElement) and _is(getattr(part, "table", None), source)


def _is(element: Any, source: sa.FromClause) -> bool:
    return element is source or source in getattr(element, "_cloned_set", ())


def _short(name: str) -> str:
    """A plain name; one that had to be changed bears a part of its digest, so that two never become one."""
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
    if plain == name and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{plain[: _LONGEST - 9]}_{digest}"


__all__ = ["FUNCTIONS", "Asked", "as_functions", "function_name"]
