"""An app that people sign in to, for auth-js. The service may read what mails hold, as a test has no mailbox.

It serves by itself: `granian --interface asgi tests.compat.auth_club:app`.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import App, Context, Model, auth
from undercroft.models.base import NAMES


class Diary(DeclarativeBase):
    """Its own base: other tests have tables of the same names."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = Model.type_annotation_map


class Entry(Diary):
    """A day of somebody's life; nobody else knows of it."""

    __tablename__ = "entries"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    author_id: Mapped[UUID] = mapped_column(default=auth.uid)
    body: Mapped[str]


app = App(models=Diary, title="Diary")
app.developing = True
app.organisations()


@app.policy(Entry, "select", "insert", to="authenticated")
def own(entry: Any) -> Any:
    """Entries are their author's."""
    return entry.author_id == auth.uid


@app.rpc(to="service_role")
async def mails(ctx: Context, address: str) -> list[dict[str, str]]:
    """The mails to an address, the latest first."""
    statements = {
        "sqlite": 'SELECT address, template, text, html FROM "undercroft.mails" ORDER BY id DESC',
        "postgresql": "SELECT address, template, text, html FROM undercroft.mails ORDER BY id DESC",
    }
    name = ctx.session.get_bind().dialect.name
    found = await ctx.transaction.perform(lambda cursor: cursor.all(statements[name]))
    words = ("template", "text", "html")
    return [dict(zip(words, row[1:], strict=True)) for row in found if row[0] == address]
