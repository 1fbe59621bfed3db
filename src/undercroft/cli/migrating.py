"""`undercroft migrate …`, and what `dev` does by itself: the questions that migrations have are asked here."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from undercroft.base.faults import SetupFault
from undercroft.cli.loading import USUAL
from undercroft.cli.options import Common, Opened, ServeOptions, open_app, read_settings
from undercroft.cli.telling import paint, say, say_json, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from undercroft.engine.migrate import Applied, OnStep, Progress, Question, Rename, Site, Status, Step
    from undercroft.sql.rls import Wall

T = TypeVar("T")


class Migrations:
    """One installation's models, revision files and database, and the answers that were given beforehand."""

    def __init__(self, opened: Opened, renames: Sequence[str] = (), *, ask: bool) -> None:
        from undercroft.app import place_of
        from undercroft.engine import migrate

        if opened.app.existing:
            raise SetupFault(
                "a database that is served by reflection has no migrations", hint="Its schema is somebody else's."
            )
        self.app, self._settings = opened.app, opened.settings
        self.metadata = opened.app.metadata
        self.place: Site = place_of(opened.settings)
        self.folder: Path = opened.migrations or Path.cwd() / "migrations"
        self.answers: list[Rename] = [migrate.read_answer(each, self.metadata) for each in renames]
        self._ask = ask
        self._data = opened.settings.database.data

    def make_room(self) -> None:
        """Make the data directory, private, where there is none: the database may be about to be made in it."""
        from undercroft.auth import open_data_dir

        open_data_dir(self._data)

    def wall(self) -> Wall:
        """The app's policies as row-level security. Raises `SetupFault`."""
        from undercroft.app import wall_for

        return wall_for(self.app, self._settings)

    def wall_problems(self) -> tuple[str, ...]:
        """Whether the revision files say other policies than the app, in sentences."""
        from undercroft.engine.migrate import walls

        if not walls.are_told(self.folder) or not walls.differs(self.wall().pieces, self.folder):
            return ()
        told = "the policies have changed since they were written as row-level security"
        return (f"{told}: `undercroft migrate policies --emit-rls`",)

    def answered(self, work: Callable[[Sequence[Rename]], T]) -> T:
        """Do `work` with the answers so far; what it asks then is asked on the terminal, where there is one."""
        from undercroft.engine.migrate.errors import RenameUnanswered

        while True:
            try:
                return work(self.answers)
            except RenameUnanswered as fault:
                if not self._ask:
                    raise
                self.answers += [answer_to(question) for question in fault.questions]


def answer_to(question: Question) -> Rename:
    """Ask on the terminal whether something was renamed, and into what."""
    from undercroft.engine.migrate import Rename

    say(paint(question.sentence, "bold", sys.stdout))
    for number, name in enumerate(question.candidates, start=1):
        say(f"  {number}  yes, it is {name} now")
    say("  n  no, it goes, and so do its values")
    while True:
        given = input("> ").strip().lower()
        if given == "n":
            return Rename(question.old, None, question.table)
        if given.isdigit() and 1 <= int(given) <= len(question.candidates):
            return Rename(question.old, question.candidates[int(given) - 1], question.table)
        if given == "y" and len(question.candidates) == 1:
            return Rename(question.old, question.candidates[0], question.table)
        say(f"Type a number from 1 to {len(question.candidates)}, or n.")


def open_migrations(options: Common, renames: Sequence[str], *, ask: bool) -> Migrations:
    """Load the app and find its database. Raises `SetupFault`."""
    settings = read_settings(options)
    file = next((name for name in USUAL if Path(name).is_file()), None)
    if options.app is None and file is not None:
        options = msgspec.structs.replace(options, app=file)  # migrations are an app's, also beside --database
    return Migrations(open_app(options, settings), renames, ask=ask and sys.stdin.isatty() and sys.stdout.isatty())


def bring_up(opened: Opened, options: ServeOptions) -> None:
    """What `dev` does before it serves: bring the database to the models, and tell what was done.

    Raises `SetupFault`.
    """
    from undercroft.engine import migrate

    here = Migrations(opened, options.rename, ask=sys.stdin.isatty() and sys.stdout.isatty())
    done = here.answered(
        lambda renames: migrate.sync(
            here.metadata,
            here.place,
            here.folder,
            renames=renames,
            allow_data_loss=options.allow_data_loss,
            on_step=progress(),
        )
    )
    tell_applied(done, as_json=False, quiet=True)


def tell_applied(done: Applied, *, as_json: bool, quiet: bool = False) -> None:
    """What was changed; `quiet` says nothing where nothing was."""
    if as_json:
        say_json({**_plain(asdict(done)), "changed": done.changed})
        return
    for step in done.steps:
        say(f"  {paint('schema', 'green', sys.stdout)} {step}")
    for number in done.revisions:
        say(f"  {paint('revision', 'green', sys.stdout)} {number}")
    if done.adopted is not None:
        say(f"  The database had the schema of revision {done.adopted} already; that is noted now.")
    for path in done.backups:
        say(f"  The database as it was before: {path}")
    for note in done.notes:
        warn(note)
    if not done.changed and not quiet:
        say("Nothing to do.")


def tell_steps(steps: Sequence[Step]) -> None:
    """A plan in sentences, what it would lose and what forbids it."""
    for step in steps:
        say(f"  {step.sentence}" + (paint("  (loses data)", "red", sys.stdout) if step.destructive else ""))
        if step.reason:
            say(f"      loses: {step.reason}")
        if step.blocked:
            say(f"      {paint('cannot be applied:', 'red', sys.stdout)} {step.blocked}")


def tell_status(found: Status, *, as_json: bool) -> None:
    """Where models, files and database stand."""
    if as_json:
        say_json({**_plain(asdict(found)), "problems": list(found.problems)})
        return
    say(f"database at revision {found.current or 'none'}; the files lead to {found.head or 'none'}")
    for problem in found.problems:
        say(f"  {problem}")
    if found.left_alone:
        say(f"  not ours, left alone: {', '.join(found.left_alone)}")
    if not found.problems:
        say("Models, revision files and database agree.")


def progress() -> OnStep:
    """Tell each statement of a long change on one line of a terminal."""

    def tell(step: Progress) -> None:
        if sys.stderr.isatty():
            share = f"{step.done * 100 // step.total:3}% " if step.total else ""
            sys.stderr.write(f"\r\x1b[K{share}{step.text[:100]}")
            if step.done + 1 >= step.total:
                sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    return tell


def _plain(value: dict[str, Any]) -> dict[str, Any]:
    return {name: list(each) if isinstance(each, tuple) else each for name, each in value.items()}
