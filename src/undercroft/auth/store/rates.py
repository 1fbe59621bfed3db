"""Counting how often something happened, in one statement."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Rows
from undercroft.auth.tables import RATES
from undercroft.sql.prepared import Prepared, prepare

_MICROSECONDS = 1_000_000
_BIG = sa.BigInteger()


class Counted(NamedTuple):
    """How often within the window, and when that began: seconds since 1970."""

    times: int
    since: float


@cache
def _counting(dialect: Dialect) -> Prepared:
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    now, before = sa.bindparam("now", type_=_BIG), sa.bindparam("before", type_=_BIG)
    added = insert(RATES).values(key=sa.bindparam("key", type_=sa.Text()), window=now, count=sa.literal_column("1"))
    is_over = RATES.c.window <= before
    return prepare(
        added.on_conflict_do_update(
            index_elements=[RATES.c.key],
            set_={
                "count": sa.case((is_over, sa.literal_column("1")), else_=RATES.c.count + sa.literal_column("1")),
                "window": sa.case((is_over, now), else_=RATES.c.window),
            },
        ).returning(RATES.c.count, RATES.c.window),
        dialect,
    )


def count(rows: Rows, dialect: Dialect, key: str, now: float, seconds: float) -> Counted:
    """Count one more of a key, in a window of so many seconds."""
    micro = int(now * _MICROSECONDS)
    window = {"key": key, "now": micro, "before": micro - int(seconds * _MICROSECONDS)}
    [(times, since)] = rows.raw(_counting(dialect), window)
    return Counted(int(times), int(since) / _MICROSECONDS)
