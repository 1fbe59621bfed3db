"""The app whose people refresh and sign in: `auth` serves it."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Model

app = App(title="People")


class PublicNote(Model):
    """What is read meanwhile."""

    __tablename__ = "public_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


app.policy(PublicNote, "select", "insert", name="open")(lambda row: True)
