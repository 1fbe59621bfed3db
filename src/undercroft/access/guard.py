"""The one place that enforces policies: a plan goes in, the same plan comes out with each table's policy at its node.

Nothing else writes a policy into a statement, and `sql` refuses a plan that did not pass here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlalchemy.sql import visitors
from sqlalchemy.sql.util import _deep_deannotate

from undercroft.access.asked import as_functions, function_name
from undercroft.access.belonging import settled
from undercroft.access.claims import ClaimParameter
from undercroft.access.errors import column_refused, policy_strays, row_refused
from undercroft.access.policy import Command, Policy, Rules
from undercroft.catalog.types import Table
from undercroft.query.plan import (
    BoundCondition,
    Embed,
    EmbedExists,
    Group,
    Item,
    Node,
    Preset,
    QuestionPlan,
    QuestionsPlan,
    ReadPlan,
    Telling,
    Tree,
    WritePlan,
)

Clause = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules as they apply to one role."""

    rules: Rules
    role: str
    worked_out: dict[tuple[str, Command, str], Clause | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def bypasses(self) -> bool:
        return self.role in self.rules.bypass

    def read(self, plan: ReadPlan) -> ReadPlan:
        """Put the role's `select` policies at every node of a read."""
        return replace(plan, node=self.node(plan.node))

    def questions(self, plan: QuestionsPlan) -> QuestionsPlan:
        """Guard every read of several that are answered together."""
        return QuestionsPlan(
            tuple(
                replace(each, node=self.node(each.node)) if isinstance(each, QuestionPlan) else each
                for each in plan.members
            )
        )

    def node(self, node: Node) -> Node:
        """One node and all below it. Filters and orders that speak of an embed speak of the guarded one."""
        embeds = {embed: self._embed(embed) for embed in node.embeds()}
        return replace(
            node,
            policy=self.using(node.table, "select", node.source),
            outputs=_items_with(node.outputs, embeds),
            conditions=tuple(_with_embeds(term, embeds) for term in node.conditions),
            order=tuple(replace(term, embed=embeds[term.embed]) if term.embed else term for term in node.order),
            telling=_telling_with(node.telling, embeds),
            guarded=True,
        )

    def _embed(self, embed: Embed) -> Embed:
        junction = embed.junction
        if junction is not None:
            junction = replace(junction, policy=self.using(junction.table, "select", junction.source))
        return replace(embed, node=self.node(embed.node), junction=junction)

    def write(self, plan: WritePlan) -> WritePlan:
        """Put the role's policies on a write: which rows it may touch, and what the rows may become.

        As in PostgreSQL, rows must also be readable to be updated, deleted or returned.

        Raises:
            PolicyFault: 42501 for a column that the role may not write, or a table it may not insert into.
        """
        table, target = plan.table, plan.table.element
        self._check_columns(plan)
        visible = self.using(table, "select", target)
        guarded = replace(plan, node=self.node(plan.node), visible=visible, presets=self._presets(plan), guarded=True)
        if plan.verb in ("update", "delete"):
            command: Command = "update" if plan.verb == "update" else "delete"
            guarded = replace(guarded, using=_both(self.using(table, command, target), visible))
        if plan.verb in ("insert", "upsert", "replace"):
            if not self.bypasses and not self.rules.policies_for(table.name, self.role, "insert"):
                raise row_refused(table.name)
            guarded = replace(guarded, insert_check=self.check(table, "insert", target))
        if plan.verb == "update":
            guarded = replace(guarded, update_check=_both(self.check(table, "update", target), visible))
        if plan.verb in ("upsert", "replace") and plan.resolution != "ignore":
            guarded = replace(
                guarded,
                using=_both(self.using(table, "update", target), visible),
                update_check=_both(self.check(table, "update", target), visible),
            )
        return guarded

    def using(self, table: Table, command: Command, source: sa.FromClause) -> Clause | None:
        """Which existing rows the role may reach by `command`; None means every row."""
        return self._remembered(table, command, source, "using")

    def check(self, table: Table, command: Command, source: sa.FromClause) -> Clause | None:
        """What a new or changed row must satisfy; None means anything."""
        return self._remembered(table, command, source, "check")

    def _remembered(
        self, table: Table, command: Command, source: sa.FromClause, side: Literal["using", "check"]
    ) -> Clause | None:
        """What the policies say of the table itself is worked out once; of an alias, for each plan."""
        if source is not table.element:
            return self._any(table, command, source, side)
        key = (table.name, command, side)
        if key not in self.worked_out:
            self.worked_out[key] = self._any(table, command, source, side)
        return self.worked_out[key]

    def _any(
        self, table: Table, command: Command, source: sa.FromClause, side: Literal["using", "check"]
    ) -> Clause | None:
        if self.bypasses:
            return None
        policies = self.rules.policies_for(table.name, self.role, command)
        clauses = [self._clause(table, source, policy, side) for policy in policies]
        if any(clause is None for clause in clauses):
            return None
        return sa.or_(sa.false(), *(clause for clause in clauses if clause is not None))

    def _clause(
        self, table: Table, source: sa.FromClause, policy: Policy, side: Literal["using", "check"]
    ) -> Clause | None:
        clause = self._in_place(table, source, policy, side)
        if clause is None or not self.rules.calls_functions:
            return clause
        return as_functions(clause, source, function_name(self.rules, policy, side))[0]

    def _in_place(
        self, table: Table, source: sa.FromClause, policy: Policy, side: Literal["using", "check"]
    ) -> Clause | None:
        predicate = policy.using if side == "using" else policy.check
        if source is not table.element:
            return as_clause(predicate(rows_of(table, source)), source)
        # In a write the row's table bears its own name: a policy that asks the same table must not meet the row there.
        row = table.element.alias()
        clause = as_clause(predicate(rows_of(table, row)), row)
        if clause is None or not any(isinstance(part, sa.Select) for part in visitors.iterate(clause)):
            return clause if clause is None else moved(clause, row, table.element)
        return moved(moved(clause, table.element, table.element.alias()), row, table.element)

    def _check_columns(self, plan: WritePlan) -> None:
        refused = self.rules.columns_for(plan.table.name, self.role, "read_only")
        refused |= self.rules.columns_for(plan.table.name, self.role, "preset")
        for column in (*plan.columns, *(plan.updates or ())):
            if column.name in refused or column.generated:
                raise column_refused(plan.table.name, column.name)

    def _presets(self, plan: WritePlan) -> tuple[Preset, ...]:
        if self.bypasses or plan.verb == "delete":
            return ()
        upserts = plan.verb in ("upsert", "replace")
        commands = {"insert", "update"} if upserts else {"update" if plan.verb == "update" else "insert"}
        columns = plan.table.element.c
        return tuple(
            Preset(
                columns[name],
                typed(rule.value, columns[name].type),
                at_insert="insert" in rule.commands,
                at_update="update" in rule.commands,
            )
            for rule in self.rules.columns.get(plan.table.name, ())
            if rule.kind == "preset"
            and rule.speaks_for(self.role)
            and commands & rule.commands
            and rule.value is not None
            for name in sorted(rule.columns)
        )


def rows_of(table: Table, source: sa.FromClause) -> Any:
    """What a policy function is given: the mapped class over this alias, or the bare columns of a reflected table."""
    if table.entity is None:
        return source.c
    return table.entity if source is table.element else aliased(table.entity, source)


def as_clause(value: Any, source: sa.FromClause) -> Clause | None:
    """A policy's answer about a row of `source` as plain Core; None when it is simply true."""
    if value is True or isinstance(value, sa.True_):
        return None
    if value is False or value is None:
        return sa.false()
    # The models' marks on the expression would make the statement an ORM query.
    clause: Clause = settled(_deep_deannotate(value), source)
    strays = [stray for stray in clause._from_objects if not _is(stray, source)]
    if strays:
        # Beside the row, it would be joined to every row of the other table, and let everything in.
        raise policy_strays(str(getattr(strays[0], "name", strays[0])))
    return _closed(clause, source)


def _closed(clause: Clause, source: sa.FromClause) -> Clause:
    """The clause with its queries tied to the row, to the queries around them inside the clause, and to nothing else.

    By itself SQLAlchemy ties a query to whatever table of the same name the statement around it happens to read: joined
    to `follows`, a query over posts would change what "the caller follows the author" means.
    """

    def tie(query: sa.Select[Any]) -> None:  # inner queries come before the outer ones
        if query._auto_correlate:
            query._auto_correlate = False
            query._correlate = (source,)
        around = tuple(query.get_final_froms())
        for inner in visitors.iterate(query):
            if inner is not query and isinstance(inner, sa.Select) and source in inner._correlate:
                inner._correlate = (*inner._correlate, *around)

    closed: Clause = visitors.cloned_traverse(clause, {}, {"select": tie})
    return closed


def moved(clause: Clause, source: sa.FromClause, target: sa.FromClause) -> Clause:
    """The clause with `target` wherever it spoke of `source`."""

    def move(element: Any, **_: Any) -> Any:
        if _is(element, source):
            return target
        if isinstance(element, sa.Alias) and _is(element.element, source):
            return element  # the same table under a name of its own is another source
        return target.c[element.key] if _is(getattr(element, "table", None), source) else None

    moved: Clause = visitors.replacement_traverse(clause, {}, move)
    return moved


def inner_rows(clause: Clause | None, table: sa.FromClause) -> list[sa.FromClause]:
    """Where a clause about a row of `table` asks that very table, beside the row itself."""
    parts = () if clause is None else visitors.iterate(clause)
    return [part for part in parts if isinstance(part, sa.Alias) and part.element is table]


def _is(element: Any, source: sa.FromClause) -> bool:
    return element is source or source in getattr(element, "_cloned_set", ())  # traversals make clones of aliases


def _items_with(items: tuple[Item, ...], embeds: Mapping[Embed, Embed]) -> tuple[Item, ...]:
    return tuple(
        embeds[item]
        if isinstance(item, Embed)
        else replace(item, members=_items_with(item.members, embeds))
        if isinstance(item, Group)
        else item
        for item in items
    )


def _telling_with(telling: Telling | None, embeds: Mapping[Embed, Embed]) -> Telling | None:
    if telling is None or telling.beyond is None:
        return telling
    return replace(telling, beyond=_with_embeds(telling.beyond, embeds))


def _with_embeds(term: BoundCondition, embeds: Mapping[Embed, Embed]) -> BoundCondition:
    match term:
        case EmbedExists():
            return replace(term, embed=embeds[term.embed])
        case Tree():
            return replace(term, terms=tuple(_with_embeds(inner, embeds) for inner in term.terms))
        case _:
            return term


def typed(value: Any, type_: Any) -> Any:
    """A claim takes the type of the column that it is written to."""
    return value.typed(type_) if isinstance(value, ClaimParameter) else value


def _both(one: Clause | None, other: Clause | None) -> Clause | None:
    clauses = [clause for clause in (one, other) if clause is not None]
    return sa.and_(*clauses) if clauses else None
