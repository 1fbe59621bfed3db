"""A rebuild changes what it is told to and nothing else, on tables that no model of ours would have made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from tests.unit.engine.migrating import LIBRARIES, place_in
from undercroft.engine.migrate.errors import CannotPlan, RevisionBroken
from undercroft.engine.migrate.execute import Watched, watched
from undercroft.engine.migrate.facts import TableFact, differences, read_facts
from undercroft.engine.migrate.ground import runner
from undercroft.engine.migrate.place import opened, transaction

ODD = {
    "inline foreign key with actions": (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id integer primary key, p int references parent on delete cascade on update set null)",
    ),
    "deferred foreign key": (
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (id INT, p INT, FOREIGN KEY (p) REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    ),
    "to itself": ("CREATE TABLE t (id INTEGER PRIMARY KEY, up INT REFERENCES t (id) ON DELETE CASCADE)",),
    "checks without names": (
        "CREATE TABLE t (id INT CHECK (id > 0), a TEXT CHECK (a <> ')' OR a IS NULL), CHECK (a <> 'x'))",
    ),
    "one name twice": ("CREATE TABLE t (id INT, a INT CONSTRAINT c CHECK (a > 0), b INT CONSTRAINT c CHECK (b > 0))",),
    "collations and exact types": ("CREATE TABLE t (id INT, a text collate nocase, b UUID, c nvarchar(7), d)",),
    "defaults": (
        "CREATE TABLE t (a TEXT DEFAULT 'it''s', b INT DEFAULT -1, c DEFAULT (1 + 2), d DEFAULT CURRENT_TIMESTAMP)",
    ),
    "unique without a name": ("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE, b INT, UNIQUE (a, b))",),
    "generated": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT GENERATED ALWAYS AS (a * 2) STORED, c INT AS (a + 1))",
    ),
    "strict": ("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b ANY) STRICT",),
    "without rowid": ("CREATE TABLE t (k TEXT NOT NULL, l INT NOT NULL, v BLOB, PRIMARY KEY (l, k)) WITHOUT ROWID",),
    "counter": ("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a INT)",),
    "awkward names": ('CREATE TABLE t (id INTEGER PRIMARY KEY, "a b" INT, "check" TEXT, [order] INT, "q""q" INT)',),
}  # fmt: skip


@pytest.fixture(params=LIBRARIES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return place_in(tmp_path, request.param)


def change(connection: Connection, place: Any) -> Watched:
    with (
        transaction(connection, place),
        watched(connection) as (seen, _),
        op.batch_alter_table("t", recreate="always") as batch,
    ):
        batch.add_column(sa.Column("added", sa.Integer()))
    return seen


def without_added(fact: TableFact) -> TableFact:
    return replace(fact, columns=tuple(column for column in fact.columns if column.name != "added"))


@pytest.mark.parametrize("statements", ODD.values(), ids=ODD.keys())
def test_a_rebuild_carries_everything_over(statements: tuple[str, ...], place: Any) -> None:
    with opened(place) as connection:
        run = runner(connection)
        with transaction(connection, place):
            for statement in statements:
                run(statement)
        with transaction(connection, place):
            before = read_facts(run)
        seen = change(connection, place)
        after = {name: without_added(fact) for name, fact in read_facts(run).items()}
        assert seen.rebuilt == {"t"}
        assert seen.losses == ()
        assert differences(after, before) == ()
        assert differences(before, after) == ()


def test_the_counter_goes_on_where_it_was(place: Any) -> None:
    with opened(place) as connection:
        run = runner(connection)
        with transaction(connection, place):
            run("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)")
            run("INSERT INTO t VALUES (41), (42)")
            run("DELETE FROM t WHERE id = 42")
        change(connection, place)
        with transaction(connection, place):
            run("INSERT INTO t DEFAULT VALUES")
            assert run("SELECT id FROM t ORDER BY id") == [(41,), (43,)]


def test_values_are_never_cast(place: Any) -> None:
    with opened(place) as connection:
        run = runner(connection)
        with transaction(connection, place):
            run("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
            run("INSERT INTO t (a) VALUES ('12'), ('abc'), ('2024-01-02')")
        with transaction(connection, place), watched(connection) as (seen, _), op.batch_alter_table("t") as batch:
            batch.alter_column("a", existing_type=sa.Text(), type_=sa.Integer())
        assert [row[0] for row in run("SELECT a FROM t ORDER BY id")] == [12, "abc", "2024-01-02"]
        assert seen.losses == ("changes the type of t.a from TEXT to INTEGER",)


def test_what_a_rebuild_cannot_carry_over_it_refuses(place: Any) -> None:
    with opened(place) as connection:
        with transaction(connection, place):
            runner(connection)("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT UNIQUE ON CONFLICT REPLACE)")
        with pytest.raises(CannotPlan, match="ON CONFLICT"):
            change(connection, place)


def commit_and_drop(connection: Connection, place: Any) -> None:
    with transaction(connection, place), watched(connection):
        op.execute("COMMIT")
        op.execute("DROP TABLE t")


def test_a_revision_cannot_end_its_own_transaction(place: Any) -> None:
    with opened(place) as connection:
        with transaction(connection, place):
            runner(connection)("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        with pytest.raises(RevisionBroken, match="has ended under it"):
            commit_and_drop(connection, place)
        assert "t" in read_facts(runner(connection))


def test_renames_are_followed_through_a_rebuild_and_by_hand(place: Any) -> None:
    with opened(place) as connection:
        with transaction(connection, place):
            runner(connection)("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT, c INT)")
        with transaction(connection, place), watched(connection) as (seen, _):
            op.execute('ALTER TABLE t RENAME TO "moved"')
            op.execute("alter table moved rename b to bb")
            op.execute("ALTER TABLE moved RENAME COLUMN bb TO bbb")
            with op.batch_alter_table("moved", recreate="always") as batch:
                batch.alter_column("a", new_column_name="aa")
        assert seen.tables == {"moved": "t"}
        assert seen.columns == {("moved", "bbb"): "b", ("moved", "aa"): "a"}
        assert seen.losses == ()
