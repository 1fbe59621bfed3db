"""`undercroft migrate policies`: the policies of an app as row-level security of its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from undercroft.base.faults import SetupFault
from undercroft.cli.migrating import open_migrations, progress
from undercroft.cli.telling import say, say_json, warn

if TYPE_CHECKING:
    from undercroft.cli.migrating import Migrations
    from undercroft.cli.options import Common
    from undercroft.sql.rls import Wall


def policies(options: Common, *, emit: bool, show: bool, apply: bool, drop: bool, as_json: bool) -> None:
    """Do the one thing that was asked for. Raises `SetupFault` where it is none or more than one, and for a policy that
    row-level security cannot say.
    """
    if (emit or show) + apply + drop != 1:
        raise SetupFault(
            "say what is to become of the policies",
            hint="--emit-rls writes a revision file, --print prints SQL, --apply changes the database now, "
            "--drop-rls writes a revision file that takes it all down.",
        )
    from undercroft.engine.migrate import walls

    here = open_migrations(options, (), ask=False)
    wall = here.wall()
    if show:
        if as_json:
            say_json({"sql": walls.script(wall.pieces), "notes": list(wall.notes)})
        else:
            say("".join(f"-- {note}\n" for note in wall.notes) + walls.script(wall.pieces))
    elif apply:
        changed = walls.apply(wall.pieces, here.place, progress())
        if as_json:
            say_json({"changed": changed, "notes": list(wall.notes)})
            return
        _tell_notes(wall)
        say("The database has the policies now." if changed else "Nothing to do.")
    else:
        _write(here, wall, drop=drop, as_json=as_json)


def _write(here: Migrations, wall: Wall, *, drop: bool, as_json: bool) -> None:
    from undercroft.engine.migrate import walls

    made = walls.emit(() if drop else wall.pieces, here.folder)
    words = {"new": made.new, "changed": made.changed, "gone": made.gone}
    if as_json:
        told = {word: list(keys) for word, keys in words.items()}
        say_json({"path": str(made.path) if made.path else None, **told, "notes": [] if drop else list(wall.notes)})
        return
    if not drop:
        _tell_notes(wall)
    if made.path is None:
        say("The revision files say these policies already: nothing to write.")
        return
    say(f"Written: {made.path}")
    for word, keys in words.items():
        for key in keys:
            say(f"  {word}: {key}")


def _tell_notes(wall: Wall) -> None:
    for note in wall.notes:
        warn(note)
