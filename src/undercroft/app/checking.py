"""What is wrong with an app is said before it serves: its policies are called, its functions' names are compared."""

from __future__ import annotations

from undercroft.access.actor import ANON
from undercroft.access.guard import Guard
from undercroft.access.policy import Rules
from undercroft.base.faults import SetupFault
from undercroft.catalog.types import Catalog
from undercroft.models.functions import Function


def check_rules(catalog: Catalog, rules: Rules) -> None:
    """Call every policy once, so that a mistake in one stops the start and names its line. Raises `SetupFault`."""
    for policies in rules.policies.values():
        for policy in policies:
            table = catalog.tables.get(policy.table)
            if table is None:
                raise SetupFault(
                    f"{policy.source}: the policy {policy.name} is for the table {policy.table}, which is not served"
                )
            role, command = min(policy.roles or {ANON}), min(policy.commands)
            alone = Guard(Rules({policy.table: (policy,)}, {}, bypass=frozenset()), role)
            try:
                alone.using(table, command, table.element)
                if policy.check is not policy.using:
                    alone.check(table, command, table.element)
            except Exception as error:
                raise SetupFault(f"{policy.source}: the policy {policy.name} cannot be used: {error}") from error


def functions_by_name(functions: list[Function]) -> dict[str, Function]:
    """Functions by name. Raises `SetupFault` where two have one name."""
    found: dict[str, Function] = {}
    for function in functions:
        other = found.setdefault(function.name, function)
        if other is not function:
            raise SetupFault(f"{function.source}: a function {function.name} is already declared at {other.source}")
    return found
