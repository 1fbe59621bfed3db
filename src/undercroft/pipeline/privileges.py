"""What a role may use of a schema, asked of the database as that role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from undercroft.catalog.types import ObjectName
from undercroft.engine.types import Engine, Local

_TABLES = """
SELECT coalesce(json_agg(c.relname), '[]') FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'v', 'm', 'f', 'p')
AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
  OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
"""
_FUNCTIONS = """
SELECT coalesce(json_agg(DISTINCT p.proname), '[]') FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $1 AND p.prokind = 'f' AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
"""
_BOTH = f"SELECT json_build_object('tables', ({_TABLES}), 'functions', ({_FUNCTIONS}))::text"

_COLUMNS = """
SELECT coalesce(json_agg(json_build_array(c.relname, pg_catalog.has_table_privilege(c.oid, 'DELETE'),
  (SELECT coalesce(json_agg(json_build_array(a.attname,
      pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'),
      pg_catalog.has_column_privilege(c.oid, a.attnum, 'INSERT'),
      pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE'))), '[]')
    FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))), '[]')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
"""
_CALLS = """
SELECT coalesce(json_agg(json_build_array(n.nspname, p.proname)), '[]') FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_type t ON p.pronargs = 1 AND t.oid = p.proargtypes[0]
WHERE (n.nspname = $1 OR (t.typtype = 'c' AND n.nspname <> 'pg_catalog')) AND p.prokind = 'f'
AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
"""
_PRIVILEGES = f"SELECT json_build_object('tables', ({_COLUMNS}), 'functions', ({_CALLS}))::text"


class Granted(NamedTuple):
    """Names of what may be used in any way."""

    tables: frozenset[str]
    functions: frozenset[str]


@dataclass(frozen=True, slots=True)
class TablePrivileges:
    """What may be done with a table: the columns that may be read and written, and whether rows may be deleted."""

    reads: frozenset[str] = frozenset()
    inserts: frozenset[str] = frozenset()
    updates: frozenset[str] = frozenset()
    deletes: bool = False


@dataclass(frozen=True, slots=True)
class Privileges:
    """What a role may do with the tables of a schema, and which functions it may call."""

    tables: Mapping[str, TablePrivileges] = field(default_factory=dict)
    functions: frozenset[ObjectName] = frozenset()
    """Those of the schema, and those of other schemas that take a row."""


class _Found(msgspec.Struct, frozen=True):
    tables: list[tuple[str, bool, list[tuple[str, bool, bool, bool]]]]
    functions: list[tuple[str, str]]


async def granted(engine: Engine, schema: str, local: Local) -> Granted:
    """What the role of `local` may use. Raises what the database refuses."""
    (text,) = await engine.read(_BOTH, (schema,), local)
    found = msgspec.json.decode(text)
    return Granted(frozenset(found["tables"]), frozenset(found["functions"]))


async def privileges(engine: Engine, schema: str, local: Local) -> Privileges:
    """What the role of `local` may do, column by column. Raises what the database refuses."""
    (text,) = await engine.read(_PRIVILEGES, (schema,), local)
    found = msgspec.json.decode(text, type=_Found)
    tables = {
        name: TablePrivileges(
            frozenset(column for column, reads, _, _ in columns if reads),
            frozenset(column for column, _, inserts, _ in columns if inserts),
            frozenset(column for column, _, _, updates in columns if updates),
            deletes,
        )
        for name, deletes, columns in found.tables
    }
    return Privileges(tables, frozenset(ObjectName(*each) for each in found.functions))
