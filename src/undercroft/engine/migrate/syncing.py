"""At start: `sync` for `undercroft dev`, which brings the database to the models, and `ensure` for `serve`, which
insists on it.

`dev` needs no ceremony: without a `migrations` folder the tables are there at the first start, and changes of the
models are applied directly. Revision files come into being when `undercroft migrate make` is called, from what the
files make to what the models say; `dev` runs those that wait, then applies what the models are ahead by. What would
lose data, or may be a rename, stops with the flag or the question, in `dev` too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, MetaData

from undercroft.engine.migrate.applying import Consent, apply_change
from undercroft.engine.migrate.errors import DataForbids, NotUpToDate
from undercroft.engine.migrate.execute import run_code, watched
from undercroft.engine.migrate.facts import differences
from undercroft.engine.migrate.ground import Site, facts_of, ground_of
from undercroft.engine.migrate.history import History, load_history, replay, replay_within, run_revision, stamp
from undercroft.engine.migrate.making import refuse_questions
from undercroft.engine.migrate.moving import locate, run_up
from undercroft.engine.migrate.planning import WorkedOut, names_of, work_out
from undercroft.engine.migrate.record import (
    files_fingerprint,
    models_fingerprint,
    record_of,
    revision_number,
    write_record,
)
from undercroft.engine.migrate.types import Applied, OnStep, Rename


def bring(
    metadata: MetaData,
    site: Site,
    migrations: Path | None = None,
    *,
    renames: Sequence[Rename] = (),
    allow_data_loss: bool = False,
    on_step: OnStep | None = None,
) -> Applied:
    """Make the database what the models say; `sync` without its quick look."""
    history = load_history(migrations)
    notes: tuple[str, ...] = ()
    ran, consent = Applied(), Consent(allow_data_loss, on_step)

    def change() -> Applied:
        if _right_already(connection, metadata, migrations):  # another process was faster
            return ran
        worked = work_out(metadata, connection, renames, made=_made(connection))
        refuse_questions(worked.plan.questions)
        _refuse_blocks(worked)
        backups = ran.backups
        if worked.plan.steps:
            run = lambda _: run_code(worked.plan.upgrade, worked.imports)  # noqa: E731
            backup = apply_change(connection, site, "the change of the models", run, consent, worked.plan.losses)
            backups += (backup,) if backup is not None else ()
        _note(connection, metadata, history, worked)
        steps = tuple(step.sentence for step in worked.plan.steps)
        return Applied(steps, ran.revisions, ran.adopted, backups, notes)

    with site.opened() as connection:
        site.finish(connection, on_step)
        if history.revisions:
            ran, notes = _run_files(connection, site, history, consent)
        done = site.attempt(connection, change)
        site.finish(connection, on_step)
    return done


def insist(metadata: MetaData, site: Site, migrations: Path | None = None, *, on_step: OnStep | None = None) -> Applied:
    """Fill an empty database, and raise `NotUpToDate` for any other that is not what the models say; `ensure`
    without its quick look.
    """
    history = load_history(migrations)

    def look() -> Applied | None:
        if not _is_empty(connection):
            _refuse_unfinished(site.unfinished(connection))
            _refuse_pending(connection, history)
            worked = work_out(metadata, connection, made=_made(connection))
            _refuse_differences(worked, history)
            _note(connection, metadata, history, worked)
            return Applied()
        if not history.revisions:
            return None
        ran = _install(connection, history, Consent(True, on_step))
        worked = work_out(metadata, connection, made=names_of(facts_of(connection)))
        _refuse_differences(worked, history)
        _note(connection, metadata, history, worked)
        return ran

    with site.opened() as connection:
        found = site.attempt(connection, look)
    return found if found is not None else bring(metadata, site, migrations, on_step=on_step)


def _is_empty(connection: Connection) -> bool:
    return not facts_of(connection) and revision_number(connection) is None


def _install(connection: Connection, history: History, consent: Consent) -> Applied:
    """All revisions in one transaction, on an empty database: nothing to lose, and no half-way to be met later."""
    for revision in history.revisions:
        with watched(connection, consent.tell) as (_, context):
            run_revision(context, history, revision.number)
    return Applied(revisions=tuple(each.number for each in history.revisions))


def _run_files(
    connection: Connection, site: Site, history: History, consent: Consent
) -> tuple[Applied, tuple[str, ...]]:
    along = replay(history, site)
    position = site.attempt(connection, lambda: locate(connection, history, along))
    if position.found:
        return run_up(connection, site, history, None, consent), ()
    waiting = [each.number for each in history.after(position.noted)]
    if not waiting:
        return Applied(), ()
    note = (
        f"the database was changed since revision {position.noted or 'none'}: {', '.join(waiting)} were not run, "
        "and what they do to rows has not been done here"
    )
    return Applied(), (note,)


def _right_already(connection: Connection, metadata: MetaData, migrations: Path | None) -> bool:
    record = record_of(connection)
    return (
        record is not None
        and record.cookie == ground_of(connection).cookie(connection)
        and record.files == files_fingerprint(migrations)
        and record.models == models_fingerprint(metadata, connection.dialect)
    )


def _made(connection: Connection) -> tuple[str, ...]:
    """What may be dropped: nothing, in a database that Undercroft has not noted yet."""
    record = record_of(connection)
    return record.made if record is not None else ()


def _note(connection: Connection, metadata: MetaData, history: History, worked: WorkedOut) -> None:
    if history.head is not None and revision_number(connection) != history.head:
        at_head = replay_within(history, connection)[history.head]
        if not differences(facts_of(connection), at_head, names_of(at_head)):
            stamp(connection, history, history.head)
    models = models_fingerprint(metadata, connection.dialect)
    write_record(connection, models=models, files=files_fingerprint(history.folder), made=worked.made)


def _refuse_blocks(worked: WorkedOut) -> None:
    blocks = worked.plan.blocks
    if blocks:
        raise DataForbids(
            f"the stored rows do not fit the models: {'; '.join(blocks)}",
            details=list(blocks),
            hint="Correct the rows, or write the way into a revision: `undercroft migrate make`.",
        )


def _refuse_unfinished(left: tuple[str, ...]) -> None:
    if left:
        raise NotUpToDate(
            f"a migration has begun and is not done yet: {'; '.join(left)}", hint="Run `undercroft migrate up`."
        )


def _refuse_pending(connection: Connection, history: History) -> None:
    position = locate(connection, history, replay_within(history, connection))
    pending = history.after(position.actual)
    if history.revisions and pending and (position.found or position.noted is not None):
        listed = ", ".join(f"{each.number} ({each.title})" for each in pending)
        raise NotUpToDate(
            f"the database is at revision {position.actual or 'none'}; not applied: {listed}",
            hint="Run `undercroft migrate up`.",
        )


def _refuse_differences(worked: WorkedOut, history: History) -> None:
    questions = [question.sentence for question in worked.plan.questions]
    found = [step.sentence for step in worked.plan.steps] + questions
    if found:
        command = "`undercroft migrate make`, then `undercroft migrate up`"
        raise NotUpToDate(
            f"the database does not match the models: {'; '.join(found[:5])}{'; …' if len(found) > 5 else ''}",
            details=found,
            hint=f"Run {command}."
            if history.revisions
            else f"Run {command}, or `undercroft dev` to apply it directly.",
        )
