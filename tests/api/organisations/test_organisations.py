"""Organisations through the data API: who sees and does what, invitations, roles; on each engine, with both walls."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator

import pytest

from tests.api.auth.people import Answer
from tests.api.organisations.team import Member, Team, teams

PLACES = [
    pytest.param((False, False), id="sqlite"),
    pytest.param((True, False), id="postgres", marks=pytest.mark.needs("postgres")),
    pytest.param((True, True), id="second wall", marks=pytest.mark.needs("postgres")),
]


LIMITS = {
    "organisations_invitations_per_hour": 4, "organisations_max_per_user": 2, "organisations_claims": True,
    "organisations_max_claims": 2,
}  # fmt: skip


@pytest.fixture(scope="module", params=PLACES)
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    server, walled = request.param
    url = request.getfixturevalue("postgres_server") if server else None
    with teams(tmp_path_factory.mktemp("teams"), url, UNDERCROFT_DATABASE_RLS=str(walled).lower(), **LIMITS) as made:
        yield made


def assert_untouched(answer: Answer) -> None:
    """No row was there to be written, or (in the database's own words) no right to write any."""
    assert answer.json() == [] or answer.json()["code"] == "42501", answer.text


def test_somebody_makes_an_organisation_and_is_its_owner(team: Team) -> None:
    ada, bob = team.somebody(), team.somebody()
    answer = team.call(ada, "create_organisation", name=" Ducks ", slug="ducks", metadata={"plan": "free"})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["name"], made["slug"], made["metadata"], made["created_by"]) == (
        "Ducks", "ducks", {"plan": "free"}, ada.id,
    )  # fmt: skip
    assert team.roles(made["id"]) == {ada.id: "owner"}
    shown = team.ask(ada, "GET", "/organisations?select=name,memberships(user_id,role)").json()
    assert shown == [{"name": "Ducks", "memberships": [{"user_id": ada.id, "role": "owner"}]}]
    for table in ("organisations", "memberships", "organisation_invitations"):
        assert team.ask(bob, "GET", f"/{table}").json() == []
        assert team.ask(None, "GET", f"/{table}").json()["code"] == "PGRST205"
    assert team.call(bob, "create_organisation", name="Other", slug="ducks").status_code == 409
    for wrong in ({"name": " "}, {"name": "a\nb"}, {"name": "x" * 201}, {"name": "x", "slug": "A b"}):
        assert team.call(bob, "create_organisation", **wrong).json()["code"] == "22023"
    assert team.call(None, "create_organisation", name="x").json()["code"] == "PGRST202"


