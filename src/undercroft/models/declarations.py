"""The verbs of an app file: policies, column rules, hooks and functions are lists that `build` reads once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import inspect as sa_inspect
from sqlalchemy.orm import InstrumentedAttribute

from undercroft.access.policy import COMMANDS, ColumnRule, Command, Policy, Predicate
from undercroft.base.faults import SetupFault, closest
from undercroft.models.functions import Function, Hook, HookMoment, HookVerb, read_function, source_of

F = TypeVar("F", bound=Callable[..., Any])
Roles = str | Iterable[str] | None
Attribute = InstrumentedAttribute[Any] | sa.Column[Any]


class Declarations:
    """What one app declared, in the order of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.policies: list[Policy] = []
        self.column_rules: list[ColumnRule] = []
        self.hooks: list[Hook] = []
        self.functions: list[Function] = []

    # --- who may reach which rows ---

    def policy(
        self, table: Any, *commands: Command, to: Roles = None, check: Predicate | None = None, name: str | None = None
    ) -> Callable[[F], F]:
        """Allow commands on the rows for which the decorated expression is true.

        `to` names the roles (everybody when left out). The expression says which existing rows may be reached and,
        unless `check` says otherwise, which rows may be written; as in `CREATE POLICY`, policies for one command are
        joined by OR. The docstring is the reason that `undercroft explain` prints.

        Raises:
            SetupFault: for a command that is none.
        """
        for command in commands:
            if command not in COMMANDS:
                near = closest(command, COMMANDS)
                raise SetupFault(
                    f'"{command}" is no command: {", ".join(COMMANDS)}' + (f' (did you mean "{near}"?)' if near else "")
                )
        if not commands:
            raise SetupFault(f"a policy needs at least one command: {', '.join(COMMANDS)}")

        def declare(function: F) -> F:
            self.policies.append(
                Policy(
                    name=name or str(getattr(function, "__name__", "policy")),
                    table=table_of(table).name,
                    commands=frozenset(commands),
                    using=function,
                    check=check or function,
                    roles=roles_of(to),
                    reason=inspect.getdoc(function),
                    source=source_of(function),
                )
            )
            return function

        return declare

    # --- which columns ---

    def hide(self, *columns: Attribute, to: Roles = None) -> None:
        """Columns that do not exist for these roles (for everybody but service_role when left out)."""
        self._column_rule("hide", columns, to)

    def read_only(self, *columns: Attribute, to: Roles = None) -> None:
        """Columns that these roles may read and not write."""
        self._column_rule("read_only", columns, to)

    def preset(self, column: Attribute, value: Any, *, to: Roles = None, on: Iterable[Command] = ("insert",)) -> None:
        """A column that is set to `value`, such as `auth.uid`, whatever the caller does; the caller may not send it."""
        element = value if isinstance(value, sa.ColumnElement) else sa.literal(value)
        self._column_rule("preset", (column,), to, element, frozenset(on))

    def _column_rule(
        self,
        kind: Any,
        columns: tuple[Attribute, ...],
        to: Roles,
        value: sa.ColumnElement[Any] | None = None,
        commands: frozenset[Command] = frozenset({"insert", "update"}),
    ) -> None:
        for column in columns:
            element = column_of(column)
            rule = ColumnRule(element.table.name, kind, frozenset({element.name}), roles_of(to), value, commands)
            self.column_rules.append(rule)

    # --- logic ---

    def before_insert(self, table: Any) -> Callable[[F], F]:
        """Run before each row is inserted; what the function changes on the row is what is stored."""
        return self._hook(table, "before", "insert")

    def after_insert(self, table: Any) -> Callable[[F], F]:
        """Run after each inserted row, in the same transaction: what it raises undoes the insert."""
        return self._hook(table, "after", "insert")

    def before_update(self, table: Any) -> Callable[[F], F]:
        """Run before each row is updated, with the row as it will be."""
        return self._hook(table, "before", "update")

    def after_update(self, table: Any) -> Callable[[F], F]:
        """Run after each updated row, in the same transaction."""
        return self._hook(table, "after", "update")

    def before_delete(self, table: Any) -> Callable[[F], F]:
        """Run before each row is deleted."""
        return self._hook(table, "before", "delete")

    def after_delete(self, table: Any) -> Callable[[F], F]:
        """Run after each deleted row, in the same transaction, with the row as it was."""
        return self._hook(table, "after", "delete")

    def _hook(self, table: Any, moment: HookMoment, verb: HookVerb) -> Callable[[F], F]:
        name = table_of(table).name

        def declare(function: F) -> F:
            source = source_of(function)
            if not inspect.iscoroutinefunction(function):
                raise SetupFault(f"{source}: the hook {function.__name__} must be declared with `async def`")
            self.hooks.append(Hook(name, moment, verb, function, source))
            return function

        return declare

    def rpc(
        self, *, to: Roles = None, read_only: bool = False, name: str | None = None, repeatable: bool = False
    ) -> Callable[[F], F]:
        """Serve the decorated coroutine as `/rest/v1/rpc/<name>`, with typed, validated arguments.

        `to` names the roles that may call it. A `read_only` one sees a snapshot and may be called by GET. A
        `repeatable` one does nothing outside of its transaction: where that meets another one (a deadlock, a
        serialization failure) it is run again from its start, up to three times.
        """

        def declare(function: F) -> F:
            found = read_function(function, name=name, roles=roles_of(to), read_only=read_only)
            self.functions.append(replace(found, repeatable=repeatable))
            return function

        return declare


def roles_of(to: Roles) -> frozenset[str]:
    """One role, several, or (empty) everybody."""
    if to is None:
        return frozenset()
    return frozenset({to}) if isinstance(to, str) else frozenset(to)


def table_of(table: Any) -> sa.Table:
    """The table of a mapped class, or the table itself. Raises `SetupFault` for anything else."""
    if isinstance(table, sa.Table):
        return table
    mapper = sa_inspect(table, raiseerr=False)
    local = getattr(mapper, "local_table", None)
    if not isinstance(local, sa.Table):
        raise SetupFault(f"{table!r} is neither a model nor a table")
    return local


def column_of(attribute: Attribute) -> sa.Column[Any]:
    """The column behind `Post.title`. Raises `SetupFault` for an attribute that is not one column."""
    columns = getattr(getattr(attribute, "property", None), "columns", [attribute])
    if len(columns) != 1 or not isinstance(columns[0], sa.Column):
        raise SetupFault(f"{attribute} is not a column of a model")
    return columns[0]
