"""The statements of this room, in the transaction of whoever calls. They know of no policy: `service` asks first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, aliased

from undercroft.organisations.tables import InvitationRow, MembershipRow, OrganisationRow, UserRoleRow, made


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The tables of an app, by what they hold."""

    organisation: type[Any]
    membership: type[Any]
    invitation: type[Any]
    users: sa.Table

    # --- who is what ---

    async def held(self, session: AsyncSession, organisation_id: UUID) -> bool:
        """Whether there is such an organisation; nobody else changes who is in it until this transaction is over."""
        found = sa.select(self.organisation.id).where(self.organisation.id == organisation_id)
        return await session.scalar(found.with_for_update(key_share=True)) is not None

    async def user(self, session: AsyncSession, user_id: UUID) -> sa.RowMapping | None:
        """`email` and `email_confirmed_at` of an account; what it may do so often waits for others who count it."""
        users = self.users.c
        found = sa.select(users.email, users.email_confirmed_at).where(users.id == user_id, users.deleted_at.is_(None))
        return (await session.execute(found.with_for_update(key_share=True))).mappings().first()

    async def role(self, session: AsyncSession, organisation_id: UUID, user_id: UUID) -> str | None:
        """Somebody's role in an organisation."""
        member = self.membership
        found = sa.select(member.role).where(member.organisation_id == organisation_id, member.user_id == user_id)
        return cast("str | None", await session.scalar(found))

    async def is_member(self, session: AsyncSession, organisation_id: UUID, email: str) -> bool:
        """Whether the account with this confirmed address is in an organisation."""
        member, users = self.membership, self.users.c
        found = sa.select(member.user_id).join(self.users, users.id == member.user_id)
        found = found.where(
            member.organisation_id == organisation_id, users.email == email, users.email_confirmed_at.is_not(None)
        )
        return await session.scalar(found.limit(1)) is not None

    # --- organisations and members ---

    async def made_by(self, session: AsyncSession, user_id: UUID) -> int:
        """How many organisations somebody has made."""
        made_by = self.organisation.created_by == user_id
        return int(await session.scalar(sa.select(sa.func.count()).select_from(self.organisation).where(made_by)) or 0)

    async def name(self, session: AsyncSession, organisation_id: UUID) -> str:
        found = sa.select(self.organisation.name).where(self.organisation.id == organisation_id)
        return str(await session.scalar(found))

    async def add(self, session: AsyncSession, entity: type[Any], **values: Any) -> None:
        """A new row. Raises `DatabaseFault` 23505 where it is there already."""
        await session.execute(sa.insert(entity).values(**values))

    async def change_role(
        self, session: AsyncSession, organisation_id: UUID, user_id: UUID, role: str, top: str
    ) -> bool:
        """Give a member another role; not where nobody would be left with the highest one."""
        changed = sa.update(self.membership).where(*self._unless_last(organisation_id, user_id, top)).values(role=role)
        return await self._hit(session, changed.returning(self.membership.user_id))

    async def remove(self, session: AsyncSession, organisation_id: UUID, user_id: UUID, top: str) -> bool:
        """Take a member out; not the last one with the highest role."""
        gone = sa.delete(self.membership).where(*self._unless_last(organisation_id, user_id, top))
        return await self._hit(session, gone.returning(self.membership.user_id))

    def _unless_last(self, organisation_id: UUID, user_id: UUID, top: str) -> tuple[Any, ...]:
        member, other = self.membership, aliased(self.membership)
        others = sa.select(other.user_id).where(
            other.organisation_id == organisation_id, other.role == top, other.user_id != user_id
        )
        return (
            member.organisation_id == organisation_id,
            member.user_id == user_id,
            sa.or_(member.role != top, sa.exists(others)),
        )

    # --- invitations ---

    async def asked_within(self, session: AsyncSession, user_id: UUID, since: datetime) -> int:
        """How many invitations somebody has sent since then."""
        sent = self.invitation
        mine = sa.select(sa.func.count()).select_from(sent)
        return int(await session.scalar(mine.where(sent.invited_by == user_id, sent.created_at > since)) or 0)

    async def open_roles(self, session: AsyncSession, organisation_id: UUID, email: str) -> list[str]:
        """The roles of invitations that wait for an address."""
        sent = self.invitation
        found = sa.select(sent.role).where(
            sent.organisation_id == organisation_id, sent.email == email, *self._is_open()
        )
        return list(await session.scalars(found))

    async def revoke(self, session: AsyncSession, now: datetime, **where: Any) -> bool:
        """Have the invitations that are so be good no more; whether there was one."""
        sent = self.invitation
        named = [getattr(sent, name) == value for name, value in where.items()]
        changed = sa.update(sent).where(*named, *self._is_open()).values(revoked_at=now)
        return await self._hit(session, changed.returning(sent.id))

    async def invitation_of(self, session: AsyncSession, **where: Any) -> tuple[UUID, str] | None:
        """The organisation and the role of an invitation."""
        sent = self.invitation
        named = [getattr(sent, name) == value for name, value in where.items()]
        found = (await session.execute(sa.select(sent.organisation_id, sent.role).where(*named))).first()
        return None if found is None else (found[0], found[1])

    async def accept(
        self,
        session: AsyncSession,
        token_hash: str,
        email: str,
        user_id: UUID,
        now: datetime,
        givers: Iterable[tuple[str, tuple[str, ...]]],
    ) -> bool:
        """Use an invitation up, once: it is open, for this address, and whoever sent it may still give that role.

        `givers` are the roles that may give each role.
        """
        sent, member = self.invitation, self.membership
        may = [sa.and_(sent.role == role, member.role.in_(allowed)) for role, allowed in givers]
        inviter = sa.select(member.user_id).where(
            member.organisation_id == sent.organisation_id, member.user_id == sent.invited_by, sa.or_(*may)
        )
        changed = (
            sa.update(sent)
            .where(sent.token_hash == token_hash, sent.email == email, sent.expires_at > now, *self._is_open())
            .where(sa.or_(sent.invited_by.is_(None), sa.exists(inviter)))
            .values(accepted_at=now, accepted_by=user_id)
            .returning(sent.id)
        )
        return await self._hit(session, changed)

    def _is_open(self) -> tuple[Any, ...]:
        return self.invitation.accepted_at.is_(None), self.invitation.revoked_at.is_(None)

    async def _hit(self, session: AsyncSession, statement: Any) -> bool:
        done = await session.execute(statement, execution_options={"synchronize_session": False})
        return bool(done.all())


