"""Models from which the API is described in these tests."""

from __future__ import annotations

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from undercroft.models.base import NAMES, Model


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = Model.type_annotation_map


class PostStatus(enum.Enum):
    PENDING = "p"
    RELEASED = "r"


class Account(Base):
    __tablename__ = "account"
    __table_args__ = ({"comment": 'People. @graphql({"totalCount": {"enabled": true}})'},)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(255), unique=True)
    created_at: Mapped[datetime]
    secret: Mapped[str | None]


class Blog(Base):
    __tablename__ = "blog"
    __table_args__ = ({"comment": '@graphql({"aggregate": {"enabled": true}, "max_rows": 5})'},)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("account.id"))
    editor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(comment='What it is called. @graphql({"name": "title"})')
    views: Mapped[int] = mapped_column(sa.BigInteger)
    price: Mapped[Decimal | None]
    config: Mapped[dict[str, Any] | None]
    owner: Mapped[Account] = relationship(foreign_keys=[owner_id])


class BlogPost(Base):
    __tablename__ = "blog_post"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    blog_id: Mapped[int] = mapped_column(sa.ForeignKey("blog.id"))
    status: Mapped[PostStatus]
    draft: Mapped[bool]


class Tag(Base):
    __tablename__ = "tag"

    label: Mapped[str] = mapped_column(primary_key=True)


class PostTag(Base):
    __tablename__ = "post_tag"

    post_id: Mapped[UUID] = mapped_column(sa.ForeignKey("blog_post.id"), primary_key=True)
    tag_label: Mapped[str] = mapped_column(sa.ForeignKey("tag.label"), primary_key=True)


class Profile(Base):
    __tablename__ = "profile"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(sa.ForeignKey("account.id"), unique=True)
