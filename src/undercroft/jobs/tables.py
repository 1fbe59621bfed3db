"""The tables of the outbox. Moments are microseconds since 1970, UTC, by the house's clock.

`fence` is the fencing token: it grows with every claim and never goes back, so that of two workers who both believe
that a job is theirs, only the later one's transaction commits.
"""

from __future__ import annotations

import sqlalchemy as sa

from undercroft.models.base import house_metadata

METADATA = house_metadata()

WAITING, LATER, HELD, RUNNING = "waiting", "later", "held", "running"
DONE, DEAD, CANCELLED = "done", "dead", "cancelled"
STATES = (WAITING, LATER, HELD, RUNNING, DONE, DEAD, CANCELLED)
"""`later`: its moment has not come. `held`: it follows others that are not done. `dead`: it failed for good."""

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False, server_default="{}"),
    sa.Column("state", sa.Text, nullable=False, server_default=WAITING),
    sa.Column("queue", sa.Text, nullable=False, server_default="default"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("crashes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("worker", sa.Text),
    sa.Column("lease", sa.BigInteger),
    sa.Column("throttled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("concurrency_key", sa.Text),
    sa.Column("unique_key", sa.Text),
    sa.Column("then_id", _ID),
    sa.Column("awaits", sa.Integer, nullable=False, server_default="0"),
    sa.Column("actor", sa.Text),
    sa.Column("keep", sa.Float),
    sa.Column("result", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("progress", sa.Text),
    sa.Column("created", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("started", sa.BigInteger),
    sa.Column("finished", sa.BigInteger),
    sa.Index("jobs_waiting_idx", "throttled", sa.text("priority DESC"), "id", sqlite_where=sa.text("state = 'waiting'"),
             postgresql_where=sa.text("state = 'waiting'")),
    sa.Index("jobs_later_idx", "due", sqlite_where=sa.text("state = 'later'"),
             postgresql_where=sa.text("state = 'later'")),
    sa.Index("jobs_running_idx", "worker", sqlite_where=sa.text("state = 'running'"),
             postgresql_where=sa.text("state = 'running'")),
    sa.Index("jobs_over_idx", "due", sqlite_where=sa.text("state IN ('done', 'dead', 'cancelled')"),
             postgresql_where=sa.text("state IN ('done', 'dead', 'cancelled')")),
    sa.Index("jobs_unique_key", "unique_key", unique=True,
             sqlite_where=sa.text("unique_key IS NOT NULL AND state IN ('waiting', 'later', 'held', 'running')"),
             postgresql_where=sa.text("unique_key IS NOT NULL AND state IN ('waiting', 'later', 'held', 'running')")),
    sa.Index("jobs_concurrency_key", "concurrency_key", unique=True,
             sqlite_where=sa.text("concurrency_key IS NOT NULL AND state = 'running'"),
             postgresql_where=sa.text("concurrency_key IS NOT NULL AND state = 'running'")),
    sqlite_autoincrement=True,  # an id is never given again: what stands behind it, elsewhere, must not be another job
)  # fmt: skip
"""Every job that is to be done, and those that are over for as long as they are kept."""

RATES = sa.Table(
    "job_rates",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("free_at", sa.BigInteger, nullable=False),
)
"""When the next start of a rate-limited job is free, by the job's name."""

SLOTS = sa.Table(
    "job_slots",
    METADATA,
    sa.Column("schedule", sa.Text, primary_key=True),
    sa.Column("slot", sa.BigInteger, primary_key=True),
    sa.Column("fired", sa.BigInteger, nullable=False),
)
"""Firings of schedules: the primary key is what lets each slot fire once, whichever nodes try."""