def belonging(rows: Rows, most: int) -> sa.Select[Any]:
    """Which role an account (`user_id`) has in which organisation, those joined first."""
    member = rows.membership
    found = sa.select(member.organisation_id, member.role).where(member.user_id == given(member.user_id))
    return found.order_by(member.created_at, member.organisation_id).limit(most)


def given(column: Any) -> sa.BindParameter[Any]:
    """A value for a column, by its name."""
    return sa.bindparam(column.key, type_=column.type, required=True)


@dataclass(frozen=True, slots=True, eq=False)
class UserRoles:
    """Roles in the app."""

    row: type[Any]

    async def of(self, session: AsyncSession, user_id: UUID) -> list[str]:
        """Somebody's roles."""
        return list(await session.scalars(sa.select(self.row.role).where(self.row.user_id == user_id)))

    async def give(self, session: AsyncSession, user_id: UUID, role: str) -> None:
        """Give a role; nothing happens where it is there."""
        if role not in await self.of(session, user_id):
            await session.execute(sa.insert(self.row).values(user_id=user_id, role=role))

    async def take(self, session: AsyncSession, user_id: UUID, role: str) -> None:
        """Take a role, where it is there."""
        await session.execute(
            sa.delete(self.row).where(self.row.user_id == user_id, self.row.role == role),
            execution_options={"synchronize_session": False},
        )


def rows_of(base: type[DeclarativeBase]) -> Rows:
    """The tables of organisations within an app's models, made where they are not there yet."""
    return Rows(
        made(base, "Organisation", OrganisationRow),
        made(base, "Membership", MembershipRow),
        made(base, "Invitation", InvitationRow),
        base.metadata.tables["auth.users"],
    )


def user_roles_of(base: type[DeclarativeBase]) -> UserRoles:
    """The table of roles in the app, likewise."""
    return UserRoles(made(base, "UserRole", UserRoleRow))
