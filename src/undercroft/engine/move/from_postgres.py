"""A PostgreSQL database's schema as tables that either engine can make, with SQLite's words for their columns.

What SQLite has no place for goes along as the statement that makes it on another PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, MetaData
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.types import NullType, TypeEngine

from undercroft.catalog.kinds import INTEGERS, Kind, kind_of
from undercroft.engine.migrate.facts import quoted
from undercroft.engine.move.declared import Declared
from undercroft.engine.move.expressions import check_for_sqlite, default_for_sqlite
from undercroft.engine.move.reflected import DECLARED
from undercroft.engine.move.types import ONLY_POSTGRES, OURS, WORDS, Words

_EXACT_DIGITS = 15

_PARTS = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relispartition
"""
_LEFT = """
SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
       WHEN 'p' THEN 'partitioning of' WHEN 'S' THEN 'sequence' ELSE 'composite type' END, c.oid::regclass::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm', 'f', 'p', 'S', 'c') AND NOT c.relispartition
  AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', '_undercroft')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i', 'e')
                  AND c.relkind <> 'p')
UNION ALL
SELECT 'inheritance', inhrelid::regclass::text || ' of ' || inhparent::regclass::text
FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE c.relkind = 'r' AND NOT c.relispartition
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
_INDEXES = """
SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = to_regclass(%s)
"""
_EXCLUSIONS = """
SELECT format('the constraint %%I', conname),
       format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE contype = 'x' AND conrelid = to_regclass(%s)
"""
_COMMENTS = """
SELECT format('the comment on %%s', c.oid::regclass || coalesce('.' || a.attname, '')),
       CASE WHEN a.attname IS NULL THEN format('COMMENT ON TABLE %%s IS %%L', c.oid::regclass, d.description)
       ELSE format('COMMENT ON COLUMN %%s.%%I IS %%L', c.oid::regclass, a.attname, d.description) END
