"""Operations as sentences, with what they would destroy and what the stored rows forbid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic.operations import ops

from undercroft.engine.migrate.changes import Fill, RenameColumn, RenameTable, Statement
from undercroft.engine.migrate.ddltext import lex
from undercroft.engine.migrate.diff import Operation
from undercroft.engine.migrate.facts import Facts, changes_form
from undercroft.engine.migrate.rows import Rows
from undercroft.engine.migrate.types import Step
from undercroft.engine.sqlite.dialect import dotted


def describe(operation: Operation, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    """The steps of one operation. `before` has the renames done; `rows` looks at the stored rows under their old
    names.
    """
    if isinstance(operation, ops.ModifyTableOps):
        return [step for inner in operation.ops for step in describe(inner, rows, before, ideal)]
    name = dotted(getattr(operation, "schema", None), str(getattr(operation, "table_name", "")))
    for kind, reader in _READERS:
        if isinstance(operation, kind):
            found: list[Step] = reader(operation, name, rows, before, ideal)
            return found
    return [Step("other", name, f"runs {type(operation).__name__}")]


def _create_table(operation: ops.CreateTableOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    return [Step("create_table", name, f"creates table {name}")]


def _drop_table(operation: ops.DropTableOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    count = rows.count(name)
    sentence = f"drops table {name}"
    return [Step("drop_table", name, sentence, True, f"{sentence} and the {_rows(count)} in it")]


def _rename_table(operation: RenameTable, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    new = dotted(operation.schema, str(operation.new_table_name))
    return [Step("rename_table", new, f"renames table {name} to {new}")]


def _rename_column(operation: RenameColumn, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    return [Step("rename_column", name, f"renames {name}.{operation.column_name} to {operation.modify_name}")]


def _statement(operation: Statement, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    return []  # only ways back are made of them


def _fill(operation: Fill, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    table = dotted(operation.schema, operation.table)
    return [Step("fill", table, f"fills {table}.{operation.column} with the model's default")]


def _add_column(operation: ops.AddColumnOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    column = operation.column
    blocked = None
    bare = not column.nullable and column.server_default is None and column.computed is None
    if bare and (count := rows.count(name)):
        blocked = (
            f"{name} has {_rows(count)}, and its new column {column.name} must not be null but has no default: "
            "give it a constant default or a server_default, or make it nullable"
        )
    return [Step("add_column", name, f"adds column {name}.{column.name}", blocked=blocked)]


def _drop_column(operation: ops.DropColumnOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    sentence = f"drops column {name}.{operation.column_name}"
    filled = rows.filled(name, operation.column_name)
    reason = f"{sentence} and its values ({_rows(filled)} with one)"
    return [Step("drop_column", name, sentence, True, reason)]


def _alter_column(operation: ops.AlterColumnOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    column, found = operation.column_name, []
    label = f"{name}.{column}"
    have, want = before[name].column(column), ideal[name].column(column)
    if operation.modify_type is not None and have is not None and want is not None:
        sentence = f"changes the type of {label} from {have.type or 'none'} to {want.type or 'none'}"
        lossy = changes_form(have, want)
        misfits = rows.misfits(name, column, want)
        blocked = f"{_rows(misfits)} of {name} hold a {column} that is no {want.type}" if misfits else None
        reason = f"{sentence}: values may change their form" if lossy else None
        found.append(Step("change_type", name, sentence, lossy, reason, blocked))
    if operation.modify_nullable is not None:
        strict = not operation.modify_nullable
        sentence = f"{'forbids' if strict else 'allows'} null in {label}"
        # A column that this very plan adds and fills is not in the rows yet.
        nulls = rows.nulls(name, column) if strict and have is not None else 0
        blocked = f"{_rows(nulls)} of {name} have no {column}" if nulls else None
        found.append(Step("change_nullable", name, sentence, blocked=blocked))
    if operation.modify_server_default is not False:
        to = want.default if want is not None else None
        found.append(Step("change_default", name, f"changes the default of {label} to {to or 'none'}"))
    return found


def _add_constraint(operation: Any, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    if isinstance(operation, ops.CreateUniqueConstraintOp):
        columns = _names(operation.to_constraint().columns)
        return [
            Step(
                "add_unique",
                name,
                f"makes ({', '.join(columns)}) of {name} unique",
                blocked=_twice(rows, name, columns),
            )
        ]
    if isinstance(operation, ops.CreateCheckConstraintOp):
        text = str(operation.condition)
        named = {token.value for token in lex(text) if token.kind in ("name", "word")}
        broken = rows.breaking(name, text, [column.name for column in ideal[name].columns if column.name in named])
        blocked = f"{_rows(broken)} of {name} do not satisfy {text}" if broken else None
        return [Step("add_check", name, f"checks on {name} that {text}", blocked=blocked)]
    name = dotted(operation.kw.get("source_schema"), str(operation.source_table))
    to = dotted(operation.kw.get("referent_schema"), str(operation.referent_table))
    columns, referred = tuple(operation.local_cols), tuple(operation.remote_cols)
    orphans = rows.orphans(name, columns, to, referred)
    blocked = f"{_rows(orphans)} of {name} point to no row of {to}" if orphans else None
    sentence = f"ties {name} ({', '.join(columns)}) to {to} ({', '.join(referred)})"
    return [Step("add_foreign_key", name, sentence, blocked=blocked)]


def _drop_constraint(operation: ops.DropConstraintOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    kinds: dict[str | None, Any] = {"unique": "drop_unique", "foreignkey": "drop_foreign_key", "check": "drop_check"}
    words = {"unique": "unique constraint", "foreignkey": "foreign key", "check": "check"}
    kind = operation.constraint_type
    sentence = f"drops {words.get(kind or '', 'constraint')} {operation.constraint_name} of {name}"
    return [Step(kinds.get(kind, "other"), name, sentence)]


def _create_index(operation: ops.CreateIndexOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    index = operation.to_index()
    columns = _names(index.columns)
    where = index.dialect_options["sqlite"]["where"]
    plain = index.unique and len(columns) == len(index.expressions)
    blocked = _twice(rows, name, columns, str(where) if where is not None else None) if plain else None
    kind = "unique index" if index.unique else "index"
    return [Step("add_index", name, f"creates {kind} {operation.index_name} on {name}", blocked=blocked)]


def _drop_index(operation: ops.DropIndexOp, name: str, rows: Rows, before: Facts, ideal: Facts) -> list[Step]:
    return [Step("drop_index", name, f"drops index {dotted(operation.schema, str(operation.index_name))}")]


def _twice(rows: Rows, name: str, columns: tuple[str, ...], where: str | None = None) -> str | None:
    count = rows.duplicates(name, columns, where)
    values = "value occurs" if count == 1 else "values occur"
    return f"{count} {values} more than once in ({', '.join(columns)}) of {name}" if count else None


def _names(columns: Iterable[Any]) -> tuple[str, ...]:
    return tuple(column.name for column in columns)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


_READERS: tuple[tuple[type, Any], ...] = (
    (RenameTable, _rename_table),
    (RenameColumn, _rename_column),
    (Statement, _statement),
    (Fill, _fill),
    (ops.CreateTableOp, _create_table),
    (ops.DropTableOp, _drop_table),
    (ops.AddColumnOp, _add_column),
    (ops.DropColumnOp, _drop_column),
    (ops.AlterColumnOp, _alter_column),
    (ops.AddConstraintOp, _add_constraint),
    (ops.DropConstraintOp, _drop_constraint),
    (ops.CreateIndexOp, _create_index),
    (ops.DropIndexOp, _drop_index),
)