def test_an_invitation_is_good_once_for_its_address_and_for_a_while(team: Team) -> None:
    ada, bob, eve = team.somebody(), team.somebody(), team.somebody()
    organisation = team.organisation(ada)
    assert team.call(
        ada, "invite_member", organisation_id=organisation, email=f" {bob.email.upper()} ", role="member"
    ).json()["email"] == bob.email  # fmt: skip
    token = team.token(bob.email)
    (mail,) = team.house.mails(bob.email)
    assert mail["template"] == "organisations/invitation"
    assert mail["subject"] == "You have been invited to Ducks"
    assert "as member" in mail["text"]
    assert token in mail["html"]
    # Who manages members sees it, without what is stored of the token; others do not.
    (sent,) = team.ask(ada, "GET", "/organisation_invitations?select=*").json()
    assert (sent["email"], sent["role"], sent["invited_by"], sent["accepted_at"]) == (bob.email, "member", ada.id, None)
    assert "token_hash" not in sent
    assert team.ask(ada, "GET", "/organisation_invitations?select=token_hash").json()["code"] == "42703"
    assert team.ask(bob, "GET", "/organisation_invitations").json() == []

    def refused(who: Member, token: str) -> None:
        answer = team.call(who, "accept_invitation", token=token)
        assert (answer.status_code, answer.json()["code"]) == (404, "UC430"), answer.text

    refused(eve, token)  # whoever has the mail of somebody else
    refused(bob, token + "x")
    answer = team.call(bob, "accept_invitation", token=token)
    assert answer.json() == {**answer.json(), "organisation_id": organisation, "user_id": bob.id, "role": "member"}
    refused(bob, token)
    assert team.roles(organisation) == {ada.id: "owner", bob.id: "member"}
    assert team.call(ada, "invite_member", organisation_id=organisation, email=bob.email, role="guest").json()[
        "code"
    ] == "UC432"  # fmt: skip

    # One that was revoked, one that gave way to another, one that is too old.
    first = team.invited(ada, organisation, eve.email, "guest")
    second = team.invited(ada, organisation, eve.email, "member")
    refused(eve, first)
    (waits,) = team.ask(
        ada, "GET", f"/organisation_invitations?email=eq.{eve.email}&revoked_at=is.null&select=id"
    ).json()  # fmt: skip
    assert team.call(bob, "revoke_invitation", invitation_id=waits["id"]).json()["code"] == "42501"
    assert team.call(ada, "revoke_invitation", invitation_id=waits["id"]).json()["revoked_at"] is not None
    assert team.call(ada, "revoke_invitation", invitation_id=waits["id"]).json()["code"] == "UC430"
    refused(eve, second)
    third = team.invited(ada, organisation, eve.email, "guest")
    team.house.clock.advance(7 * 86_400 + 1)
    eve = team.signed_in(eve)
    refused(eve, third)
    assert eve.id not in team.roles(organisation)


def test_nobody_becomes_more_than_they_are(team: Team) -> None:
    """Escalation by functions, PATCH, PUT, upsert, bulk, on_conflict, and by the ids of others."""
    ada, mallory = team.somebody(), team.somebody()
    ours, theirs = team.organisation(ada), team.organisation(mallory, "Crows")
    admin = team.joined(ours, ada, "admin")
    member = team.joined(ours, ada, "member")
    before = team.roles(ours)

    def refused(who: Member, function: str, **arguments: object) -> None:
        answer = team.call(who, function, **arguments)
        assert (answer.status_code, answer.json()["code"]) == (403, "42501"), (function, arguments, answer.text)

    for who in (mallory, member):
        refused(who, "invite_member", organisation_id=ours, email="x@example.com", role="guest")
        refused(who, "change_member", organisation_id=ours, user_id=who.id, role="owner")
        refused(who, "change_member", organisation_id=ours, user_id=admin.id, role="guest")
        refused(who, "remove_member", organisation_id=ours, user_id=admin.id)
    refused(mallory, "leave_organisation", organisation_id=ours)
    # An admin gives what admins may, to whom admins may: no owner, and no auditor, who reads the books.
    for role in ("owner", "auditor"):
        refused(admin, "change_member", organisation_id=ours, user_id=admin.id, role=role)
        refused(admin, "change_member", organisation_id=ours, user_id=member.id, role=role)
        refused(admin, "invite_member", organisation_id=ours, email="x@example.com", role=role)
    refused(admin, "change_member", organisation_id=ours, user_id=ada.id, role="guest")
    refused(admin, "remove_member", organisation_id=ours, user_id=ada.id)
    assert (
        team.call(admin, "change_member", organisation_id=ours, user_id=member.id, role="x").json()["code"] == "22023"
    )
    assert team.call(admin, "remove_member", organisation_id=ours, user_id=mallory.id).json()["code"] == "UC404"
    # An owner's invitation is not an admin's to revoke, or to replace by a lesser one.
    team.invited(ada, ours, "boss@example.com", "owner")
    refused(admin, "invite_member", organisation_id=ours, email="boss@example.com", role="guest")
    (open_,) = team.ask(admin, "GET", "/organisation_invitations?email=eq.boss@example.com&select=id").json()
    refused(admin, "revoke_invitation", invitation_id=open_["id"])
    refused(mallory, "revoke_invitation", invitation_id=open_["id"])

    # The tables themselves: members are read, and nothing else.
    key = f"organisation_id=eq.{ours}&user_id=eq.{member.id}"
    row = {"organisation_id": ours, "user_id": member.id, "role": "owner"}
    for who in (member, admin, ada, mallory):
        for headers in ({}, {"prefer": "resolution=merge-duplicates"}, {"prefer": "resolution=ignore-duplicates"}):
            for body in (row, [row, {**row, "user_id": mallory.id}]):
                answer = team.ask(who, "POST", "/memberships?on_conflict=organisation_id,user_id", body, **headers)
                assert answer.json()["code"] == "42501", answer.text
        assert team.ask(who, "PUT", f"/memberships?{key}", row).json()["code"] == "42501"
        assert_untouched(team.ask(who, "PATCH", f"/memberships?{key}", {"role": "owner"}))
        assert_untouched(team.ask(who, "DELETE", f"/memberships?{key}"))
        sent = {"organisation_id": ours, "email": member.email, "role": "owner", "token_hash": "0" * 64}
        assert team.ask(who, "POST", "/organisation_invitations", sent).status_code in (400, 403)
        assert_untouched(team.ask(who, "PATCH", "/organisation_invitations?id=not.is.null", {"role": "owner"}))
        assert team.ask(who, "POST", "/organisations", {"name": "x"}).json()["code"] == "42501"
    assert team.roles(ours) == before

    # Organisations are changed by whose role may, but not given away, and deleted by owners.
    mine = f"/organisations?id=eq.{ours}"
    assert team.ask(member, "PATCH", mine, {"name": "Geese"}).json() == []
    assert team.ask(mallory, "PATCH", "/organisations?id=not.is.null", {"metadata": {"x": 1}}).json()[0]["id"] == theirs
    assert team.ask(admin, "PATCH", mine, {"name": "Geese"}).json()[0]["name"] == "Geese"
    for column in ("id", "created_by", "created_at"):
        assert team.ask(admin, "PATCH", mine, {column: theirs}).json()["code"] == "42501"
    assert team.ask(admin, "DELETE", mine).json() == []
    assert [each["id"] for each in team.ask(ada, "DELETE", mine).json()] == [ours]
    assert team.roles(ours) == {}
    assert team.ask(ada, "GET", "/organisation_invitations").json() == []


