"""The rules of an app as values: policies, column rules, and which of them speak for a role and a command."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from undercroft.access.actor import SERVICE_ROLE

Command = Literal["select", "insert", "update", "delete"]
COMMANDS: tuple[Command, ...] = ("select", "insert", "update", "delete")
Predicate = Callable[[Any], Any]
"""Takes the table (a mapped class, or an alias of one) and gives a boolean expression over its columns."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One permission, as in `CREATE POLICY`: `using` for rows that exist, `check` for rows as they would become.

    Policies for the same command are joined by OR. `roles` empty means everybody. `reason` is printed by `explain`.
    """

    name: str
    table: str
    commands: frozenset[Command]
    using: Predicate
    check: Predicate
    roles: frozenset[str] = frozenset()
    reason: str | None = None
    source: str | None = None
    """Where it was declared: "app.py:31"."""

    def speaks_for(self, role: str, command: Command) -> bool:
        return command in self.commands and (not self.roles or role in self.roles)


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """Columns that some roles may not see, may not write, or get set for them. `roles` empty means all but
    service_role."""

    table: str
    kind: Literal["hide", "read_only", "preset"]
    columns: frozenset[str]
    roles: frozenset[str] = frozenset()
    value: sa.ColumnElement[Any] | None = None
    commands: frozenset[Command] = frozenset({"insert", "update"})

    def speaks_for(self, role: str) -> bool:
        return not self.roles or role in self.roles


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules by table name. `bypass` are the roles to which none of them applies."""

    policies: Mapping[str, tuple[Policy, ...]]
    columns: Mapping[str, tuple[ColumnRule, ...]]
    bypass: frozenset[str] = frozenset({SERVICE_ROLE})
    calls_functions: bool = False
    """Queries inside policies are functions of the database (`asked`), since callers are held to their own rights."""

    def policies_for(self, table: str, role: str, command: Command) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies.get(table, ()) if policy.speaks_for(role, command))

    def columns_for(self, table: str, role: str, kind: Literal["hide", "read_only", "preset"]) -> frozenset[str]:
        """The columns of a table to which a rule of this kind applies for a role."""
        if role in self.bypass:
            return frozenset()
        rules = (rule for rule in self.columns.get(table, ()) if rule.kind == kind and rule.speaks_for(role))
        return frozenset(name for rule in rules for name in rule.columns)

    def commands_for(self, table: str, role: str) -> frozenset[Command]:
        """What a role may do with a table at all, for some row."""
        if role in self.bypass:
            return frozenset(COMMANDS)
        return frozenset(command for command in COMMANDS if self.policies_for(table, role, command))


def rules_of(
    policies: list[Policy],
    columns: list[ColumnRule],
    bypass: frozenset[str] = frozenset({SERVICE_ROLE}),
    *,
    calls_functions: bool = False,
) -> Rules:
    """Sort declared rules by their tables."""
    tables = {policy.table for policy in policies}, {rule.table for rule in columns}
    return Rules(
        {name: tuple(policy for policy in policies if policy.table == name) for name in tables[0]},
        {name: tuple(rule for rule in columns if rule.table == name) for name in tables[1]},
        bypass,
        calls_functions,
    )
