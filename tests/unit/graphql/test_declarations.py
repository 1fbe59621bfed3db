"""What an app's file and comments say of GraphQL, and which mistakes stop the start."""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from graphql import assert_valid_schema
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from undercroft import App, Context
from undercroft.app import build
from undercroft.app.describing import described_for, outline_of
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.graphql.checks import check_names
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.schema import build_schema
from undercroft.models.base import NAMES, Model


class Colour(enum.Enum):
    LIGHT = "light blue"
    RED = "red"


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = Model.type_annotation_map


class Author(Base):
    """Who writes."""

    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    posts: Mapped[list[Post]] = relationship(back_populates="author")


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    title: Mapped[str]
    colour: Mapped[Colour] = mapped_column(sa.Enum(Colour, values_callable=lambda cls: [each.value for each in cls]))
    author: Mapped[Author] = relationship(back_populates="posts")


COUNTS = sa.Table(
    "author_counts",
    Base.metadata,
    sa.Column("author_id", sa.Integer),
    sa.Column("posts", sa.Integer),
    info={"is_view": True},
    comment='How much each writes. @graphql({"foreign_keys": [{"local_name": "counts", "local_columns": ["author_id"], '
    '"foreign_name": "who", "foreign_schema": "public", "foreign_table": "authors", "foreign_columns": ["id"]}]})',
)


async def latest(ctx: Context, author_id: int, colours: list[Literal["red", "blue"]] | None = None) -> list[Post]:
    """The newest."""
    return []


async def paged(ctx: Context, first: int) -> list[Post]:
    return []


async def forget(ctx: Context, key: UUID, how: Colour, more: dict[str, Any]) -> None:
    return None


async def count(ctx: Context, factor: float = 1.5) -> list[int]:
    return []


def described(app: App, folder: Path, **given: Any) -> Described:
    settings = Settings.model_validate({"database": {"data": folder}, "graphql": given})
    house = build(app, settings, dev=True)
    known = outline_of(app, house.pipeline, settings)
    found = described_for("service_role", known, house.pipeline, house.caller, settings)
    schema = build_schema(found)
    schema._validation_errors = None  # it was assumed
    assert_valid_schema(schema)
    return found


def test_what_an_app_says(tmp_path: Path) -> None:
    app = App(Base)
    app.graphql(Post, name="Article", total_count=True, max_rows=50, description="Something to read")
    app.graphql(Post, aggregate=True)
    app.graphql(Post.title, name="headline")
    app.graphql(Post.author, name="writer")
    app.graphql(Colour, mappings={"light blue": "LIGHT_BLUE"})
    app.graphql(COUNTS, primary_key=["author_id"])
    found = described(app, tmp_path)

    post = found.tables["posts"]
    assert (post.name, post.collection, post.description) == ("Article", "articleCollection", "Something to read")
    assert (post.total_count, post.aggregate, post.max_rows) == (True, True, 50)
    assert set(post.columns) == {"id", "authorId", "headline", "colour"}
    assert set(post.relations) == {"writer"}
    assert found.enumerations["Colour"].words == {"LIGHT_BLUE": "light blue", "red": "red"}
    author, counts = found.tables["authors"], found.tables["author_counts"]
    assert author.description == "Who writes."
    assert {name: each.many for name, each in author.relations.items()} == {"articleCollection": True, "counts": False}
    assert (counts.key, set(counts.relations), counts.inserts) == (("author_id",), {"who"}, None)
    assert counts.description == "How much each writes."


def test_what_is_not_shown(tmp_path: Path) -> None:
    app = App(Base)
    app.graphql(Author, expose=False)
    app.graphql(Post.title, expose=False)
    found = described(app, tmp_path, total_count=True, max_rows=7)
    assert set(found.tables) == {"posts"}, "a view without a key is not either"
    post = found.tables["posts"]
    assert (set(post.columns), set(post.relations)) == ({"id", "authorId", "colour"}, set())
    assert (post.total_count, post.max_rows, found.introspection) == (True, 7, True)


def test_what_has_no_name_is_found_by_doctor(tmp_path: Path) -> None:
    app = App(Base)
    app.graphql(Post, name="Authors")
    settings = Settings.model_validate({"database": {"data": tmp_path}})
    known = outline_of(app, build(app, settings, dev=True).pipeline, settings)
    (found,) = check_names(known)
    assert (found.id, found.subject) == ("UC118", "table posts")
    assert found.message.endswith("the type Authors is that of table authors")


def test_functions(tmp_path: Path) -> None:
    app = App(Base)
    for function, reads in ((latest, True), (paged, True), (forget, False), (count, True)):
        app.rpc(read_only=reads)(function)
    app.graphql(latest, name="newest")
    found = described(app, tmp_path).functions
    assert set(found) == {"newest", "forget", "count"}, "an argument of a collection is none of a function's"
    newest, nothing, counted = found["newest"], found["forget"], found["count"]
    assert (newest.kind, newest.returns, newest.type_, newest.description) == (
        "query", "records", "posts", "The newest.",
    )  # fmt: skip
    assert {name: (each.argument, each.type_, each.many, each.nonnull) for name, each in newest.arguments.items()} == {
        "authorId": ("author_id", "Int", False, True),
        "colours": ("colours", "String", True, False),
    }
    assert (nothing.kind, nothing.returns, nothing.type_) == ("mutation", "nothing", "Opaque")
    assert [each.type_ for each in nothing.arguments.values()] == ["UUID", "String", "JSON"]
    assert (counted.returns, counted.type_, counted.many) == ("scalar", "Int", True)
    assert counted.arguments["factor"].default == 1.5


def _said(app: App, say: Callable[[App], None], folder: Path) -> None:
    say(app)
    described(app, folder)


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda app: app.graphql(Post, name="1st"), "'1st' is no name in GraphQL"),
        (lambda app: app.graphql(Post, name="__Post"), "is no name in GraphQL"),
        (lambda app: app.graphql(Post, max_rows=0), "max_rows is 1 or more"),
        (lambda app: app.graphql(Post, mappings={"a": "B"}), "mappings is not for a table"),
        (lambda app: app.graphql(Post.title, total_count=True), "total_count is not for a column"),
        (lambda app: app.graphql(Post.author, description="x"), "description is not for a relationship"),
        (lambda app: app.graphql(latest, name="x"), "latest is no function of this app"),
        (lambda app: app.graphql(Post, primary_key=["id"]), "posts has a primary key: id"),
        (lambda app: app.graphql(COUNTS, primary_key=["nobody"]), "author_counts has no column nobody"),
        (lambda app: app.graphql(Colour, mappings={"lightblue": "X"}), '(did you mean "light blue"?)'),
        (lambda app: app.graphql(Colour, mappings={"red": "true"}), "'true' is no name in GraphQL"),
        (lambda app: app.graphql(enum.Enum("Other", "A")), "no column holds values of Other"),
        (lambda app: app.graphql("posts", name="X"), "'posts' is neither a model nor a table"),
    ],
)
def test_mistakes_are_told_with_their_line(tmp_path: Path, say: Callable[[App], None], message: str) -> None:
    app = App(Base)
    with pytest.raises(SetupFault) as raised:
        _said(app, say, tmp_path)
    assert message in raised.value.message
    assert raised.value.message.startswith(f"{__file__}:")
