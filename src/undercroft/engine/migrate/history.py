"""The revision files: read as Alembic reads them, in one line from the first to the last, and replayed on a scratch
database.
"""

from __future__ import annotations

import re
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from undercroft.base.faults import Fault
from undercroft.engine.migrate.alembic_context import make_context
from undercroft.engine.migrate.errors import DataForbids, RevisionBroken
from undercroft.engine.migrate.execute import watched
from undercroft.engine.migrate.facts import Facts
from undercroft.engine.migrate.ground import Site, facts_of, ground_of
from undercroft.engine.migrate.types import RevisionInfo

_NUMBER = re.compile(r"(\d+)_")


@dataclass(frozen=True, slots=True)
class History:
    """The revisions in order. `script` is None where there are no files."""

    folder: Path | None
    revisions: tuple[RevisionInfo, ...] = ()
    script: ScriptDirectory | None = None

    @property
    def head(self) -> str | None:
        return self.revisions[-1].number if self.revisions else None

    def after(self, number: str | None) -> tuple[RevisionInfo, ...]:
        """The revisions that come after one; all of them after None. Raises `RevisionBroken` for an unknown number."""
        if number is None:
            return self.revisions
        numbers = [each.number for each in self.revisions]
        if number not in numbers:
            raise RevisionBroken(
                f"the database is at revision {number}, but there is no such file in {self.folder}",
                hint="Bring the file back, for instance from version control.",
            )
        return self.revisions[numbers.index(number) + 1 :]


def load_history(migrations: Path | None) -> History:
    """Read `migrations/versions/*.py`. Raises `RevisionBroken` for files that contradict each other or do not load."""
    versions = migrations / "versions" if migrations is not None else None
    files = sorted(versions.glob("[0-9]*_*.py")) if versions is not None and versions.is_dir() else []
    if migrations is None or not files:
        return History(migrations)
    counted = Counter(match.group(1) for file in files if (match := _NUMBER.match(file.name)))
    for number, count in counted.items():
        if count > 1:
            same = ", ".join(file.name for file in files if file.name.startswith(f"{number}_"))
            raise RevisionBroken(
                f"{count} revision files have the number {number}: {same}",
                hint="Give the later one the next number, in its name, its `revision` and its `down_revision`.",
            )
    script = ScriptDirectory(str(migrations), version_locations=[str(versions)])
    with explained("the revision files"):
        heads = script.get_heads()
        if len(heads) > 1:
            raise RevisionBroken(
                f"the revision files end in more than one: {', '.join(sorted(heads))}",
                hint="Let the `down_revision` of one be the number of the other.",
            )
        ordered = list(script.walk_revisions())[::-1]
    found = tuple(RevisionInfo(each.revision, each.doc or "", Path(each.path)) for each in ordered)
    return History(migrations, found, script)


@contextmanager
def explained(label: str) -> Iterator[None]:
    """What goes wrong inside, as a fault that names the place: the revision file's line, or the statement."""
    try:
        yield
    except Fault as fault:
        cause = _first_database_error(fault)
        if cause is None:
            raise
        raise _refusal(label, cause) from fault
    except DBAPIError as error:
        raise _refusal(label, _first_database_error(error) or error) from error
    except CommandError as error:
        raise RevisionBroken(f"{label}: {error}") from error
    except Exception as error:
        frames = [each for each in traceback.extract_tb(error.__traceback__) if "versions" in each.filename]
        place = f" at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
        raise RevisionBroken(
            f"{label} failed{place}: {str(error) or type(error).__name__}", hint="Nothing of it was kept."
        ) from error


def _first_database_error(error: BaseException) -> DBAPIError | None:
    """What went wrong first: tidying up after it may have failed as well, and says less."""
    first = None
    each: BaseException | None = error
    while each is not None:
        first = each if isinstance(each, DBAPIError) else first
        each = each.__context__
    return first


def _refusal(label: str, error: DBAPIError) -> Fault:
    rows = isinstance(error, (IntegrityError, DataError)) or "IntegrityError" in type(error.orig).__name__
    kind = DataForbids if rows else RevisionBroken
    return kind(f"{label} failed: {error.orig}", details=error.statement, hint="Nothing of it was kept.")


def run_revision(context: Any, history: History, number: str, *, upward: bool = True) -> None:
    """Run one revision and move the version row, by Alembic; inside `watched` and a transaction."""
    script = _script(history)
    if upward:
        context._migrations_fn = lambda heads, _: script._upgrade_revs(number, heads)
    else:
        below = str(script.get_revision(number).down_revision or "base")
        context._migrations_fn = lambda heads, _: script._downgrade_revs(below, heads)
    with explained(f"revision {number}"):
        context.run_migrations()


@contextmanager
def replayed(history: History, site: Site) -> Iterator[tuple[Connection, dict[str, Facts]]]:
    """A scratch database as the files make it, and what its schema was after each of them."""
    with site.scratch() as connection:
        yield connection, _run_through(history, connection)


def _run_through(history: History, connection: Connection) -> dict[str, Facts]:
    along: dict[str, Facts] = {}
    for revision in history.revisions:
        with watched(connection) as (_, context):
            run_revision(context, history, revision.number)
        along[revision.number] = facts_of(connection)
    return along


def replay(history: History, site: Site) -> dict[str, Facts]:
    """What the schema is after each revision file. The scratch database is gone when this returns."""
    if not history.revisions:
        return {}
    with replayed(history, site) as (_, along):
        return along


def replay_within(history: History, connection: Connection) -> dict[str, Facts]:
    """The same beside an open transaction, whose work may be in the way of any other connection's."""
    if not history.revisions:
        return {}
    with ground_of(connection).scratch(connection) as scratch:
        return _run_through(history, scratch)


def stamp(connection: Connection, history: History, number: str) -> None:
    """Note that the database is at a revision, without running anything."""
    make_context(connection).stamp(_script(history), number)


def _script(history: History) -> ScriptDirectory:
    if history.script is None:
        raise RevisionBroken(f"there are no revision files in {history.folder}", hint="Run `undercroft migrate make`.")
    return history.script
