"""What an app says of roles: who may give what, and which mistakes stop the start, each with its name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import App, Uuid, auth
from undercroft.access.ladder import ladder_of
from undercroft.access.policy import rules_of
from undercroft.app.checking import check_rules
from undercroft.base.faults import SetupFault
from undercroft.organisations.service import shown_name

LADDER = ladder_of({"owner": "*", "admin": ("run", "write"), "auditor": ("audit",), "member": "write", "guest": ()}, ())


@pytest.mark.parametrize(
    ("role", "gives"),
    [
        ("owner", ("owner", "admin", "auditor", "member", "guest")),
        ("admin", ("admin", "member", "guest")),  # an auditor may what an admin may not
        ("auditor", ("auditor", "guest")),
        ("guest", ("guest",)),
        ("no such", ()),
    ],
)
def test_nobody_gives_a_role_above_their_own_or_one_that_permits_more(role: str, gives: tuple[str, ...]) -> None:
    assert LADDER.gives(role) == gives


def test_a_permission_is_had_by_those_who_name_it_and_by_the_highest() -> None:
    assert LADDER.permitting("write") == ("owner", "admin", "member")
    assert LADDER.permitting("audit") == ("owner", "auditor")


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ({}, "at least one role"),
        ({"admin": ("x",)}, "must permit everything"),
        ({"member": (), "owner": "*"}, '"member" must permit everything'),
        ({"owner": "*", " member": ()}, 'cannot be called " member"'),
        ({"owner": "*", "x" * 64: ()}, "cannot be called"),
    ],
)
def test_roles_that_make_no_sense(roles: dict[str, Any], says: str) -> None:
    with pytest.raises(SetupFault, match=says):
        ladder_of(roles, ())


def base() -> type[DeclarativeBase]:
    class Base(DeclarativeBase):
        metadata = MetaData()

    return Base


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (lambda row: row.org.in_(auth.org_roles("ower")), 'no role is called "ower"'),
        (lambda row: auth.has_permission(row.org, "notes.reed"), 'no role names the permission "notes.reed"'),
        (lambda row: auth.has_role("chief"), r"nothing says what roles there are of people"),
        (lambda row: ~auth.permits("x"), r"nothing says what roles there are of people"),
    ],
)
def test_a_policy_that_names_what_is_not_there_stops_the_start(policy: Any, says: str) -> None:
    models = base()

    class Note(models):  # type: ignore[valid-type, misc]  # made here
        __tablename__ = "notes"
        id: Mapped[int] = mapped_column(primary_key=True)
        org: Mapped[UUID] = mapped_column(Uuid)

    app = App(models)
    app.organisations({"owner": "*", "member": ("notes.read",)})
    app.policy(Note, "select")(policy)
    with pytest.raises(SetupFault, match=says):
        check_rules(app.catalog("public"), rules_of(app.policies, app.column_rules, app.bypass))


def test_an_app_has_only_what_it_asks_for() -> None:
    plain, bare, whole = App(base()), App(base()), App(base())
    team = bare.organisations(create=(), policies=False)
    whole.organisations()
    whole.roles({"chief": "*"})
    names = {"organisations", "memberships", "organisation_invitations", "user_roles"}
    assert not names & plain.metadata.tables.keys()
    assert names & bare.metadata.tables.keys() == names - {"user_roles"}
    assert names <= whole.metadata.tables.keys()
    assert (plain.functions, bare.policies) == ([], [])
    assert {each.table for each in whole.policies} == names
    create = next(each for each in bare.functions if each.name == "create_organisation")
    assert create.roles == {"service_role"}
    assert team.Organisation.__table__ is bare.metadata.tables["organisations"]


def test_declared_twice_it_is_the_same_or_refused() -> None:
    models = base()
    team = App(models).organisations()
    assert App(models).organisations().Membership is team.Membership
    with pytest.raises(SetupFault, match="declared twice"):
        App(models).organisations({"boss": "*"})
    with pytest.raises(SetupFault, match="existing database"):
        App(base(), existing=True).organisations()


def test_outside_of_a_policy_it_finds_nothing_and_wants_a_value_that_nobody_has() -> None:
    engine = sa.create_engine("sqlite://")
    for asked in (auth.org_roles(), sa.select(auth.has_role("chief"))):
        with engine.connect() as connection, pytest.raises(sa.exc.StatementError, match="auth_in_policies_only"):
            connection.execute(asked)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("The  Ducks", "The Ducks"),
        ("Café & Söhne, Ltd.", "Café & Söhne, Ltd."),
        ("see https://evil.example", ""),
        ("WWW.evil.example", ""),
        ("evil.example/login", ""),
        ("mail me@evil.example", ""),
    ],
)
def test_a_name_that_is_a_link_is_not_mailed(name: str, shown: str) -> None:
    assert shown_name(name) == shown
