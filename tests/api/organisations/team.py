"""Notes of teams: an app with organisations and roles, and people in it, on either engine and with the second wall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.api.auth.people import Answer, People, people
from undercroft import App, Context, Uuid, auth
from undercroft.models.base import NAMES

ROLES = {
    "owner": "*",
    "admin": ("members.manage", "organisation.manage", "notes.read", "notes.write"),
    "auditor": ("notes.read", "books.read"),
    "member": ("notes.read", "notes.write"),
    "guest": ("notes.read",),
}
PASSWORD = "correct horse"
FULL = {"prefer": "return=representation"}


def team_app() -> tuple[App, Any]:
    """The app, and its notes."""

    class Base(DeclarativeBase):
        metadata = MetaData(naming_convention=NAMES)

    app = App(Base, title="Teams")
    team = app.organisations(ROLES)
    app.roles({"chief": "*", "moderator": ("notes.hide",), "steward": ("roles.manage", "notes.hide")})

    class Note(Base):
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        organisation_id: Mapped[UUID] = mapped_column(
            Uuid, ForeignKey(team.Organisation.id, ondelete="CASCADE"), index=True
        )
        text: Mapped[str]
        hidden: Mapped[bool] = mapped_column(default=False)

    @app.policy(Note, "select", to="authenticated")
    def read(note: Any) -> Any:
        """Who reads notes in the team; moderators read those of all."""
        return (auth.has_permission(note.organisation_id, "notes.read") & ~note.hidden) | auth.permits("notes.hide")

    @app.policy(Note, "insert", "update", to="authenticated")
    def write(note: Any) -> Any:
        """Who writes notes in the team."""
        return auth.has_permission(note.organisation_id, "notes.write") | auth.has_role("moderator")

    @app.policy(Note, "delete", to="authenticated")
    def clear(note: Any) -> Any:
        """Owners and admins."""
        return note.organisation_id.in_(auth.org_roles("owner", "admin"))

    @app.rpc(to="authenticated")
    async def may(ctx: Context, organisation_id: UUID, permission: str) -> bool:
        return await team.permits(ctx, organisation_id, permission)

    return app, Note


class Team:
    """What tests ask of the house."""

    def __init__(self, house: People) -> None:
        self.house = house

    def somebody(self, email: str | None = None) -> Member:
        """A new account."""
        told = self.house.signed_up(email)
        return Member(told["user"]["id"], told["user"]["email"], told["access_token"])

    def ask(self, who: Member | None, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """A request to the data API; None is nobody."""
        return self.house.ask(
            method, f"/rest/v1{path}", body, token=who.token if who else None, headers={**FULL, **headers}
        )

    def call(self, who: Member | None, function: str, **arguments: Any) -> Answer:
        """A function."""
        return self.ask(who, "POST", f"/rpc/{function}", arguments)

    async def asking(self, who: Member, function: str, **arguments: Any) -> Answer:
        """As `call`, to be waited for together with others."""
        return await self.house.asking("POST", f"/rest/v1/rpc/{function}", arguments, token=who.token, headers=FULL)

    def signed_in(self, who: Member) -> Member:
        """The same account with a new token, once the clock has moved on."""
        answer = self.house.ask("POST", "/token?grant_type=password", {"email": who.email, "password": PASSWORD})
        return Member(who.id, who.email, answer.json()["access_token"])

    @property
    def service(self) -> Member:
        return Member("", "", self.house.service)

    def organisation(self, who: Member, name: str = "Ducks") -> str:
        """A new organisation of somebody."""
        answer = self.call(who, "create_organisation", name=name)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    def invited(self, who: Member, organisation: str, email: str, role: str) -> str:
        """The token that a mail brings."""
        answer = self.call(who, "invite_member", organisation_id=organisation, email=email, role=role)
        assert answer.status_code == 200, answer.text
        return self.token(email)

    def token(self, email: str) -> str:
        """The one of the last mail to an address."""
        found = re.search(r"https://app\.example\.com/invitation\?token=([\w-]+)", self.house.mails(email)[-1]["text"])
        assert found is not None
        return found[1]

    def joined(self, organisation: str, by: Member, role: str, who: Member | None = None) -> Member:
        """A member who was invited."""
        who = who or self.somebody()
        answer = self.call(who, "accept_invitation", token=self.invited(by, organisation, who.email, role))
        assert answer.status_code == 200, answer.text
        assert answer.json()["role"] == role
        return who

    def roles(self, organisation: str) -> dict[str, str]:
        """Who is what, as the service sees it."""
        answer = self.ask(self.service, "GET", f"/memberships?organisation_id=eq.{organisation}&select=user_id,role")
        return {row["user_id"]: row["role"] for row in answer.json()}


class Member:
    """An account and its token."""

    def __init__(self, id: str, email: str, token: str) -> None:
        self.id, self.email, self.token = id, email, token


@contextmanager
def teams(folder: Path, server: str | None, **settings: object) -> Iterator[Team]:
    """The house on a database of its own."""
    app, _ = team_app()
    with people(folder, server, app, **settings) as house:
        yield Team(house)
