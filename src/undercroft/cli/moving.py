"""`undercroft migrate make | up | down | status | check`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from undercroft.cli.migrating import Migrations, open_migrations, progress, tell_applied, tell_status, tell_steps
from undercroft.cli.options import Common
from undercroft.cli.telling import say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence


def make(options: Common, message: str, renames: Sequence[str], *, empty: bool, as_json: bool) -> None:
    """Write the next revision file and tell what is in it."""
    from undercroft.engine import migrate

    here = open_migrations(options, renames, ask=not as_json)
    made = here.answered(
        lambda answers: migrate.make(here.metadata, here.place, here.folder, message, renames=answers, empty=empty)
    )
    if as_json:
        steps = [asdict(step) for step in made.plan.steps]
        say_json({"path": str(made.path) if made.path else None, "steps": steps})
    elif made.path is None:
        say("The revision files lead to the models already: nothing to write.")
    else:
        say(f"Written: {made.path}")
        tell_steps(made.plan.steps)


def up(options: Common, target: str | None, *, allow_data_loss: bool, as_json: bool) -> None:
    """Run what waits."""
    from undercroft.engine import migrate

    here = _with_place(options, as_json=as_json)
    done = migrate.up(here.place, here.folder, target, allow_data_loss=allow_data_loss, on_step=progress())
    tell_applied(done, as_json=as_json)


def down(options: Common, target: str | None, *, allow_data_loss: bool, as_json: bool) -> None:
    """Go back."""
    from undercroft.engine import migrate

    here = _with_place(options, as_json=as_json)
    done = migrate.down(here.place, here.folder, target, allow_data_loss=allow_data_loss, on_step=progress())
    tell_applied(done, as_json=as_json)


def status(options: Common, *, as_json: bool) -> None:
    """Where everything stands."""
    from undercroft.engine import migrate

    here = open_migrations(options, (), ask=False)
    tell_status(migrate.status(here.metadata, here.place, here.folder), as_json=as_json)


def check(options: Common, *, database: bool, as_json: bool) -> int:
    """1 where something does not agree."""
    from undercroft.engine import migrate

    here = open_migrations(options, (), ask=False)
    problems = migrate.check(here.metadata, here.place, here.folder, database=database)
    problems += here.wall_problems()
    if as_json:
        say_json({"ok": not problems, "problems": list(problems)})
    else:
        say("\n".join(problems) or "Models, revision files and database agree.")
    return 1 if problems else 0


def _with_place(options: Common, *, as_json: bool) -> Migrations:
    """The same, with the folder in which the database is made."""
    here = open_migrations(options, (), ask=not as_json)
    here.make_room()
    return here
