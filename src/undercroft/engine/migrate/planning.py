"""The plan from a database to the models: worked out on a scratch copy, tried there, and only then handed out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alembic.operations import ops
from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import Dialect

from undercroft.engine.migrate.alembic_context import make_context
from undercroft.engine.migrate.changes import RenameColumn, RenameTable
from undercroft.engine.migrate.describe import describe
from undercroft.engine.migrate.diff import Comparison, Operation, find_changes
from undercroft.engine.migrate.errors import CannotPlan
from undercroft.engine.migrate.execute import run_code, watched
from undercroft.engine.migrate.facts import Facts, differences
from undercroft.engine.migrate.ground import facts_of, ground_of
from undercroft.engine.migrate.renames import Renames, find_renames
from undercroft.engine.migrate.render import join, render_operation
from undercroft.engine.migrate.rows import Rows
from undercroft.engine.migrate.target import plain_metadata, scalar_default
from undercroft.engine.migrate.types import Plan, Rename, Step
from undercroft.engine.sqlite.dialect import dotted, undotted


@dataclass(frozen=True, slots=True)
class Piece:
    """One operation's code, with its imports and its steps."""

    code: str
    imports: frozenset[str]
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkedOut:
    """A plan with what it takes to run or write it."""

    plan: Plan
    pieces: tuple[Piece, ...]
    ideal: Facts
    imports: frozenset[str]

    @property
    def made(self) -> tuple[str, ...]:
        """What exists afterwards and is Undercroft's."""
        return names_of(self.ideal)


def names_of(facts: Facts) -> tuple[str, ...]:
    """The tables and their indexes."""
    return tuple(sorted([*facts, *(index.name for fact in facts.values() for index in fact.indexes)]))


def plan(
    metadata: MetaData,
    connection: Connection,
    renames: Sequence[Rename] = (),
    *,
    made: Iterable[str] | None = None,
) -> Plan:
    """What leads from the database of `connection` to the models, with its questions, losses and obstacles. Changes
    nothing.

    `connection` comes from a site's `opened`, `reading` or `scratch`. `made` names the tables and indexes that may be
    dropped (None: all). Raises `CannotPlan` where a rename makes no sense or a change cannot be worked out.
    """
    return work_out(metadata, connection, renames, made=made).plan


def ideal_facts(target: MetaData, connection: Connection) -> Facts:
    """The schema that the models would have in a new database, in the database's own words."""
    ground = ground_of(connection)
    with ground.scratch(connection) as fresh:
        ground.create_all(fresh, target)
        return facts_of(fresh)


def work_out(
    metadata: MetaData,
    connection: Connection,
    renames: Sequence[Rename] = (),
    *,
    made: Iterable[str] | None = None,
) -> WorkedOut:
    """`plan`, with the code of each operation."""
    dialect = connection.dialect
    target = plain_metadata(metadata, dialect)
    ideal, actual = ideal_facts(target, connection), facts_of(connection)
    owned = frozenset(names_of(actual) if made is None else made)
    foreign = tuple(sorted(name for name in names_of(actual) if name not in owned and name not in names_of(ideal)))
    found = find_renames(metadata, actual, owned, renames)
    if found.questions:
        return WorkedOut(Plan(questions=tuple(found.questions), left_alone=foreign), (), ideal, frozenset())
    owned |= frozenset(found.tables.values())
    ground, copy = ground_of(connection), ground_of(connection).copied(connection)
    with ground.scratch(connection) as trial:
        copy(trial)
        renamings = _rename_operations(found)
        context = make_context(trial)
        with watched(trial):
            for operation in renamings:
                run_code(render_operation(operation, context)[0])
        before = facts_of(trial)
        comparison = Comparison(target, before, ideal, owned, _fills(metadata, dialect))
        operations = [*renamings, *find_changes(trial, comparison)]
        written = [render_operation(operation, context) for operation in operations]
        down = [render_operation(each, context) for operation in reversed(operations) for each in _reversed(operation)]
    rows = Rows(connection, actual, found)
    pieces = [
        Piece(*code, tuple(describe(operation, rows, before, ideal)))
        for operation, code in zip(operations, written, strict=True)
    ]
    tried = _prove(connection, pieces, ideal, owned)
    imports = frozenset().union(*(piece.imports for piece in pieces), *(found for _, found in down))
    steps = tuple(step for piece in tried for step in piece.steps)
    upgrade, downgrade = join([piece.code for piece in tried]), join([code for code, _ in down])
    return WorkedOut(Plan(steps, (), foreign, upgrade, downgrade), tuple(tried), ideal, imports)


def _rename_operations(found: Renames) -> list[Operation]:
    out: list[Operation] = []
    for old, new in found.tables.items():
        (schema, old_name), (new_schema, new_name) = undotted(old), undotted(new)
        if schema != new_schema:
            raise CannotPlan(
                f"table {old} cannot move to another schema ({new}) by renaming; write that revision by hand"
            )
        out.append(RenameTable(old_name, new_name, schema=schema))
    for table, columns in found.columns.items():
        schema, name = undotted(table)
        out += [RenameColumn(name, old, schema=schema, modify_name=new) for old, new in columns.items()]
    return out


def _reversed(operation: Operation) -> list[Operation]:
    if isinstance(operation, ops.ModifyTableOps):
        # One at a time: a reversed constraint may need what Alembic does not remember.
        inner = [back for each in reversed(operation.ops) for back in _reversed(each)]
        return [ops.ModifyTableOps(operation.table_name, inner, schema=operation.schema)] if inner else []
    try:
        return [operation.reverse()]
    except (NotImplementedError, ValueError):
        return []


def _fills(metadata: MetaData, dialect: Dialect) -> dict[str, str]:
    found = {}
    for table in metadata.tables.values():
        for column in table.columns:
            value = scalar_default(column, dialect)
            if value is not None:
                found[f"{dotted(table.schema, table.name)}.{column.name}"] = value
    return found


def _prove(connection: Connection, pieces: Sequence[Piece], ideal: Facts, owned: frozenset[str]) -> list[Piece]:
    """Run the plan on a copy of the schema: it has to arrive at the models. Gives the pieces with their SQL."""
    out = []
    copy = ground_of(connection).copied(connection)
    with ground_of(connection).scratch(connection) as trial:
        copy(trial)
        with watched(trial) as (seen, _):
            for piece in pieces:
                start = len(seen.statements)
                run_code(piece.code, piece.imports)
                sql = tuple(seen.statements[start:])
                steps = piece.steps
                out.append(replace(piece, steps=(replace(steps[0], sql=sql), *steps[1:]) if steps else ()))
        left = differences(facts_of(trial), ideal, owned)
    if left:
        raise CannotPlan(
            f"this change cannot be worked out by itself: {left[0]}",
            details=list(left),
            hint="Write the revision by hand: `undercroft migrate make --empty`.",
        )
    return out
