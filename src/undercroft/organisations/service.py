"""The verbs of organisations, which callers reach as functions: each asks what the caller may, then does it.

All that changes who is in an organisation holds the organisation's row first: changes come one after the other, and
each sees what the ones before it left.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from undercroft.access.actor import SERVICE_ROLE
from undercroft.access.ladder import Ladder
from undercroft.organisations.errors import (
    OrganisationFault,
    invitation_is_off,
    last_one,
    member_already,
    no_address,
    no_name,
    no_slug,
    not_permitted,
    roles_not_permitted,
    too_many,
    unknown_role,
)
from undercroft.organisations.store import Rows, UserRoles
from undercroft.organisations.types import MEMBERS_MANAGE, ROLES_MANAGE, Terms
from undercroft.pipeline.context import Context
from undercroft.pipeline.ports import not_here

TEMPLATES = Path(__file__).parent / "templates"
"""The mail of this room, in a folder `organisations` as an app has it in its folder of mail templates."""
TEMPLATE = "organisations/invitation"
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_NAME, _LONGEST_SLUG, _LONGEST_TOKEN = 200, 63, 200
_LOOKS_LIKE_A_LINK = re.compile(r"://|www\.|\w\.\w{2,}/|@", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Verbs:
    """What can be done with organisations."""

    rows: Rows
    ladder: Ladder

    @property
    def top(self) -> str:
        """The highest role."""
        return self.ladder.names[0]

    async def create_organisation(
        self, ctx: Context, name: str, slug: str | None = None, metadata: dict[str, Any] | None = None
    ) -> Any:
        """Make an organisation; whoever makes it has the highest role in it."""
        terms, user_id, name = terms_of(ctx), caller_of(ctx), read_name(name)
        if slug is not None and not (len(slug) <= _LONGEST_SLUG and _SLUG.fullmatch(slug)):
            raise no_slug()
        with ctx.as_service():
            if await self.rows.user(ctx.session, user_id) is None:
                raise not_permitted()
            if terms.most_organisations and await self.rows.made_by(ctx.session, user_id) >= terms.most_organisations:
                raise too_many("organisations")
            now, made = terms.now(), uuid4()
            await self.rows.add(
                ctx.session, self.rows.organisation, id=made, name=name, slug=slug, created_by=user_id, created_at=now,
                details=metadata,
            )  # fmt: skip
            await self._join(ctx, made, user_id, self.top)
        return self.rows.organisation(id=made)

    async def invite_member(self, ctx: Context, organisation_id: UUID, email: str, role: str) -> Any:
        """Ask somebody into an organisation, by mail. An invitation that waits for the address gives way to it."""
        terms, session = terms_of(ctx), ctx.session
        with ctx.as_service():
            gives = await self._gives(ctx, organisation_id)
            self._check(role, gives)
            address = terms.email_of(email)
            if address is None:
                raise no_address()
            if await self.rows.is_member(session, organisation_id, address):
                raise member_already()
            if any(each not in gives for each in await self.rows.open_roles(session, organisation_id, address)):
                raise not_permitted()
            now, inviter = terms.now(), None if is_service(ctx) else caller_of(ctx)
            if inviter is not None and terms.invitations_per_hour:
                await self.rows.user(session, inviter)
                sent = await self.rows.asked_within(session, inviter, now - timedelta(hours=1))
                if sent >= terms.invitations_per_hour:
                    raise too_many("invitations")
            await self.rows.revoke(session, now, organisation_id=organisation_id, email=address)
            token, made = secrets.token_urlsafe(32), uuid4()
            await self.rows.add(
                session, self.rows.invitation, id=made, organisation_id=organisation_id, email=address, role=role,
                token_hash=hash_of(token), invited_by=inviter, created_at=now,
                expires_at=now + timedelta(seconds=terms.lifetime),
            )  # fmt: skip
            name = shown_name(await self.rows.name(session, organisation_id))
        link = f"{terms.page}{'&' if '?' in terms.page else '?'}{urlencode({'token': token})}"
        days = max(1, round(terms.lifetime / 86_400))
        await ctx.mail(TEMPLATE, address, organisation=name, role=role, email=address, link=link, days=days)
        return self.rows.invitation(id=made)

    async def revoke_invitation(self, ctx: Context, invitation_id: UUID) -> Any:
        """Have an invitation be good no more."""
        terms = terms_of(ctx)
        with ctx.as_service():
            found = await self.rows.invitation_of(ctx.session, id=invitation_id)
            if found is None:
                raise not_permitted()
            self._check(found[1], await self._gives(ctx, found[0]), lost=True)
            if not await self.rows.revoke(ctx.session, terms.now(), id=invitation_id):
                raise invitation_is_off()
        return self.rows.invitation(id=invitation_id)

    async def accept_invitation(self, ctx: Context, token: str) -> Any:
        """Join the organisation that an invitation is for, as whoever has confirmed its address."""
        terms, session, user_id = terms_of(ctx), ctx.session, caller_of(ctx)
        hashed = hash_of(token[:_LONGEST_TOKEN])
        with ctx.as_service():
            found = await self.rows.invitation_of(session, token_hash=hashed)
            if found is None:
                raise invitation_is_off()
            organisation_id, role = found
            if not await self.rows.held(session, organisation_id) or role not in self.ladder.names:
                raise invitation_is_off()
            user = await self.rows.user(session, user_id)
            if user is None or not user["email"] or user["email_confirmed_at"] is None:
                raise invitation_is_off()
            if not await self.rows.accept(session, hashed, user["email"], user_id, terms.now(), self._givers()):
                raise invitation_is_off()
            if await self.rows.role(session, organisation_id, user_id) is not None:
                raise member_already()
            await self._join(ctx, organisation_id, user_id, role)
        return self.rows.membership(organisation_id=organisation_id, user_id=user_id)

    async def change_member(self, ctx: Context, organisation_id: UUID, user_id: UUID, role: str) -> Any:
        """Give a member another role."""
        with ctx.as_service():
            gives = await self._gives(ctx, organisation_id)
            self._check(role, gives)
            await self._member(ctx, organisation_id, user_id, gives)
            if role != self.top:
                done = await self.rows.change_role(ctx.session, organisation_id, user_id, role, self.top)
            else:
                done = await self.rows.change_role(ctx.session, organisation_id, user_id, role, "")
            if not done:
                raise last_one(self.top)
        return self.rows.membership(organisation_id=organisation_id, user_id=user_id)

    async def remove_member(self, ctx: Context, organisation_id: UUID, user_id: UUID) -> None:
        """Take somebody out of an organisation. Everybody may take out themselves."""
        with ctx.as_service():
            if not is_service(ctx) and user_id == caller_of(ctx):
                if not await self.rows.held(ctx.session, organisation_id):
                    raise not_permitted()
                if await self.rows.role(ctx.session, organisation_id, user_id) is None:
                    raise not_permitted()
            else:
                await self._member(ctx, organisation_id, user_id, await self._gives(ctx, organisation_id))
            if not await self.rows.remove(ctx.session, organisation_id, user_id, self.top):
                raise last_one(self.top)

    async def leave_organisation(self, ctx: Context, organisation_id: UUID) -> None:
        """Leave an organisation."""
        await self.remove_member(ctx, organisation_id, caller_of(ctx))

    # --- what the caller may ---

    async def _gives(self, ctx: Context, organisation_id: UUID) -> tuple[str, ...]:
        """The roles that the caller may give and take in an organisation, which is held from now on.

        Raises `OrganisationFault` for somebody who may do nothing of the kind.
        """
        if not await self.rows.held(ctx.session, organisation_id):
            raise not_permitted()
        if is_service(ctx):
            return self.ladder.names
        role = await self.rows.role(ctx.session, organisation_id, caller_of(ctx))
        if role is None or role not in self.ladder.permitting(MEMBERS_MANAGE):
            raise not_permitted()
        return self.ladder.gives(role)

    def _check(self, role: str, gives: tuple[str, ...], *, lost: bool = False) -> None:
        """Raises `OrganisationFault` for a role that is none, or not the caller's to give; one that is `lost` was a
        role once."""
        if role not in self.ladder.names:
            if lost:
                return
            raise unknown_role(role, self.ladder.names)
        if role not in gives:
            raise not_permitted()

    async def _member(self, ctx: Context, organisation_id: UUID, user_id: UUID, gives: tuple[str, ...]) -> None:
        """Raises `OrganisationFault` for somebody who is no member, or whose role the caller may not take."""
        role = await self.rows.role(ctx.session, organisation_id, user_id)
        if role is None:
            raise OrganisationFault("there is no such member", code="UC404")
        self._check(role, gives, lost=True)

    def _givers(self) -> list[tuple[str, tuple[str, ...]]]:
        """For each role, those that may give it."""
        managing = self.ladder.permitting(MEMBERS_MANAGE)
        names = self.ladder.names
        return [(role, tuple(each for each in managing if role in self.ladder.gives(each))) for role in names]

    async def _join(self, ctx: Context, organisation_id: UUID, user_id: UUID, role: str) -> None:
        await self.rows.add(
            ctx.session, self.rows.membership, organisation_id=organisation_id, user_id=user_id, role=role,
            created_at=terms_of(ctx).now(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class RoleVerbs:
    """What can be done with roles in the app."""

    rows: UserRoles
    ladder: Ladder

    async def give_role(self, ctx: Context, user_id: UUID, role: str) -> None:
        """Give somebody a role in the app."""
        with ctx.as_service():
            await self._check(ctx, role)
            await self.rows.give(ctx.session, user_id, role)

    async def take_role(self, ctx: Context, user_id: UUID, role: str) -> None:
        """Take a role from somebody."""
        with ctx.as_service():
            await self._check(ctx, role)
            await self.rows.take(ctx.session, user_id, role)

    async def _check(self, ctx: Context, role: str) -> None:
        """Raises `OrganisationFault` for a role that is none, or not the caller's to give."""
        managing: tuple[str, ...] = self.ladder.names
        if not is_service(ctx):
            held = await self.rows.of(ctx.session, caller_of(ctx))
            managing = tuple(each for each in held if each in self.ladder.permitting(ROLES_MANAGE))
            if not managing:
                raise roles_not_permitted()
        if role not in self.ladder.names:
            raise unknown_role(role, self.ladder.names)
        if not any(role in self.ladder.gives(each) for each in managing):
            raise roles_not_permitted()


