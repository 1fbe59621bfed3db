"""A small lending library as an app, for tests that ask why: clean by default, with a switch for each planted fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import auth
from undercroft.app import App, House, build
from undercroft.base.settings import Settings
from undercroft.models.base import NAMES

CLEAN = {"UNDERCROFT_SERVER_CORS_ALLOWED_ORIGINS": "https://library.example", "UNDERCROFT_LOG_REQUESTS": "false"}


def library(fault: str = "") -> App:
    """The app, with one fault in it."""

    class Base(DeclarativeBase):
        metadata = sa.MetaData(naming_convention=NAMES)

    class Book(Base):
        __tablename__ = "books"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        owner: Mapped[str] = mapped_column(index=fault != "slow policy")
        public: Mapped[bool] = mapped_column(default=False)
        price: Mapped[int | None]

    class Loan(Base):
        __tablename__ = "loans"
        id: Mapped[int] = mapped_column(primary_key=True)
        book_id: Mapped[int] = mapped_column(sa.ForeignKey(Book.id), index=fault != "slow key")
        reader: Mapped[str] = mapped_column(index=fault != "slow inner")
        email: Mapped[str | None]

    class Shelf(Base):
        __tablename__ = "shelves"
        code: Mapped[str] = mapped_column(primary_key=True)

    app = App(Base)

    @app.policy(Book, "select")
    def public_or_own(book: Any) -> Any:
        """Everybody sees public books; owners see theirs."""
        return book.public | (book.owner == auth.uid)

    @app.policy(Book, "select", to="authenticated")
    def lent_to_me(book: Any) -> Any:
        """Readers see what they have at home."""
        return sa.exists().where(Loan.book_id == book.id, Loan.reader == auth.uid)

    role = {"typo": "autenticated", "own role": "librarian", "bypass": "service_role"}.get(fault, "authenticated")

    @app.policy(Book, "insert", "update", "delete", to=role)
    def owners_write(book: Any) -> Any:
        """Owners write their books."""
        return book.owner == auth.uid

    if fault != "unreadable":

        @app.policy(Loan, "select", to=None if fault == "open e-mail" else "authenticated")
        def all_loans(loan: Any) -> Any:
            return True

    else:

        @app.policy(Loan, "update", to="authenticated")
        def own_loans(loan: Any) -> Any:
            return loan.reader == auth.uid

    if fault != "closed table":

        @app.policy(Shelf, "select")
        def shelves_are_public(shelf: Any) -> Any:
            """Anybody may look."""
            return True

    if fault == "no key":
        sa.Table("notes", Base.metadata, sa.Column("text", sa.Text))
        app.policy(Base.metadata.tables["notes"], "select")(lambda note: True)

    @app.rpc(to=None if fault == "open function" else "authenticated")
    async def renew(ctx: Any, loan: int) -> None:
        """Keep a book for longer."""

    app.hide(Book.price, to=("anon", "authenticated"))
    app.read_only(Book.public, to="authenticated")
    app.preset(Book.owner, auth.uid)
    return app


def house(folder: Path, fault: str = "", **environ: str) -> House:
    """The app, built for a folder of its own; `environ` are settings."""
    settings = Settings.load(None, {**CLEAN, "UNDERCROFT_DATABASE_DATA": str(folder / "data"), **environ})
    return build(library(fault), settings, dev=True)
