"""The commands as functions, on real files, with both SQLite libraries: sync, ensure, make, up, down, status, check."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Enum,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tests.unit.engine.migrating import LIBRARIES, comments, dump, models, place_in, posts, rows
from undercroft.engine import migrate
from undercroft.engine.migrate import Place, Progress, Rename, walls
from undercroft.engine.migrate.errors import (
    CannotPlan,
    DataForbids,
    DataLoss,
    Drifted,
    NotUpToDate,
    RenameUnanswered,
    RevisionBroken,
)
from undercroft.engine.migrate.place import opened, transaction
from undercroft.sql.rls import Piece


@pytest.fixture(params=LIBRARIES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return place_in(tmp_path, request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "migrations"


def title() -> Column[str]:
    return Column("title", String, nullable=False)


def fill(place: Place, count: int = 3) -> None:
    for number in range(count):
        rows(place, "INSERT INTO posts (title) VALUES (?)", f"post {number}")


# ---------------------------------------------------------------- dev


def test_dev_makes_the_tables_at_the_first_start_without_any_folder(place: Place, folder: Path) -> None:
    applied = migrate.sync(models(posts(title()), comments), place, folder)
    assert applied.changed
    assert [name for kind, name, _ in dump(place) if kind == "table"] == ["auth.users", "comments", "posts"]
    assert not folder.exists()
    assert place.path.stat().st_mode & 0o777 == 0o600


def test_dev_applies_an_addition_and_then_has_nothing_to_do(place: Place) -> None:
    migrate.sync(models(posts(title())), place)
    fill(place)
    newer = models(posts(title(), Column("body", Text)), comments)
    assert migrate.sync(newer, place).steps == ("creates table comments", "adds column posts.body")
    assert migrate.is_current(newer, place, None)
    assert not migrate.sync(newer, place).changed
    assert rows(place, "SELECT count(*) FROM posts") == [(3,)]


def test_dev_fills_a_new_column_from_the_constant_default_of_its_model(place: Place) -> None:
    migrate.sync(models(posts(title())), place)
    fill(place)
    migrate.sync(models(posts(title(), Column("published", Boolean, nullable=False, default=False))), place)
    assert rows(place, "SELECT DISTINCT published FROM posts") == [(0,)]
    assert rows(place, "SELECT \"notnull\", dflt_value FROM pragma_table_info('posts') WHERE name = 'published'") == [
        (1, None)
    ]


def test_dev_stops_before_data_is_lost_and_makes_a_backup_when_it_may_go(place: Place) -> None:
    migrate.sync(models(posts(title(), Column("junk", Integer)), comments), place)
    fill(place)
    rows(place, "UPDATE posts SET junk = 7 WHERE id = 1")
    before = dump(place)
    less = models(posts(title()), comments)
    with pytest.raises(DataLoss, match=r"drops column posts\.junk and its values \(1 row with one\)") as caught:
        migrate.sync(less, place)
    assert "--allow-data-loss" in (caught.value.hint or "")
    assert dump(place) == before
    applied = migrate.sync(less, place, allow_data_loss=True)
    (backup,) = applied.backups
    assert backup.parent == place.backups
    assert backup.stat().st_mode & 0o777 == 0o600
    kept = place.library.module.connect(str(backup))
    assert kept.execute("SELECT junk FROM posts ORDER BY id").fetchall() == [(7,), (None,), (None,)]
    kept.close()
    assert rows(place, "SELECT count(*) FROM posts") == [(3,)]


def test_a_rebuild_keeps_child_rows_triggers_views_and_other_peoples_indexes(place: Place) -> None:
    migrate.sync(models(posts(title(), Column("score", Integer)), comments), place)
    fill(place)
    for statement in (
        "INSERT INTO comments (post_id, text) SELECT id, 'hello' FROM posts",
        "CREATE TABLE log (line)",
        "CREATE TRIGGER noted AFTER UPDATE ON posts BEGIN INSERT INTO log VALUES (new.title); END",
        "CREATE VIEW titles AS SELECT title FROM posts",
        "CREATE INDEX by_hand ON posts (score DESC, title COLLATE NOCASE)",
        "CREATE INDEX by_word ON posts (lower(title))",
    ):
        rows(place, statement)
    stricter = models(posts(title(), Column("score", Integer), CheckConstraint("score >= 0", name="score")), comments)
    applied = migrate.sync(stricter, place)
    assert applied.steps == ("checks on posts that score >= 0",)
    assert len(applied.backups) == 1
    assert rows(place, "SELECT count(*) FROM comments") == [(3,)]
    assert rows(place, "SELECT count(*) FROM titles") == [(3,)]
    rows(place, "UPDATE posts SET score = 1 WHERE id = 2")
    assert rows(place, "SELECT line FROM log") == [("post 1",)]
    found = dict(rows(place, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'posts'"))
    assert found["by_hand"] == "CREATE INDEX by_hand ON posts (score DESC, title COLLATE NOCASE)"
    assert "by_word" in found
    with pytest.raises(place.library.module.IntegrityError):
        rows(place, "UPDATE posts SET score = -1")
    rows(place, "DELETE FROM posts")
    assert rows(place, "SELECT count(*) FROM comments") == [(0,)], "the cascade still works"


def test_rows_that_do_not_fit_stop_the_change_and_are_counted(place: Place) -> None:
    migrate.sync(models(posts(Column("title", String), Column("status", String))), place)
    rows(place, "INSERT INTO posts (title, status) VALUES (NULL, 'old'), ('a', 'old'), ('a', 'new')")
    stricter = models(posts(
        title(),
        Column("status", Enum("new", name="status", create_constraint=True, length=20)),
        Column("rank", Integer, nullable=False),
        UniqueConstraint("title"),
    ))  # fmt: skip
    before = dump(place)
    with pytest.raises(DataForbids) as caught:
        migrate.sync(stricter, place)
    assert sorted(caught.value.details) == [  # type: ignore[call-overload]
        "1 row of posts have no title",
        "1 value occurs more than once in (title) of posts",
        "2 rows of posts do not satisfy status IN ('new')",
        (
            "posts has 3 rows, and its new column rank must not be null but has no default: "
            "give it a constant default or a server_default, or make it nullable"
        ),
    ]
    assert dump(place) == before


def test_tables_of_others_are_left_alone(place: Place) -> None:
    migrate.sync(models(posts(title())), place)
    rows(place, "CREATE TABLE theirs (a)")
    rows(place, "CREATE INDEX theirs_on_posts ON posts (title)")
    migrate.sync(models(posts(title(), Column("body", Text))), place)
    names = [row[0] for row in rows(place, "SELECT name FROM sqlite_master")]
    assert "theirs" in names
    assert "theirs_on_posts" in names


def test_a_table_whose_name_begins_as_a_search_index_does_is_seen_and_what_belongs_to_the_index_is_not(
    place: Place,
) -> None:
    metadata = models()
    Table("found_tags", metadata, Column("id", Integer, primary_key=True))
    migrate.sync(metadata, place)
    rows(place, "CREATE VIRTUAL TABLE found USING fts5 (text)")
    assert migrate.sync(metadata, place).steps == ()
    assert migrate.status(metadata, place).left_alone == ()


# ---------------------------------------------------------------- renames


def test_a_rename_is_asked_for_and_never_a_drop_and_an_add(place: Place) -> None:
    migrate.sync(models(posts(Column("body", Text))), place)
    rows(place, "INSERT INTO posts (body) VALUES ('precious')")
    renamed = models(posts(Column("text", Text)))
    with pytest.raises(RenameUnanswered, match=r"Was posts\.body renamed to posts\.text\?") as caught:
        migrate.sync(renamed, place, allow_data_loss=True)
    assert "--rename posts.body=text" in (caught.value.hint or "")
    applied = migrate.sync(renamed, place, renames=[migrate.read_answer("posts.body=text", renamed)])
    assert applied.steps == ("renames posts.body to text",)
    assert rows(place, "SELECT text FROM posts") == [("precious",)]


def test_an_answered_no_drops_and_adds_but_still_wants_consent(place: Place) -> None:
    migrate.sync(models(posts(Column("body", Text))), place)
    other = models(posts(Column("text", Text)))
    with pytest.raises(DataLoss):
        migrate.sync(other, place, renames=[Rename("body", None, "posts")])
    applied = migrate.sync(other, place, renames=[Rename("body", None, "posts")], allow_data_loss=True)
    assert set(applied.steps) == {"adds column posts.text", "drops column posts.body"}


def test_declared_renames_of_tables_and_columns_keep_rows_and_children(place: Place) -> None:
    migrate.sync(models(posts(Column("body", String(50), unique=True, index=True)), comments), place)
    rows(place, "INSERT INTO posts (body) VALUES ('precious')")
    rows(place, "INSERT INTO comments (post_id) VALUES (1)")

    metadata = models()
    text_column = Column("text", String(50), unique=True, index=True, info={"renamed_from": "body"})
    Table("articles", metadata, Column("id", Integer, primary_key=True), text_column, info={"renamed_from": "posts"})
    parent: Column[int] = Column("post_id", ForeignKey("articles.id", ondelete="CASCADE"), nullable=False)
    Table("comments", metadata, Column("id", Integer, primary_key=True), parent, Column("text", String))
    applied = migrate.sync(metadata, place)
    assert applied.steps[:2] == ("renames table posts to articles", "renames articles.body to text")
    assert rows(place, "SELECT text FROM articles") == [("precious",)]
    rows(place, "DELETE FROM articles")
    assert rows(place, "SELECT count(*) FROM comments") == [(0,)]
    assert migrate.check(metadata, place) == ()


def test_an_answer_that_makes_no_sense_gets_a_suggestion(place: Place) -> None:
    migrate.sync(models(posts(Column("body", Text))), place)
    with pytest.raises(CannotPlan, match="no column of posts called bodi vanished") as caught:
        migrate.sync(models(posts(Column("text", Text))), place, renames=[Rename("bodi", "text", "posts")])
    assert caught.value.hint == "Did you mean body?"


# ---------------------------------------------------------------- files


def test_make_up_down_up_is_a_round_trip(place: Place, folder: Path) -> None:
    first = migrate.make(models(posts(title())), place, folder, "First tables")
    assert first.path is not None
    assert first.path.name == "0001_first_tables.py"
    assert migrate.make(models(posts(title())), place, folder).path is None
    second_models = models(
        posts(
            title(),
            Column(
                "status", Enum("draft", "out", name="status", create_constraint=True), nullable=False, default="draft"
            ),
            Index("posts_titles", text("lower(title)")),
        ),
        comments,
    )
    second = migrate.make(second_models, place, folder)
    assert second.path is not None
    assert second.path.name == "0002_create_comments.py"
    assert migrate.up(place, folder).revisions == ("0001", "0002")
    at_two = dump(place)
    rows(place, "INSERT INTO posts (title, status) VALUES ('kept', 'out')")
    with pytest.raises(DataLoss, match="drops table comments"):
        migrate.down(place, folder)
    assert dump(place) == at_two
    assert migrate.down(place, folder, allow_data_loss=True).revisions == ("0002",)
    assert rows(place, "SELECT title FROM posts") == [("kept",)]
    assert migrate.up(place, folder).revisions == ("0002",)
    assert rows(place, "SELECT title, status FROM posts") == [("kept", "draft")]
    assert migrate.check(second_models, place, folder) == ()
    assert migrate.down(place, folder, "base", allow_data_loss=True).revisions == ("0002", "0001")
    assert dump(place) == []


def test_make_says_what_the_rows_at_hand_forbid(place: Place, folder: Path) -> None:
    migrate.make(models(posts(Column("title", String))), place, folder)
    migrate.up(place, folder)
    rows(place, "INSERT INTO posts (title) VALUES (NULL), ('x')")
    made = migrate.make(models(posts(title())), place, folder)
    assert made.plan.blocks == ("1 row of posts have no title",)
    with pytest.raises(DataForbids, match="NOT NULL constraint failed"):
        migrate.up(place, folder)
    assert rows(place, "SELECT count(*) FROM posts") == [(2,)]
    assert migrate.status(models(posts(title())), place, folder).current == "0001"


def test_a_database_that_dev_kept_up_is_recognised_when_the_files_come(place: Place, folder: Path) -> None:
    early, late = models(posts(title())), models(posts(title(), Column("body", Text)))
    migrate.sync(early, place, folder)
    migrate.make(early, place, folder)
    migrate.sync(late, place, folder)
    fill(place)
    migrate.make(late, place, folder)
    applied = migrate.up(place, folder)
    assert (applied.adopted, applied.revisions) == ("0002", ())
    assert rows(place, "SELECT count(*) FROM posts") == [(3,)]
    assert migrate.check(late, place, folder) == ()


def test_dev_runs_the_files_of_others_with_their_statements(place: Place, folder: Path) -> None:
    early, late = models(posts(title())), models(posts(title(), Column("slug", String)))
    migrate.make(early, place, folder)
    migrate.sync(early, place, folder)
    fill(place, 1)
    made = migrate.make(late, place, folder)
    assert made.path is not None
    source = made.path.read_text()
    made.path.write_text(
        source.replace(
            "\n\ndef downgrade",
            "    op.execute(\"UPDATE posts SET slug = replace(title, ' ', '-')\")\n\n\ndef downgrade",
        )
    )
    assert migrate.sync(late, place, folder).revisions == ("0002",)
    assert rows(place, "SELECT slug FROM posts") == [("post-0",)]


def test_a_database_changed_by_hand_is_not_guessed_at(place: Place, folder: Path) -> None:
    metadata = models(posts(title()))
    migrate.make(metadata, place, folder)
    migrate.up(place, folder)
    rows(place, "ALTER TABLE posts ADD COLUMN surprise TEXT")
    migrate.make(models(posts(title(), Column("body", Text))), place, folder)
    with pytest.raises(Drifted, match="posts: column surprise is not expected"):
        migrate.up(place, folder)
    found = migrate.check(metadata, place, folder)
    assert any("surprise" in each for each in found)
    assert any("0002" in each for each in found)


def test_a_failing_revision_leaves_nothing_behind_and_names_its_line(place: Place, folder: Path) -> None:
    migrate.make(models(posts(title())), place, folder)
    migrate.up(place, folder)
    fill(place)
    before = dump(place)
    made = migrate.make(models(posts(title())), place, folder, "By hand", empty=True)
    assert made.path is not None
    body = 'op.add_column("posts", sa.Column("half", sa.Integer()))\n    raise ValueError("no further")'
    made.path.write_text(made.path.read_text().replace("pass", body, 1))
    with pytest.raises(RevisionBroken, match=r"0002_by_hand\.py, line \d+: no further"):
        migrate.up(place, folder)
    assert dump(place) == before
    assert rows(place, "SELECT version_num FROM _undercroft_revision") == [("0001",)]


def test_hand_written_destruction_is_noticed_too(place: Place, folder: Path) -> None:
    migrate.make(models(posts(title()), comments), place, folder)
    migrate.up(place, folder)
    fill(place)
    made = migrate.make(models(), place, folder, "By hand", empty=True)
    assert made.path is not None
    made.path.write_text(
        made.path.read_text().replace(
            "pass", 'op.execute("DROP TABLE comments")\n    op.execute("DELETE FROM posts")', 1
        )
    )
    with pytest.raises(DataLoss) as caught:
        migrate.up(place, folder)
    assert caught.value.details == ["drops table comments", "deletes rows of posts"]
    assert len(migrate.up(place, folder, allow_data_loss=True).backups) == 1


def test_orphans_made_by_a_revision_are_refused(place: Place, folder: Path) -> None:
    migrate.make(models(posts(title()), comments), place, folder)
    migrate.up(place, folder)
    fill(place)
    rows(place, "INSERT INTO comments (post_id) SELECT id FROM posts")
    made = migrate.make(models(), place, folder, "By hand", empty=True)
    assert made.path is not None
    made.path.write_text(made.path.read_text().replace("pass", 'op.execute("DELETE FROM posts WHERE id > 1")', 1))
    with pytest.raises(DataForbids, match="2 rows of comments point to no row of posts"):
        migrate.up(place, folder, allow_data_loss=True)
    assert rows(place, "SELECT count(*) FROM posts") == [(3,)]


def test_a_file_tells_any_text_and_stays_python(place: Place, folder: Path) -> None:
    """A backslash and three quotes mean something to Python, in what a file says of itself too."""
    migrate.make(models(posts()), place, folder)
    odd = CheckConstraint("body <> '\\x \\N' AND body <> '\"\"\"'", name="odd")
    metadata = models(posts(Column("body", Text, odd, server_default='"""\\N')))
    made = migrate.make(metadata, place, folder)
    assert made.path is not None
    compile(made.path.read_text(encoding="utf-8"), "revision", "exec")
    migrate.up(place, folder)
    assert migrate.check(metadata, place, folder) == ()