def terms_of(ctx: Context) -> Terms:
    """What the settings say. Raises `Fault` 0A000 where nothing was wired."""
    terms = ctx.ports.organisations
    if not isinstance(terms, Terms):
        raise not_here("this function")
    return terms


def is_service(ctx: Context) -> bool:
    """Whether it is the service that calls, which may do all of it."""
    return ctx.auth.role == SERVICE_ROLE


def caller_of(ctx: Context) -> UUID:
    """Who calls. Raises `OrganisationFault` for nobody."""
    if ctx.auth.uid is None:
        raise OrganisationFault("this is for somebody who is signed in")
    return ctx.auth.uid


def read_name(text: str) -> str:
    """A name without the space around it. Raises `OrganisationFault`."""
    found = text.strip()
    if not 1 <= len(found) <= _LONGEST_NAME or any(unicodedata.category(each)[0] == "C" for each in found):
        raise no_name()
    return found


def shown_name(name: str) -> str:
    """The name as it stands in a mail to somebody who does not know the sender; nothing for one that is a link."""
    return "" if _LOOKS_LIKE_A_LINK.search(name) else " ".join(name.split())


def hash_of(token: str) -> str:
    """What is stored of a token: it is random, and needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def returned_by(rows: Rows) -> Mapping[str, type[Any]]:
    """The functions that give a row, and of what."""
    return {
        "create_organisation": rows.organisation, "invite_member": rows.invitation,
        "revoke_invitation": rows.invitation, "accept_invitation": rows.membership, "change_member": rows.membership,
    }  # fmt: skip