def test_what_is_taken_is_gone_at_the_next_request(team: Team) -> None:
    ada = team.somebody()
    ours = team.organisation(ada)
    admin, member = team.joined(ours, ada, "admin"), team.joined(ours, ada, "member")
    note = {"organisation_id": ours, "text": "quack"}
    assert team.ask(member, "POST", "/notes", note).status_code == 201
    assert [each["text"] for each in team.ask(member, "GET", "/notes").json()] == ["quack"]
    assert team.call(member, "may", organisation_id=ours, permission="notes.write").json() is True

    assert team.call(admin, "change_member", organisation_id=ours, user_id=member.id, role="guest").status_code == 200
    assert team.ask(member, "POST", "/notes", note).json()["code"] == "42501"
    assert team.call(member, "may", organisation_id=ours, permission="notes.write").json() is False
    assert team.ask(member, "PATCH", "/notes?text=eq.quack", {"text": "x"}).json() == []
    assert len(team.ask(member, "GET", "/notes").json()) == 1
    assert team.call(admin, "remove_member", organisation_id=ours, user_id=member.id).status_code == 204
    for table in ("notes", "organisations", "memberships"):
        assert team.ask(member, "GET", f"/{table}").json() == []
    # What somebody has sent is good no more once they may not send it.
    eve, kim = team.somebody(), team.somebody()
    by_admin = team.invited(admin, ours, eve.email, "admin")
    by_owner = team.invited(ada, ours, kim.email, "guest")
    assert team.call(ada, "change_member", organisation_id=ours, user_id=admin.id, role="member").status_code == 200
    assert team.call(eve, "accept_invitation", token=by_admin).json()["code"] == "UC430"
    assert team.call(kim, "accept_invitation", token=by_owner).status_code == 200
    # Who leaves is out, and the last owner stays.
    assert team.call(kim, "leave_organisation", organisation_id=ours).status_code == 204
    assert team.ask(kim, "GET", "/organisations").json() == []
    for answer in (
        team.call(ada, "leave_organisation", organisation_id=ours),
        team.call(ada, "change_member", organisation_id=ours, user_id=ada.id, role="admin"),
        team.call(team.service, "remove_member", organisation_id=ours, user_id=ada.id),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "UC431")
    assert team.call(ada, "change_member", organisation_id=ours, user_id=ada.id, role="owner").status_code == 200


