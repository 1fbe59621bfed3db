"""The schema of pg_graphql's demo, side by side with the models that it is made of.

`graphql/demo.graphql` is written by `python -m tests.golden.test_graphql_schema`. Look at the difference before you
commit.
"""

from __future__ import annotations

import enum
from datetime import datetime
from pathlib import Path
from time import process_time
from uuid import UUID, uuid4

import sqlalchemy as sa
from graphql import build_schema as read_schema
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft.access.policy import rules_of
from undercroft.catalog.reader import read_catalog
from undercroft.catalog.types import Catalog
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.describing.rights import rights_of
from undercroft.graphql.parts.describing.tables import describe, outline
from undercroft.graphql.schema import build_schema, print_sdl
from undercroft.models.base import NAMES, Model

FILE = Path(__file__).parent / "graphql" / "demo.graphql"
SECONDS = 0.15
"""Of the processor, for a hundred tables of ten columns."""


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = Model.type_annotation_map


class BlogPostStatus(enum.Enum):
    PENDING = 1
    RELEASED = 2


class Account(Base):
    __tablename__ = "account"
    __table_args__ = ({"comment": '@graphql({"totalCount": {"enabled": true}})'},)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(255))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Blog(Base):
    __tablename__ = "blog"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("account.id"))
    name: Mapped[str] = mapped_column(sa.String(255))
    description: Mapped[str | None] = mapped_column(sa.String(255))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class BlogPost(Base):
    __tablename__ = "blog_post"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    blog_id: Mapped[int] = mapped_column(sa.ForeignKey("blog.id"))
    title: Mapped[str] = mapped_column(sa.String(255))
    body: Mapped[str | None] = mapped_column(sa.String(10000))
    status: Mapped[BlogPostStatus]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


def described(catalog: Catalog) -> Described:
    rules = rules_of([], [])
    return describe(outline(catalog), catalog, rights_of(catalog, rules, "service_role"))


def test_the_demo() -> None:
    printed = print_sdl(described(read_catalog(Base.metadata)))
    assert printed == FILE.read_text(encoding="utf-8"), "see the top of this file"
    read_schema(printed)


def test_a_hundred_tables_are_a_schema_soon() -> None:
    metadata = sa.MetaData()
    types = [sa.Text, sa.Integer, sa.BigInteger, sa.Boolean, sa.DateTime, sa.Numeric, sa.Uuid, sa.Date]
    for number in range(100):
        columns: list[sa.Column[object]] = [sa.Column(f"column_{place}", type_) for place, type_ in enumerate(types)]
        key = sa.ForeignKey(f"table_{max(number - 1, 0)}.id")
        sa.Table(
            f"table_{number}", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("t_id", key), *columns
        )
    catalog = read_catalog(metadata)
    found = described(catalog)
    times = []
    for _ in range(5):
        begun = process_time()
        build_schema(found)
        times.append(process_time() - begun)
    assert min(times) < SECONDS, times


if __name__ == "__main__":
    FILE.write_text(print_sdl(described(read_catalog(Base.metadata))), encoding="utf-8")
