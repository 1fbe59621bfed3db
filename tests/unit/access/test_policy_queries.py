"""A query inside a policy is about the row and about its own tables, whatever the statement around it reads."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from undercroft.access.guard import Guard
from undercroft.access.policy import Policy, Rules
from undercroft.catalog.reader import read_catalog

METADATA = sa.MetaData()
POSTS = sa.Table("posts", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("author", sa.Integer))
FOLLOWS = sa.Table(
    "follows",
    METADATA,
    sa.Column("follower", sa.Integer, primary_key=True),
    sa.Column("followed", sa.Integer, primary_key=True),
)
NOTES = sa.Table("notes", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("post", sa.Integer))
ME = 1


def followed(author: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(FOLLOWS.c.followed == author, FOLLOWS.c.follower == ME)


def by_author(post: Any) -> sa.ColumnElement[bool]:
    return followed(post.author)


def by_post(note: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(POSTS.c.id == note.post, followed(POSTS.c.author))


def by_join(note: Any) -> sa.ColumnElement[bool]:
    """Two tables side by side: losing one of them to the statement around would go unnoticed."""
    return sa.exists().where(POSTS.c.id == note.post, FOLLOWS.c.followed == POSTS.c.author, FOLLOWS.c.follower == ME)


def shown(table: sa.Table, predicate: Any, *around: sa.FromClause) -> list[int]:
    """The keys of the rows of `table` that a select policy shows in a statement that also reads `around`."""
    catalog = read_catalog(METADATA)
    policy = Policy("p", table.name, frozenset({"select"}), predicate, predicate)
    clause = Guard(Rules({table.name: (policy,)}, {}), "anon").using(catalog.tables[table.name], "select", table)
    assert clause is not None
    source: sa.FromClause = table
    for other in around:
        source = source.join(other, sa.true())
    query = sa.select(table.c.id).select_from(source).where(clause).distinct().order_by(table.c.id)
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        connection.execute(POSTS.insert(), [{"id": 1, "author": 10}, {"id": 2, "author": 20}])
        connection.execute(FOLLOWS.insert(), [{"follower": ME, "followed": 10}, {"follower": 9, "followed": 20}])
        connection.execute(NOTES.insert(), [{"id": 1, "post": 1}, {"id": 2, "post": 2}])
        return list(connection.scalars(query))


@pytest.mark.parametrize(("table", "predicate"), [(POSTS, by_author), (NOTES, by_post), (NOTES, by_join)])
@pytest.mark.parametrize("around", [(), (FOLLOWS,)], ids=["alone", "beside follows"])
def test_a_policy_means_the_same_beside_any_table(
    table: sa.Table, predicate: Any, around: tuple[sa.FromClause, ...]
) -> None:
    assert shown(table, predicate, *around) == [1]


def test_a_query_within_a_query_sees_the_row_and_the_query_around_it() -> None:
    def deep(note: Any) -> sa.ColumnElement[bool]:
        inner = sa.exists().where(FOLLOWS.c.followed == POSTS.c.author, FOLLOWS.c.follower == note.id)
        return sa.exists().where(POSTS.c.id == note.post, inner)

    catalog = read_catalog(METADATA)
    policy = Policy("p", "notes", frozenset({"select"}), deep, deep)
    clause = Guard(Rules({"notes": (policy,)}, {}), "anon").using(catalog.tables["notes"], "select", NOTES)
    assert clause is not None
    text = str(sa.select(NOTES.c.id).where(clause).compile(dialect=sqlite.dialect()))
    assert text.count("FROM notes") == 1
    assert text.count("FROM posts") == 1
    assert text.count("FROM follows") == 1
    assert ", notes" not in text
    assert ", posts" not in text