def test_teams_are_apart(team: Team) -> None:
    """Each sees its own rows by each way of asking: filters, embeds both ways, counts, writes into the other's."""
    people = [team.somebody(), team.somebody()]
    organisations = [team.organisation(who, f"Team {at}") for at, who in enumerate(people)]
    for who, organisation in zip(people, organisations, strict=True):
        team.ask(who, "POST", "/notes", {"organisation_id": organisation, "text": f"of {who.id}"})
    for at, who in enumerate(people):
        own, other = organisations[at], organisations[1 - at]
        assert [each["text"] for each in team.ask(who, "GET", "/notes?select=text").json()] == [f"of {who.id}"]
        assert team.ask(who, "GET", f"/notes?organisation_id=eq.{other}").json() == []
        tree = team.ask(who, "GET", "/organisations?select=id,notes(text),memberships(user_id)").json()
        assert tree == [{"id": own, "notes": [{"text": f"of {who.id}"}], "memberships": [{"user_id": who.id}]}]
        assert team.ask(who, "GET", "/notes?select=organisations!inner(id)").json() == [{"organisations": {"id": own}}]
        counted = team.ask(who, "HEAD", "/notes", prefer="count=exact")
        assert counted.headers["content-range"].endswith("/1")
        note = {"organisation_id": other, "text": "x"}
        for body in (note, [{**note, "organisation_id": own}, note]):
            assert team.ask(who, "POST", "/notes", body).json()["code"] == "42501"
        moved = team.ask(who, "PATCH", "/notes?id=not.is.null", {"organisation_id": other})
        assert moved.json()["code"] == "42501"
        assert team.ask(who, "DELETE", f"/notes?organisation_id=eq.{other}").json() == []
    assert len(team.ask(team.service, "GET", f"/notes?organisation_id=in.({','.join(organisations)})").json()) == 2


def test_roles_in_the_app_are_given_by_who_may_and_hold_at_once(team: Team) -> None:
    ada, steward, bob = team.somebody(), team.somebody(), team.somebody()
    ours = team.organisation(ada)
    team.ask(ada, "POST", "/notes", {"organisation_id": ours, "text": "quack"})
    assert team.call(team.service, "give_role", user_id=steward.id, role="steward").status_code == 204
    assert team.ask(bob, "GET", f"/notes?organisation_id=eq.{ours}").json() == []

    for who, role in ((bob, "moderator"), (steward, "chief")):
        assert team.call(who, "give_role", user_id=bob.id, role=role).json()["code"] == "42501"
    assert team.call(steward, "give_role", user_id=bob.id, role="x").json()["code"] == "22023"
    for _ in range(2):
        assert team.call(steward, "give_role", user_id=bob.id, role="steward").status_code == 204
    assert len(team.ask(bob, "GET", f"/notes?organisation_id=eq.{ours}").json()) == 1
    assert team.ask(ada, "GET", "/user_roles").json() == []
    assert team.call(team.service, "give_role", user_id=ada.id, role="moderator").status_code == 204
    assert [each["role"] for each in team.ask(ada, "GET", "/user_roles").json()] == ["moderator"]
    assert len(team.ask(steward, "GET", "/user_roles").json()) == 3
    mine = {"user_id": ada.id, "role": "chief"}
    assert team.ask(ada, "POST", "/user_roles", [mine], prefer="resolution=merge-duplicates").json()["code"] == "42501"
    assert_untouched(team.ask(bob, "PATCH", "/user_roles?role=eq.steward", {"role": "chief"}))
    assert team.call(steward, "take_role", user_id=bob.id, role="steward").status_code == 204
    assert team.ask(bob, "GET", f"/notes?organisation_id=eq.{ours}").json() == []
    assert team.call(team.service, "take_role", user_id=steward.id, role="steward").status_code == 204


