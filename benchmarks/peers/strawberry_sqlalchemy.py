"""The peer of GraphQL: Strawberry on FastAPI, SQLAlchemy's async ORM and dataloaders, as their documentation shows
their use.

The tables, the rule and the token are those of the peer beside it. What it has from the documentation: one session and
one loader for each request, by a dependency that is the context; a resolver for the author that asks the loader;
`load_only` for the columns; and documents that are parsed and validated once (`ParserCache`, `ValidationCache`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.fastapi import BaseContext, GraphQLRouter

from benchmarks.peers.fastapi_sqlalchemy import CurrentUser, Post, Profile, readable, sessions


class Context(BaseContext):
    """What the resolvers of one request share."""

    def __init__(self, session: AsyncSession, user: UUID) -> None:
        super().__init__()
        self.session = session
        self.user = user
        self.profiles: DataLoader[UUID, Profile | None] = DataLoader(self.load_profiles)

    async def load_profiles(self, keys: list[UUID]) -> list[Profile | None]:
        """The profiles of these keys, in one statement."""
        columns = load_only(Profile.id, Profile.username, Profile.display_name)
        found = await self.session.scalars(select(Profile).options(columns).where(Profile.id.in_(keys)))
        by_key = {profile.id: profile for profile in found}
        return [by_key.get(key) for key in keys]


Info = strawberry.Info[Context, None]


@strawberry.type(name="Profile")
class ProfileType:
    username: str
    display_name: str


@strawberry.type(name="Post")
class PostType:
    id: int
    title: str
    body: str
    created_at: datetime
    author_id: strawberry.Private[UUID]

    @strawberry.field
    async def author(self, info: Info) -> ProfileType | None:
        profile = await info.context.profiles.load(self.author_id)
        return None if profile is None else ProfileType(username=profile.username, display_name=profile.display_name)


@strawberry.type
class Query:
    @strawberry.field
    async def posts(self, info: Info, before: int, first: int = 20) -> list[PostType]:
        """The latest published posts below an id."""
        columns = load_only(Post.id, Post.title, Post.body, Post.created_at, Post.author_id)
        statement = (
            select(Post)
            .options(columns)
            .where(Post.id < before, Post.published, readable(info.context.user))
            .order_by(Post.id.desc())
            .limit(min(first, 100))
        )
        return [
            PostType(id=post.id, title=post.title, body=post.body, created_at=post.created_at, author_id=post.author_id)
            for post in await info.context.session.scalars(statement)
        ]


async def get_context(user: CurrentUser) -> AsyncIterator[Context]:
    async with sessions() as session:
        yield Context(session, user)


schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
app = FastAPI()
getter: Any = get_context  # FastAPI takes what is yielded, too
app.include_router(GraphQLRouter[Context, None](schema, context_getter=getter), prefix="/graphql")
