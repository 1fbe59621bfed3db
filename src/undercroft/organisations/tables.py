"""The tables of this room, beside those of the app: what they hold, as mixins of mapped classes, and how they are made.

They come into the app's own metadata when it asks for them, so that migrations, policies, embeds and row-level security
know them as they know any other.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft.models.base import Timestamp, Uuid

_JSON = sa.JSON(none_as_null=True)
_USERS = "auth.users.id"


def _now() -> datetime:
    return datetime.now(UTC)


def _organisation() -> ForeignKey:
    return ForeignKey("organisations.id", ondelete="CASCADE")


def _user() -> ForeignKey:
    """Whose account it is: what is theirs goes with it."""
    return ForeignKey(_USERS, ondelete="CASCADE")


def _somebody() -> ForeignKey:
    """Who did it: what they did stays without them."""
    return ForeignKey(_USERS, ondelete="SET NULL")


class OrganisationRow:
    """An organisation, to which people and rows belong."""

    __tablename__ = "organisations"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(sa.Text, CheckConstraint("length(name) BETWEEN 1 AND 200"))
    slug: Mapped[str | None] = mapped_column(
        sa.Text,
        CheckConstraint("length(slug) BETWEEN 1 AND 63"),
        CheckConstraint("slug = lower(slug)", name="slug_lower"),
        unique=True,
    )
    created_by: Mapped[UUID | None] = mapped_column(Uuid, _somebody(), index=True)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=_now)
    details: Mapped[dict[str, Any] | None] = mapped_column("metadata", _JSON)


class MembershipRow:
    """Somebody in an organisation, with a role."""

    __tablename__ = "memberships"
    organisation_id: Mapped[UUID] = mapped_column(Uuid, _organisation(), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid, _user(), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=_now)


class InvitationRow:
    """Somebody who is asked into an organisation by mail. Once it is accepted or revoked, it is a record."""

    __tablename__ = "organisation_invitations"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    organisation_id: Mapped[UUID] = mapped_column(Uuid, _organisation(), index=True)
    email: Mapped[str] = mapped_column(sa.Text)
    role: Mapped[str] = mapped_column(sa.Text)
    token_hash: Mapped[str] = mapped_column(sa.Text, unique=True)
    invited_by: Mapped[UUID | None] = mapped_column(Uuid, _user(), index=True)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=_now)
    expires_at: Mapped[datetime] = mapped_column(Timestamp)
    accepted_at: Mapped[datetime | None] = mapped_column(Timestamp)
    accepted_by: Mapped[UUID | None] = mapped_column(Uuid, _somebody(), index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(Timestamp)


class UserRoleRow:
    """A role that somebody has in the app."""

    __tablename__ = "user_roles"
    user_id: Mapped[UUID] = mapped_column(Uuid, _user(), primary_key=True)
    role: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Timestamp, default=_now)


def made(base: type[DeclarativeBase], name: str, row: type[Any]) -> type[Any]:
    """The mapped class of such a row in an app's models; the one that is there, where it was made before."""
    for mapper in base.registry.mappers:
        if issubclass(mapper.class_, row):
            return mapper.class_
    return type(name, (row, base), {"__doc__": row.__doc__, "__module__": base.__module__})