def test_of_64_owners_who_leave_at_once_one_stays(team: Team) -> None:
    """And half of them give up the role instead."""
    ada = team.somebody()
    ours = team.organisation(ada)
    owners = [ada, *(team.somebody() for _ in range(63))]
    rows = [{"organisation_id": ours, "user_id": who.id, "role": "owner"} for who in owners[1:]]
    assert team.ask(team.service, "POST", "/memberships", rows).status_code == 201
    asks = [
        team.asking(who, "leave_organisation", organisation_id=ours)
        if at % 2
        else team.asking(who, "change_member", organisation_id=ours, user_id=who.id, role="guest")
        for at, who in enumerate(owners)
    ]
    answers = team.house.together(*asks)
    assert sorted(answer.status_code for answer in answers if answer.status_code >= 300) == [409]
    assert list(team.roles(ours).values()).count("owner") == 1


def test_of_64_who_accept_at_once_one_does(team: Team) -> None:
    ada, bob = team.somebody(), team.somebody()
    ours = team.organisation(ada)
    token = team.invited(ada, ours, bob.email, "member")
    answers = team.house.together(*(team.asking(bob, "accept_invitation", token=token) for _ in range(64)))
    assert sorted({answer.status_code for answer in answers}) == [200, 404]
    assert [answer.status_code for answer in answers].count(200) == 1
    assert team.roles(ours) == {ada.id: "owner", bob.id: "member"}


def test_nobody_floods_others_with_invitations(team: Team) -> None:
    ada = team.somebody()
    ours = [team.organisation(ada, "Look at https://evil.example/x"), team.organisation(ada)]
    for at in range(4):
        team.invited(ada, ours[at % 2], f"friend{at}@example.com", "guest")
    answer = team.call(ada, "invite_member", organisation_id=ours[0], email="more@example.com", role="guest")
    assert (answer.status_code, answer.json()["code"]) == (429, "UC433")
    (mail,) = team.house.mails("friend0@example.com")
    assert "evil" not in mail["text"] + mail["html"] + mail["subject"]
    assert team.call(ada, "create_organisation", name="third").json()["code"] == "UC433"
    for wrong in ("", "x", "a@b@c", "x" * 300):
        answer = team.call(ada, "invite_member", organisation_id=ours[0], email=wrong, role="guest")
        assert answer.json()["code"] == "22023"


def test_tokens_say_which_role_somebody_has_where(team: Team) -> None:
    """For others: the first ones, and whether there are more. A refresh tells what has changed."""
    ada, bob = team.somebody(), team.somebody()
    assert told(bob) == {"org_roles": {}}
    ours = [team.organisation(ada), team.organisation(ada, "Geese")]
    team.house.clock.advance(1)
    theirs = team.organisation(bob)
    team.joined(theirs, bob, "member", ada)
    ada, bob = team.signed_in(ada), team.signed_in(bob)
    assert told(ada) == {"org_roles": dict.fromkeys(ours, "owner"), "org_roles_more": True}
    assert told(bob) == {"org_roles": {theirs: "owner"}}


def told(who: Member) -> dict[str, object]:
    metadata = team_claims(who)["app_metadata"]
    return {name: value for name, value in metadata.items() if name.startswith("org_roles")}


def team_claims(who: Member) -> dict[str, dict[str, object]]:
    payload = who.token.split(".")[1]
    claims: dict[str, dict[str, object]] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
