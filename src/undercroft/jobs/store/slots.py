"""The statements of schedules, written once for both engines: a slot is fired by whoever inserts its row.

Beside its slots a schedule has two kinds of rows. `slot` 0 is the horizon: nothing up to the moment in `fired` fires
any more, because the rows that would forbid it may have been removed. A negative slot is the mark of one expression:
`fired` says when it was first seen, and nothing before that is made up for.

A node whose clock is ahead leaves moments that are still to come for all others. A horizon that is further ahead than
clocks commonly differ counts for nothing, until a node for which it is not in the future sets it anew.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.jobs.store import lists_of
from undercroft.jobs.tables import SLOTS
from undercroft.jobs.types import MICROSECONDS
from undercroft.sql.prepared import Prepared, prepare

HORIZON = 0
ASTRAY = 600 * MICROSECONDS
"""A horizon that is further ahead of a node's clock than this was set by a clock that was wrong."""

_BIG = sa.BigInteger()
_ZERO: Any = sa.literal_column(str(HORIZON), _BIG)


@dataclass(frozen=True, slots=True, eq=False)
class SlotStatements:
    """Every statement, ready for one engine. Lists travel as JSON: `slots` as `[[schedule, slot], …]`."""

    see: Prepared
    """Insert marks, where they are not there yet."""
    marks: Prepared
    """Marks and horizons: schedule, slot, moment."""
    standing: Prepared
    """Of each schedule the last slot that has fired by `now`, and how many are kept."""
    last: Prepared
    """The same last slot, for whoever looks on."""
    fire: Prepared
    """Insert slots; gives those that were not there, which are the caller's to fire."""
    forget: Prepared
    """Remove the slots of a schedule that the horizon has passed."""
    oldest_kept: Prepared
    """The slot of a schedule that has `keep` younger ones; of those that have passed by `now`."""
    raise_horizon: Prepared
    """Raise it, or set it anew where it is astray."""
    astray: Prepared
    """The horizon of a schedule, where it is astray."""


@cache
def slot_statements(dialect: Dialect) -> SlotStatements:
    """The statements as this engine reads them."""
    elements = _elements(lists_of(dialect), postgresql.insert if dialect.name == "postgresql" else sqlite.insert)
    return SlotStatements(**{each.name: prepare(elements[each.name], dialect) for each in fields(SlotStatements)})


def _given(name: str, type_: Any = _BIG) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_)


def _elements(lists: Any, insert: Any) -> dict[str, sa.ClauseElement]:
    rows, now, name = lists.rows("slots"), _given("now"), _given("schedule", sa.Text())
    each_name, each_slot = lists.member(rows, 0, sa.Text()), lists.member(rows, 1, _BIG)
    every = sa.select(each_name.label("schedule"), each_slot.label("slot"), now.label("fired")).select_from(rows)
    old = SLOTS.alias("old")
    farthest = now + sa.literal_column(str(ASTRAY), _BIG)
    horizon = (
        sa.select(old.c.fired)
        .where(old.c.schedule == each_name, old.c.slot == _ZERO, old.c.fired <= farthest)
        .scalar_subquery()
    )
    columns = ["schedule", "slot", "fired"]
    # Every SELECT has a condition: without a WHERE, SQLite would read ON CONFLICT as part of a join.
    mine = every.where(each_slot > sa.func.coalesce(horizon, _ZERO)).order_by(lists.place(rows))
    newest = sa.func.max(SLOTS.c.slot)
    fired = sa.select(SLOTS.c.schedule, newest, sa.func.count())
    own = sa.select(SLOTS.c.fired).where(SLOTS.c.schedule == name, SLOTS.c.slot == _ZERO)
    passed = own.where(SLOTS.c.fired <= farthest).scalar_subquery()
    raised = insert(SLOTS).values(schedule=name, slot=_ZERO, fired=_given("moment"))
    return {
        "see": insert(SLOTS).from_select(columns, every.where(each_slot < _ZERO)).on_conflict_do_nothing(),
        "marks": sa.select(SLOTS.c.schedule, SLOTS.c.slot, SLOTS.c.fired).where(SLOTS.c.slot <= _ZERO),
        "standing": fired.where(SLOTS.c.slot > _ZERO, SLOTS.c.slot <= now).group_by(SLOTS.c.schedule),
        "last": sa.select(SLOTS.c.schedule, newest).where(SLOTS.c.slot > _ZERO).group_by(SLOTS.c.schedule),
        "fire": insert(SLOTS)
        .from_select(columns, mine)
        .on_conflict_do_nothing()
        .returning(SLOTS.c.schedule, SLOTS.c.slot),
        "forget": sa.delete(SLOTS).where(SLOTS.c.schedule == name, SLOTS.c.slot > _ZERO, SLOTS.c.slot <= passed),
        "oldest_kept": sa.select(SLOTS.c.slot)
        .where(SLOTS.c.schedule == name, SLOTS.c.slot > _ZERO, SLOTS.c.slot <= now)
        .order_by(SLOTS.c.slot.desc())
        .limit(1)
        .offset(_given("keep")),
        "raise_horizon": raised.on_conflict_do_update(
            index_elements=[SLOTS.c.schedule, SLOTS.c.slot],
            set_={"fired": raised.excluded.fired},
            where=sa.or_(raised.excluded.fired > SLOTS.c.fired, SLOTS.c.fired > farthest),
        ),
        "astray": own.where(SLOTS.c.fired > farthest),
    }
