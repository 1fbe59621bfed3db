"""Migrations of a PostgreSQL in use: cut off at any statement, two at once, in each other's way, and beside others."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest
from sqlalchemy import Boolean, CheckConstraint, Column, Engine, Integer, MetaData, String, Text, event

from tests.unit.engine.migrating import comments, models, posts
from undercroft.engine import migrate
from undercroft.engine.migrate import Progress, Rename
from undercroft.engine.migrate.errors import Busy, DataForbids, NotUpToDate
from undercroft.engine.migrate.postgres.place import PostgresPlace

pytestmark = pytest.mark.needs("postgres")

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["undercroft.engine.migrate.syncing", "undercroft.engine.migrate.postgres", __name__])

POSTS, COMMENTS = 40, 120
GONE = [Rename("junk", None, "posts")]


def old() -> MetaData:
    return models(posts(Column("title", String), Column("body", Text), Column("junk", Integer)), comments)


def new() -> MetaData:
    """A rename, a filled column, columns that forbid NULL, a dropped one, a check, two indexes."""
    return models(
        posts(
            Column("title", String, nullable=False, index=True),
            Column("text", Text, unique=True, info={"renamed_from": "body"}),
            Column("published", Boolean, nullable=False, default=True),
            CheckConstraint("length(title) > 0", name="title"),
        ),
        comments,
    )


def run(url: str, *statements: str) -> list[Any]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return list(cursor.fetchall()) if cursor.description else []


def place_at(url: str, **more: Any) -> PostgresPlace:
    """A place where every table is a big one: what can be put off until after the commit is put off."""
    return replace(PostgresPlace(migrate.place_at(url).url), big_bytes=-1, **more)  # type: ignore[attr-defined]


def prepare(url: str, files: Path) -> None:
    """A database on the old schema, with rows, and two revision files ahead of it."""
    place = place_at(url)
    migrate.make(old(), place, files)
    migrate.up(place, files)
    run(
        url,
        f"INSERT INTO posts (title, body, junk) SELECT 'a ' || n, 'b ' || n, n FROM generate_series(1, {POSTS}) n",
        f"INSERT INTO comments (post_id, text) SELECT 1 + n % {POSTS}, 'hello' FROM generate_series(1, {COMMENTS}) n",
    )
    between = models(
        posts(Column("title", String, index=True), Column("text", Text), Column("junk", Integer)), comments
    )
    migrate.make(between, place, files, "rename", renames=[Rename("body", "text", "posts")])
    migrate.make(new(), place, files, "the rest", renames=GONE)


@contextmanager
def copy_of(server: str, url: str) -> Iterator[str]:
    """Another database that is like this one; nobody may be connected to it."""
    name, parts = f"undercroft_{uuid4().hex[:16]}", urlsplit(url)
    run(server, f"CREATE DATABASE {name} TEMPLATE {parts.path.lstrip('/')}")
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        run(server, f"DROP DATABASE {name} WITH (FORCE)")


def rows(url: str) -> list[Any]:
    found = "SELECT (SELECT count(*) FROM posts), (SELECT count(*) FROM comments), (SELECT max(title) FROM posts)"
    return run(url, found)


# ---------------------------------------------------------------- cut off


def cut(url: str, files: str, at: int, counted: Any) -> None:
    """Run what waits, and kill this process before its `at`-th statement that changes anything (0: never)."""
    seen = 0

    def look(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        if not statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE")):
            return
        seen += 1
        counted.value = seen
        if seen == at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", look)
    migrate.up(place_at(url), Path(files), allow_data_loss=True)


def run_cut(url: str, files: Path, at: int) -> tuple[int | None, int]:
    counted = PROCESSES.Value("i", 0)
    process = PROCESSES.Process(target=cut, args=(url, str(files), at, counted))
    process.start()
    process.join(60)
    return process.exitcode, counted.value


def test_a_killed_migration_is_ended_by_the_next_one(
    postgres_server: str, postgres_url: str, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    files = tmp_path / "migrations"
    prepare(postgres_url, files)
    kept = rows(postgres_url)
    with copy_of(postgres_server, postgres_url) as whole:
        status, statements = run_cut(whole, files, 0)
        assert (status, migrate.check(new(), place_at(whole), files)) == (0, ())
    assert statements > 15
    unfinished = 0
    for at in range(1, statements + 1, max(1, statements // rounds(4, statements))):
        with copy_of(postgres_server, postgres_url) as url:
            place = place_at(url)
            assert run_cut(url, files, at)[0] == -signal.SIGKILL
            assert rows(url) == kept
            left = migrate.status(new(), place, files)
            unfinished += bool(left.unfinished)
            assert left.drift == (), f"neither one schema nor the other after a kill at statement {at}"
            with pytest.raises(NotUpToDate):
                migrate.ensure(new(), place, files)
            migrate.up(place, files, allow_data_loss=True)
            assert migrate.check(new(), place, files) == (), f"a rerun after a kill at statement {at} ended elsewhere"
            assert rows(url) == kept
            assert run(url, "SELECT 1 FROM pg_index WHERE NOT indisvalid") == []
            assert run(url, "SELECT 1 FROM pg_constraint WHERE NOT convalidated") == []
    assert unfinished


# ---------------------------------------------------------------- two at once


APP = """
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Model

