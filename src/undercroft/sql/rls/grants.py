"""Which rights each role holds on a table: the commands that some policy allows it, without the columns closed to it.

A column is left out of a right only where the app's own statements never need it. They compare hidden columns where a
policy does, and return the key of what they write; such a column stays readable, and only the first wall hides it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from undercroft.sql.rls.texts import quoted

if TYPE_CHECKING:
    from undercroft.access.policy import Rules
    from undercroft.catalog.types import Table


@dataclass(frozen=True, slots=True)
class Holding:
    """The rights of a role on a table, as they stand in a GRANT."""

    role: str
    rights: tuple[str, ...]
    inserts: bool = False


def holdings(
    table: Table, rules: Rules, roles: Collection[str], compared: Mapping[str, Collection[str]], notes: list[str]
) -> Iterator[Holding]:
    """What each role holds; `compared` are the columns that its policies look at, `notes` takes what cannot be said."""
    for role in sorted(rules.bypass):
        yield Holding(role, ("ALL",), inserts=True)
    for role in roles:
        commands = rules.commands_for(table.name, role)
        if not commands:
            continue
        rights = tuple(
            right
            for command, columns in _columns(table, rules, role, compared.get(role, ()), notes).items()
            if command in commands and (columns is None or columns)
            for right in (_right(command, columns),)
        )
        yield Holding(role, rights, inserts="insert" in commands)


def _columns(
    table: Table, rules: Rules, role: str, compared: Collection[str], notes: list[str]
) -> dict[str, list[str] | None]:
    """By command, the columns that it is held to; None for all, also those to come."""
    every = [column.name for column in table.element.columns]
    hidden = rules.columns_for(table.name, role, "hide")
    closed = hidden | rules.columns_for(table.name, role, "read_only")
    key = {column.name for column in table.element.primary_key.columns}
    writes = rules.commands_for(table.name, role) & {"insert", "update", "delete"}
    needed = hidden & ({*compared} | (key if writes else set()))
    notes += [f"{table.name}.{name} is hidden from {role} by the app alone: a policy compares it" for name in
              sorted(needed)]  # fmt: skip
    presets = [rule for rule in rules.columns.get(table.name, ()) if rule.kind == "preset" and rule.speaks_for(role)]
    preset = {command: {name for rule in presets if command in rule.commands for name in rule.columns} for command in
              ("insert", "update")}  # fmt: skip
    made = {
        "insert": {column.name for column in table.element.columns if column.default is not None} | preset["insert"],
        "update": {column.name for column in table.element.columns if column.onupdate is not None} | preset["update"],
    }
    found: dict[str, list[str] | None] = {
        "select": [name for name in every if name not in hidden - needed] if hidden - needed else None,
        "delete": None,
    }
    for command in ("insert", "update"):
        shut = closed - made[command]
        found[command] = [name for name in every if name not in shut] if shut else None
    return {command: found[command] for command in ("select", "insert", "update", "delete")}


def _right(command: str, columns: list[str] | None) -> str:
    return command.upper() if columns is None else f"{command.upper()} ({', '.join(map(quoted, columns))})"
