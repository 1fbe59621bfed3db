# ruff: noqa: S608  nothing in these texts comes from outside
"""What a PostgreSQL schema is, in the server's own words, as the values that migrations compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from undercroft.engine.migrate.ddltext import CheckText, ForeignText, UniqueText
from undercroft.engine.migrate.facts import OURS, ColumnFact, IndexFact, Run, TableFact, quoted
from undercroft.engine.sqlite.dialect import undotted

_OF_US = f"""n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
AND (NOT n.nspname ^@ '{OURS}' OR n.nspname = current_schema())"""

_TABLES = f"""
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND {_OF_US}
AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass
                AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

_COLUMNS = """
SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
       CASE WHEN a.attcollation <> t.typcollation THEN l.collname END, t.typname, t.typcategory,
       (SELECT pg_catalog.array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
        WHERE e.enumtypid = t.oid),
       EXISTS (SELECT 1 FROM pg_catalog.pg_depend s WHERE s.classid = 'pg_catalog.pg_class'::regclass
               AND s.refobjid = a.attrelid AND s.refobjsubid = a.attnum AND s.deptype = 'a')
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation
WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""

_CONSTRAINTS = """
SELECT k.conrelid, k.conname, k.contype,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY p.place) FROM unnest(k.conkey) WITH ORDINALITY p (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.number),
       n.nspname, r.relname,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY p.place) FROM unnest(k.confkey) WITH ORDINALITY p (number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = p.number),
       k.confdeltype, k.confupdtype, k.condeferrable, k.condeferred, pg_catalog.pg_get_expr(k.conbin, k.conrelid)
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
WHERE k.conrelid = ANY (%s) AND k.contype IN ('p', 'u', 'f', 'c') ORDER BY k.conname
"""

_INDEXES = """
SELECT i.indrelid, n.nspname, c.relname, pg_catalog.pg_get_indexdef(i.indexrelid), i.indisunique,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY p.place)
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY p (number, place)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = p.number AND p.number > 0),
       m.amname
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE i.indrelid = ANY (%s) AND i.indisvalid AND i.indislive AND NOT EXISTS (
    SELECT 1 FROM pg_catalog.pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY c.relname
"""

_ACTIONS = {"a": None, "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_IDENTITY = {"a": "always", "d": "by default"}
_FAMILIES = {
    "int2": "INTEGER", "int4": "INTEGER", "int8": "INTEGER", "numeric": "NUMERIC", "float4": "REAL", "float8": "REAL",
    "text": "TEXT", "varchar": "TEXT", "bpchar": "TEXT", "citext": "TEXT", "json": "JSON", "jsonb": "JSON",
}  # fmt: skip


def read_facts(run: Run, hidden: frozenset[str] = frozenset()) -> dict[str, TableFact]:
    """Every ordinary table, without the server's own, those of extensions and Undercroft's bookkeeping.

    Tables of the first schema of the search path go by their bare names; schemas in `hidden` are left out.
    """
    default = run("SELECT current_schema()")[0][0]
    tables = {row[0]: row for row in run(_TABLES) if row[1] not in hidden}
    if not tables:
        return {}
    asked = (list(tables),)
    columns, constraints, indexes = (_by_table(run(sql, asked)) for sql in (_COLUMNS, _CONSTRAINTS, _INDEXES))

    def named(schema: str, name: str) -> str:
        return name if schema == default else f"{schema}.{name}"

    found = {}
    for oid, schema, name, kind, persistence in tables.values():
        rules = constraints[oid]
        keys = [rule for rule in rules if rule[2] == "p"]
        key = list(keys[0][3]) if keys else []
        options = ({"partitioned"} if kind == "p" else set()) | ({"unlogged"} if persistence == "u" else set())
        full = named(schema, name)
        found[full] = TableFact(
            full,
            "",
            tuple(_column(row, key) for row in columns[oid]),
            tuple(CheckText(rule[1], rule[11]) for rule in rules if rule[2] == "c"),
            tuple(UniqueText(rule[1], tuple(rule[3])) for rule in rules if rule[2] == "u"),
            tuple(_foreign(rule, named(rule[4], rule[5])) for rule in rules if rule[2] == "f"),
            tuple(_index(row, named(row[1], row[2]), full) for row in indexes[oid]),
            frozenset(options),
            keys[0][1] if keys else None,
        )
    return found


def _by_table(rows: Any) -> Mapping[int, list[Any]]:
    out: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        out[row[0]].append(row)
    return out


def _column(row: Any, key: list[str]) -> ColumnFact:
    _, name, type_, not_null, default, identity, generated, collation, internal, category, members, numbered = row
    serial = bool(numbered and default and default.startswith("nextval("))
    return ColumnFact(
        name,
        type_,
        not_null,
        None if serial or generated else default,
        key.index(name) + 1 if name in key else 0,
        generated=default if generated else None,
        stored=generated == "s",
        collation=collation,
        identity="serial" if serial else _IDENTITY.get(identity),
        family=_FAMILIES.get(internal, f"{category}:{internal}"),
        members=tuple(members) if members else None,
    )


def _foreign(rule: Any, table: str) -> ForeignText:
    _, name, _, columns, _, _, referred, on_delete, on_update, deferrable, deferred, _ = rule
    initially = "DEFERRED" if deferred else None
    actions = _ACTIONS[on_delete], _ACTIONS[on_update]
    return ForeignText(name, tuple(columns), table, tuple(referred), *actions, deferrable or None, initially)


def _index(row: Any, name: str, table: str) -> IndexFact:
    _, _, bare, text, unique, columns, method = row
    body = text[text.index(" USING ") + len(f" USING {method} ") :]
    using = "" if method == "btree" else f"USING {method} "
    kind = "CREATE UNIQUE INDEX" if unique else "CREATE INDEX"
    return IndexFact(name, f"{kind} {quoted(bare)} ON {named(table)} {using}{body}", unique, tuple(columns), using)


def named(name: str) -> str:
    """The name of a table as it stands in a statement."""
    schema, bare = undotted(name)
    return f"{quoted(schema)}.{quoted(bare)}" if schema else quoted(bare)