def test_a_policy_of_any_name_stays_python(folder: Path) -> None:
    piece = Piece('policy notes """ \\N \\x', "SELECT 1")
    made = walls.emit([piece], folder)
    assert made.path is not None
    compile(made.path.read_text(encoding="utf-8"), "revision", "exec")
    assert not walls.differs([piece], folder)


def test_two_files_of_one_number_are_told_apart_for_the_reader(place: Place, folder: Path) -> None:
    made = migrate.make(models(posts(title())), place, folder, "one")
    assert made.path is not None
    made.path.with_name("0001_other.py").write_text(made.path.read_text())
    with pytest.raises(RevisionBroken, match=r"number 0001: 0001_one\.py, 0001_other\.py"):
        migrate.up(place, folder)


# ---------------------------------------------------------------- serve


def test_serve_fills_an_empty_database_from_the_models(place: Place) -> None:
    metadata = models(posts(title()))
    migrate.ensure(metadata, place)
    assert migrate.is_current(metadata, place, None)
    fill(place)
    with pytest.raises(NotUpToDate, match=r"adds column posts\.body") as caught:
        migrate.ensure(models(posts(title(), Column("body", Text))), place)
    assert "undercroft migrate make" in (caught.value.hint or "")


def test_serve_fills_an_empty_database_from_the_files_and_then_insists_on_them(place: Place, folder: Path) -> None:
    early, late = models(posts(title())), models(posts(title(), Column("body", Text)))
    migrate.make(early, place, folder)
    assert migrate.ensure(early, place, folder).revisions == ("0001",)
    migrate.make(late, place, folder, "Bodies")
    with pytest.raises(NotUpToDate, match=r"not applied: 0002 \(Bodies\)") as caught:
        migrate.ensure(late, place, folder)
    assert caught.value.hint == "Run `undercroft migrate up`."
    migrate.up(place, folder)
    migrate.ensure(late, place, folder)
    assert migrate.is_current(late, place, folder)


