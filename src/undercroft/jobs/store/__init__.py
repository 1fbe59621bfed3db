"""The statements of the outbox, written once for both engines and compiled once for the one that is served.

A claim raises the job's `fence`; whatever ends an attempt names the fence under which it was claimed, and finds nothing
where somebody has claimed the job since.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect

from undercroft.jobs.tables import (
    CANCELLED,
    DEAD,
    DONE,
    HELD,
    JOBS,
    LATER,
    RATES,
    RUNNING,
    WAITING,
)
from undercroft.sql.prepared import Prepared, prepare

NEW = ("name", "arguments", "state", "queue", "priority", "due", "throttled", "concurrency_key", "unique_key",
       "then_id", "awaits", "actor", "keep", "created")  # fmt: skip
"""What is given of a new job."""
CLAIMED = ("id", "name", "arguments", "attempts", "fence", "actor", "keep")
IDS = 16
"""Ids that are taken at once: so many jobs wait for no answer. In the order of ids, a process may be so many ahead."""
SUSPECT = 2
"""Lost workers after which a job is suspected: of one death most jobs are innocent, and should not queue up."""
BATCH = 500
"""Rows that one statement of housekeeping takes at most."""

LIVE = (WAITING, LATER, HELD, RUNNING)
LONGEST = 10**15
"""Microseconds: a lesser moment of a held job is a length of time. It is 31 years, and the year 2001."""

_BIG = sa.BigInteger()


def _words(*states: str) -> list[sa.ColumnElement[Any]]:
    """States as they stand in the text of a statement: a partial index is used where its own words are seen."""
    return [sa.literal_column(f"'{state}'") for state in states]


def _given(name: str, type_: Any = None) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=type_ or _BIG)


@dataclass(frozen=True, slots=True, eq=False)
class Statements:
    """Every statement, ready for one engine. Lists travel as JSON: `[[id, fence], …]`."""

    add: Prepared
    add_as: Prepared
    """The same under an id that is known before."""
    ids: Prepared | None
    """Ids that nobody else will have; None where an insert waits for nothing."""
    add_unique: Prepared
    add_many: Prepared
    live: Prepared
    join: Prepared
    """One more has to be done before this held one."""
    lead: Prepared
    """This one leads to another, where it leads nowhere yet."""
    promote: Prepared
    next_due: Prepared
    claim: Prepared
    candidates: Prepared
    claim_these: Prepared
    rates: Prepared
    set_rate: Prepared
    remove: Prepared
    end: Prepared
    finish_here: Prepared
    keep_here: Prepared
    step: Prepared
    beat: Prepared
    rescue: Prepared
    release: Prepared
    purge: Prepared
    bury: Prepared
    """These rows cannot be read."""
    throttle: Prepared
    """What came by SQL and is not to run beside others of its kind."""
    alone: Prepared
    """Gives one true row to whoever may judge throttled jobs in this transaction, and to nobody else."""


@cache
def statements(dialect: Dialect) -> Statements:
    """The statements as this engine reads them."""
    elements = _elements(lists_of(dialect))
    return Statements(
        **{
            each.name: prepare(elements[each.name], dialect) if each.name in elements else None
            for each in fields(Statements)
        }  # type: ignore[arg-type]  # only what may be None is left out
    )


def lists_of(dialect: Dialect) -> _SqliteLists:
    """How this engine reads a JSON list that a parameter holds."""
    return _PostgresLists() if dialect.name == "postgresql" else _SqliteLists()


class _SqliteLists:
    """How SQLite reads a JSON list."""

    def rows(self, name: str) -> Any:
        return sa.func.json_each(_given(name, sa.Text())).table_valued("value", "key", name="each")

    def member(self, row: Any, index: int, type_: Any) -> Any:
        return sa.func.json_extract(row.c.value, f"$[{index}]", type_=type_)

    def text(self, row: Any) -> Any:
        return row.c.value

    def place(self, row: Any) -> Any:
        return row.c.key

    def insert(self) -> Any:
        return sqlite.insert(JOBS)

    def ids(self) -> dict[str, sa.ClauseElement]:
        return {}

    def alone(self) -> sa.ClauseElement:
        return sa.select(sa.true())  # the writer is alone


class _PostgresLists(_SqliteLists):
    """How PostgreSQL reads a JSON list."""

    def rows(self, name: str) -> Any:
        given = sa.cast(_given(name, sa.Text()), postgresql.JSON)
        return sa.func.json_array_elements(given).table_valued("value", with_ordinality="ordinality", name="each")

    def member(self, row: Any, index: int, type_: Any) -> Any:
        return sa.cast(row.c.value.op("->>")(sa.literal_column(str(index))), type_)

    def text(self, row: Any) -> Any:
        return row.c.value.op("#>>")(sa.literal_column("'{}'"))

    def place(self, row: Any) -> Any:
        return row.c.ordinality

    def insert(self) -> Any:
        return postgresql.insert(JOBS)

    def ids(self) -> dict[str, sa.ClauseElement]:
        sequence = sa.func.pg_get_serial_sequence(sa.literal_column(f"'{JOBS.fullname}'"), sa.literal_column("'id'"))
        each = sa.func.generate_series(sa.literal_column("1"), sa.literal_column(str(IDS))).alias("each")
        return {"ids": sa.select(sa.func.nextval(sa.cast(sequence, postgresql.REGCLASS))).select_from(each)}

    def alone(self) -> sa.ClauseElement:
        # Any number will do, so long as nobody else takes it: the first bytes of SHA-256 of "undercroft.jobs".
        return sa.select(sa.func.pg_try_advisory_xact_lock(sa.literal_column("7205791829340551297")))


def _elements(lists: _SqliteLists) -> dict[str, sa.ClauseElement]:
    return {
        **_adding(lists),
        **lists.ids(),
        **_claiming(lists),
        **_ending(lists),
        **_keeping_house(lists),
        "alone": lists.alone(),
    }


def _adding(lists: _SqliteLists) -> dict[str, sa.ClauseElement]:
    values = {name: _given(name, JOBS.c[name].type) for name in NEW}
    added = lists.insert().values(values)
    rows = lists.rows("jobs")
    each = sa.select(*(lists.member(rows, at, JOBS.c[name].type).label(name) for at, name in enumerate(NEW)))
    live = sa.and_(JOBS.c.unique_key == _given("unique_key", sa.Text()), JOBS.c.state.in_(_words(*LIVE)))
    this = JOBS.c.id == _given("id")
    return {
        "add": added.returning(JOBS.c.id),
        "add_as": lists.insert().values({"id": _given("id"), **values}),
        "add_unique": added.on_conflict_do_nothing().returning(JOBS.c.id),
        "add_many": lists.insert()
        .from_select(list(NEW), each.select_from(rows).order_by(lists.place(rows)))
        .returning(JOBS.c.id),
        "live": sa.select(JOBS.c.id).where(live),
        "join": sa.update(JOBS)
        .where(this, JOBS.c.state == HELD)
        .values(awaits=JOBS.c.awaits + _given("awaits", sa.Integer()))
        .returning(JOBS.c.id),
        "lead": sa.update(JOBS)
        .where(this, JOBS.c.then_id.is_(None), JOBS.c.state.in_(_words(*LIVE)))
        .values(then_id=_given("then_id"))
        .returning(JOBS.c.id),
    }


def _claiming(lists: _SqliteLists) -> dict[str, sa.ClauseElement]:
    now = _given("now")
    names, queues, these, running = lists.rows("names"), lists.rows("queues"), lists.rows("ids"), JOBS.alias("running")
    known = sa.and_(
        JOBS.c.state == sa.literal_column("'waiting'"),
        JOBS.c.name.in_(sa.select(lists.text(names))),
        sa.or_(_given("every_queue", sa.Boolean()), JOBS.c.queue.in_(sa.select(lists.text(queues)))),
    )
    first = sa.select(JOBS.c.id).where(known).order_by(JOBS.c.priority.desc(), JOBS.c.id).limit(_given("most"))
    taken = {
        "state": RUNNING,
        "worker": _given("worker", sa.Text()),
        "lease": _given("lease"),
        "fence": JOBS.c.fence + 1,
        "attempts": JOBS.c.attempts + 1,
        "started": now,
        "progress": sa.null(),
    }
    returned = [*(JOBS.c[name] for name in CLAIMED), JOBS.c.then_id.is_not(None), JOBS.c.priority]
    busy = sa.exists().where(running.c.state == sa.literal_column("'running'"),
                             running.c.concurrency_key == JOBS.c.concurrency_key)  # fmt: skip
    limited = sa.exists().where(RATES.c.name == JOBS.c.name, RATES.c.free_at > now)
    alone = sa.or_(JOBS.c.crashes < SUSPECT, _given("suspects", sa.Boolean()))
    free = first.where(JOBS.c.throttled, alone, sa.not_(busy), sa.not_(limited))
    plain = first.where(sa.not_(JOBS.c.throttled), JOBS.c.concurrency_key.is_(None))
    return {
        "claim": sa.update(JOBS)
        .where(JOBS.c.id.in_(plain.with_for_update(skip_locked=True).scalar_subquery()))
        .values(taken)
        .returning(*returned),
        "candidates": free.with_only_columns(JOBS.c.id, JOBS.c.name, JOBS.c.concurrency_key, JOBS.c.crashes),
        "claim_these": sa.update(JOBS)
        .where(JOBS.c.id.in_(sa.select(sa.cast(lists.text(these), _BIG))), JOBS.c.state == WAITING)
        .values(taken)
        .returning(*returned),
        "rates": sa.select(RATES.c.name, RATES.c.free_at),
        "set_rate": _set_rate(lists),
        "promote": sa.update(JOBS)
        .where(JOBS.c.id.in_(_some(JOBS.c.state == sa.literal_column("'later'"), JOBS.c.due <= now, by=JOBS.c.due)))
        .values(state=WAITING),
        "next_due": sa.select(sa.func.min(JOBS.c.due)).where(JOBS.c.state == sa.literal_column("'later'")),
    }


def _set_rate(lists: _SqliteLists) -> sa.ClauseElement:
    insert = postgresql.insert(RATES) if isinstance(lists, _PostgresLists) else sqlite.insert(RATES)
    added: Any = insert.values(name=_given("name", sa.Text()), free_at=_given("free_at"))
    element: sa.ClauseElement = added.on_conflict_do_update(
        index_elements=[RATES.c.name], set_={"free_at": added.excluded.free_at}
    )
    return element


def _some(*conditions: Any, by: Any) -> Any:
    """The first rows for which all hold; those that somebody else works on are left to him."""
    return sa.select(JOBS.c.id).where(*conditions).order_by(by).limit(BATCH).with_for_update(skip_locked=True)


def _ending(lists: _SqliteLists) -> dict[str, sa.ClauseElement]:
    rows, ended = lists.rows("ended"), lists.rows("ended")
    pairs = sa.select(lists.member(rows, 0, _BIG), lists.member(rows, 1, _BIG))
    mine = sa.and_(JOBS.c.state == RUNNING, sa.tuple_(JOBS.c.id, JOBS.c.fence).in_(pairs))
    here = sa.and_(JOBS.c.id == _given("id"), JOBS.c.fence == _given("fence"), JOBS.c.state == RUNNING)
    free = {"worker": sa.null(), "lease": sa.null()}
    done = {"state": DONE, "result": _given("result", sa.Text()), "finished": _given("now"), "due": _given("due")}
    left = JOBS.c.awaits - _given("done", sa.Integer())
    opens = sa.and_(left <= 0, JOBS.c.state == HELD)
    # What is held has the time that it is to wait from then on as its moment, where it has no moment of its own.
    due = sa.case((JOBS.c.due < LONGEST, JOBS.c.due + _given("now")), else_=JOBS.c.due)
    opened = sa.case((due > _given("now"), sa.literal(LATER)), else_=sa.literal(WAITING))
    return {
        "remove": sa.delete(JOBS).where(mine).returning(JOBS.c.id, JOBS.c.then_id),
        "end": sa.update(JOBS)
        .where(JOBS.c.state == RUNNING, JOBS.c.id == lists.member(ended, 0, _BIG))
        .where(JOBS.c.fence == lists.member(ended, 1, _BIG))
        .values(
            state=lists.member(ended, 2, sa.Text()),
            due=lists.member(ended, 3, _BIG),
            error=lists.member(ended, 4, sa.Text()),
            result=lists.member(ended, 5, sa.Text()),
            finished=_given("now"),
            **free,
        )
        .returning(JOBS.c.id, JOBS.c.then_id, JOBS.c.state),
        "finish_here": sa.delete(JOBS).where(here).returning(JOBS.c.then_id),
        "keep_here": sa.update(JOBS).where(here).values(done | free).returning(JOBS.c.then_id),
        "step": sa.update(JOBS)
        .where(JOBS.c.id == _given("then_id"))
        .values(
            awaits=left,
            state=sa.case((opens, opened), else_=JOBS.c.state),
            due=sa.case((opens, due), else_=JOBS.c.due),
        ),
    }


def _keeping_house(lists: _SqliteLists) -> dict[str, sa.ClauseElement]:
    now, rows, held = _given("now"), lists.rows("claims"), lists.rows("held")
    broken, rated = lists.rows("broken"), lists.rows("rated")
    lost = sa.and_(JOBS.c.state == sa.literal_column("'running'"), JOBS.c.lease < now)
    given_up = JOBS.c.crashes + 1 >= _given("most", sa.Integer())
    free = {"worker": sa.null(), "lease": sa.null()}
    over = JOBS.c.state.in_(_words(DONE, DEAD, CANCELLED))
    return {
        "beat": sa.update(JOBS)
        .where(JOBS.c.state == sa.literal_column("'running'"), JOBS.c.worker == _given("worker", sa.Text()))
        .where(sa.tuple_(JOBS.c.id, JOBS.c.fence).in_(
            sa.select(lists.member(held, 0, _BIG), lists.member(held, 1, _BIG))))
        .values(lease=_given("lease"))
        .returning(JOBS.c.id, JOBS.c.fence),
        "bury": sa.update(JOBS)
        .where(JOBS.c.id.in_(sa.select(sa.cast(lists.text(broken), _BIG))))
        .values(state=DEAD, priority=0, due=_given("forever"), finished=now, then_id=sa.null(),
                error=sa.literal("its row holds what no job can have"), **free),
        "throttle": sa.update(JOBS)
        .where(JOBS.c.state == sa.literal_column("'waiting'"), sa.not_(JOBS.c.throttled))
        .where(sa.or_(JOBS.c.concurrency_key.is_not(None), JOBS.c.name.in_(sa.select(lists.text(rated)))))
        .values(throttled=sa.true()),
        "rescue": sa.update(JOBS)
        .where(JOBS.c.id.in_(_some(lost, by=JOBS.c.lease)))
        .values(
            state=sa.case((given_up, sa.literal(DEAD)), else_=sa.literal(WAITING)),
            crashes=JOBS.c.crashes + 1,
            attempts=JOBS.c.attempts - 1,
            throttled=sa.or_(JOBS.c.throttled, JOBS.c.crashes + 1 >= SUSPECT),
            error=sa.literal("its worker was lost while it ran"),
            finished=sa.case((given_up, now), else_=sa.null()),
            due=sa.case((given_up, _given("forever")), else_=JOBS.c.due),
            **free,
        )
        .returning(JOBS.c.id, JOBS.c.name, JOBS.c.state),
        "release": sa.update(JOBS)
        .where(JOBS.c.state == RUNNING)
        .where(sa.tuple_(JOBS.c.id, JOBS.c.fence).in_(
            sa.select(lists.member(rows, 0, _BIG), lists.member(rows, 1, _BIG))))
        .values(state=WAITING, attempts=JOBS.c.attempts - 1, **free),
        "purge": sa.delete(JOBS).where(JOBS.c.id.in_(_some(over, JOBS.c.due < now, by=JOBS.c.due)))
        .returning(JOBS.c.id),
    }  # fmt: skip
