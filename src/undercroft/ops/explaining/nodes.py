"""The plan, node by node, with the policies that the guard put there and the columns that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.access.policy import Command, Policy, Rules
from undercroft.access.single import clause_of
from undercroft.catalog.types import Relation, Table
from undercroft.ops.explaining.values import AppliedPolicy, ExplainedNode
from undercroft.query.plan import Embed, Node, Output
from undercroft.sql.dialect import Dialect
from undercroft.sql.parameters import readable


class NodeExplainer:
    """Explains the nodes of one caller's plans."""

    def __init__(self, rules: Rules, role: str, dialect: Dialect) -> None:
        self._rules = rules
        self._role = role
        self._dialect = dialect

    @property
    def bypasses(self) -> bool:
        """No policy applies to the role."""
        return self._role in self._rules.bypass

    def read(self, node: Node) -> tuple[ExplainedNode, ...]:
        """The nodes of a read, the first one first."""
        return tuple(self._node(node, node.table.name, None))

    def written(self, table: Table, commands: tuple[Command, ...]) -> ExplainedNode:
        """The table that a write is about."""
        applied = tuple(policy for command in commands for policy in self.policies(table, command))
        bare = self._explained(table, table.name, table.name, None, tuple(table.columns), commands[0])
        columns = {kind: self._columns(table, kind) for kind in ("read_only", "preset")}
        return ExplainedNode(
            bare.path, bare.table, bare.alias, None, bare.columns, applied, bare.rows, bare.hidden, **columns
        )

    def policies(self, table: Table, command: Command) -> Iterator[AppliedPolicy]:
        """Those that speak for the role, as values."""
        for policy in self.speaking(table, command):
            clause = clause_of(policy, table, command, table.element, new=command == "insert")
            text = "true" if clause is None else readable(clause, table.element, self._dialect.sqlalchemy)
            yield AppliedPolicy(policy.name, command, text, policy.reason, policy.source)

    def speaking(self, table: Table, command: Command) -> tuple[Policy, ...]:
        """The policies themselves; none for a role that passes them all."""
        return () if self.bypasses else self._rules.policies_for(table.name, self._role, command)

    def _node(self, node: Node, path: str, joined: str | None) -> Iterator[ExplainedNode]:
        columns = tuple(_output(output) for output in node.told_outputs())
        yield self._explained(node.table, path, _alias(node.source), joined, columns, "select")
        for embed in node.embeds():
            below = f"{path}.{embed.name}"
            if embed.junction is not None:
                between = embed.junction
                yield self._explained(
                    between.table, f"{below} (through)", _alias(between.source), "the table between", (), "select"
                )
            yield from self._node(embed.node, below, how(embed))

    def _explained(
        self, table: Table, path: str, alias: str, joined: str | None, columns: tuple[str, ...], command: Command
    ) -> ExplainedNode:
        applied = tuple(self.policies(table, command))
        if self.bypasses or any(policy.condition == "true" for policy in applied):
            return ExplainedNode(path, table.name, alias, joined, columns, applied, "all", self._hidden(table))
        rows = "some" if applied else "none"
        return ExplainedNode(path, table.name, alias, joined, columns, applied, rows, self._hidden(table))  # type: ignore[arg-type]  # mypy widens the literal

    def _hidden(self, table: Table) -> tuple[str, ...]:
        return self._columns(table, "hide")

    def _columns(self, table: Table, kind: str) -> tuple[str, ...]:
        return tuple(sorted(self._rules.columns_for(table.name, self._role, kind)))  # type: ignore[arg-type]  # its three words


def how(embed: Embed) -> str:
    """How the rows of an embed belong to the rows above it."""
    relation = embed.relation
    words = {"m2o": "many to one", "o2m": "one to many", "o2o": "one to one", "m2m": "many to many"}[relation.kind]
    return f"{words} {_by(relation)}, {embed.join}" + (", spread" if embed.spread else "")


def _by(relation: Relation) -> str:
    if relation.junction is not None:
        return f"through {relation.junction.table}"
    pairs = " and ".join(f"{relation.source}.{own} = {relation.target}.{other}" for own, other in relation.pairs)
    return f"by {relation.constraint} ({pairs})"


def _output(output: Output) -> str:
    column = output.field.column.name if output.field else "*"
    return column if column == output.name else f"{output.name} ({column})"


def _alias(source: object) -> str:
    return str(getattr(source, "name", ""))
