"""Statements of second factors and passkeys that compare with what is stored: counters that only grow."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import sqlalchemy as sa

from undercroft.auth.store import Rows
from undercroft.auth.tables import CREDENTIAL_CHALLENGES, CREDENTIALS, FACTORS, SESSIONS
from undercroft.models.base import Timestamp, Uuid

_ID = sa.bindparam("id", type_=Uuid())
_NUMBER = sa.bindparam("number", type_=sa.BigInteger())
_NONE: sa.ColumnClause[int] = sa.literal_column("0")
_NOW = sa.bindparam("now", type_=Timestamp())


def stepped(rows: Rows, factor_id: str, number: int) -> bool:
    """Let a factor go on to a later time step or count; False where it is there already. One of many who try does."""
    return bool(rows.raw(rows.prepared(_step()), {"id": factor_id, "number": number}))


def counted(rows: Rows, factor_id: str, number: int) -> bool:
    """As `stepped`, for the count of a security key: one that does not count says 0 each time."""
    return bool(rows.raw(rows.prepared(_count()), {"id": factor_id, "number": number}))


def used(rows: Rows, credential_id: str, number: int, now: datetime, *, backed_up: bool) -> bool:
    """A passkey was used, and told this count; False where it had told as much or more before."""
    values = {"id": credential_id, "number": number, "now": now, "backed_up": backed_up}
    return bool(rows.raw(rows.prepared(_use()), values))


def swept(rows: Rows, now: datetime) -> None:
    """Take out challenges of passkeys that are over."""
    rows.raw(rows.prepared(_sweep()), {"now": now})


def lowered(rows: Rows, user_id: str, now: datetime) -> list[str]:
    """Have all sessions of somebody be of one proof again, and of none that follows from a factor; which they were."""
    found = rows.raw(rows.prepared(_lower()), {"id": user_id, "now": now})
    return [str(row[0]) for row in found]


@cache
def _step() -> sa.ClauseElement:
    is_later = FACTORS.c.last_step < _NUMBER
    changed = sa.update(FACTORS).where(FACTORS.c.id == _ID, is_later).values(last_step=_NUMBER)
    return changed.returning(FACTORS.c.id)


@cache
def _count() -> sa.ClauseElement:
    is_later = sa.or_(FACTORS.c.last_step < _NUMBER, sa.and_(FACTORS.c.last_step == _NONE, _NUMBER == _NONE))
    changed = sa.update(FACTORS).where(FACTORS.c.id == _ID, is_later).values(last_step=_NUMBER)
    return changed.returning(FACTORS.c.id)


@cache
def _use() -> sa.ClauseElement:
    told = CREDENTIALS.c.sign_count
    is_later = sa.or_(told < _NUMBER, sa.and_(told == _NONE, _NUMBER == _NONE))
    changed = sa.update(CREDENTIALS).where(CREDENTIALS.c.id == _ID, is_later)
    backed_up = sa.bindparam("backed_up", type_=sa.Boolean())
    return changed.values(sign_count=_NUMBER, last_used_at=_NOW, backed_up=backed_up).returning(CREDENTIALS.c.id)


@cache
def _sweep() -> sa.ClauseElement:
    over = CREDENTIAL_CHALLENGES.c.expires_at < _NOW
    return sa.delete(CREDENTIAL_CHALLENGES).where(over).returning(CREDENTIAL_CHALLENGES.c.id)


@cache
def _lower() -> sa.ClauseElement:
    changed = sa.update(SESSIONS).where(SESSIONS.c.user_id == _ID, SESSIONS.c.aal != sa.literal_column("'aal1'"))
    return changed.values(aal=sa.literal_column("'aal1'"), factor_id=sa.null(), updated_at=_NOW).returning(
        SESSIONS.c.id
    )