FROM pg_class c JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND a.attnum > 0
WHERE c.oid = to_regclass(%s) ORDER BY d.objsubid
"""


def from_postgres(connection: Connection, schemas: Iterable[str]) -> tuple[MetaData, list[str]]:
    """The tables of these schemas, and notes about what is left behind."""
    seen, out = MetaData(), MetaData(info={ONLY_POSTGRES: []})
    notes: list[str] = []
    default = connection.dialect.default_schema_name
    for schema in schemas:
        seen.reflect(connection, schema=None if schema == default else schema, resolve_fks=False)
    parts = {(schema, name) for schema, name in connection.exec_driver_sql(_PARTS)}
    tables = [
        table
        for table in seen.tables.values()
        if (table.schema or default, table.name) not in parts and not table.name.startswith(OURS)
    ]
    for table in tables:
        _copied(table, out, notes)
    for table in tables:
        _keys(connection, table, out, notes)
        _only_there(connection, table, out)
    for kind, name in connection.exec_driver_sql(_LEFT):
        notes.append(f"the {kind} {name} is left behind")
    return out, notes


def _copied(table: sa.Table, out: MetaData, notes: list[str]) -> None:
    """Columns, keys and CHECKs."""
    columns = [_portable(table, column, out, notes) for column in table.columns if column.computed is None]
    notes += [
        f"{table.fullname}.{column.name} is computed by PostgreSQL ({column.computed.sqltext}), and is left out"
        for column in table.columns
        if column.computed is not None
    ]
    numbered = any(column.autoincrement is True for column in columns)
    copy = sa.Table(table.name, out, *columns, schema=table.schema, sqlite_autoincrement=numbered)
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        names = [column.name for column in getattr(constraint, "columns", ())]
        if isinstance(constraint, sa.ForeignKeyConstraint):
            continue
        if any(name not in copy.c for name in names):
            notes.append(f"{table.fullname}: the constraint {constraint.name} is left out, as a column of it is")
        elif isinstance(constraint, sa.PrimaryKeyConstraint) and names:
            copy.append_constraint(sa.PrimaryKeyConstraint(*names, name=_name(constraint)))
        elif isinstance(constraint, sa.UniqueConstraint):
            one_null: Any = constraint.dialect_options["postgresql"]["nulls_not_distinct"]
            unique = sa.UniqueConstraint(*names, name=_name(constraint), postgresql_nulls_not_distinct=one_null)
            copy.append_constraint(unique)
        elif isinstance(constraint, sa.CheckConstraint):
            _check(copy, str(constraint.sqltext), check_for_sqlite(str(constraint.sqltext)), _name(constraint))
    for column in table.columns:
        if isinstance(column.type, sa.Enum) and column.name in copy.c:
            labels = ", ".join("'" + label.replace("'", "''") + "'" for label in column.type.enums)
            _check(copy, None, f"{quoted(column.name)} IN ({labels})")


def _check(table: sa.Table, postgresql: str | None, sqlite: str, name: str | None = None) -> None:
    words = {WORDS: Words(postgresql or sqlite, sqlite, postgresql)}
    table.append_constraint(sa.CheckConstraint(sa.literal_column(sqlite), name=name, info=words))


def _name(constraint: sa.Constraint) -> str | None:
    return str(constraint.name) if constraint.name else None


def _keys(connection: Connection, table: sa.Table, out: MetaData, notes: list[str]) -> None:
    """Foreign keys; by their parts, since a name may hold a dot."""
    copy = out.tables[table.key]
    for key in sa.inspect(connection).get_foreign_keys(table.name, schema=table.schema):
        schema, name = key["referred_schema"], key["referred_table"]
        there = next((each for each in out.tables.values() if (each.schema, each.name) == (schema, name)), None)
        if there is None or not all(each in copy.c for each in key["constrained_columns"]):
            notes.append(f"{table.fullname}: the foreign key {key['name']} to {name} is left out")
            continue
        referred = [there.c[each] for each in key["referred_columns"]]
        found = sa.ForeignKeyConstraint(key["constrained_columns"], referred, name=key["name"], **key["options"])
        copy.append_constraint(found)


def _only_there(connection: Connection, table: sa.Table, out: MetaData) -> None:
    """Indexes; and, as statements, what only PostgreSQL has a place for."""
    copy, only = out.tables[table.key], out.info[ONLY_POSTGRES]
    named = connection.dialect.identifier_preparer.format_table(table).replace("%%", "%")
    texts = {row[0]: row[1] for row in connection.exec_driver_sql(_INDEXES, (named,))}
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if not _index(index, copy):
            only.append((f"the index {index.name}", texts[str(index.name)]))
    for asked in (_EXCLUSIONS, _COMMENTS):
        only += [(what, statement) for what, statement in connection.exec_driver_sql(asked, (named,))]


def _index(index: sa.Index, copy: sa.Table) -> bool:
    """Made where any engine can make it as it is."""
    options = index.dialect_options["postgresql"]
    special = any(options.get(name) for name in ("include", "ops", "nulls_not_distinct", "with"))
    names = [str(each.name) for each in index.expressions if isinstance(each, sa.Column)]
    if special or (options.get("using") or "btree") != "btree" or len(names) < len(index.expressions):
        return False
    if not all(name in copy.c for name in names):
        return False
    where = options.get("where")
    conditions: dict[str, Any] = {}
    if where is not None:
        conditions["sqlite_where"] = sa.literal_column(check_for_sqlite(str(where)))
        conditions["postgresql_where"] = sa.literal_column(str(where))
    sa.Index(index.name, *(copy.c[name] for name in names), unique=bool(index.unique), **conditions)
    return True


def _portable(table: sa.Table, column: sa.Column[Any], out: MetaData, notes: list[str]) -> sa.Column[Any]:
    place = f"{table.fullname}.{column.name}"
    type_ = _known(column.type, place, notes)
    kind = kind_of(type_)
    alone = [each.name for each in table.primary_key.columns] == [column.name] and kind in INTEGERS
    server: Any = column.server_default
    text = str(server.arg) if isinstance(server, sa.DefaultClause) else None
    numbered = column.identity is not None or (text is not None and text.startswith("nextval("))
    words = {}
    if numbered and not alone:
        named = f"{quoted(table.schema)}.{quoted(table.name)}" if table.schema else quoted(table.name)
        made = f"ALTER TABLE {named} ALTER COLUMN {quoted(column.name)} ADD GENERATED BY DEFAULT AS IDENTITY"
        out.info[ONLY_POSTGRES].append((f"the numbering of {place}", made))
    elif text is not None and not numbered:
        words[WORDS] = Words(text, default_for_sqlite(text, kind), text)
    return sa.Column(
        column.name,
        _typed(type_, kind, alone=alone),
        nullable=column.nullable,
        autoincrement=alone and numbered,
        info=words,
    )


def _known(type_: TypeEngine[Any], place: str, notes: list[str]) -> TypeEngine[Any]:
    """A type that can be made anew in another database."""
    if isinstance(type_, pg.DOMAIN):
        notes.append(f"{place}: the domain {type_.name} becomes {type_.data_type}; its rules are left out")
        return _known(type_.data_type, place, notes)
    if isinstance(type_, NullType):
        notes.append(f"{place} is of a type that is not known here, and becomes text")
        return sa.Text()
    return sa.Interval() if isinstance(type_, pg.INTERVAL) else type_


def _typed(type_: TypeEngine[Any], kind: Kind, *, alone: bool) -> TypeEngine[Any]:
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
    return type_.with_variant(Declared(DECLARED[kind]), "sqlite")


__all__ = ["from_postgres"]
