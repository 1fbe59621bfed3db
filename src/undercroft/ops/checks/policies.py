"""Checks of the rules: slow ones, ones that nobody meets, ones that let everybody see what should give pause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from undercroft.access.actor import ANON, AUTHENTICATED
from undercroft.access.compared import look_ups
from undercroft.access.policy import COMMANDS, Command, Policy, Rules
from undercroft.access.single import clause_of
from undercroft.base.faults import closest
from undercroft.base.findings import Finding
from undercroft.catalog.indexes import finds, finds_by_any
from undercroft.catalog.types import Catalog, Table
from undercroft.models.functions import Function

_PERSONAL = re.compile(
    r"(^|_)(e_?mail|phone|mobile|passw(or)?d|password_hash|secret|token|api_?key|ssn|iban|birth(day|_?date)|date_of_birth)"
    r"(_|$)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def check_policies(catalog: Catalog, rules: Rules, roles: Iterable[str]) -> Iterator[Finding]:
    """Everything about policies. `roles` are those that tokens of this installation are made for."""
    for name, table in catalog.tables.items():
        policies = rules.policies.get(name, ())
        yield from slow_policies(table, policies)
        yield from unreachable_rows(table, rules)
        yield from open_persons(table, rules)
        for policy in policies:
            yield from strange_roles(policy, rules, frozenset(roles))


def slow_policies(table: Table, policies: Iterable[Policy]) -> Iterator[Finding]:
    """UC102: a policy looks rows up by a column that no index finds."""
    seen: set[str] = set()
    for policy in policies:
        for command in COMMANDS:
            clause = None
            if command in policy.commands and command != "insert":
                clause = clause_of(policy, table, command, table.element)
            if clause is None:
                continue
            asked = look_ups(clause, table.element)
            slow = [f"{table.name}.{column}" for column in sorted(asked.own) if not finds(table.element, (column,))]
            for other, columns in asked.others.items():
                if not finds_by_any(other, columns):
                    slow.append(f"{other.name}.{min(columns)}")
            for subject in slow:
                if subject not in seen:
                    seen.add(subject)
                    yield Finding(
                        "UC102",
                        "warning",
                        subject,
                        f"the policy {policy.name} looks rows up by {subject}, and no index begins with it",
                        "Give the column index=True: the policy is part of every request.",
                        policy.source,
                    )


def unreachable_rows(table: Table, rules: Rules) -> Iterator[Finding]:
    """UC110: rows must be readable to be updated or deleted, as in PostgreSQL."""
    asked: dict[str, tuple[Policy, Command]] = {}
    for policy in rules.policies.get(table.name, ()):
        for command in ("update", "delete"):
            for role in policy.roles or {ANON, AUTHENTICATED}:
                if command in policy.commands and role not in rules.bypass:
                    asked.setdefault(role, (policy, command))
    for role, (policy, command) in sorted(asked.items()):
        if not rules.policies_for(table.name, role, "select"):
            yield Finding(
                "UC110",
                "warning",
                f"{table.name} {role}",
                f"{role} has a policy to {command} {table.name} and none to select: no row is ever found",
                "Add a select policy for the rows that the role may change.",
                policy.source,
            )


def strange_roles(policy: Policy, rules: Rules, roles: frozenset[str]) -> Iterator[Finding]:
    """UC107: no token carries the role. UC109: the role passes every policy anyway."""
    for role in sorted(policy.roles):
        if role in rules.bypass:
            yield Finding(
                "UC109",
                "note",
                f"{policy.table}.{policy.name} {role}",
                f"the policy {policy.name} names {role}, which passes every policy anyway",
                "Leave it out.",
                policy.source,
            )
        elif role not in roles:
            near = closest(role, roles, cutoff=0.75)
            yield Finding(
                "UC107",
                "warning" if near else "note",
                f"{policy.table}.{policy.name} {role}",
                f"the policy {policy.name} is for the role {role}, which no token made here has",
                f'Did you mean "{near}"?' if near else "Make sure that somebody issues tokens with this role.",
                policy.source,
            )


def open_persons(table: Table, rules: Rules) -> Iterator[Finding]:
    """UC108: everybody reads every row, and a column looks like somebody's own business."""
    for policy in rules.policies_for(table.name, ANON, "select"):
        if clause_of(policy, table, "select", table.element) is None:
            hidden = rules.columns_for(table.name, ANON, "hide")
            for column in table.columns:
                if column not in hidden and _PERSONAL.search(_CAMEL.sub("_", column)):
                    yield Finding(
                        "UC108",
                        "warning",
                        f"{table.name}.{column}",
                        f"the policy {policy.name} shows every row to everybody, and so the column {column}",
                        "Hide the column with app.hide(...), or narrow the policy.",
                        policy.source,
                    )
            return


def check_functions(functions: Iterable[Function], rules: Rules) -> Iterator[Finding]:
    """UC112: a function that may write, and that anybody on the network may call."""
    for function in functions:
        if function.allows(ANON, rules.bypass) and not function.read_only:
            yield Finding(
                "UC112",
                "note",
                f"rpc/{function.name}",
                f"the function {function.name} may write, and callers without a token may call it",
                'Say who may call it, as in @app.rpc(to="authenticated"), or declare it read_only=True.',
                function.source,
            )
