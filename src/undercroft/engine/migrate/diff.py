"""From a schema to the models: Alembic's comparison, and beside it what it does not see on SQLite.

Types, defaults, CHECKs and indexes are compared by the words SQLite keeps of them, the models' words coming from a
scratch database in which they were created. That covers Enum members, partial and descending indexes, and indexes over
expressions.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import produce_migrations
from alembic.operations import ops
from sqlalchemy import Connection, MetaData, Table

from undercroft.engine.migrate.alembic_context import implementation, make_context
from undercroft.engine.migrate.changes import DropIndex, Fill, Statement
from undercroft.engine.migrate.ddltext import normal
from undercroft.engine.migrate.facts import Facts, IndexFact, TableFact
from undercroft.engine.migrate.reflection import free_name, named_checks
from undercroft.engine.sqlite.dialect import dotted, undotted

Operation = ops.MigrateOperation


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: `actual` are the facts of the database, renames done; `ideal` those of `target` in a new one.

    `made` names the tables and indexes that may be dropped. `fills` has, per `table.column`, the SQL constant that
    fills a new column which allows no NULL and has no default in the database.
    """

    target: MetaData
    actual: Facts
    ideal: Facts
    made: frozenset[str]
    fills: Mapping[str, str]

    def table(self, name: str) -> Table | None:
        return next((each for each in self.target.tables.values() if dotted(each.schema, each.name) == name), None)


def find_changes(connection: Connection, comparison: Comparison) -> list[Operation]:
    """The operations that lead from the database of `connection` to the models."""
    found: list[Operation] = []
    seen: set[str] = set()
    for operation in _compare(connection, comparison):
        name = dotted(getattr(operation, "schema", None), str(getattr(operation, "table_name", "")))
        if isinstance(operation, ops.ModifyTableOps):
            seen.add(name)
            found += _table_operations(name, operation, comparison)
            continue
        if isinstance(operation, ops.DropTableOp):
            # Its indexes go with it, but would not come back with it.
            found += [Statement("", index.sql) for index in comparison.actual[name].indexes]
        found.append(operation)
    for name in sorted(comparison.ideal.keys() - seen):
        table = comparison.table(name)
        if table is not None:
            found += _table_operations(name, ops.ModifyTableOps(table.name, [], schema=table.schema), comparison)
    return found


def _compare(connection: Connection, comparison: Comparison) -> Sequence[Operation]:
    """Alembic's part."""
    actual, ideal, made = comparison.actual, comparison.ideal, comparison.made

    def include_name(name: str | None, kind: str, parents: Any) -> bool:
        full = dotted(parents.get("schema_name"), name or "")
        return kind != "table" or (full in actual and (full in ideal or full in made))

    context = make_context(
        connection,
        target_metadata=comparison.target,
        include_schemas=True,
        include_name=include_name,
        compare_type=True,
        compare_server_default=True,
    )
    implementation(context).compare_by(actual, ideal)
    with warnings.catch_warnings():
        # About generated columns: what cannot be changed is found when the plan is tried.
        warnings.simplefilter("ignore")
        script = produce_migrations(context, comparison.target)
    return script.upgrade_ops.ops if script.upgrade_ops is not None else ()


def _table_operations(name: str, modify: ops.ModifyTableOps, comparison: Comparison) -> list[Operation]:
    """The changes of one table in order: indexes go, columns come and are filled, a rebuild, indexes come."""
    is_, should = comparison.actual.get(name), comparison.ideal.get(name)
    rest = [each for each in modify.ops if not _pointless(each, modify.ops, is_)]
    drops: list[Operation] = []
    creates: list[Operation] = []
    if should is not None:
        drops, creates = _compare_indexes(is_, should, comparison)
    if is_ is not None and should is not None:
        rest = _with_checks(rest, modify, is_, should)
    before, rest = _filled(name, modify, rest, comparison.fills)
    return [*drops, *before, *([_modifying(modify, rest)] if rest else []), *creates]


def _modifying(modify: ops.ModifyTableOps, inner: list[Operation]) -> ops.ModifyTableOps:
    return ops.ModifyTableOps(modify.table_name, inner, schema=modify.schema)


