"""Migrations: from one version of the models to the next without losing a row. This is the door; see
docs/decisions/0006.

Importing it is cheap. Alembic is imported only when there is something to compare, which `ensure` and `sync` find out
by one look.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, MetaData

from undercroft.base.secret import Secret
from undercroft.engine.migrate.ground import Site
from undercroft.engine.migrate.place import Place, place_of
from undercroft.engine.migrate.record import files_fingerprint, is_current
from undercroft.engine.migrate.types import Applied, Made, OnStep, Plan, Progress, Question, Rename, Status, Step


def ensure(
    metadata: MetaData, place: Site, migrations: Path | None = None, *, on_step: OnStep | None = None
) -> Applied:
    """For `serve`: fill an empty database (from the files, else from the models), and insist that any other one is up
    to date.

    Raises `NotUpToDate`, with the command to run in its hint.
    """
    if is_current(metadata, place, migrations):
        return Applied()
    if (filled := _filled(metadata, place, migrations, on_step)) is not None:
        return filled
    from undercroft.engine.migrate.syncing import insist

    return insist(metadata, place, migrations, on_step=on_step)


def sync(
    metadata: MetaData,
    place: Site,
    migrations: Path | None = None,
    *,
    renames: Sequence[Rename] = (),
    allow_data_loss: bool = False,
    on_step: OnStep | None = None,
) -> Applied:
    """For `dev`: run the revisions that wait, then bring the database to the models directly; no folder is needed for
    it.

    Raises `RenameUnanswered`, `DataLoss`, `DataForbids`, `CannotPlan`: then nothing of that step was kept.
    """
    if is_current(metadata, place, migrations):
        return Applied()
    if (filled := _filled(metadata, place, migrations, on_step)) is not None:
        return filled
    from undercroft.engine.migrate.syncing import bring

    return bring(metadata, place, migrations, renames=renames, allow_data_loss=allow_data_loss, on_step=on_step)


def _filled(metadata: MetaData, place: Site, migrations: Path | None, on_step: OnStep | None) -> Applied | None:
    """A new database, where no revision files say how it is made."""
    if files_fingerprint(migrations):
        return None
    from undercroft.engine.migrate.filling import fill

    return fill(metadata, place, on_step)


def make(
    metadata: MetaData,
    place: Site,
    migrations: Path,
    message: str = "",
    *,
    renames: Sequence[Rename] = (),
    empty: bool = False,
) -> Made:
    """Write the next revision file; see `making.make`."""
    from undercroft.engine.migrate import making

    return making.make(metadata, place, migrations, message, renames=renames, empty=empty)


def up(
    place: Site,
    migrations: Path,
    target: str | None = None,
    *,
    allow_data_loss: bool = False,
    on_step: OnStep | None = None,
) -> Applied:
    """Run the revisions that are not applied yet; see `moving.up`."""
    from undercroft.engine.migrate import moving

    return moving.up(place, migrations, target, allow_data_loss=allow_data_loss, on_step=on_step)


def down(
    place: Site,
    migrations: Path,
    target: str | None = None,
    *,
    allow_data_loss: bool = False,
    on_step: OnStep | None = None,
) -> Applied:
    """Go back by one revision, to `target`, or to `"base"`; see `moving.down`."""
    from undercroft.engine.migrate import moving

    return moving.down(place, migrations, target, allow_data_loss=allow_data_loss, on_step=on_step)


def status(metadata: MetaData, place: Site, migrations: Path | None = None, *, database: bool = True) -> Status:
    """Where models, files and database stand; see `standing.status`."""
    from undercroft.engine.migrate import standing

    return standing.status(metadata, place, migrations, database=database)


def check(metadata: MetaData, place: Site, migrations: Path | None = None, *, database: bool = True) -> tuple[str, ...]:
    """One sentence per disagreement between models, files and database; empty is good."""
    from undercroft.engine.migrate import standing

    return standing.check(metadata, place, migrations, database=database)


def plan(metadata: MetaData, connection: Connection, renames: Sequence[Rename] = ()) -> Plan:
    """What leads from a database to the models; see `planning.plan`."""
    from undercroft.engine.migrate import planning

    return planning.plan(metadata, connection, renames)


def place_at(url: str | Secret) -> Site:
    """The place of a PostgreSQL database, `postgresql://…`. Raises `SetupFault`, also where its driver is missing."""
    from undercroft.engine.migrate.postgres import place as postgres

    return postgres.place_at(url)


def read_answer(text: str, metadata: MetaData) -> Rename:
    """A `--rename` argument: `posts.body=text` or `articles=posts`; nothing after the sign means that it really
    goes.
    """
    from undercroft.engine.migrate import renames

    return renames.read_answer(text, metadata)


__all__ = [
    "Applied", "Made", "OnStep", "Place", "Plan", "Progress", "Question", "Rename", "Site", "Status", "Step",
    "check", "down", "ensure", "is_current", "make", "place_at", "place_of", "plan", "read_answer", "status", "sync",
    "up",
]  # fmt: skip
