"""Why one row is shown or hidden: every policy and every filter, asked of the database about this row alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from undercroft.access.actor import Actor
from undercroft.access.policy import Command
from undercroft.access.single import clause_of
from undercroft.base.faults import Fault
from undercroft.engine.types import Transaction
from undercroft.ops.explaining.asked import condition_text
from undercroft.ops.explaining.nodes import NodeExplainer
from undercroft.ops.explaining.values import RowVerdict, Verdict
from undercroft.query.ask import Ask
from undercroft.query.plan import Node
from undercroft.sql.dialect import Dialect
from undercroft.sql.statement import Given
from undercroft.sql.verdicts import Condition, conditions_of, write_verdicts

WORDS = {1: True, 0: False, None: None}


def row_verdict(
    transaction: Transaction,
    explainer: NodeExplainer,
    node: Node,
    ask: Ask,
    commands: tuple[Command, ...],
    given: tuple[Actor, Sequence[str]],
    row: str,
    dialect: Dialect,
) -> RowVerdict:
    """The verdicts on the row of `node`'s table with this key (its parts with commas between).

    Raises `Fault` for a table without a primary key, and for a text that is no value of it.
    """
    table, (actor, values) = node.table, given
    key = [part.strip() for part in row.split(",")] if len(table.primary_key) > 1 else [row]
    if not table.primary_key or len(key) != len(table.primary_key):
        columns = ", ".join(table.primary_key) or "no primary key"
        raise Fault(f"a row of {table.name} is named by its key: {columns}", code="22023")
    conditions: list[Condition] = []
    verdicts: list[Verdict] = []
    asked_by: list[Command] = []
    for command in commands:
        for policy in explainer.speaking(table, command):
            conditions.append(clause_of(policy, table, command, node.source))
            verdicts.append(Verdict("policy", f"{policy.name} ({command})", None, policy.reason, policy.source))
            asked_by.append(command)
    texts = [condition_text(condition, values) for condition in ask.conditions]
    inner = [f"{embed.name} has rows" for embed in node.embeds() if embed.join == "inner"]
    verdicts += [Verdict("filter", text, None) for text in texts] + [Verdict("embed", text, None) for text in inner]
    conditions += conditions_of(node, dialect)
    statement = write_verdicts(node, conditions or [None], dialect)
    found = transaction.all(statement.text, statement.arguments(Given([*values, *key], actor)))
    if not found:
        return RowVerdict(row, exists=False, shown=False)
    held = [WORDS[answer] for answer in found[0]]
    allowing = {command for command, holds in zip(asked_by, held, strict=False) if holds}
    allowed = explainer.bypasses or allowing.issuperset(commands)
    told = tuple(replace(verdict, holds=holds) for verdict, holds in zip(verdicts, held, strict=False))
    return RowVerdict(row, exists=True, shown=allowed and all(held[len(asked_by) : len(verdicts)]), verdicts=told)