app = App()


class Post(Model):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None] = mapped_column(index=True)
"""


def test_of_two_servers_that_start_together_one_migrates(postgres_url: str, tmp_path: Path) -> None:
    """By the command, in two processes: one runs the revisions, the other waits and finds them done."""
    (tmp_path / "app.py").write_text(APP)

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = (sys.executable, "-m", "undercroft", "migrate", *words, "--database", postgres_url, "--json")
        return subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ended(process: subprocess.Popen[bytes]) -> Any:
        told, wrong = process.communicate(timeout=60)
        assert process.returncode == 0, told + wrong
        return json.loads(told)

    assert ended(start("make", "posts"))["path"].endswith("0001_posts.py")
    both = [start("up") for _ in range(2)]
    assert sorted(ended(each)["revisions"] for each in both) == [[], ["0001"]]
    assert ended(start("check")) == {"ok": True, "problems": []}


# ---------------------------------------------------------------- in the way of others


def test_a_migration_does_not_make_others_queue_behind_it(postgres_url: str, tmp_path: Path) -> None:
    """Somebody holds the table for long: the migration gives way again and again, says so, and is done once it can."""
    import psycopg

    files = tmp_path / "migrations"
    prepare(postgres_url, files)
    place = place_at(postgres_url, wait_seconds=1.5, lock_seconds=0.1)
    waits: list[float] = []
    ended = threading.Event()

    def read() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            while not ended.wait(0.02):
                before = time.monotonic()
                connection.execute("SELECT count(*) FROM posts")
                waits.append(time.monotonic() - before)

    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT 1 FROM posts")  # and the transaction goes on
        reader = threading.Thread(target=read)
        reader.start()
        try:
            with pytest.raises(Busy, match=r"other sessions hold locks .*waited 1\.5 s") as refused:
                migrate.up(place, files, allow_data_loss=True)
        finally:
            ended.set()
            reader.join()
        assert "pg_stat_activity" in str(refused.value.hint)
        assert len(waits) > 10
        assert max(waits) < 1.0, "a reader waited for the migration"
        threading.Timer(0.5, holder.rollback).start()
        patient = replace(place, wait_seconds=30.0)
        assert migrate.up(patient, files, allow_data_loss=True).revisions == ("0002", "0003")
    assert migrate.check(new(), place, files) == ()


# ---------------------------------------------------------------- what is done beside others


INVALID = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"


def with_index(files: Path, url: str, column: Column[Any]) -> PostgresPlace:
    """A database with posts, and a revision ahead of it that makes an index over their titles."""
    place = place_at(url)
    migrate.make(models(posts(Column("title", String))), place, files)
    migrate.up(place, files)
    run(url, "INSERT INTO posts (title) VALUES ('a'), ('b'), ('b')")
    migrate.make(models(posts(column)), place, files, "an index")
    return place


def test_a_half_made_index_is_made_anew(postgres_url: str, tmp_path: Path) -> None:
    """While an index is being made CONCURRENTLY, its session is ended: an unusable half is left behind, and told."""
    import psycopg

    place = with_index(tmp_path, postgres_url, Column("title", String, index=True))
    making = "query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
    failed: list[BaseException] = []

    def up() -> None:
        try:
            migrate.up(place, tmp_path)
        except Exception as fault:
            failed.append(fault)

    with psycopg.connect(postgres_url) as writer:
        writer.execute("UPDATE posts SET title = 'c' WHERE id = 1")  # not committed: whoever indexes waits for it
        thread = threading.Thread(target=up)
        thread.start()
        until = time.monotonic() + 20
        while not run(postgres_url, f"SELECT 1 FROM pg_stat_activity WHERE {making}"):
            assert time.monotonic() < until, failed
            time.sleep(0.02)
        others = run(postgres_url, "SET lock_timeout = '1s'", "UPDATE posts SET title = 'd' WHERE id = 2 RETURNING id")
        assert others == [(2,)]  # nobody else waits for the index
        run(postgres_url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {making}")
        thread.join(30)
    assert "index posts_title_idx" in str(failed[0])
    assert run(postgres_url, INVALID) == [("posts_title_idx",)]
    after = models(posts(Column("title", String, index=True)))
    assert migrate.status(after, place, tmp_path).unfinished == ("index posts_title_idx",)
    with pytest.raises(NotUpToDate, match="has begun and is not done yet: index posts_title_idx"):
        migrate.ensure(after, place, tmp_path)
    told: list[Progress] = []
    migrate.up(place, tmp_path, on_step=told.append)
    assert [step.text for step in told] == ["index posts_title_idx"]
    assert run(postgres_url, INVALID) == []
    assert not migrate.ensure(after, place, tmp_path).changed


def test_an_index_that_the_rows_forbid_waits_for_better_ones(postgres_url: str, tmp_path: Path) -> None:
    place = with_index(tmp_path, postgres_url, Column("title", String, index=True, unique=True))
    with pytest.raises(DataForbids, match=r"duplicate|could not create unique") as refused:
        migrate.up(place, tmp_path)
    assert "migrate up" in str(refused.value.hint)
    run(postgres_url, "UPDATE posts SET title = 'c' WHERE id = 3")
    migrate.up(place, tmp_path)
    after = models(posts(Column("title", String, index=True, unique=True)))
    assert migrate.check(after, place, tmp_path) == ()


def test_constraints_are_looked_up_after_the_commit(postgres_url: str, tmp_path: Path) -> None:
    """NOT NULL on a big table holds for new rows at once, and for the old ones when they were looked at."""
    place = with_index(tmp_path, postgres_url, Column("title", String, nullable=False))
    statements: list[str] = []

    def look(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("ALTER TABLE"):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", look)
    try:
        migrate.up(place, tmp_path)
    finally:
        event.remove(Engine, "before_cursor_execute", look)
    real = [each for each in statements if "posts" in each][-4:]
    assert [any(word in each for word in ("NOT VALID", "VALIDATE", "SET NOT NULL", "DROP")) for each in real] == [
        True, True, True, True,
    ]  # fmt: skip
    assert "NOT VALID" in real[0]
    assert "VALIDATE" in real[1]
    assert run(postgres_url, "SELECT attnotnull FROM pg_attribute WHERE attname = 'title' AND attnum > 0") == [(True,)]
    assert run(postgres_url, "SELECT 1 FROM pg_constraint WHERE conname LIKE '\\_undercroft%'") == []
