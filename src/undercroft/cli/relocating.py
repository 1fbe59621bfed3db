"""`undercroft move`: everything of one database into another, told while it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from undercroft.base.faults import SetupFault
from undercroft.base.postgres_url import SCHEMES
from undercroft.cli.options import Common, open_app, read_settings
from undercroft.cli.telling import paint, say, say_json, warn

if TYPE_CHECKING:
    from undercroft.engine.move import Moved, OnProgress, PostgresSide, Progress, SqliteSide


def move_house(
    options: Common, source: str, target: str, *, schemas: Sequence[str], restart: bool, as_json: bool
) -> None:
    """Move what `source` holds to `target`: the tables of the app's models, else all. Raises `SetupFault`."""
    from undercroft.engine.move import Order, move

    settings = read_settings(options)
    data = settings.database.data
    origin, goal = side_of(source, data, schemas), side_of(target, data, ())
    if origin.identity == goal.identity:
        raise SetupFault("the source and the target of a move are the same database")
    models, prepare = None, None
    if options.app is not None:
        opened = open_app(options, settings)
        models = opened.app.metadata
        prepare = _preparing(goal, models, opened.migrations)
    with watched(as_json=as_json) as tell:
        done = move(origin, goal, Order(models, prepare, restart, tell))
    tell_moved(done, origin.name, goal.name, as_json=as_json)


def side_of(url: str, data: Path, schemas: Sequence[str]) -> SqliteSide | PostgresSide:
    """The database that a URL names. Raises `SetupFault`."""
    from undercroft.app import SQLITE, sqlite_file
    from undercroft.engine import SQLiteSettings, migrate
    from undercroft.engine.move import PostgresSide, SqliteSide

    if url.startswith(SQLITE):
        return SqliteSide(migrate.place_of(SQLiteSettings(sqlite_file(url)), data))
    if url.startswith(SCHEMES):
        return PostgresSide(url, schemas or None)
    raise SetupFault(
        "a move goes between sqlite:///… and postgresql://… URLs",
        hint="sqlite:///file.db, sqlite:////absolute/file.db, or postgresql://user@host/database",
    )


def _preparing(goal: SqliteSide | PostgresSide, models: Any, migrations: Path | None) -> Callable[[], object]:
    """What makes the tables of the models on the target."""
    from undercroft.engine import migrate
    from undercroft.engine.move import SqliteSide

    site = goal.place if isinstance(goal, SqliteSide) else migrate.place_at(goal.url)
    return lambda: migrate.ensure(models, site, migrations)


@contextmanager
def watched(*, as_json: bool) -> Iterator[OnProgress]:
    """A bar on a terminal; elsewhere, nothing."""
    if as_json or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("")

        def tell(step: Progress) -> None:
            bars.update(task, description=f"{step.stage} {step.table}", completed=step.done, total=step.total or None)

        yield tell


def tell_moved(done: Moved, source: str, target: str, *, as_json: bool) -> None:
    """What was moved, table by table, and what was left behind."""
    if as_json:
        tables = [{"table": each.table, "rows": each.rows, "checksum": each.checksum} for each in done.tables]
        figures = {"rows": done.rows, "seconds": round(done.seconds, 3), "resumed": done.resumed}
        say_json({"from": source, "to": target, **figures, "tables": tables, "notes": list(done.notes)})
        return
    for each in done.tables:
        say(f"  {paint('equal', 'green', sys.stdout)} {each.table}: {each.rows:,} rows, {each.checksum}")
    for note in done.notes:
        warn(note)
    again = ", from where an earlier one was interrupted" if done.resumed else ""
    say(f"{done.rows:,} rows of {len(done.tables)} tables moved to {target} in {done.seconds:.1f} s{again}.")


__all__ = ["move_house", "side_of", "tell_moved", "watched"]
