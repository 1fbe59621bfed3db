"""Everything that a refresh asks of a session, in one statement: it is what is called most."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Record, Rows, given, reader
from undercroft.auth.tables import AMR, FACTORS, IDENTITIES, SESSIONS, USERS
from undercroft.models.base import Uuid
from undercroft.sql.prepared import Prepared, prepare

_OWN = len(SESSIONS.c)
_WHOLE = _OWN + len(USERS.c)


class Standing(NamedTuple):
    """A session, whose it is, and what is known of them."""

    session: Record
    user: Record
    amr: list[Record]
    identities: list[Record]
    factors: list[Record]


def standing(rows: Rows, dialect: Dialect, session_id: str) -> Standing | None:
    """A session that nobody else changes until the commit; None where there is none."""
    found = rows.raw(_standing(dialect), {"id": session_id})
    if not found:
        return None
    row = found[0]
    return Standing(
        reader(SESSIONS)(row[:_OWN]),
        reader(USERS)(row[_OWN:_WHOLE]),
        _read(AMR, row[_WHOLE]),
        _read(IDENTITIES, row[_WHOLE + 1]),
        _read(FACTORS, row[_WHOLE + 2]),
    )


def _read(table: sa.Table, value: Any) -> list[Record]:
    """The rows of an array of arrays, the oldest first."""
    listed = msgspec.json.decode(value) if isinstance(value, str | bytes) else value
    if not listed:
        return []
    found: list[Record] = [reader(table)(row) for row in listed]
    return sorted(found, key=lambda row: (row["created_at"], row["id"])) if len(found) > 1 else found


def went_on(rows: Rows, dialect: Dialect, session: Record) -> None:
    """Store what a refresh has changed of a session that is held."""
    rows.raw(_going_on(dialect), session)


@cache
def _going_on(dialect: Dialect) -> Prepared:
    changed = ("refresh_token_counter", "refreshed_at", "updated_at", "ip", "user_agent")
    return prepare(
        sa.update(SESSIONS)
        .where(SESSIONS.c.id == given(SESSIONS.c.id))
        .values({name: given(SESSIONS.c[name]) for name in changed}),
        dialect,
    )


@cache
def _standing(dialect: Dialect) -> Prepared:
    with_user = SESSIONS.join(USERS, USERS.c.id == SESSIONS.c.user_id)
    found = (
        sa.select(
            *SESSIONS.c,
            *USERS.c,
            _listed(AMR, AMR.c.session_id == SESSIONS.c.id, dialect).label("amr"),
            _listed(IDENTITIES, IDENTITIES.c.user_id == USERS.c.id, dialect).label("identities"),
            _listed(FACTORS, FACTORS.c.user_id == USERS.c.id, dialect).label("factors"),
        )
        .select_from(with_user)
        .where(SESSIONS.c.id == sa.bindparam("id", type_=Uuid()))
        .with_for_update(of=SESSIONS)
    )
    return prepare(found, dialect)


def _listed(table: sa.Table, condition: sa.ColumnElement[bool], dialect: Dialect) -> Any:
    """The rows of a table as one array, each an array of its columns."""
    is_postgres = dialect.name == "postgresql"
    row: Callable[..., Any] = sa.func.json_build_array if is_postgres else sa.func.json_array
    each: Callable[..., Any] = sa.func.json_agg if is_postgres else sa.func.json_group_array
    columns = [sa.cast(column, sa.Text) if isinstance(column.type, Uuid) else column for column in table.c]
    return sa.select(each(row(*columns))).where(condition).correlate(SESSIONS, USERS).scalar_subquery()
