"""The small library whose requests stand in `sql/`: one relation of each kind, policies, hidden and preset columns."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from undercroft import App, auth
from undercroft.models.base import NAMES, Numeric, Timestamp, Uuid

ADA = "00000000-0000-0000-0000-00000000000a"
BEN = "00000000-0000-0000-0000-00000000000b"


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    born: Mapped[int | None]
    teacher_id: Mapped[int | None] = mapped_column(sa.ForeignKey("authors.id"))
    teacher: Mapped[Author | None] = relationship(remote_side=id)


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sa.Text)
    price: Mapped[Any] = mapped_column(Numeric(8, 2), nullable=True)
    sold: Mapped[bool] = mapped_column(default=False)
    facts: Mapped[Any] = mapped_column(sa.JSON(none_as_null=True), nullable=True)
    added: Mapped[Any] = mapped_column(Timestamp(), nullable=True)
    author_id: Mapped[int | None] = mapped_column(sa.ForeignKey("authors.id"))
    editor_id: Mapped[int | None] = mapped_column(sa.ForeignKey("authors.id"))
    owner: Mapped[Any] = mapped_column(Uuid(), nullable=True, default=auth.uid)
    cost: Mapped[int | None]
    author: Mapped[Author | None] = relationship(foreign_keys=author_id)


class Cover(Base):
    """One to one: its key is its book's."""

    __tablename__ = "covers"
    book_id: Mapped[int] = mapped_column(sa.ForeignKey("books.id"), primary_key=True)
    colour: Mapped[str] = mapped_column(sa.Text)


class Topic(Base):
    __tablename__ = "topics"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(sa.Text, unique=True)


class BookTopic(Base):
    __tablename__ = "book_topics"
    book_id: Mapped[int] = mapped_column(sa.ForeignKey("books.id"), primary_key=True)
    topic_id: Mapped[int] = mapped_column(sa.ForeignKey("topics.id"), primary_key=True)


class Loan(Base):
    """A key of two columns, without a rowid."""

    __tablename__ = "loans"
    __table_args__ = ({"sqlite_with_rowid": False},)
    book_id: Mapped[int] = mapped_column(sa.ForeignKey("books.id"), primary_key=True)
    day: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    reader: Mapped[Any] = mapped_column(Uuid(), nullable=True)


def library() -> App:
    """Everybody reads what is sold or one's own; readers write their own; loans are their readers'."""
    app = App(models=Base, title="Library")

    @app.policy(Author, "select")
    @app.policy(Cover, "select")
    @app.policy(Topic, "select")
    @app.policy(BookTopic, "select")
    def everybody(row: Any) -> bool:
        return True

    @app.policy(Topic, "insert", "update", to="authenticated")
    def any_topic(topic: Any) -> bool:
        return True

    @app.policy(Book, "select")
    def sold_or_own(book: Any) -> Any:
        return book.sold | (book.owner == auth.uid)

    @app.policy(Book, "insert", "update", "delete", to="authenticated")
    def own(book: Any) -> Any:
        return book.owner == auth.uid

    @app.policy(Loan, "select", "insert", "update", "delete", to="authenticated")
    def own_books(loan: Any) -> Any:
        return sa.exists().where(Book.id == loan.book_id, Book.owner == auth.uid)

    app.hide(Book.cost)
    app.preset(Book.owner, auth.uid, to="authenticated")
    return app


ROWS = f"""
insert into authors values (1, 'Ada', 1815, null), (2, 'Ben', null, 1), (3, 'Cleo', 1900, 1);
insert into books (id, title, price, sold, facts, added, author_id, editor_id, owner, cost) values
 (1, 'On Engines', 12.5, 1, '{{"pages":120,"tags":["a","b"]}}', '2024-01-02 03:04:05.000000', 1, 2, '{BEN}', 1),
 (2, 'Notes', 3, 0, null, null, 1, null, '{ADA}', 2),
 (3, 'A "quoted", title', null, 1, '{{"pages":null}}', '2024-02-01 00:00:00.500000', 2, 1, '{ADA}', 3),
 (4, 'Secrets', 99, 0, null, null, null, null, '{BEN}', 4);
insert into covers values (1, 'red'), (4, 'black');
insert into topics values (1, 'maths'), (2, 'poetry');
insert into book_topics values (1, 1), (1, 2), (2, 1), (4, 2);
insert into loans values (1, '2024-05-01', '{ADA}'), (2, '2024-05-02', '{BEN}');
"""
