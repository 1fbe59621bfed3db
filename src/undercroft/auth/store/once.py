"""Something that may happen once: of many who note it, one is the first."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Rows, given
from undercroft.auth.tables import FLOWS
from undercroft.sql.prepared import Prepared, prepare

_COLUMNS = ("id", "provider_type", "authentication_method", "created_at", "updated_at")


@cache
def _noting(dialect: Dialect) -> Prepared:
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    added = insert(FLOWS).values({name: given(FLOWS.c[name]) for name in _COLUMNS})
    return prepare(added.on_conflict_do_nothing(index_elements=[FLOWS.c.id]).returning(FLOWS.c.id), dialect)


def is_first(rows: Rows, dialect: Dialect, method: str, said: str, provider: str, now: datetime) -> bool:
    """Note what was said among the ways in, where it stays for longer than it is good for; whether nobody had."""
    once_id = str(UUID(bytes=hashlib.sha256(f"{method} {said}".encode()).digest()[:16]))
    values = {"id": once_id, "provider_type": provider, "authentication_method": method, "created_at": now}
    return bool(rows.raw(_noting(dialect), {**values, "updated_at": now}))
