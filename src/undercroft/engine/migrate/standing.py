"""`undercroft migrate status` and `check`: do the models, the revision files and the database agree?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import MetaData

from undercroft.engine.migrate.history import current_revision, load_history, replayed
from undercroft.engine.migrate.moving import locate
from undercroft.engine.migrate.place import Place, opened, runner, scratch, transaction
from undercroft.engine.migrate.planning import work_out
from undercroft.engine.migrate.record import read_record
from undercroft.engine.migrate.types import Rename, Status


def status(
    metadata: MetaData,
    place: Place,
    migrations: Path | None = None,
    *,
    renames: Sequence[Rename] = (),
    database: bool = True,
) -> Status:
    """Compare all three; `database=False` leaves the database out, as in CI, where there is none. Changes nothing."""
    history = load_history(migrations)
    module, prepare = place.library.module, place.prepare
    present = database and place.path.exists()
    with replayed(history, module, prepare) as (files, along):
        unwritten = work_out(metadata, files, renames, prepare=prepare).plan if history.revisions else None
        if not database:
            return Status(
                None,
                history.head,
                (),
                (),
                unwritten.steps if unwritten else (),
                (),
                unwritten.questions if unwritten else (),
            )
        if not present:
            with scratch(module, prepare) as nothing:
                plan = None if history.revisions else work_out(metadata, nothing, renames, prepare=prepare).plan
            steps = plan.steps if plan else ()
            return Status(None, history.head, history.revisions, (), unwritten.steps if unwritten else (), steps)
        with opened(place) as connection, transaction(connection, place):
            run = runner(connection)
            record = read_record(run)
            made = record.made if record is not None else ()
            position = locate(connection, history, along)
            plan = work_out(metadata, connection, renames, made=made, prepare=prepare).plan
            drift = () if position.found else position.drift
            questions = (unwritten or plan).questions
            return Status(
                current_revision(run),
                history.head,
                history.after(position.actual),
                drift if history.revisions else (),
                unwritten.steps if unwritten else (),
                () if unwritten else plan.steps,
                questions,
                plan.left_alone,
            )


def check(
    metadata: MetaData, place: Place, migrations: Path | None = None, *, database: bool = True
) -> tuple[str, ...]:
    """One sentence per disagreement, for CI: the command's exit status is 1 when there is any."""
    return status(metadata, place, migrations, database=database).problems
