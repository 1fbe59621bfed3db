"""`undercroft migrate status` and `check`: do the models, the revision files and the database agree?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, MetaData

from undercroft.engine.migrate.facts import Facts
from undercroft.engine.migrate.ground import Site, facts_of
from undercroft.engine.migrate.history import History, load_history, replayed
from undercroft.engine.migrate.moving import locate
from undercroft.engine.migrate.planning import names_of, work_out
from undercroft.engine.migrate.record import record_of, revision_number
from undercroft.engine.migrate.types import Plan, Status


def status(metadata: MetaData, site: Site, migrations: Path | None = None, *, database: bool = True) -> Status:
    """Compare all three; `database=False` leaves the database out, as in CI, where there is none. Changes nothing."""
    history = load_history(migrations)
    found = Status(None, history.head)
    along: dict[str, Facts] = {}
    if history.revisions:
        with replayed(history, site) as (files, along):
            written = work_out(metadata, files).plan
            found = replace(found, unwritten=written.steps, questions=written.questions)
    if not database:
        return found
    if not site.is_there():
        with site.scratch() as nothing:
            return _with_database(replace(found, pending=history.revisions), metadata, nothing, history)
    with site.reading() as connection:
        found = replace(found, unfinished=site.unfinished(connection))
        return _located(_with_database(found, metadata, connection, history), connection, history, along)


def _with_database(found: Status, metadata: MetaData, connection: Connection, history: History) -> Status:
    """Without files, the models are compared with the database itself."""
    record = record_of(connection)
    made = record.made if record is not None else ()
    if not history.revisions:
        plan: Plan = work_out(metadata, connection, made=made).plan
        return replace(found, unapplied=plan.steps, questions=plan.questions, left_alone=plan.left_alone)
    others = sorted(set(names_of(facts_of(connection))) - set(made)) if record is not None else []
    return replace(found, left_alone=tuple(others))


def _located(found: Status, connection: Connection, history: History, along: dict[str, Facts]) -> Status:
    if not history.revisions:
        return found
    position = locate(connection, history, along)
    return replace(
        found,
        current=revision_number(connection),
        pending=history.after(position.actual),
        # Where a migration is not done yet, the schema is between two revisions: that is no drift.
        drift=() if position.found or found.unfinished else position.drift,
    )


def check(metadata: MetaData, site: Site, migrations: Path | None = None, *, database: bool = True) -> tuple[str, ...]:
    """One sentence per disagreement, for CI: the command's exit status is 1 when there is any."""
    return status(metadata, site, migrations, database=database).problems
