"""One policy by itself, as the guard would put it into a statement: for whoever has to say which policy did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undercroft.access.guard import Clause, Guard
from undercroft.access.policy import Command, Policy, Rules

if TYPE_CHECKING:
    import sqlalchemy as sa

    from undercroft.catalog.types import Table


def clause_of(
    policy: Policy, table: Table, command: Command, source: sa.FromClause, *, new: bool = False
) -> Clause | None:
    """What the policy asks of a row of `source`: of an existing one, or of a `new` one. None is true for every row."""
    alone = Rules({policy.table: (policy,)}, {}, bypass=frozenset())
    role = next(iter(sorted(policy.roles)), "")
    guard = Guard(alone, role)
    return guard.check(table, command, source) if new else guard.using(table, command, source)
