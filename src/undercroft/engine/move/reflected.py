"""Somebody's schema as tables that either engine can make: columns, keys, constraints, indexes; and what has no place.

Only a move without an app file needs it: with one, the models say what the tables are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import TypeEngine

from undercroft.catalog.kinds import INTEGERS, Kind, kind_of
from undercroft.engine.migrate.ddltext import ForeignText
from undercroft.engine.migrate.facts import ColumnFact, Run, TableFact, quoted, read_facts, with_referred
from undercroft.engine.move.declared import Declared
from undercroft.engine.move.expressions import check_for_sqlite, default_for_postgres, default_for_sqlite
from undercroft.engine.sqlite.dialect import undotted

_LENGTH = re.compile(r"\(\s*(\d+)\s*\)")
_DIGITS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")
_EXACT_DIGITS = 15

_WORDS = {
    Kind.BOOLEAN: "BOOLEAN", Kind.SMALLINT: "SMALLINT", Kind.INTEGER: "INT4", Kind.BIGINT: "BIGINT",
    Kind.REAL: "FLOAT4", Kind.DOUBLE: "DOUBLE PRECISION", Kind.TEXT: "TEXT", Kind.UUID: "UUID", Kind.DATE: "DATE",
    Kind.TIME: "TIME", Kind.TIMESTAMP: "TIMESTAMP", Kind.TIMESTAMPTZ: "TIMESTAMPTZ", Kind.INTERVAL: "DURATION_TEXT",
    Kind.JSON: "JSON", Kind.JSONB: "JSONB", Kind.BYTES: "BLOB", Kind.ENUM: "TEXT", Kind.OTHER: "TEXT",
}  # fmt: skip

_TYPES: tuple[tuple[tuple[str, ...], Callable[[], TypeEngine[Any]]], ...] = (
    (("SMALLINT", "INT2"), sa.SmallInteger),
    (("INT4",), sa.Integer),
    (("UUID",), sa.Uuid),
    (("BOOL", "BOOLEAN"), sa.Boolean),
    (("JSON",), lambda: sa.JSON(none_as_null=True)),
    (("JSONB",), lambda: pg.JSONB(none_as_null=True)),
    (("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), lambda: sa.DateTime(timezone=True)),
    (("DATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE"), sa.DateTime),
    (("DATE",), sa.Date),
    (("TIME",), sa.Time),
    (("FLOAT4",), sa.REAL),
)
_BY_WORDS = {word: make for words, make in _TYPES for word in words}


# ---------------------------------------------------------------- from SQLite


def from_sqlite(run: Run) -> tuple[MetaData, list[str]]:
    """The tables of an SQLite file. Columns get the type that their declaration names and their values allow."""
    metadata = MetaData()
    notes: list[str] = []
    facts = with_referred(read_facts(run))
    for name, fact in facts.items():
        _table_of(metadata, run, name, fact, notes)
    for name, fact in facts.items():
        schema, bare = undotted(name)
        table = metadata.tables[f"{schema}.{bare}" if schema else bare]
        for foreign in fact.foreigns:
            if foreign.table in facts:
                table.append_constraint(_foreign(foreign))
            else:
                notes.append(f"{name}: the foreign key to {foreign.table} leads nowhere, and is left out")
    rows = run(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('view', 'trigger') OR sql LIKE 'CREATE VIRTUAL%'"
    )
    notes += [f"the {'virtual table' if kind == 'table' else kind} {name} is left behind" for kind, name, _ in rows]
    return metadata, notes


def _table_of(metadata: MetaData, run: Run, name: str, fact: TableFact, notes: list[str]) -> None:
    schema, bare = undotted(name)
    columns = [_column_of(run, name, fact, column, notes) for column in fact.columns if column.generated is None]
    notes += [
        f"{name}.{column.name} is computed by SQLite ({column.generated}), and is left out"
        for column in fact.columns
        if column.generated is not None
    ]
    table = sa.Table(bare, metadata, *columns, schema=schema)
    if fact.key:
        table.append_constraint(sa.PrimaryKeyConstraint(*fact.key, name=fact.key_name))
    for unique in fact.uniques:
        table.append_constraint(sa.UniqueConstraint(*unique.columns, name=unique.name))
    for check in fact.checks:
        table.append_constraint(sa.CheckConstraint(check.text, name=check.name))
    for index in fact.indexes:
        where = re.search(r"\)\s*WHERE\s+(.*)$", index.sql, re.IGNORECASE | re.DOTALL)
        if None in index.columns:
            notes.append(f"the index {index.name} stands on an expression, and is left out")
            continue
        options: dict[str, Any] = {"postgresql_where": sa.text(where[1])} if where else {}
        names = [table.c[str(column)] for column in index.columns]
        sa.Index(undotted(index.name)[1] if schema else index.name, *names, unique=index.unique, **options)


def _column_of(run: Run, table: str, fact: TableFact, column: ColumnFact, notes: list[str]) -> sa.Column[Any]:
    type_ = _type_of(run, table, column, notes)
    kind = kind_of(type_)
    alone = fact.key == (column.name,) and kind in INTEGERS and "without rowid" not in fact.options
    default = None
    if column.default is not None:
        default = default_for_postgres(column.default, kind)
        if default is None:
            notes.append(f"{table}.{column.name}: the default {column.default} is left out")
    return sa.Column(
        column.name,
        type_,
        *([sa.DefaultClause(sa.literal_column(default))] if default is not None else []),
        nullable=not (column.not_null or column.key),
        autoincrement=alone and column.type.upper() == "INTEGER",
    )


def _type_of(run: Run, table: str, column: ColumnFact, notes: list[str]) -> TypeEngine[Any]:
    words = column.type.upper().strip()
    if words in _BY_WORDS:
        return _BY_WORDS[words]()
    if words == _WORDS[Kind.INTERVAL]:
        return sa.Interval().with_variant(Declared(words), "sqlite")
    if words.startswith("DECIMAL_TEXT"):
        digits = _DIGITS.search(words)
        return sa.Numeric(int(digits[1]), int(digits[2] or 0)) if digits else sa.Numeric()
    if "INT" in words:
        return sa.BigInteger()
    if "CHAR" in words and (length := _LENGTH.search(words)):
        return _text_of(run, table, column, int(length[1]), notes)
    if any(word in words for word in ("CHAR", "CLOB", "TEXT")) or not words:
        return sa.Text()
    if "BLOB" in words:
        return sa.LargeBinary()
    if any(word in words for word in ("REAL", "FLOA", "DOUB")):
        return sa.Double()
    if any(word in words for word in ("NUMERIC", "DECIMAL", "NUMBER", "MONEY")):
        return _numeric_of(run, table, column, notes)
    notes.append(f"{table}.{column.name}: {column.type} becomes text")
    return sa.Text()


def _text_of(run: Run, table: str, column: ColumnFact, length: int, notes: list[str]) -> TypeEngine[Any]:
    """SQLite keeps longer texts than were declared; PostgreSQL does not."""
    name = quoted(column.name)
    if run(f"SELECT 1 FROM {quoted(table)} WHERE length({name}) > ? LIMIT 1", (length,)):  # noqa: S608  # quoted
        notes.append(f"{table}.{column.name} holds longer texts than {column.type}, and becomes text")
        return sa.Text()
    return sa.VARCHAR(length)


def _numeric_of(run: Run, table: str, column: ColumnFact, notes: list[str]) -> TypeEngine[Any]:
    digits = _DIGITS.search(column.type)
    if digits is None:
        return sa.Numeric()
    precision, scale = int(digits[1]), int(digits[2] or 0)
    name, limit = quoted(column.name), 10 ** min(precision - scale, 300)
    wrong = f"SELECT 1 FROM {quoted(table)} WHERE round({name}, ?) <> {name} OR abs({name}) >= ? LIMIT 1"  # noqa: S608  # quoted
    if run(wrong, (scale, float(limit))):
        notes.append(
            f"{table}.{column.name} holds other decimals than {column.type}, and becomes numeric without limits"
        )
        return sa.Numeric()
    return sa.Numeric(precision, scale)


def _foreign(foreign: ForeignText) -> sa.ForeignKeyConstraint:
    schema, bare = undotted(foreign.table)
    target = f"{schema}.{bare}" if schema else bare
    return sa.ForeignKeyConstraint(
        list(foreign.columns),
        [f"{target}.{name}" for name in foreign.referred],
        name=foreign.name,
        ondelete=foreign.on_delete,
        onupdate=foreign.on_update,
        deferrable=foreign.deferrable,
        initially=foreign.initially,
        use_alter=False,
    )


# ---------------------------------------------------------------- from PostgreSQL


_PARTS = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relispartition"
_LEFT = """
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END,
       c.oid::regclass::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT 'trigger', tgname || ' of ' || tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'policy', polname || ' of ' || polrelid::regclass::text FROM pg_policy
