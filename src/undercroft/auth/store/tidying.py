"""Letting go of what is over: counts of how often, ways in that were begun, codes that were sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.auth.store import Rows
from undercroft.auth.tables import FLOWS, ONE_TIME_TOKENS, RATES, SAML_RELAY_STATES
from undercroft.models.base import Timestamp
from undercroft.sql.prepared import Prepared, prepare

KEPT = timedelta(days=2)
"""Longer than any of them is good for: codes and ways in have a day at most."""
AT_ONCE = 500
"""Rows of each that go in one unit of work: nobody waits long for its end."""
_MICROSECONDS = 1_000_000


@cache
def _statements(dialect: Dialect) -> tuple[tuple[Prepared, bool], ...]:
    moment, number = sa.bindparam("before", type_=Timestamp), sa.bindparam("before", type_=sa.BigInteger())
    found = []
    for table, key, is_over in (
        (RATES, RATES.c.key, RATES.c.window < number),
        (SAML_RELAY_STATES, SAML_RELAY_STATES.c.id, SAML_RELAY_STATES.c.created_at < moment),
        (FLOWS, FLOWS.c.id, FLOWS.c.created_at < moment),
        (ONE_TIME_TOKENS, ONE_TIME_TOKENS.c.id, ONE_TIME_TOKENS.c.created_at < moment),
    ):
        some = sa.select(key).where(is_over).limit(sa.literal_column(str(AT_ONCE)))
        found.append((prepare(sa.delete(table).where(key.in_(some)).returning(key), dialect), table is RATES))
    return tuple(found)


def forget(rows: Rows, dialect: Dialect, now: datetime) -> bool:
    """Let some of it go; whether there may be more."""
    before = now - KEPT
    micro = int(before.timestamp() * _MICROSECONDS)
    gone = [
        len(rows.raw(statement, {"before": micro if is_number else before}))
        for statement, is_number in _statements(dialect)
    ]
    return max(gone) >= AT_ONCE
