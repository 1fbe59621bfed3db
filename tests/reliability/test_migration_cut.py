"""A migration is cut off at every statement: the next start is on the old schema or on the new one, and ends the same.

The process that migrates kills itself, as hard as an operator would, just before its n-th statement; n runs over all of
them. Then the file is looked at as a start would, and the command is run again to its end.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, CheckConstraint, Column, Integer, MetaData, String, Text

from tests.unit.engine.migrating import LIBRARIES, comments, dump, models, place_in, posts, rows
from undercroft.engine import migrate
from undercroft.engine.migrate import Place, Rename
from undercroft.engine.migrate.errors import Busy, RevisionBroken

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["undercroft.engine.migrate.syncing", "undercroft.engine.migrate.standing", __name__])

COUNTED = re.compile(r"\s*(begin|commit|create|alter|drop|insert|update|delete|replace)\b", re.IGNORECASE)
POSTS, COMMENTS = 40, 120

Command = Callable[[Place, Path], object]


def old() -> MetaData:
    return models(posts(Column("title", String), Column("body", Text), Column("junk", Integer)), comments)


def new() -> MetaData:
    """A rename, a filled column, a rebuild of a parent table, a dropped column, a new index."""
    return models(
        posts(
            Column("title", String, nullable=False, index=True),
            Column("text", Text, info={"renamed_from": "body"}),
            Column("published", Boolean, nullable=False, default=True),
            CheckConstraint("length(title) > 0", name="title"),
        ),
        comments,
    )


GONE = [Rename("junk", None, "posts")]


def change_directly(place: Place, _: Path) -> object:
    return migrate.sync(new(), place, None, renames=GONE, allow_data_loss=True)


def change_by_files(place: Place, folder: Path) -> object:
    return migrate.up(place, folder, allow_data_loss=True)


def prepare(folder: Path, library: str, command: Command) -> Place:
    """A database on the old schema, with rows, and three revision files ahead of it where they are to be run."""
    place = place_in(folder / "start", library)
    place.path.parent.mkdir(parents=True)
    if command is change_by_files:
        files = folder / "migrations"
        migrate.make(old(), place, files)
        migrate.up(place, files)
        between = models(posts(Column("title", String), Column("text", Text), Column("junk", Integer)), comments)
        migrate.make(between, place, files, "rename", renames=[Rename("body", "text", "posts")])
        migrate.make(new(), place, files, "the rest", renames=GONE)
        migrate.make(models(), place, files, "nothing left")
    else:
        migrate.sync(old(), place)
    rows(place, "PRAGMA journal_mode=WAL")
    for number in range(POSTS):
        rows(
            place,
            "INSERT INTO posts (title, " + ("body" if has_body(place) else "text") + ") VALUES (?, 'x')",
            f"post {number}",
        )
    for number in range(COMMENTS):
        rows(place, "INSERT INTO comments (post_id, text) VALUES (?, 'hello')", number % POSTS + 1)
    return place


def has_body(place: Place) -> bool:
    return bool(rows(place, "SELECT 1 FROM pragma_table_info('posts') WHERE name = 'body'"))


def copied(start: Place, folder: Path, library: str) -> Place:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(start.path.parent, folder)
    return place_in(folder, library)


def cut(folder: str, library: str, command: Command, files: str, at: int, counted: Any) -> None:
    """Run a command in this process and kill it before its `at`-th statement (0: never)."""
    seen = 0

    def look(statement: str) -> None:
        nonlocal seen
        if COUNTED.match(statement):
            seen += 1
            counted.value = seen
            if seen == at:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(connection: Any) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2].endswith("app.db"):
            connection.set_trace_callback(look)

    place = place_in(Path(folder), library)
    command(Place(place.path, place.library, place.backups, prepare=watch, clock=place.clock), Path(files))


def run_cut(place: Place, library: str, command: Command, files: Path, at: int) -> tuple[int | None, int]:
    counted = PROCESSES.Value("i", 0)
    process = PROCESSES.Process(target=cut, args=(str(place.path.parent), library, command, str(files), at, counted))
    process.start()
    process.join(60)
    return process.exitcode, counted.value


def contents(place: Place) -> tuple[object, ...]:
    tables = {name for kind, name, _ in dump(place) if kind == "table"}
    return tuple(
        rows(place, f"SELECT count(*), count(DISTINCT id) FROM {name}")[0] if name in tables else None
        for name in ("posts", "comments")
    )


@pytest.mark.parametrize("command", [change_directly, change_by_files], ids=["directly", "by-files"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_killed_migration_leaves_the_old_schema_or_the_new(
    library: str,
    command: Command,
    tmp_path: Path,
    rounds: Callable[[int, int], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    start, files = prepare(tmp_path, library, command), tmp_path / "migrations"
    whole = copied(start, tmp_path / "whole", library)
    status, statements = run_cut(whole, library, command, files, 0)
    assert status == 0
    assert statements > 10
    last, schemas = dump(whole), {repr(dump(start)), repr(dump(whole))}
    if command is change_by_files:
        for target in ("0002", "0003"):
            step = copied(start, tmp_path / "step", library)
            migrate.up(step, files, target, allow_data_loss=True)
            schemas.add(repr(dump(step)))
    points = range(1, statements + 1, max(1, statements // rounds(12, statements)))
    on_old = 0
    for at in points:
        place = copied(start, tmp_path / "cut", library)
        status, _ = run_cut(place, library, command, files, at)
        assert status == -signal.SIGKILL
        assert repr(dump(place)) in schemas, f"neither old nor new after a kill at statement {at}"
        assert rows(place, "PRAGMA integrity_check") == [("ok",)]
        assert rows(place, "PRAGMA foreign_key_check") == []
        found = contents(place)
        assert found in (((POSTS, POSTS), (COMMENTS, COMMENTS)), (None, None)), at
        on_old += repr(dump(place)) == repr(dump(start))
        command(place, files)
        assert dump(place) == last, f"a rerun after a kill at statement {at} ended elsewhere"
        assert contents(place) == contents(whole)
    with capsys.disabled():
        print(f"\n  migration cut ({library}, {command.__name__}): {len(points)} kills, {on_old} found the old schema")


def test_the_cut_would_notice_a_migration_without_a_transaction(tmp_path: Path) -> None:
    """The control: a command that changes statement by statement leaves something between old and new."""
    start = prepare(tmp_path, "pysqlite3", change_directly)
    whole = copied(start, tmp_path / "whole", "pysqlite3")
    change_carelessly(whole, tmp_path)
    schemas = {repr(dump(start)), repr(dump(whole))}
    place = copied(start, tmp_path / "cut", "pysqlite3")
    run_cut(place, "pysqlite3", change_carelessly, tmp_path, 2)
    assert repr(dump(place)) not in schemas


def change_carelessly(place: Place, _: Path) -> object:
    connection = place.connect()
    connection.execute("ALTER TABLE posts ADD COLUMN one")
    connection.execute("ALTER TABLE posts ADD COLUMN two")
    connection.close()
    return None


# ---------------------------------------------------------------- two at once


def start_up(folder: str, library: str, files: str, gate: Any) -> None:
    gate.wait(30)
    migrate.ensure(new(), place_in(Path(folder), library), Path(files))


@pytest.mark.parametrize("with_files", [False, True], ids=["models", "files"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_of_processes_that_start_at_once_one_migrates_and_the_others_wait(
    library: str, with_files: bool, tmp_path: Path
) -> None:
    place, files = place_in(tmp_path, library), tmp_path / "migrations"
    if with_files:
        migrate.make(old(), place, files)
        migrate.make(new(), place, files, renames=GONE)
    gate = PROCESSES.Barrier(3)
    started = [PROCESSES.Process(target=start_up, args=(str(tmp_path), library, str(files), gate)) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0, 0]
    assert migrate.is_current(new(), place, files)
    assert migrate.check(new(), place, files) == ()


def test_the_wait_for_another_process_has_an_end(tmp_path: Path) -> None:
    place = place_in(tmp_path, "pysqlite3", wait_seconds=0.2)
    migrate.sync(old(), place)
    other = place.connect()
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy, match=r"another process keeps app\.db locked"):
        migrate.sync(new(), place, renames=GONE, allow_data_loss=True)
    other.execute("ROLLBACK")
    other.close()


# ---------------------------------------------------------------- no room


def change_without_room(folder: str, library: str, room: int, outcome: Any) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    place = place_in(Path(folder), library)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        change_directly(place, Path())
    except RevisionBroken as fault:
        outcome.put(fault.message)
    except Exception as error:
        outcome.put(repr(error))


@pytest.mark.needs("linux")
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_full_disk_leaves_the_old_schema_and_a_clear_fault(library: str, tmp_path: Path) -> None:
    place = prepare(tmp_path, library, change_directly)
    rows(place, "UPDATE posts SET body = hex(zeroblob(20000))")
    before, size = dump(place), place.path.stat().st_size
    outcome = PROCESSES.Queue()
    process = PROCESSES.Process(
        target=change_without_room, args=(str(place.path.parent), library, size + 40_000, outcome)
    )
    process.start()
    said = outcome.get(timeout=60)
    process.join(60)
    assert "disk" in said
    assert dump(place) == before
    assert rows(place, "PRAGMA integrity_check") == [("ok",)]
    change_directly(place, Path())
    assert contents(place) == ((POSTS, POSTS), (COMMENTS, COMMENTS))
