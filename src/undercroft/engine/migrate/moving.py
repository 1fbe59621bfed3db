"""`undercroft migrate up` and `down`: revision files, one transaction each, with the version row in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from undercroft.engine.migrate.applying import Consent, apply_change
from undercroft.engine.migrate.errors import Drifted, RevisionBroken
from undercroft.engine.migrate.facts import Facts, differences
from undercroft.engine.migrate.ground import Site, facts_of
from undercroft.engine.migrate.history import (
    History,
    load_history,
    replay,
    run_revision,
    stamp,
)
from undercroft.engine.migrate.planning import names_of
from undercroft.engine.migrate.record import files_fingerprint, record_of, revision_number, write_record
from undercroft.engine.migrate.types import Applied, OnStep


@dataclass(frozen=True, slots=True)
class Position:
    """`noted` is the version row; `actual` the revision whose schema the database really has, when `found`.

    Otherwise `drift` says how it differs from the noted one. Tables that are in no revision do not count.
    """

    noted: str | None
    actual: str | None
    found: bool
    drift: tuple[str, ...] = ()


def locate(connection: Connection, history: History, along: dict[str, Facts]) -> Position:
    """Where a database stands among the revisions.

    One that `dev` kept up by itself, or that was made before there were files, is recognised by its schema.
    """
    noted, facts, record = revision_number(connection), facts_of(connection), record_of(connection)
    if noted is not None:
        history.after(noted)  # raises when the file is missing
    expected: Facts = along[noted] if noted is not None else {}
    known = {name for each in along.values() for name in names_of(each)}
    drift = differences(facts, expected, record.made if record is not None else known)
    if not drift:
        return Position(noted, noted, True)
    for revision in reversed(history.after(noted)):
        after = along[revision.number]
        if not differences(facts, after, names_of(after)):
            return Position(noted, revision.number, True)
    return Position(noted, noted, False, drift)


def up(
    site: Site,
    migrations: Path,
    target: str | None = None,
    *,
    allow_data_loss: bool = False,
    on_step: OnStep | None = None,
) -> Applied:
    """Run what is not applied yet, up to the revision `target` (None: all).

    Every revision is one transaction: after a crash the database is at one of them, and the next `up` goes on from
    there. A database that already has the schema of a later revision is only noted to be there. Raises `Drifted`,
    `DataLoss`, `DataForbids`, `RevisionBroken`, `Busy`.
    """
    history = load_history(migrations)
    _known(history, target)
    if not history.revisions:
        return Applied(notes=(f"there are no revision files in {migrations}: `undercroft migrate make` writes them",))
    with site.opened() as connection:
        return run_up(connection, site, history, target, Consent(allow_data_loss, on_step))


def run_up(connection: Connection, site: Site, history: History, target: str | None, consent: Consent) -> Applied:
    """`up` on an open connection."""
    done, along = Applied(), replay(history, site)
    site.finish(connection, consent.on_step)

    def one_more() -> Applied | None:
        position = locate(connection, history, along)
        _refuse_drift(position)
        if position.actual is not None and position.actual != position.noted:
            stamp(connection, history, position.actual)
            _note(connection, history, along[position.actual])
            return Applied(adopted=position.actual)
        waiting = history.after(position.actual)
        if not waiting or (target is not None and position.actual == target):
            return None
        number = waiting[0].number
        work = partial(run_revision, history=history, number=number, upward=True)
        backup = apply_change(connection, site, f"revision {number}", work, consent)
        _note(connection, history, along[number])
        return _with(done, number, backup)

    while (after := site.attempt(connection, one_more)) is not None:
        done = after
        site.finish(connection, consent.on_step)
    return done


def down(
    site: Site,
    migrations: Path,
    target: str | None = None,
    *,
    allow_data_loss: bool = False,
    on_step: OnStep | None = None,
) -> Applied:
    """Go back by one revision, or to `target` (`"base"`: before the first). What was added goes: that needs consent.

    Raises like `up`; `RevisionBroken` where a file has no way back.
    """
    history = load_history(migrations)
    _known(history, None if target == "base" else target)
    consent, done = Consent(allow_data_loss, on_step), Applied()
    with site.opened() as connection:
        along = replay(history, site)
        site.finish(connection, on_step)

        def one_less() -> Applied | None:
            position = locate(connection, history, along)
            _refuse_drift(position)
            number = position.actual
            if number is None or number == target or (target is None and done.revisions):
                return None
            if number != position.noted:
                stamp(connection, history, number)
            work = partial(run_revision, history=history, number=number, upward=False)
            backup = apply_change(connection, site, f"going back from revision {number}", work, consent)
            below = _below(history, number)
            _note(connection, history, along[below] if below is not None else {})
            return _with(done, number, backup)

        while (after := site.attempt(connection, one_less)) is not None:
            done = after
            site.finish(connection, on_step)
        return done


def _refuse_drift(position: Position) -> None:
    if not position.found:
        raise Drifted(
            f"the database is not what revision {position.noted or 'none'} says: {position.drift[0]}",
            details=list(position.drift),
            hint="`undercroft migrate check` lists the differences; undo them, or put them into a revision.",
        )


def _with(done: Applied, number: str, backup: Path | None) -> Applied:
    backups = (*done.backups, backup) if backup is not None else done.backups
    return Applied(revisions=(*done.revisions, number), adopted=done.adopted, backups=backups)


def _below(history: History, number: str) -> str | None:
    numbers = [each.number for each in history.revisions]
    at = numbers.index(number)
    return numbers[at - 1] if at else None


def _known(history: History, number: str | None) -> None:
    numbers = [each.number for each in history.revisions]
    if number is not None and number not in numbers:
        raise RevisionBroken(f"there is no revision {number}", hint=f"There are: {', '.join(numbers) or 'none'}.")


def _note(connection: Connection, history: History, facts: Facts) -> None:
    """The record: not found right for any models yet, that is the next start's business."""
    write_record(connection, models="", files=files_fingerprint(history.folder), made=names_of(facts))
