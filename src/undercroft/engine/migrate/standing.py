"""`undercroft migrate status` and `check`: do the models, the revision files and the database agree?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, MetaData

from undercroft.engine.migrate.facts import Facts, read_facts
from undercroft.engine.migrate.history import History, current_revision, load_history, replayed
from undercroft.engine.migrate.moving import locate
from undercroft.engine.migrate.place import Place, reading, runner, scratch
from undercroft.engine.migrate.planning import names_of, work_out
from undercroft.engine.migrate.record import read_record
from undercroft.engine.migrate.types import Plan, Status


def status(metadata: MetaData, place: Place, migrations: Path | None = None, *, database: bool = True) -> Status:
    """Compare all three; `database=False` leaves the database out, as in CI, where there is none. Changes nothing."""
    history = load_history(migrations)
    with replayed(history, place.library.module, place.prepare) as (files, along):
        found = Status(None, history.head)
        if history.revisions:
            written = work_out(metadata, files, prepare=place.prepare).plan
            found = replace(found, unwritten=written.steps, questions=written.questions)
        if not database:
            return found
        if not place.path.exists():
            with scratch(place.library.module, place.prepare) as nothing:
                return _with_database(replace(found, pending=history.revisions), metadata, nothing, place, history)
        with reading(place) as connection:
            return _located(_with_database(found, metadata, connection, place, history), connection, history, along)


def _with_database(found: Status, metadata: MetaData, connection: Connection, place: Place, history: History) -> Status:
    """Without files, the models are compared with the database itself."""
    run = runner(connection)
    record = read_record(run)
    made = record.made if record is not None else ()
    if not history.revisions:
        plan: Plan = work_out(metadata, connection, made=made, prepare=place.prepare).plan
        return replace(found, unapplied=plan.steps, questions=plan.questions, left_alone=plan.left_alone)
    others = sorted(set(names_of(read_facts(run))) - set(made)) if record is not None else []
    return replace(found, left_alone=tuple(others))


def _located(found: Status, connection: Connection, history: History, along: dict[str, Facts]) -> Status:
    if not history.revisions:
        return found
    position = locate(connection, history, along)
    return replace(
        found,
        current=current_revision(runner(connection)),
        pending=history.after(position.actual),
        drift=() if position.found else position.drift,
    )


def check(
    metadata: MetaData, place: Place, migrations: Path | None = None, *, database: bool = True
) -> tuple[str, ...]:
    """One sentence per disagreement, for CI: the command's exit status is 1 when there is any."""
    return status(metadata, place, migrations, database=database).problems