UNION ALL
SELECT 'function', p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
ORDER BY 1, 2
"""


def from_postgres(connection: Connection, schemas: Iterable[str]) -> tuple[MetaData, list[str]]:
    """The tables of a PostgreSQL database in these schemas, with SQLite's words for their columns."""
    seen, out = MetaData(), MetaData()
    notes: list[str] = []
    default = connection.dialect.default_schema_name
    for schema in schemas:
        seen.reflect(connection, schema=None if schema == default else schema, resolve_fks=True)
    parts = {name.replace('"', "") for (name,) in connection.exec_driver_sql(_PARTS)}
    for table in seen.tables.values():
        if table.fullname not in parts:
            _copied(table, out, notes)
    for kind, name in connection.exec_driver_sql(_LEFT):
        notes.append(f"the {kind} {name} is left behind")
    return out, notes


def _copied(table: sa.Table, out: MetaData, notes: list[str]) -> None:
    columns = [_portable(table, column, notes) for column in table.columns if column.computed is None]
    notes += [
        f"{table.fullname}.{column.name} is computed by PostgreSQL ({column.computed.sqltext}), and is left out"
        for column in table.columns
        if column.computed is not None
    ]
    copy = sa.Table(table.name, out, *columns, schema=table.schema)
    for constraint in table.constraints:
        names = [column.name for column in getattr(constraint, "columns", ())]
        if not all(name in copy.c for name in names):
            continue
        if isinstance(constraint, sa.PrimaryKeyConstraint) and names:
            copy.append_constraint(
                sa.PrimaryKeyConstraint(*names, name=str(constraint.name) if constraint.name else None)
            )
        elif isinstance(constraint, sa.UniqueConstraint):
            copy.append_constraint(sa.UniqueConstraint(*names, name=constraint.name))
        elif isinstance(constraint, sa.ForeignKeyConstraint):
            copy.append_constraint(_same_key(constraint))
        elif isinstance(constraint, sa.CheckConstraint):
            copy.append_constraint(sa.CheckConstraint(check_for_sqlite(str(constraint.sqltext)), name=constraint.name))
    for column in table.columns:
        if isinstance(column.type, sa.Enum):
            labels = ", ".join("'" + label.replace("'", "''") + "'" for label in column.type.enums)
            copy.append_constraint(sa.CheckConstraint(f'"{column.name}" IN ({labels})'))
    for index in table.indexes:
        _index(index, copy, notes)