def test_the_quick_look_notices_models_files_and_hands(place: Place, folder: Path) -> None:
    metadata = models(posts(title()))
    migrate.make(metadata, place, folder)
    migrate.ensure(metadata, place, folder)
    assert migrate.is_current(metadata, place, folder)
    assert not migrate.is_current(models(posts(title(), Column("body", Text))), place, folder)
    rows(place, "CREATE TABLE theirs (a)")
    assert not migrate.is_current(metadata, place, folder)
    migrate.ensure(metadata, place, folder)
    assert migrate.is_current(metadata, place, folder)
    (folder / "versions" / "0002_more.py").write_text("")
    assert not migrate.is_current(metadata, place, folder)


def test_progress_is_told_statement_by_statement(place: Place) -> None:
    told: list[Progress] = []
    migrate.sync(models(posts(title()), comments), place, on_step=told.append)
    assert len(told) == told[0].total
    assert [each.done for each in told] == list(range(len(told)))
    assert any(each.text.startswith("CREATE TABLE posts") for each in told)


def test_check_without_a_database_compares_models_and_files(place: Place, folder: Path) -> None:
    metadata = models(posts(title()))
    migrate.make(metadata, place, folder)
    assert migrate.check(metadata, place, folder, database=False) == ()
    (problem,) = migrate.check(models(posts(title(), Column("body", Text))), place, folder, database=False)
    assert problem == "in the models, but in no revision file: adds column posts.body"
    assert not place.path.exists()


