"""The people who may sign in, as a table that apps can refer to."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func
from sqlalchemy.orm import Mapped, mapped_column

from undercroft.access.actor import AUTHENTICATED
from undercroft.models.base import Model


class User(Model):
    """A user: `auth.users`. It lies outside the schemas that the data API serves, so only logic and policies reach
    it."""

    __tablename__ = "users"
    __table_args__ = ({"schema": "auth"},)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str | None] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(default=AUTHENTICATED)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