def _same_key(key: sa.ForeignKeyConstraint) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        key.column_keys,
        [each.target_fullname for each in key.elements],
        name=key.name,
        ondelete=key.ondelete,
        onupdate=key.onupdate,
        deferrable=key.deferrable,
        initially=key.initially,
    )


def _index(index: sa.Index, copy: sa.Table, notes: list[str]) -> None:
    names = [str(getattr(each, "name", "")) for each in index.expressions]
    method = index.dialect_options["postgresql"].get("using") or "btree"
    if method != "btree" or not all(name in copy.c for name in names):
        notes.append(f"the index {index.name} is left out")
        return
    where = index.dialect_options["postgresql"].get("where")
    options: dict[str, Any] = {"sqlite_where": sa.text(check_for_sqlite(str(where)))} if where is not None else {}
    sa.Index(index.name, *(copy.c[name] for name in names), unique=bool(index.unique), **options)


def _portable(table: sa.Table, column: sa.Column[Any], notes: list[str]) -> sa.Column[Any]:
    type_: TypeEngine[Any] = sa.Interval() if isinstance(column.type, pg.INTERVAL) else column.type
    kind, place = kind_of(type_), f"{table.fullname}.{column.name}"
    alone = [each.name for each in table.primary_key.columns] == [column.name] and kind in INTEGERS
    default = None
    server: Any = column.server_default
    text = str(server.arg) if isinstance(server, sa.DefaultClause) else None
    if text is not None and "nextval(" not in text:
        default = default_for_sqlite(text, kind)
        if default is None:
            notes.append(f"{place}: the default {text} is left out")
    elif (text is not None or column.identity is not None) and not alone:
        notes.append(f"{place} was numbered by PostgreSQL; SQLite numbers single keys only")
    return sa.Column(
        column.name,
        _typed(type_, kind, place, notes, alone=alone),
        *([sa.DefaultClause(sa.literal_column(default))] if default is not None else []),
        nullable=column.nullable,
        autoincrement=alone,
    )


def _typed(type_: TypeEngine[Any], kind: Kind, place: str, notes: list[str], *, alone: bool) -> TypeEngine[Any]:
    if alone:
        return type_.with_variant(Declared("INTEGER"), "sqlite")
    if kind is Kind.NUMERIC:
        precision, scale = getattr(type_, "precision", None), getattr(type_, "scale", None)
        digits = f"({precision}, {scale or 0})" if precision else ""
        exact = not precision or precision > _EXACT_DIGITS
        return type_.with_variant(Declared(f"{'DECIMAL_TEXT' if exact else 'NUMERIC'}{digits}", exact=exact), "sqlite")
    if kind is Kind.VARCHAR or (kind is Kind.TEXT and getattr(type_, "length", None)):
        length = getattr(type_, "length", None)
        return type_.with_variant(Declared(f"VARCHAR({length})" if length else "TEXT"), "sqlite")
    if kind is Kind.OTHER:
        notes.append(f"{place}: {type_} becomes text")
    return type_.with_variant(Declared(_WORDS[kind]), "sqlite")


__all__ = ["from_postgres", "from_sqlite"]
