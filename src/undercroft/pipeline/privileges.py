"""What a role may use of a schema, asked of the database as that role."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

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


class Granted(NamedTuple):
    """Names of what may be used in any way."""

    tables: frozenset[str]
    functions: frozenset[str]


async def granted(engine: Engine, schema: str, local: Local) -> Granted:
    """What the role of `local` may use. Raises what the database refuses."""
    (text,) = await engine.read(_BOTH, (schema,), local)
    found = msgspec.json.decode(text)
    return Granted(frozenset(found["tables"]), frozenset(found["functions"]))
