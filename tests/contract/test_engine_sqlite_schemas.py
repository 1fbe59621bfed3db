"""Schemas on SQLite: a dotted name in DDL, in statements and in reflection, so that models with schemas just work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.schema import CreateIndex, CreateTable, DropIndex

from tests.contract.engine_cases import LIBRARIES
from undercroft.engine import SQLiteEngine, SQLiteSettings

CONVENTION = {"ix": "ix_%(column_0_label)s", "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"}
META = MetaData(naming_convention=CONVENTION)
USERS = Table(
    "users",
    META,
    Column("id", Integer, primary_key=True),
    Column("mail", String, nullable=False, index=True),
    Column("order", Integer),
    UniqueConstraint("mail", "order", name="one_each"),
    CheckConstraint("mail <> ''", name="has_mail"),
    schema="auth",
)
TEAMS = Table("teams", META, Column("id", Integer, primary_key=True), Column("name", String), schema="auth")
Index("by_name", TEAMS.c.name, unique=True, sqlite_where=TEAMS.c.name.is_not(None))
POSTS = Table(
    "posts",
    META,
    Column("id", Integer, primary_key=True),
    Column("author_id", ForeignKey(USERS.c.id)),
    Column("name", String),
)
Index("by_name", POSTS.c.name)
LOCAL_USERS = Table("users", META, Column("id", Integer, primary_key=True), Column("nick", String))
MEMBERS = Table(
    "members",
    META,
    Column("user_id", ForeignKey("auth.users.id"), primary_key=True),
    Column("team_id", ForeignKey("auth.teams.id"), primary_key=True),
    schema="auth",
)


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connection(library: str, tmp_path: Path) -> Iterator[Connection]:
    engine = SQLiteEngine(SQLiteSettings(path=tmp_path / "app.db", library=library))  # type: ignore[arg-type]
    with engine.migration_connection(foreign_keys=True) as opened, opened.begin():
        META.create_all(opened)
        yield opened


def test_the_statements_name_one_table_and_no_attached_file(library: str, tmp_path: Path) -> None:
    dialect = SQLiteEngine(SQLiteSettings(path=tmp_path / "app.db", library=library)).dialect  # type: ignore[arg-type]

    def written(statement: object) -> str:
        return " ".join(str(statement.compile(dialect=dialect)).split())  # type: ignore[attr-defined]

    alias = USERS.alias()
    assert written(select(USERS.c.id)) == 'SELECT "auth.users".id FROM "auth.users"'
    assert written(select(alias.c.order)) == 'SELECT users_1."order" FROM "auth.users" AS users_1'
    assert written(insert(USERS).values(id=1)) == 'INSERT INTO "auth.users" (id) VALUES (?)'
    assert 'UPDATE "auth.users" SET id=? WHERE "auth.users".id = ?' in written(
        update(USERS).values(id=1).where(USERS.c.id == 2)
    )
    assert written(delete(USERS).where(USERS.c.id == 2)) == 'DELETE FROM "auth.users" WHERE "auth.users".id = ?'
    assert 'REFERENCES "auth.users" (id)' in written(CreateTable(POSTS))
    by_name = next(iter(TEAMS.indexes))
    assert written(CreateIndex(by_name)).startswith('CREATE UNIQUE INDEX "auth.by_name" ON "auth.teams" (name)')
    assert written(DropIndex(by_name)) == 'DROP INDEX "auth.by_name"'
    both = written(select(LOCAL_USERS.c.nick, USERS.c.mail))
    assert both == 'SELECT users_1.nick, "auth.users".mail FROM users AS users_1, "auth.users"'


def test_rows_go_in_and_come_out_and_keys_hold(connection: Connection) -> None:
    connection.execute(insert(USERS), [{"id": 1, "mail": "a", "order": 1}, {"id": 2, "mail": "b", "order": 2}])
    connection.execute(insert(LOCAL_USERS).values(id=1, nick="local"))
    connection.execute(insert(POSTS).values(author_id=2))
    joined = select(USERS.c.mail, LOCAL_USERS.c.nick, func.count(POSTS.c.id)).select_from(
        USERS.outerjoin(POSTS, POSTS.c.author_id == USERS.c.id).outerjoin(LOCAL_USERS, LOCAL_USERS.c.id == USERS.c.id)
    )
    rows = connection.execute(joined.group_by(USERS.c.id).order_by(USERS.c.id)).all()
    assert [tuple(row) for row in rows] == [("a", "local", 0), ("b", None, 1)]
    correlated = select(USERS.c.mail).where(select(POSTS.c.id).where(POSTS.c.author_id == USERS.c.id).exists())
    assert connection.scalars(correlated).all() == ["b"]
    changed = update(USERS).values(order=9).where(USERS.c.mail == "a").returning(USERS.c.id, USERS.c.order)
    assert [tuple(row) for row in connection.execute(changed)] == [(1, 9)]
    with pytest.raises(Exception, match="FOREIGN KEY"):
        connection.execute(delete(USERS).where(USERS.c.id == 2))


def test_reflection_gives_back_what_was_made(connection: Connection) -> None:
    seen = inspect(connection)
    assert seen.get_schema_names() == ["main", "auth"]
    assert seen.default_schema_name == "main"
    assert seen.get_table_names() == seen.get_table_names("main") == ["posts", "users"]
    assert seen.get_table_names("auth") == ["members", "teams", "users"]
    assert seen.has_table("users", "auth")
    assert not seen.has_table("posts", "auth")
    assert [column["name"] for column in seen.get_columns("users", "auth")] == ["id", "mail", "order"]
    assert [column["name"] for column in seen.get_columns("users")] == ["id", "nick"]
    assert seen.get_pk_constraint("members", "auth")["constrained_columns"] == ["user_id", "team_id"]
    assert [index["name"] for index in seen.get_indexes("users", "auth")] == ["ix_auth_users_mail"]
    assert [index["name"] for index in seen.get_indexes("teams", "auth")] == ["by_name"]
    assert [index["name"] for index in seen.get_indexes("posts")] == ["by_name"]
    assert seen.has_index("teams", "by_name", "auth")
    assert not seen.has_index("users", "by_name")
    assert [each["name"] for each in seen.get_unique_constraints("users", "auth")] == ["one_each"]
    assert [each["name"] for each in seen.get_check_constraints("users", "auth")] == ["has_mail"]
    (key,) = seen.get_foreign_keys("posts")
    assert (key["name"], key["referred_schema"], key["referred_table"], key["referred_columns"]) == (
        "fk_posts_author_id_users",
        "auth",
        "users",
        ["id"],
    )
    with pytest.raises(NoSuchTableError):
        seen.get_columns("nowhere", "auth")


def test_reflected_metadata_is_the_metadata(connection: Connection) -> None:
    reflected = MetaData()
    reflected.reflect(connection)
    reflected.reflect(connection, schema="auth")
    assert set(reflected.tables) == set(META.tables)
    posts = reflected.tables["posts"]
    assert next(iter(posts.c.author_id.foreign_keys)).column.table is reflected.tables["auth.users"]


def test_views_have_schemas_too(connection: Connection) -> None:
    connection.execute(text('CREATE VIEW "auth.mails" AS SELECT mail FROM "auth.users"'))
    seen = inspect(connection)
    assert seen.get_view_names("auth") == ["mails"]
    assert seen.get_view_names() == []
    assert "SELECT mail" in seen.get_view_definition("mails", "auth")
    assert [column["name"] for column in seen.get_columns("mails", "auth")] == ["mail"]


def test_it_can_be_dropped_again(connection: Connection) -> None:
    META.drop_all(connection)
    assert inspect(connection).get_schema_names() == ["main"]
