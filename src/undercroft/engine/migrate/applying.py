# ruff: noqa: S608  names are quoted or constant, and values are arguments
"""One change of a real database: backed up where it could hurt, all or nothing, checked before it is committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from undercroft.engine.migrate.errors import DataLoss
from undercroft.engine.migrate.execute import watched
from undercroft.engine.migrate.ground import Site, facts_of, ground_of, runner
from undercroft.engine.migrate.history import explained
from undercroft.engine.migrate.rebuild import TEMPORARY
from undercroft.engine.migrate.types import OnStep, Progress

Work = Callable[[MigrationContext], None]
"""Changes a database by `op`; run on a scratch copy first, then on the real one."""


@dataclass(frozen=True, slots=True)
class Consent:
    """How a change may go on: with losses or without, and whom to tell."""

    allow_data_loss: bool = False
    on_step: OnStep | None = None

    def tell(self, text: str, done: int = 0, total: int = 0) -> None:
        if self.on_step is not None:
            self.on_step(Progress(done, total, text.strip()))


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the change did to a copy of the schema."""

    statements: int
    rebuilds: bool
    losses: tuple[str, ...]


def apply_change(
    connection: Connection,
    site: Site,
    label: str,
    work: Work,
    consent: Consent,
    losses: tuple[str, ...] = (),
) -> Path | None:
    """Change the schema within the caller's transaction, and give the backup's path where one was made.

    The caller commits. `losses` are known ones, in better words than the schema can give. Raises `DataLoss` (before
    anything is touched, where the rehearsal shows it), `DataForbids`, `RevisionBroken`: then the caller's transaction
    is to be rolled back.
    """
    rehearsed = _rehearse(connection, work)
    _refuse_losses(losses or (rehearsed.losses if rehearsed else ()), consent, site)
    backup = None
    if (rehearsed is None or rehearsed.rebuilds or rehearsed.losses) and _has_rows(connection):
        backup = site.back_up(label, consent.on_step)
    done, total = 0, rehearsed.statements if rehearsed else 0

    def told(statement: str) -> None:
        nonlocal done
        consent.tell(statement, done, total)
        done += 1

    with explained(label), watched(connection, told) as (seen, context):
        work(context)
    _refuse_losses((losses or seen.losses) if seen.losses else (), consent, site)
    site.check_references(connection, label)
    site.announce(connection)
    return backup


def _rehearse(connection: Connection, work: Work) -> Rehearsed | None:
    """On a copy without rows; None when that says nothing, since a revision may well count on rows."""
    try:
        ground = ground_of(connection)
        schema = ground.copied(connection)
        with ground.scratch(connection) as copy:
            schema(copy)
            with watched(copy) as (seen, context):
                work(context)
    except Exception:
        return None
    rebuilds = bool(seen.rebuilt) or any(TEMPORARY in statement for statement in seen.statements)
    return Rehearsed(len(seen.statements), rebuilds, seen.losses)


def _refuse_losses(losses: tuple[str, ...], consent: Consent, site: Site) -> None:
    if losses and not consent.allow_data_loss:
        copied = "a backup is made first" if site.keeps_copies else "make a backup first: nothing here does it for you"
        raise DataLoss(
            f"this would lose data: {'; '.join(losses)}",
            details=list(losses),
            hint=f"If that is meant, run it again with --allow-data-loss; {copied}.",
        )


def _has_rows(connection: Connection) -> bool:
    run, named = runner(connection), ground_of(connection).named
    return any(run(f"SELECT 1 FROM {named(name)} LIMIT 1") for name in facts_of(connection))
