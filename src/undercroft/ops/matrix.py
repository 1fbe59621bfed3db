"""`access`: who may do what, as a table for a review and as JSON that differs only where the rules do.

It is read off the rules themselves, the same that the guard applies; nothing is asked of the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

from undercroft.access.actor import ANON, AUTHENTICATED, SERVICE_ROLE
from undercroft.access.guard import Guard
from undercroft.access.policy import COMMANDS, Command, Rules
from undercroft.catalog.types import Catalog, Table
from undercroft.models.functions import Function

Rows = Literal["all", "some"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role may do to one table by one command."""

    role: str
    table: str
    command: Command
    rows: Rows
    """`some`: those for which one of the policies is true."""
    columns: tuple[str, ...]
    """Which it may read or write; empty for a delete, which takes whole rows."""
    policies: tuple[str, ...]
    """The names of the policies that allow it, in the order of the app file; empty for a role that passes them all."""
    preset: tuple[str, ...] = ()
    """Columns that the rules fill in, whatever the caller sends."""

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"rows": self.rows, "columns": list(self.columns), "policies": list(self.policies)}
        return {**found, "preset": list(self.preset)} if self.preset else found


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every grant there is; what is not in it is closed."""

    roles: tuple[str, ...]
    tables: tuple[str, ...]
    grants: tuple[Grant, ...]
    functions: Mapping[str, tuple[str, ...]]
    """The roles that may call a function, by its name."""
    addresses: Mapping[str, tuple[str, ...]]
    """The roles for which the app itself answers at an address, by methods and path."""

    def of(self, table: str, role: str) -> tuple[Grant, ...]:
        """The commands that a role has on a table; empty means closed."""
        return tuple(grant for grant in self.grants if grant.table == table and grant.role == role)

    def as_json(self) -> dict[str, Any]:
        """Table, role, command: what is granted. Sorted, so that two of them can be compared line by line."""
        return {
            "roles": list(self.roles),
            "tables": {
                table: {
                    role: {grant.command: grant.as_json() for grant in self.of(table, role)}
                    for role in self.roles
                    if self.of(table, role)
                }
                for table in self.tables
            },
            "functions": {name: list(roles) for name, roles in self.functions.items()},
            **({"addresses": {name: list(roles) for name, roles in self.addresses.items()}} if self.addresses else {}),
        }


class Answering(Protocol):
    """A function or a page, as far as it matters who may ask for it."""

    @property
    def roles(self) -> frozenset[str]: ...

    def allows(self, role: str, bypass: frozenset[str]) -> bool: ...


def access_matrix(
    catalog: Catalog,
    rules: Rules,
    functions: Iterable[Function] = (),
    roles: Iterable[str] = (),
    answering: Mapping[str, Answering] = MappingProxyType({}),
) -> Matrix:
    """The matrix of an app's rules. `roles` are further ones to show, beside the usual and those that rules name;
    `answering` is what the app itself answers with, by methods and path.
    """
    named = {role for each in answering.values() for role in each.roles}
    shown = known_roles(rules, functions, {*roles, *named})
    tables = tuple(sorted(catalog.tables))
    grants = tuple(
        grant
        for name in tables
        for role in shown
        for command in COMMANDS
        if (grant := _grant(rules, role, catalog.tables[name], command)) is not None
    )
    callers = {
        function.name: tuple(role for role in shown if function.allows(role, rules.bypass))
        for function in sorted(functions, key=lambda function: function.name)
    }
    askers = {
        name: tuple(role for role in shown if each.allows(role, rules.bypass))
        for name, each in sorted(answering.items(), key=lambda pair: (pair[0].partition(" ")[2], pair[0]))
    }
    return Matrix(shown, tables, grants, callers, askers)


def known_roles(rules: Rules, functions: Iterable[Function] = (), roles: Iterable[str] = ()) -> tuple[str, ...]:
    """The usual three, then the app's own in the order of the alphabet."""
    usual = (ANON, AUTHENTICATED, SERVICE_ROLE)
    named = {role for policies in rules.policies.values() for policy in policies for role in policy.roles}
    named |= {role for column_rules in rules.columns.values() for rule in column_rules for role in rule.roles}
    named |= {role for function in functions for role in function.roles}
    return (*usual, *sorted((named | set(roles) | rules.bypass) - set(usual)))


def _grant(rules: Rules, role: str, table: Table, command: Command) -> Grant | None:
    if command not in rules.commands_for(table.name, role) or (table.is_view and command != "select"):
        return None
    guard = Guard(rules, role)
    clause = guard.check if command == "insert" else guard.using
    preset = () if role in rules.bypass else _preset(rules, role, table, command)
    return Grant(
        role,
        table.name,
        command,
        rows="all" if clause(table, command, table.element) is None else "some",
        columns=_columns(rules, role, table, command),
        policies=() if guard.bypasses else tuple(p.name for p in rules.policies_for(table.name, role, command)),
        preset=preset,
    )


def _columns(rules: Rules, role: str, table: Table, command: Command) -> tuple[str, ...]:
    if command == "delete":
        return ()
    hidden = rules.columns_for(table.name, role, "hide")
    if command == "select":
        return tuple(name for name in table.columns if name not in hidden)
    closed = hidden | rules.columns_for(table.name, role, "read_only") | rules.columns_for(table.name, role, "preset")
    return tuple(name for name, column in table.columns.items() if name not in closed and not column.generated)


def _preset(rules: Rules, role: str, table: Table, command: Command) -> tuple[str, ...]:
    found = (
        name
        for rule in rules.columns.get(table.name, ())
        if rule.kind == "preset" and rule.speaks_for(role) and command in rule.commands
        for name in rule.columns
    )
    return tuple(sorted(set(found)))