def _pointless(operation: Operation, siblings: Sequence[Operation], is_: TableFact | None) -> bool:
    """A constraint that only changed its name; NULL on a primary key, which SQLite's own DDL often leaves unsaid."""
    if isinstance(operation, ops.DropConstraintOp) and operation.constraint_type == "unique":
        return _columns(operation) in [_columns(o) for o in siblings if isinstance(o, ops.CreateUniqueConstraintOp)]
    if isinstance(operation, ops.CreateUniqueConstraintOp):
        removed = [o for o in siblings if isinstance(o, ops.DropConstraintOp) and o.constraint_type == "unique"]
        return _columns(operation) in [_columns(o) for o in removed]
    if isinstance(operation, ops.AlterColumnOp) and is_ is not None and operation.column_name in is_.key:
        operation.modify_nullable = None
        return not operation.has_changes()
    return False


def _columns(operation: ops.DropConstraintOp | ops.CreateUniqueConstraintOp) -> tuple[str, ...]:
    return tuple(column.name for column in getattr(operation.to_constraint(), "columns", ()))


def _with_checks(
    rest: list[Operation], modify: ops.ModifyTableOps, is_: TableFact, should: TableFact
) -> list[Operation]:
    have = {normal(text): (name, text) for name, text in named_checks(is_)}
    want = {normal(text): (name, text) for name, text in named_checks(should)}
    table, schema = modify.table_name, modify.schema
    gone: list[Operation] = []
    for spelled in sorted(have.keys() - want.keys()):
        name, text = have[spelled]
        back = ops.CreateCheckConstraintOp(name, table, text, schema=schema)
        gone.append(ops.DropConstraintOp(name, table, "check", schema=schema, _reverse=back))
    taken = {have[spelled][0] for spelled in have.keys() & want.keys()}
    new: list[Operation] = []
    for spelled in sorted(want.keys() - have.keys()):
        name, text = want[spelled]
        name = free_name(name, taken)
        taken.add(name)
        new.append(ops.CreateCheckConstraintOp(name, table, text, schema=schema))
    return [*gone, *rest, *new]


def _compare_indexes(
    is_: TableFact | None, should: TableFact, comparison: Comparison
) -> tuple[list[Operation], list[Operation]]:
    """All of them by their text: reflection hides order, collation and expressions from Alembic."""
    have: dict[str, IndexFact] = {index.name: index for index in is_.indexes} if is_ is not None else {}
    want = {index.name: index for index in should.indexes}
    changed = {name for name in have.keys() & want.keys() if have[name].definition != want[name].definition}
    removed = {
        name
        for name in have.keys() - want.keys()
        if name in comparison.made or any(column and not should.column(column) for column in have[name].columns)
    }
    schema, table = undotted(should.name)
    drops: list[Operation] = [
        DropIndex(undotted(name)[1], table, schema, have[name].sql) for name in sorted(changed | removed)
    ]
    return drops, _created(should.name, sorted(changed | (want.keys() - have.keys())), comparison)


def _created(table: str, names: Iterable[str], comparison: Comparison) -> list[Operation]:
    model = comparison.table(table)
    if model is None:
        return []
    indexes = {dotted(model.schema, str(index.name)): index for index in model.indexes}
    return [ops.CreateIndexOp.from_index(indexes[name]) for name in names]


def _filled(
    table: str, modify: ops.ModifyTableOps, inner: list[Operation], fills: Mapping[str, str]
) -> tuple[list[Operation], list[Operation]]:
    """A new column that must not be NULL comes in three steps: nullable, filled with its model's constant, strict."""
    before: list[Operation] = []
    rest: list[Operation] = []
    for operation in inner:
        column = operation.column if isinstance(operation, ops.AddColumnOp) else None
        value = fills.get(f"{table}.{column.name}") if column is not None else None
        if column is None or value is None or column.nullable or column.server_default is not None:
            rest.append(operation)
            continue
        loose = column._copy()
        loose.nullable = True
        before.append(_modifying(modify, [ops.AddColumnOp(modify.table_name, loose, schema=modify.schema)]))
        before.append(Fill(modify.table_name, column.name, value, schema=modify.schema))
        rest.append(
            ops.AlterColumnOp(
                modify.table_name,
                column.name,
                schema=modify.schema,
                existing_type=column.type,
                existing_nullable=True,
                modify_nullable=False,
            )
        )
    return before, rest
