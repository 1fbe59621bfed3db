"""What must be known of an existing database before it is served, read by a connection of its own: its catalogs, the
settings of its roles, and what it says of the server's own configuration.

Protocol: PostgREST's "configuration" page (in-database configuration) and "transactions" (impersonated role settings).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from undercroft.base.faults import SetupFault
from undercroft.catalog.types import Catalog
from undercroft.engine.postgres.connecting import connect_once
from undercroft.engine.postgres.reflect import reflect

_ROLES = """
SELECT r.rolname, split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1)
FROM pg_catalog.pg_roles r
CROSS JOIN LATERAL unnest(r.rolconfig) AS c(setting)
LEFT JOIN pg_catalog.pg_settings s ON s.name = split_part(c.setting, '=', 1)
WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
AND split_part(c.setting, '=', 1) NOT LIKE 'pgrst.%'
AND (s.name IS NULL OR s.context = 'user' OR {allowed})
"""
_ALLOWED = "pg_catalog.has_parameter_privilege(current_user, s.name, 'SET')"
_KNOWN = """
SELECT
  ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role(current_user, oid, 'MEMBER')),
  ARRAY(SELECT nspname::text FROM pg_catalog.pg_namespace)
"""
_FIRST_WITH_GRANTS = 150_000
"""PostgreSQL 15 came with grants on settings."""


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What a database is at one moment."""

    catalogs: Mapping[str, Catalog]
    roles: tuple[tuple[str, str, str], ...]
    """(role, setting, value) for every setting of a role that the connecting one may take over."""
    timezones: frozenset[str]
    impersonable: frozenset[str]
    """Roles that the connecting one may become."""
    schemas: frozenset[str]
    """All there are."""


def read_standing(url: str, schemas: Sequence[str], search_path: Sequence[str], *, timezones: bool = True) -> Standing:
    """Read it, in one snapshot. It blocks. Raises `SetupFault` where the database cannot be reached or read."""
    try:
        with connect_once(url) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            allowed = _ALLOWED if connection.info.server_version >= _FIRST_WITH_GRANTS else "false"
            roles = connection.execute(_ROLES.format(allowed=allowed).encode()).fetchall()
            zones = connection.execute("SELECT name FROM pg_catalog.pg_timezone_names").fetchall() if timezones else []
            impersonable, known = connection.execute(_KNOWN).fetchone() or ((), ())
            cursor = psycopg.RawCursor(connection)

            def one(text: str, args: Sequence[object]) -> Sequence[Any]:
                return cursor.execute(text.encode(), args or None).fetchone() or ()

            catalogs = reflect(one, schemas, search_path)
    except psycopg.Error as error:
        raise _unreadable(error) from error
    names = frozenset(name for (name,) in zones)
    return Standing(catalogs, tuple(roles), names, frozenset(impersonable), frozenset(known))


def read_configuration(url: str, names: Iterable[str], pre_config: str | None) -> dict[str, str]:
    """The settings `pgrst.<name>` that the connecting role has, or that the function `pre_config` sets.

    `pre_config` is a name as it stands in SQL. Only those that are set are given. Raises `SetupFault`.
    """
    asked = list(names)
    try:
        with connect_once(url) as connection:
            if pre_config is not None:
                connection.execute(f"SELECT {pre_config}()".encode())
            columns = ", ".join(["current_setting('pgrst.' || %s, true)"] * len(asked))
            row = connection.execute(f"SELECT {columns}".encode(), asked).fetchone() or ()
            connection.rollback()
    except psycopg.Error as error:
        raise _unreadable(error) from error
    return {name: value for name, value in zip(asked, row, strict=True) if value}


def _unreadable(error: psycopg.Error) -> SetupFault:
    return SetupFault(f"the database cannot be reached or read: {str(error).strip()}")
