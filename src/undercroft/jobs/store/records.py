"""The statements of whoever looks at jobs and decides about them, written once for both engines."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from undercroft.jobs.store import lists_of
from undercroft.jobs.tables import CANCELLED, DEAD, DONE, HELD, JOBS, LATER, RUNNING, WAITING
from undercroft.sql.prepared import Prepared, prepare

SHOWN = ("id", "name", "state", "queue", "priority", "arguments", "attempts", "created", "due", "started",
         "finished", "worker", "error", "result", "progress")  # fmt: skip
"""What is told of a job."""

_BIG = sa.BigInteger()


@dataclass(frozen=True, slots=True, eq=False)
class RecordStatements:
    """Every statement, ready for one engine. Lists travel as JSON; `any_…` says that a filter is not asked for."""

    counts: Prepared
    listed: Prepared
    shown: Prepared
    retry: Prepared
    """Jobs that are over and not done; gives each with the one that it leads to, as the next three do."""
    retry_led: Prepared
    """Of those that were led to, the cancelled ones."""
    retry_dead: Prepared
    cancel: Prepared
    cancel_led: Prepared
    progress: Prepared
    held: Prepared
    """Of these jobs those that are held, whose count nobody else changes until the transaction ends."""
    coming: Prepared
    """How many jobs each of these really waits for: what is done or cancelled does not come."""
    set_awaits: Prepared
    """Have held jobs wait for so many: `awaits` as `[[id, number], …]`; those that wait for none may run."""


@cache
def record_statements(dialect: Dialect) -> RecordStatements:
    """The statements as this engine reads them."""
    lists = lists_of(dialect)
    elements = {**_looking(lists), **_deciding(lists), **_counting(lists), "progress": _progress(lists)}
    return RecordStatements(**{each.name: prepare(elements[each.name], dialect) for each in fields(RecordStatements)})


def _given(name: str, type_: Any = _BIG) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_)


def _wanted(column: Any, name: str) -> Any:
    return sa.or_(_given(f"any_{name}", sa.Boolean()), column == _given(name, sa.Text()))


def _looking(lists: Any) -> dict[str, sa.ClauseElement]:
    wanted = [_wanted(JOBS.c.name, "name"), _wanted(JOBS.c.queue, "queue")]
    columns = [JOBS.c[each] for each in SHOWN]
    return {
        "counts": sa.select(JOBS.c.name, JOBS.c.state, sa.func.count())
        .where(*wanted)
        .group_by(JOBS.c.name, JOBS.c.state),
        "listed": sa.select(*columns)
        .where(*wanted, _wanted(JOBS.c.state, "state"))
        .order_by(JOBS.c.id.desc())
        .limit(_given("most")),
        "shown": sa.select(*columns).where(JOBS.c.id.in_(_these(lists))),
    }


def _these(lists: Any) -> Any:
    return sa.select(sa.cast(lists.text(lists.rows("ids")), _BIG))


def _deciding(lists: Any) -> dict[str, sa.ClauseElement]:
    now, these, other = _given("now"), JOBS.c.id.in_(_these(lists)), JOBS.alias("other")
    # The fence stays: of whoever still believes that he has the job, nothing may count.
    again = {
        "state": sa.case((JOBS.c.awaits > 0, sa.literal(HELD)), else_=sa.literal(WAITING)),
        "attempts": sa.literal_column("0"),
        "crashes": sa.literal_column("0"),
        "due": now,
        "finished": sa.null(),
        "worker": sa.null(),
        "lease": sa.null(),
    }
    gone = {
        "state": CANCELLED,
        "fence": JOBS.c.fence + 1,
        "worker": sa.null(),
        "lease": sa.null(),
        "finished": now,
        "due": _given("due"),
    }
    # States are literal, and as partial indexes have them: planners must see that those serve.
    over, (dead,) = (DONE, DEAD, CANCELLED), _literal(DEAD)
    lives = sa.exists().where(other.c.unique_key == JOBS.c.unique_key, other.c.unique_key.is_not(None),
                              other.c.state.in_(_literal(WAITING, LATER, HELD, RUNNING)))  # fmt: skip
    newest = sa.select(sa.func.max(other.c.id)).where(
        other.c.unique_key.is_not(None), other.c.state.in_(_literal(*over)), other.c.state == dead
    )
    latest = sa.or_(JOBS.c.unique_key.is_(None), JOBS.c.id.in_(newest.group_by(other.c.unique_key)))
    told = [JOBS.c.id, JOBS.c.then_id]
    return {
        "retry": sa.update(JOBS).where(these, JOBS.c.state.in_([DEAD, CANCELLED])).values(again).returning(*told),
        "retry_led": sa.update(JOBS).where(these, JOBS.c.state == CANCELLED).values(again).returning(*told),
        "retry_dead": sa.update(JOBS)
        .where(JOBS.c.state.in_(_literal(*over)), JOBS.c.state == dead, _wanted(JOBS.c.name, "name"))
        .where(sa.not_(lives), latest)
        .values(again)
        .returning(*told),
        "cancel": sa.update(JOBS)
        .where(these, JOBS.c.state.in_([WAITING, LATER, HELD, RUNNING, DEAD]))
        .values(gone)
        .returning(*told),
        "cancel_led": sa.update(JOBS).where(these, JOBS.c.state == HELD).values(gone).returning(*told),
    }


def _literal(*states: str) -> list[Any]:
    return [sa.literal_column(f"'{state}'") for state in states]


def _counting(lists: Any) -> dict[str, sa.ClauseElement]:
    held, rows = JOBS.c.state == HELD, lists.rows("awaits")
    number = lists.member(rows, 1, sa.Integer())
    return {
        "held": sa.select(JOBS.c.id).where(JOBS.c.id.in_(_these(lists)), held).order_by(JOBS.c.id).with_for_update(),
        "coming": sa.select(JOBS.c.then_id, sa.func.count())
        .where(JOBS.c.then_id.in_(_these(lists)), JOBS.c.state.in_(_literal(WAITING, LATER, HELD, RUNNING, DEAD)))
        .group_by(JOBS.c.then_id),
        "set_awaits": sa.update(JOBS)
        .where(held, JOBS.c.id == lists.member(rows, 0, _BIG))
        .values(awaits=number, state=sa.case((number > 0, sa.literal(HELD)), else_=sa.literal(WAITING))),
    }


def _progress(lists: Any) -> sa.ClauseElement:
    rows = lists.rows("progress")
    return (
        sa.update(JOBS)
        .where(JOBS.c.state == RUNNING, JOBS.c.id == lists.member(rows, 0, _BIG))
        .where(JOBS.c.fence == lists.member(rows, 1, _BIG))
        .values(progress=lists.member(rows, 2, sa.Text()))
        .returning(JOBS.c.id)
    )
