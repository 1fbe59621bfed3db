"""The peer: FastAPI, SQLAlchemy's async ORM on aiosqlite or asyncpg, pydantic and PyJWT, as their documentation shows
their use.

It answers the benchmarks' questions with the same rows under the same rules. What it has from the documentation: one
session for each request by a dependency, `Mapped` models, `joinedload` for the author, `load_only` for the columns, a
response model, a bearer token decoded by a dependency, SQLite's pragmas set when a connection is made.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, event, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, load_only, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

DATABASE = os.environ.get("PEER_DATABASE", "sqlite+aiosqlite:///:memory:")
ON_POSTGRES = DATABASE.startswith("postgresql")

# ---------------------------------------------------------------- tables


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; SQLite has no zones (SQLAlchemy's TypeDecorator recipe)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True) if ON_POSTGRES else Moment, list[str]: JSON}  # noqa: RUF012  # SQLAlchemy's own form


class Profile(Base):
    __tablename__ = "profiles"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    bio: Mapped[str | None]
    email: Mapped[str | None]
    birthday: Mapped[datetime | None]
    verified: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Post(Base):
    __tablename__ = "posts"
    __table_args__ = (Index(None, "created_at"), Index(None, "author_id", "created_at"))

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id))
    title: Mapped[str]
    body: Mapped[str]
    tags: Mapped[list[str]] = mapped_column(default=list)
    audience: Mapped[str] = mapped_column(default="everyone")
    published: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=now)
    edited_at: Mapped[datetime | None]

    author: Mapped[Profile] = relationship()


class Comment(Base):
    __tablename__ = "comments"

    id: Mapped[int] = mapped_column(primary_key=True)
    post_id: Mapped[int] = mapped_column(ForeignKey(Post.id), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id), index=True)
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Follow(Base):
    __tablename__ = "follows"

    follower_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id), primary_key=True)
    followed_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Block(Base):
    __tablename__ = "blocks"

    blocker_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id), primary_key=True)
    blocked_id: Mapped[UUID] = mapped_column(ForeignKey(Profile.id), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


def readable(user: UUID) -> Any:
    """The posts that a user may read."""
    followed = exists().where(Follow.followed_id == Post.author_id, Follow.follower_id == user)
    return or_(Post.author_id == user, Post.published & or_(Post.audience == "everyone", followed))


# ---------------------------------------------------------------- what goes in and out


class AuthorOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    username: str
    display_name: str


class PostOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    title: str
    body: str
    created_at: datetime
    author: AuthorOut


class CommentIn(BaseModel):
    post_id: int
    body: str


# ---------------------------------------------------------------- session and user, for each request

engine = create_async_engine(DATABASE, connect_args={} if ON_POSTGRES else {"timeout": 30})
sessions = async_sessionmaker(engine, expire_on_commit=False)


def set_pragmas(connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


if not ON_POSTGRES:
    event.listen(engine.sync_engine, "connect", set_pragmas)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


bearer = HTTPBearer()


async def current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> UUID:
    try:
        claims = jwt.decode(credentials.credentials, os.environ["PEER_SECRET"], algorithms=["HS256"])
        return UUID(claims["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Could not validate credentials") from None


Session = Annotated[AsyncSession, Depends(get_session)]
CurrentUser = Annotated[UUID, Depends(current_user)]

# ---------------------------------------------------------------- the service

app = FastAPI()


@app.get("/posts", response_model=list[PostOut])
async def list_posts(
    session: Session, user: CurrentUser, before: int, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> Any:
    """The latest published posts below an id, with their authors."""
    statement = (
        select(Post)
        .options(
            load_only(Post.id, Post.title, Post.body, Post.created_at),
            joinedload(Post.author).load_only(Profile.username, Profile.display_name),
        )
        .where(Post.id < before, Post.published, readable(user))
        .order_by(Post.id.desc())
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


@app.post("/comments", status_code=status.HTTP_201_CREATED)
async def write_comment(comment: CommentIn, session: Session, user: CurrentUser) -> None:
    """Comment on a post that one may read and whose author has not blocked one."""
    blocked = exists().where(Block.blocker_id == Post.author_id, Block.blocked_id == user)
    allowed = select(Post.id).where(Post.id == comment.post_id, readable(user), ~blocked)
    if await session.scalar(allowed) is None:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "You may not comment on this post")
    session.add(Comment(post_id=comment.post_id, author_id=user, body=comment.body))
    await session.commit()
