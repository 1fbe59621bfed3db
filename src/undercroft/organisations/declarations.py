"""The verbs of an app file for organisations and roles: the tables, their policies and the functions come with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from undercroft.access.belonging import ORGANISATIONS, PEOPLE, declare, has_permission, org_roles, permits
from undercroft.access.claims import uid
from undercroft.access.ladder import Ladder, ladder_of
from undercroft.base.faults import SetupFault
from undercroft.models.declarations import Declarations, Roles, roles_of
from undercroft.models.functions import read_function
from undercroft.organisations.service import RoleVerbs, Verbs, returned_by
from undercroft.organisations.store import Rows, rows_of, user_roles_of
from undercroft.organisations.types import MEMBERS_MANAGE, ORGANISATION_DELETE, ORGANISATION_MANAGE, ROLES_MANAGE
from undercroft.pipeline.context import Context

Permissions = Mapping[str, str | Iterable[str]]
"""Roles, the highest first, each with what it permits: `"*"`, or names."""
USUAL: Permissions = {"owner": "*", "admin": (MEMBERS_MANAGE, ORGANISATION_MANAGE), "member": ()}
_BUILT_IN = (MEMBERS_MANAGE, ORGANISATION_MANAGE, ORGANISATION_DELETE)
AUTHENTICATED = "authenticated"


@dataclass(frozen=True, slots=True, eq=False)
class Organised:
    """What an app has of organisations: the mapped classes, for foreign keys and relationships, and their roles."""

    rows: Rows
    ladder: Ladder

    @property
    def Organisation(self) -> type[Any]:  # noqa: N802  # a class
        """`organisations`"""
        return self.rows.organisation

    @property
    def Membership(self) -> type[Any]:  # noqa: N802
        """`memberships`"""
        return self.rows.membership

    @property
    def Invitation(self) -> type[Any]:  # noqa: N802
        """`organisation_invitations`"""
        return self.rows.invitation

    async def permits(self, ctx: Context, organisation_id: UUID, permission: str) -> bool:
        """Whether the caller's role in an organisation has a permission, for an app's own functions and hooks."""
        if ctx.auth.uid is None:
            return False
        with ctx.as_service():
            role = await self.rows.role(ctx.session, organisation_id, ctx.auth.uid)
        return role in self.ladder.permitting(permission)


class OrganisationDeclarations(Declarations):
    """What an app declared of organisations and of roles."""

    models: Any
    """The declarative base of the app."""
    existing: bool

    def __init__(self) -> None:
        super().__init__()
        self.organised: Organised | None = None
        self.user_roles: type[Any] | None = None

    def organisations(
        self, roles: Permissions = USUAL, *, create: Roles = AUTHENTICATED, policies: bool = True
    ) -> Organised:
        """Have organisations: the tables `organisations`, `memberships` and `organisation_invitations`, with policies,
        and the functions that change them.

        Args:
            roles: the highest first, each with what it permits: `"*"`, or names of yours and of the house
                (`members.manage`, `organisation.manage`, `organisation.delete`). Nobody gives or takes a role above
                their own, or one that permits more.
            create: the roles of tokens that may make an organisation; `()` for the service alone.
            policies: False leaves the policies of the tables to the app.

        Raises:
            SetupFault: for roles that make no sense, and over an existing database.
        """
        self._refuse_existing("organisations")
        ladder = ladder_of(roles, _BUILT_IN)
        rows = rows_of(self.models)
        declare(self.models.metadata, ORGANISATIONS, ladder)
        verbs, gives = Verbs(rows, ladder), returned_by(rows)
        makers = roles_of(create) or frozenset({"service_role"})
        self._function(verbs.create_organisation, gives["create_organisation"], makers)
        for verb in (verbs.invite_member, verbs.revoke_invitation, verbs.accept_invitation, verbs.change_member):
            self._function(verb, gives[verb.__name__])
        for other in (verbs.remove_member, verbs.leave_organisation):
            self._function(other)
        self.hide(rows.invitation.token_hash)
        self.read_only(rows.organisation.id, rows.organisation.created_by, rows.organisation.created_at)
        if policies:
            self._organisation_policies(rows)
        self.organised = Organised(rows, ladder)
        return self.organised

    def roles(self, roles: Permissions) -> type[Any]:
        """Have roles in the app: the table `user_roles`, and `auth.has_role(…)` and `auth.permits(…)` for policies.

        Gives the mapped class. Who has the permission `roles.manage` may call `give_role` and `take_role`.

        Raises:
            SetupFault: for roles that make no sense, and over an existing database.
        """
        self._refuse_existing("roles")
        ladder, rows = ladder_of(roles, (ROLES_MANAGE,)), user_roles_of(self.models)
        declare(self.models.metadata, PEOPLE, ladder)
        verbs = RoleVerbs(rows, ladder)
        self._function(verbs.give_role)
        self._function(verbs.take_role)

        @self.policy(rows.row, "select", to=AUTHENTICATED)
        def own_roles(row: Any) -> Any:
            """Everybody sees their own roles; who gives roles sees those of all."""
            return (row.user_id == uid) | permits(ROLES_MANAGE)

        self.user_roles = rows.row
        return rows.row

    def _organisation_policies(self, rows: Rows) -> None:
        @self.policy(rows.organisation, "select", to=AUTHENTICATED)
        def own_organisations(organisation: Any) -> Any:
            """Members see their organisations."""
            return organisation.id.in_(org_roles())

        @self.policy(rows.organisation, "update", to=AUTHENTICATED)
        def managed(organisation: Any) -> Any:
            """Whose role has organisation.manage changes what the organisation is called."""
            return has_permission(organisation.id, ORGANISATION_MANAGE)

        @self.policy(rows.organisation, "delete", to=AUTHENTICATED)
        def deleted(organisation: Any) -> Any:
            """Whose role has organisation.delete may delete it."""
            return has_permission(organisation.id, ORGANISATION_DELETE)

        @self.policy(rows.membership, "select", to=AUTHENTICATED)
        def fellow_members(membership: Any) -> Any:
            """Members see who else is in their organisations."""
            return membership.organisation_id.in_(org_roles())

        @self.policy(rows.invitation, "select", to=AUTHENTICATED)
        def sent_invitations(invitation: Any) -> Any:
            """Whose role has members.manage sees who was invited."""
            return has_permission(invitation.organisation_id, MEMBERS_MANAGE)

    def _function(
        self, run: Callable[..., Any], returns: type[Any] | None = None, to: frozenset[str] | None = None
    ) -> None:
        found = read_function(run, name=None, roles=to or frozenset({AUTHENTICATED}), read_only=False)
        self.functions.append(replace(found, returns=returns, result=None, repeatable=True))

    def _refuse_existing(self, what: str) -> None:
        if self.existing:
            raise SetupFault(f"an app over an existing database has no {what}", hint="They need tables of their own.")