def test_what_cannot_be_worked_out_is_refused_by_name(place: Place, folder: Path) -> None:
    migrate.sync(models(posts(title())), place, folder)
    before = dump(place)
    metadata = models()
    Table("posts", metadata, Column("id", Integer), Column("title", String, primary_key=True))
    with pytest.raises(CannotPlan, match="cannot be worked out by itself") as caught:
        migrate.sync(metadata, place, folder)
    assert "posts: primary key is (id) instead of (title)" in str(caught.value.details)
    assert "migrate make --empty" in (caught.value.hint or "")
    assert dump(place) == before


# ---------------------------------------------------------------- databases of others


def test_a_database_that_plain_sqlalchemy_made_is_taken_as_it_is(place: Place) -> None:
    status = Enum("a", "b", name="status", create_constraint=True)
    metadata = models(posts(title(), Column("status", status)), comments)
    with opened(place) as connection, transaction(connection, place):
        metadata.create_all(connection)
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER PRIMARY KEY)")
    migrate.ensure(metadata, place)
    assert migrate.is_current(metadata, place, None)
    assert migrate.status(metadata, place).left_alone == ("theirs",)
    looser = models(posts(title(), Column("status", String(1))), comments)
    assert migrate.sync(looser, place).steps == ("drops check posts_status_check of posts",)
    assert "theirs" in [name for _, name, _ in dump(place)]


