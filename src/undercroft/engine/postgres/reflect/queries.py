"""What is asked of pg_catalog: five statements, each of which gives one row with one JSON value.

Names of types come out with their schema wherever they need it, since the statements run with an empty search path.
`$1` is the JSON array of the served schemas; for views, of those of the search path too.
"""

from __future__ import annotations

EMPTY_PATH = "SELECT pg_catalog.set_config('search_path', '', true)"

RELATIONS = """
WITH asked AS (
  SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, n.nspname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition
    AND n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb))
  UNION
  SELECT c.oid, c.relname, c.relkind, c.relrowsecurity, tn.nspname
  FROM pg_proc p
  JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_type t ON t.oid = p.prorettype
  LEFT JOIN pg_type b ON b.oid = t.typbasetype
  JOIN pg_class c ON c.oid = coalesce(nullif(t.typrelid, 0), b.typrelid)
  JOIN pg_namespace tn ON tn.oid = c.relnamespace
  WHERE n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb))
), columns AS (
  SELECT a.attrelid, json_agg(json_build_array(
    a.attnum, a.attname, a.atttypid::bigint, format_type(a.atttypid, a.atttypmod),
    a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), a.attidentity <> '', a.attgenerated <> '',
    CASE
      WHEN a.attidentity = 'd'
      THEN format('nextval(%L)', pg_get_serial_sequence(a.attrelid::regclass::text, a.attname))
      WHEN a.attgenerated <> '' THEN NULL
      WHEN d.adbin IS NULL AND t.typtype = 'd' THEN pg_get_expr(t.typdefaultbin, 0)
      ELSE pg_get_expr(d.adbin, d.adrelid)
    END,
    col_description(a.attrelid, a.attnum), information_schema._pg_char_max_length(a.atttypid, a.atttypmod)
  ) ORDER BY a.attnum) AS listed
  FROM pg_attribute a
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid IN (SELECT oid FROM asked) AND a.attnum > 0 AND NOT a.attisdropped
  GROUP BY a.attrelid
)
SELECT coalesce(json_agg(json_build_array(
  c.oid::bigint, c.nspname, c.relname, c.relkind, obj_description(c.oid, 'pg_class'),
  CASE WHEN c.relkind IN ('v', 'f') THEN pg_relation_is_updatable(c.oid, true) WHEN c.relkind IN ('r', 'p') THEN 28
  ELSE 0 END, coalesce(columns.listed, '[]'::json)
) ORDER BY c.nspname, c.relname), '[]')::text
FROM asked c LEFT JOIN columns ON columns.attrelid = c.oid
"""

CONSTRAINTS = """
SELECT coalesce(json_agg(json_build_array(
  c.conname, c.contype, c.conrelid::bigint, c.conkey, c.confrelid::bigint, c.confkey,
  obj_description(c.oid, 'pg_constraint')
) ORDER BY c.conrelid, c.contype, c.conname), '[]')::text
FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE c.contype IN ('p', 'u', 'f') AND (c.contype <> 'f' OR c.conparentid = 0)
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND n.nspname NOT LIKE 'pg\\_%'
"""

VIEWS = """
SELECT coalesce(json_agg(json_build_array(c.oid::bigint, r.ev_action::text) ORDER BY c.oid), '[]')::text
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.ev_type = '1' AND c.relkind IN ('v', 'm') AND n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb))
"""

ROUTINES = """
SELECT coalesce(json_agg(json_build_array(
  n.nspname, p.proname, obj_description(p.oid, 'pg_proc'), p.provolatile, p.proretset, p.prorows, p.prorettype::bigint,
  p.provariadic <> 0, coalesce(p.proallargtypes::oid[], p.proargtypes::oid[])::bigint[], p.proargmodes::text[],
  p.proargnames, p.pronargdefaults, p.proconfig
) ORDER BY n.nspname, p.proname, p.oid), '[]')::text
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_type only_type ON p.pronargs = 1 AND only_type.oid = p.proargtypes[0]
WHERE p.prokind = 'f' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
  AND (
    n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb))
    OR (only_type.typtype = 'c' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND n.nspname NOT LIKE 'pg\\_%')
  )
"""

TYPES = """
SELECT json_build_object(
  'types', (SELECT coalesce(json_agg(json_build_array(
      t.oid::bigint, n.nspname, t.typname, format_type(t.oid, NULL), t.typtype, t.typcategory,
      CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END::bigint, t.typbasetype::bigint, t.typrelid::bigint,
      (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
       WHERE t.typtype = 'e' AND e.enumtypid = t.oid),
      CASE WHEN t.typtype = 'e' THEN obj_description(t.oid, 'pg_type') END
    )), '[]') FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_t%'),
  'casts', (SELECT coalesce(json_agg(json_build_array(
      c.castsource::bigint, c.casttarget::bigint, n.nspname, p.proname
    )), '[]') FROM pg_cast c
    JOIN pg_proc p ON p.oid = c.castfunc
    JOIN pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_type s ON s.oid = c.castsource
    JOIN pg_type t ON t.oid = c.casttarget
    WHERE c.castcontext = 'i' AND c.castmethod = 'f' AND (
      (s.typtype = 'd' AND c.casttarget IN ('json'::regtype, 'text'::regtype))
      OR (t.typtype = 'd' AND c.castsource IN ('json'::regtype, 'text'::regtype)))),
  'geojson', (SELECT n.nspname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.proname = 'st_asgeojson' AND p.proargtypes[0] = 'record'::regtype LIMIT 1),
  'aggregates', (SELECT coalesce(json_agg(json_build_array(
      n.nspname, p.proname, p.proargtypes[0]::bigint, p.prorettype::bigint
    ) ORDER BY n.nspname, p.proname), '[]')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_type t ON t.oid = p.prorettype
    WHERE p.prokind = 'a' AND p.pronargs = 1 AND t.typtype = 'd'
      AND n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb))),
  'schemas', (SELECT coalesce(json_agg(json_build_array(n.nspname, obj_description(n.oid, 'pg_namespace'))), '[]')
    FROM pg_namespace n WHERE n.nspname IN (SELECT jsonb_array_elements_text($1::jsonb)))
)::text
"""
