"""A file's schema as tables that either engine can make: columns, keys, constraints, indexes; and what has no place.

Only a move without an app file needs it: with one, the models say what the tables are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import TypeEngine

from undercroft.catalog.kinds import INTEGERS, Kind, kind_of
from undercroft.engine.migrate.ddltext import ForeignText
from undercroft.engine.migrate.facts import ColumnFact, IndexFact, Run, TableFact, quoted, read_facts, with_referred
from undercroft.engine.move.declared import Declared
from undercroft.engine.move.expressions import default_for_postgres, default_on_sqlite
from undercroft.engine.move.types import WORDS, Words
from undercroft.engine.sqlite.dialect import undotted

_LENGTH = re.compile(r"\(\s*(\d+)\s*\)")
_DIGITS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")

DECLARED = {
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
            if (key := _foreign(metadata, foreign)) is not None:
                table.append_constraint(key)
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
    counting = "autoincrement" in fact.options
    table = sa.Table(bare, metadata, *columns, schema=schema, sqlite_autoincrement=counting)
    if fact.key:
        table.append_constraint(sa.PrimaryKeyConstraint(*fact.key, name=fact.key_name))
    for unique in fact.uniques:
        if all(column in table.c for column in unique.columns):
            table.append_constraint(sa.UniqueConstraint(*unique.columns, name=unique.name))
        else:
            notes.append(f"{name}: UNIQUE ({', '.join(unique.columns)}) is left out, as a column of it is")
    for check in fact.checks:
        words = {WORDS: Words(check.text, check.text, check.text)}
        table.append_constraint(sa.CheckConstraint(sa.literal_column(check.text), name=check.name, info=words))
    if "strict" in fact.options:
        notes.append(f"{name}: its STRICT is left out")
    if fact.on_conflict:
        notes.append(f"{name}: its ON CONFLICT clauses are left out")
    for index in fact.indexes:
        where = re.search(r"\)\s*WHERE\s+(.*)$", index.sql, re.IGNORECASE | re.DOTALL)
        if None in index.columns:
            notes.append(f"the index {index.name} stands on an expression, and is left out")
            continue
        if not all(str(column) in table.c for column in index.columns):
            notes.append(f"the index {index.name} is left out, as a column of it is")
            continue
        condition: sa.ColumnElement[Any] | None = sa.literal_column(where[1]) if where else None
        options: dict[str, Any] = {"postgresql_where": condition, "sqlite_where": condition} if where else {}
        names = _index_columns(run, table, index, notes)
        sa.Index(undotted(index.name)[1] if schema else index.name, *names, unique=index.unique, **options)


def _index_columns(run: Run, table: sa.Table, index: IndexFact, notes: list[str]) -> list[sa.ColumnElement[Any]]:
    """With their direction; a collation of its own has no place elsewhere."""
    found: list[sa.ColumnElement[Any]] = []
    for _, _, name, descending, collation, is_key in run(f"PRAGMA index_xinfo({quoted(index.name)})"):
        if not is_key:
            continue
        found.append(table.c[name].desc() if descending else table.c[name])
        if collation.upper() != "BINARY":
            notes.append(f"the index {index.name} compares {name} letter by letter now, without COLLATE {collation}")
    return found


def _column_of(run: Run, table: str, fact: TableFact, column: ColumnFact, notes: list[str]) -> sa.Column[Any]:
    type_ = _type_of(run, table, column, notes)
    kind = kind_of(type_)
    alone = fact.key == (column.name,) and kind in INTEGERS and "without rowid" not in fact.options
    numbered = alone and column.type.upper() == "INTEGER"
    words = {}
    if column.default is not None:
        here = column.default
        words[WORDS] = Words(here, default_on_sqlite(here), default_for_postgres(here, kind))
    if column.collation and column.collation.upper() != "BINARY":
        notes.append(f"{table}.{column.name} compares letter by letter now, without COLLATE {column.collation}")
    return sa.Column(
        column.name,
        type_.with_variant(Declared("INTEGER"), "sqlite") if numbered else type_,
        nullable=not (column.not_null or column.key),
        autoincrement=numbered,
        info=words,
    )


def _type_of(run: Run, table: str, column: ColumnFact, notes: list[str]) -> TypeEngine[Any]:
    words = column.type.upper().strip()
    if words in _BY_WORDS:
        return _BY_WORDS[words]()
    if words == DECLARED[Kind.INTERVAL]:
        return sa.Interval().with_variant(Declared(words), "sqlite")
    if words.startswith("DECIMAL_TEXT"):
        digits = _DIGITS.search(words)
        return sa.Numeric(int(digits[1]), int(digits[2] or 0)) if digits else sa.Numeric()
    if "INT" in words:
        return sa.BigInteger()
    if "CHAR" in words and (length := _LENGTH.search(words)):
        return _text_of(run, table, column, int(length[1]), notes)
    if not words or words == "ANY":
        notes.append(f"{table}.{column.name} has no type, and becomes text")
    if any(word in words for word in ("CHAR", "CLOB", "TEXT")) or words in ("", "ANY"):
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


def _foreign(metadata: MetaData, foreign: ForeignText) -> sa.ForeignKeyConstraint | None:
    """As SQLite finds what is referred to: whatever the case of its letters. None where there is no such thing."""
    schema, bare = undotted(foreign.table)
    full = (f"{schema}.{bare}" if schema else bare).lower()
    target = next((table for key, table in metadata.tables.items() if key.lower() == full), None)
    if target is None:
        return None
    columns = {column.name.lower(): column for column in target.c}
    referred = foreign.referred or tuple(column.name for column in target.primary_key.columns)
    if not all(name.lower() in columns for name in referred):
        return None
    return sa.ForeignKeyConstraint(
        list(foreign.columns),
        [columns[name.lower()] for name in referred],
        name=foreign.name,
        ondelete=foreign.on_delete,
        onupdate=foreign.on_update,
        deferrable=foreign.deferrable,
        initially=foreign.initially,
        use_alter=False,
    )


__all__ = ["DECLARED", "from_sqlite"]