def test_a_full_text_index_of_theirs_survives_a_rename_and_a_rebuild(place: Place) -> None:
    migrate.sync(models(posts(Column("body", Text))), place)
    rows(place, "CREATE VIRTUAL TABLE found USING fts5(body, content=posts, content_rowid=id)")
    feed = "INSERT INTO found (rowid, body) VALUES (new.id, new.body)"
    rows(place, f"CREATE TRIGGER feed AFTER INSERT ON posts BEGIN {feed}; END")
    rows(place, "INSERT INTO posts (body) VALUES ('a needle here')")
    renamed = models(posts(Column("text", Text, info={"renamed_from": "body"})))
    assert migrate.sync(renamed, place).steps == ("renames posts.body to text",)
    migrate.sync(models(posts(Column("text", Text, nullable=False))), place)
    rows(place, "INSERT INTO posts (text) VALUES ('another needle')")
    assert rows(place, "SELECT rowid FROM found WHERE found MATCH 'needle' ORDER BY rowid") == [(1,), (2,)]


# ---------------------------------------------------------------- what status says


def test_status_says_where_everything_stands(place: Place, folder: Path) -> None:
    early, late = models(posts(title())), models(posts(title(), Column("body", Text)))
    found = migrate.status(early, place, folder)
    assert {step.sentence for step in found.unapplied} == {
        "creates table auth.users",
        "creates unique index users_email_idx on auth.users",
        "creates table posts",
    }
    assert not place.path.exists()
    migrate.make(early, place, folder, "First")
    migrate.up(place, folder)
    migrate.make(late, place, folder, "Bodies")
    found = migrate.status(models(posts(title(), Column("text", Text))), place, folder)
    assert (found.current, found.head) == ("0001", "0002")
    assert [(each.number, each.title) for each in found.pending] == [("0002", "Bodies")]
    assert [each.sentence for each in found.questions] == ["Was posts.body renamed to posts.text?"]
    assert found.drift == ()


def test_a_written_revision_is_plain_readable_python(place: Place, folder: Path) -> None:
    migrate.make(models(posts(title()), users=False), place, folder)
    made = migrate.make(
        models(posts(title(), Column("score", Integer, nullable=False, default=0)), users=False), place, folder
    )
    assert made.path is not None
    assert made.path.read_text() == REVISION


REVISION = '''\
"""Adds column posts.score

- adds column posts.score
- fills posts.score with the model's default
- forbids null in posts.score
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table('posts') as batch_op:
        batch_op.add_column(sa.Column('score', sa.Integer(), nullable=True))
    op.execute('UPDATE "posts" SET "score" = 0')
    with op.batch_alter_table('posts') as batch_op:
        batch_op.alter_column('score',
            existing_type=sa.Integer(),
            nullable=False)


def downgrade() -> None:
    with op.batch_alter_table('posts') as batch_op:
        batch_op.alter_column('score',
            existing_type=sa.Integer(),
            nullable=True)
    with op.batch_alter_table('posts') as batch_op:
        batch_op.drop_column('score')
'''
