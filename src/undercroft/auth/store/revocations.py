"""Which sessions ended lately, read by every process that believes tokens."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Rows, moment
from undercroft.auth.tables import REVOCATIONS
from undercroft.models.base import Timestamp
from undercroft.sql.prepared import Prepared, prepare

_BIG = sa.BigInteger()


class Revocation(NamedTuple):
    """A session that ended."""

    id: int
    session_id: str
    at: datetime


@cache
def newer(dialect: Dialect) -> Prepared:
    """Those after an id."""
    table = REVOCATIONS
    found = sa.select(table.c.id, table.c.session_id, table.c.created_at)
    return prepare(found.where(table.c.id > sa.bindparam("after", type_=_BIG)).order_by(table.c.id), dialect)


@cache
def _purge(dialect: Dialect) -> Prepared:
    # The newest stays: on SQLite its number would be given again, and whoever has read on from it would miss that.
    table = REVOCATIONS
    newest = sa.select(sa.func.max(table.c.id)).scalar_subquery()
    before = sa.bindparam("before", type_=Timestamp)
    return prepare(sa.delete(table).where(table.c.created_at < before, table.c.id < newest), dialect)


def ended_after(rows: Rows, dialect: Dialect, number: int) -> list[Revocation]:
    """The sessions that ended after the one of this number, the oldest first."""
    found = rows.raw(newer(dialect), {"after": number})
    return [Revocation(int(id_), str(session_id), moment(at)) for id_, session_id, at in found]


def purge(rows: Rows, dialect: Dialect, before: datetime) -> None:
    """Forget those that ended before a moment: no token of theirs lives."""
    rows.raw(_purge(dialect), {"before": before})
