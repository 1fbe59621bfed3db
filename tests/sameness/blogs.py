"""Blogs, posts and tags on both engines, and what is asked of them below every protocol: asks, not requests."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from tests.api.scenario import SERVICE, Place, send
from undercroft import App, Model, Numeric, auth
from undercroft.access.actor import ANONYMOUS, Actor
from undercroft.models.base import NAMES
from undercroft.query.ask import Question, QuestionsAsk, TellWord

ADA = "00000000-0000-4000-8000-00000000000a"
BEN = "00000000-0000-4000-8000-00000000000b"
READER = Actor("authenticated", ADA, {"sub": ADA})
CALLERS = (ANONYMOUS, READER, Actor("service_role", None, {}))


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Blog(Base):
    __tablename__ = "blogs"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[UUID]
    title: Mapped[str | None]
    rank: Mapped[int | None]
    at: Mapped[datetime | None]
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    size: Mapped[float | None]
    open: Mapped[bool]
    secret: Mapped[str | None]


class Post(Base):
    __tablename__ = "posts"
    blog_id: Mapped[int] = mapped_column(ForeignKey("blogs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    rank: Mapped[int | None]
    draft: Mapped[bool]


class Tag(Base):
    __tablename__ = "tags"
    word: Mapped[str] = mapped_column(primary_key=True)
    open: Mapped[bool]


class BlogTag(Base):
    __tablename__ = "blog_tags"
    blog_id: Mapped[int] = mapped_column(ForeignKey("blogs.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(ForeignKey("tags.word"), primary_key=True)
    open: Mapped[bool]


def make_app() -> App:
    """Nobody sees another's closed blog, nor a draft, a closed tag, or a closed tie between blog and tag."""
    app = App(models=Base)

    @app.policy(Blog, "select")
    def open_or_own(blog: Any) -> Any:
        return sa.or_(blog.open, blog.owner == auth.uid)

    @app.policy(Post, "select")
    def no_draft(post: Any) -> Any:
        return sa.not_(post.draft)

    @app.policy(Tag, "select")
    @app.policy(BlogTag, "select")
    def open_one(row: Any) -> Any:
        return row.open

    app.hide(Blog.secret)

    @app.rpc(read_only=True)
    async def ranked(ctx: Any) -> list[Blog]:
        return list(await ctx.session.scalars(sa.select(Blog).order_by(Blog.rank.desc(), Blog.id.desc())))

    return app


def make_rows(chance: random.Random, number: int = 40) -> dict[str, list[dict[str, Any]]]:
    """Rows with many ties and NULLs, and texts that are hard to quote."""
    titles = [None, "", "a", "A", 'say "it"', "back\\slash", "Ünï 😀", "new\nline", "a, b", "x" * 200]
    moments = [None, "2024-01-02T03:04:05.5+00:00", "2024-01-02T03:04:05+00:00", "2023-12-31T23:59:59.999999+00:00"]
    blogs = [
        {
            "id": key, "owner": chance.choice([ADA, BEN]), "title": chance.choice(titles),
            "rank": chance.choice([None, -1, 0, 3, 70000]), "at": chance.choice(moments),
            "price": chance.choice([None, "1.50", "-20", "0.05", "12345678.90"]),
            "size": chance.choice([None, 0.1, -2.5, 1e20, 3.0]), "open": chance.random() < 0.8, "secret": "s",
        }
        for key in range(1, number + 1)
    ]  # fmt: skip
    posts = [
        {
            "blog_id": blog["id"], "number": index, "title": f"post {index}", "rank": chance.choice([None, 1, 2]),
            "draft": chance.random() < 0.2,
        }
        for blog in blogs
        for index in range(chance.randrange(7))
    ]  # fmt: skip
    tags = [{"word": word, "open": word != "shut"} for word in ("red", "blau", "shut", "grün")]
    ties = [
        {"blog_id": blog["id"], "tag": tag["word"], "open": chance.random() < 0.8}
        for blog in blogs
        for tag in tags
        if chance.random() < 0.5
    ]
    return {"blogs": blogs, "posts": posts, "tags": tags, "blog_tags": ties}


ROWS = make_rows(random.Random(7))


def blogs_seen(actor: Actor) -> list[dict[str, Any]]:
    """The blogs that a caller may read."""
    everything = actor.role == "service_role"
    return [each for each in ROWS["blogs"] if everything or each["open"] or each["owner"] == actor.uid]


@dataclass
class Blogs:
    """The app in one place; what is asked, and the statements that it took."""

    place: Place
    statements: int = 0

    def ask(self, members: Sequence[Question | TellWord], values: Sequence[str], actor: Actor) -> str:
        """The text of the answer to several questions."""
        pipeline = self.place.house.pipeline
        ask = QuestionsAsk(tuple(members))
        statement = pipeline.prepare_questions((ask,), actor.role, lambda: ask)
        row = pipeline.read_now(statement, values, actor)
        if row is None:
            row = self.place.run(pipeline.read_slow(statement, values, actor))
        self.statements += 1
        body, rows, total = row
        assert (int(rows), total) == (1, None)
        return str(body)


def filled(place: Place) -> Blogs:
    for table, rows in ROWS.items():
        reply = place.ask(send("POST", f"/rest/v1/{table}", rows), SERVICE)
        assert reply.status == 201, reply.body
    return Blogs(place)


@contextmanager
def both(folder: Path, server: str) -> Iterator[tuple[Blogs, Blogs]]:
    """The same blogs on a fresh file and on a fresh database."""
    with Place(make_app(), folder) as sqlite, Place(make_app(), folder, server=server) as postgres:
        yield filled(sqlite), filled(postgres)


def token_of(members: Sequence[Any]) -> str:
    """A token as whoever reads the protocol's page would make it."""
    return base64.b64encode(json.dumps(list(members), ensure_ascii=False).encode()).decode()


def read_token(token: str) -> list[Any]:
    found: list[Any] = json.loads(base64.b64decode(token))
    return found
