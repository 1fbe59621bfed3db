"""D12 and D20 of the plan: who puts an account in somebody else's way before they come by another place."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tests.api.auth.mailed import Mail, pressed
from tests.api.auth.people import PKCE, People
from tests.api.auth.places import TENANT, Browser, Round, fragment, query, who
from undercroft.auth.store import Rows
from undercroft.auth.tables import (
    CREDENTIALS,
    FACTORS,
    FLOWS,
    IDENTITIES,
    ONE_TIME_TOKENS,
    RECOVERY_CODES,
    SESSIONS,
    USERS,
)


@pytest.fixture(params=["trip", "trusting"])
def either(request: pytest.FixtureRequest, server: str | None) -> Round:
    made: Round = request.getfixturevalue(request.param)
    return made


def added(house: People, table: Any, **values: Any) -> None:
    dialect = house.house.engine.dialect
    house.run(house.house.engine.write(lambda cursor: Rows(cursor, dialect).add(table, **values)))


def lurking(trip: Round, user_id: str) -> None:
    """What else an attacker may have put into an account."""
    house, now = trip.house, trip.house.clock.now()
    added(house, FACTORS, id=str(uuid4()), user_id=user_id, factor_type="totp", status="verified", created_at=now,
          updated_at=now)  # fmt: skip
    added(house, CREDENTIALS, id=str(uuid4()), user_id=user_id, credential_id=str(uuid4()), public_key="x")
    added(house, RECOVERY_CODES, id=str(uuid4()), user_id=user_id, code_hash="x")
    added(house, ONE_TIME_TOKENS, id=str(uuid4()), user_id=user_id, token_type="email_change_token_new",
          token_hash=str(uuid4()), relates_to="evil@example.com")  # fmt: skip
    added(house, FLOWS, id=str(uuid4()), user_id=user_id, auth_code="x", created_at=now)


def holds_nothing(trip: Round, user_id: str, left: set[str]) -> None:
    house = trip.house
    for table in (FACTORS, CREDENTIALS, RECOVERY_CODES, ONE_TIME_TOKENS, FLOWS):
        assert house.rows(table, user_id=user_id) == [], table.name
    assert {row["provider"] for row in house.rows(IDENTITIES, user_id=user_id)} == left
    (user,) = house.rows(USERS, id=user_id)
    assert user["encrypted_password"] is None
    assert (user["email_change"] or "", user["phone_change"] or "", user["phone"]) == ("", "", None)
    assert "planted" not in (user["raw_user_meta_data"] or {})
    assert len(house.rows(SESSIONS, user_id=user_id)) == 1


def test_d12_a_password_that_was_there_first(either: Round) -> None:
    house, email = either.house, either.house.fresh_email()
    body = {"email": email, "password": "of the attacker", "data": {"planted": True}}
    evil = house.ask("POST", "/signup", body).json()
    user_id = house.rows(USERS, email=email)[0]["id"]
    lurking(either, user_id)
    tokens = either.signed_in("keycloak", who(f"victim-{email}", email))
    assert either.user(tokens)["id"] == user_id
    holds_nothing(either, user_id, {"keycloak"})
    body = {"email": email, "password": "of the attacker"}
    assert house.ask("POST", "/token?grant_type=password", body).status_code == 400
    if evil.get("access_token"):
        assert house.ask("GET", "/user", token=evil["access_token"]).status_code in (401, 403)
        again = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": evil["refresh_token"]})
        assert again.status_code == 400
    assert either.user(tokens)["user_metadata"]["name"].startswith("Victim")


@pytest.mark.parametrize("way", ["/recover", "/otp", "link of PKCE"])
def test_d12_who_comes_by_a_mail_finds_nothing_of_others(trusting: Round, way: str) -> None:
    """Where addresses are taken as they come, it is the first mail that shows whose one is."""
    house, email = trusting.house, trusting.house.fresh_email()
    evil = house.signed_up(email, "of the attacker")
    user_id = evil["user"]["id"]
    lurking(trusting, user_id)
    house.ask("POST", "/recover" if way == "/recover" else "/otp", {"email": email, **(PKCE if "PKCE" in way else {})})
    mail = Mail(house, email)
    if "PKCE" in way:
        assert "code" in query(pressed(house, mail))
    else:
        verified = {"email": email, "token": mail.code, "type": "recovery" if way == "/recover" else "email"}
        assert house.ask("POST", "/verify", verified).status_code == 200
    for table in (CREDENTIALS, ONE_TIME_TOKENS):
        assert house.rows(table, user_id=user_id) == [], table.name
    assert [each["auth_code"] for each in house.rows(FLOWS, user_id=user_id)].count("x") == 0
    assert len(house.rows(FACTORS, user_id=user_id)) == 1, "no mail takes a second factor away"
    assert house.ask("GET", "/user", token=evil["access_token"]).status_code == 403
    for body in ({"email": email, "password": "of the attacker"}, {"refresh_token": evil["refresh_token"]}):
        kind = "password" if "password" in body else "refresh_token"
        assert house.ask("POST", f"/token?grant_type={kind}", body).status_code == 400
    assert house.rows(IDENTITIES, user_id=user_id)[0]["identity_data"]["email_verified"] is True


def test_d12_a_mail_takes_nothing_from_an_owner_who_is_known(trusting: Round) -> None:
    house, email = trusting.house, trusting.house.fresh_email()
    house.signed_up(email)
    for turn in range(2):
        house.ask("POST", "/otp", {"email": email})
        told = house.ask("POST", "/verify", {"email": email, "token": Mail(house, email).code, "type": "email"}).json()
        if not turn:
            body = {"password": "tall giraffe"}
            assert house.ask("PUT", "/user", body, token=told["access_token"]).status_code == 200
    body = {"email": email, "password": "tall giraffe"}
    assert house.ask("POST", "/token?grant_type=password", body).status_code == 200
    (user,) = house.rows(USERS, email=email)
    assert user["raw_app_meta_data"] == {"provider": "email", "providers": ["email"]}


def test_d12_a_number_that_was_taken_as_it_came(trusting: Round) -> None:
    """Its owner comes by a message."""
    house = trusting.house
    evil = house.ask("POST", "/signup", {"phone": "15550001", "password": "of the attacker"})
    assert evil.status_code == 200, evil.text
    house.ask("POST", "/otp", {"phone": "15550001"})
    for _ in range(2):
        house.ask("POST", "/otp", {"phone": "15550001"})
        verified = {"phone": "15550001", "token": "123456", "type": "sms"}
        assert house.ask("POST", "/verify", verified).status_code == 200
    assert house.ask("GET", "/user", token=evil.json()["access_token"]).status_code == 403
    body = {"phone": "15550001", "password": "of the attacker"}
    assert house.ask("POST", "/token?grant_type=password", body).status_code == 400
    assert len(house.rows(SESSIONS, user_id=evil.json()["user"]["id"])) == 2


def test_d12_a_code_that_was_asked_for_first(either: Round) -> None:
    house, email = either.house, either.house.fresh_email()
    assert house.ask("POST", "/otp", {"email": email, "data": {"planted": True}, **PKCE}).status_code == 200
    user_id = house.rows(USERS, email=email)[0]["id"]
    lurking(either, user_id)
    assert either.user(either.signed_in("keycloak", who(f"victim-{email}", email)))["id"] == user_id
    holds_nothing(either, user_id, {"keycloak"})


@pytest.mark.parametrize("verified", [False, "false", None, ..., 0, 1, "TRUE", "yes", [], {"a": 1}], ids=str)
def test_d12_a_place_that_did_not_look_came_first(either: Round, verified: Any) -> None:
    house, email = either.house, either.house.fresh_email()
    evil = fragment(either.go("custom:acme", who(f"evil-{email}", email, verified)))
    (user,) = house.rows(USERS, email=email)
    lurking(either, user["id"])
    tokens = either.signed_in("keycloak", who(f"victim-{email}", email))
    assert either.user(tokens)["id"] == user["id"]
    holds_nothing(either, user["id"], {"keycloak"})
    if "access_token" in evil:
        assert house.ask("GET", "/user", token=evil["access_token"]).status_code in (401, 403)
    again = either.go("custom:acme", who(f"evil-{email}", email, verified))
    assert "access_token" not in fragment(again)


@pytest.mark.parametrize("verified", [False, "false", None, ..., 0, 1, "TRUE", "yes", [], {"a": 1}], ids=str)
def test_d12_a_place_that_did_not_look_joins_nothing(either: Round, verified: Any) -> None:
    email = either.house.fresh_email()
    first = either.user(either.signed_in("keycloak", who(f"owner-{email}", email)))
    answer = either.go("custom:acme", who(f"evil-{email}", email, verified))
    assert "access_token" not in fragment(answer)
    assert [each["provider"] for each in either.house.rows(IDENTITIES, user_id=first["id"])] == ["keycloak"]
    optional = either.signed_in("custom:quiet", who(f"evil-{email}", email, verified))
    assert either.user(optional)["id"] != first["id"]
    assert either.user(optional)["email"] == ""


@pytest.mark.parametrize(
    ("place", "claims", "told"),
    [
        ("azure", {"tid": TENANT, "email": "EMAIL"}, {}),
        ("azure", {"tid": TENANT, "email": "EMAIL", "email_verified": True}, {}),
        ("azure", {"tid": TENANT, "email": "EMAIL", "xms_edov": False}, {}),
        ("azure", {"tid": TENANT, "email": "EMAIL", "xms_edov": "0"}, {}),
        ("azure", {"tid": TENANT, "upn": "EMAIL", "preferred_username": "EMAIL", "xms_edov": True}, {}),
        ("discord", {}, {"@me": {"id": "50", "username": "x", "email": "EMAIL", "verified": False}}),
        ("discord", {}, {"@me": {"id": "51", "username": "x", "email": "EMAIL"}}),
        ("gitlab", {}, {"user": {"id": 52, "email": "EMAIL", "confirmed_at": None}}),
        ("github", {}, {"user": {"id": 53, "email": "EMAIL"}, "emails": []}),
        ("github", {}, {"user": {"id": 54, "email": "EMAIL"},
                        "emails": [{"email": "EMAIL", "primary": True, "verified": False}]}),
        ("github", {}, {"user": {"id": 55, "email": "EMAIL"},
                        "emails": [{"email": "EMAIL", "primary": False, "verified": True}]}),
        ("github", {}, {"user": {"id": 56, "email": "EMAIL"}, "emails": {"message": "Forbidden"}}),
    ],
)  # fmt: skip
def test_d12_each_place_says_it_in_its_own_words(
    either: Round, place: str, claims: dict[str, Any], told: dict[str, Any]
) -> None:
    email = either.house.fresh_email()
    owner = either.user(either.signed_in("keycloak", who(f"owner-{email}", email)))
    filled = json.loads(json.dumps([claims, told]).replace("EMAIL", email))
    given = {"sub": f"evil-{email}", **filled[0]} if claims else {}
    answer = either.go(place, given, filled[1])
    assert "access_token" not in fragment(answer)
    assert len(either.house.rows(IDENTITIES, user_id=owner["id"])) == 1


def test_d12_a_body_says_nothing_of_an_address(either: Round) -> None:
    """The form that Apple sends people back with is theirs to write."""
    email = either.house.fresh_email()
    owner = either.user(either.signed_in("keycloak", who(f"owner-{email}", email)))
    browser = Browser(either.house)
    left = browser.go("/authorize?provider=apple")
    values = either.places.visit(left.headers["location"], who(f"evil-{email}"))
    form = {**values, "user": json.dumps({"email": email, "name": {"email": email}}), "email": email}
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert "access_token" not in fragment(browser.go("/callback", "POST", urlencode(form), **kind))
    assert len(either.house.rows(IDENTITIES, user_id=owner["id"])) == 1


def test_d12_an_account_that_is_proven_keeps_what_it_has(either: Round) -> None:
    email = either.house.fresh_email()
    first = either.signed_in("keycloak", who(f"owner-{email}", email))
    either.house.ask("PUT", "/user", {"data": {"kept": 1}}, token=first["access_token"])
    second = either.user(either.signed_in("custom:acme", who(f"owner-{email}", email.upper())))
    assert second["id"] == either.user(first)["id"]
    assert second["user_metadata"]["kept"] == 1
    assert sorted(second["app_metadata"]["providers"]) == ["custom:acme", "keycloak"]


@pytest.mark.parametrize("letter", ["\uff45", "\u1d49", "\u2147", "\u00e9"], ids=ascii)
def test_d20_an_address_that_only_looks_alike_is_another_mailbox(either: Round, letter: str) -> None:
    """A place may well have verified it: it is written to elsewhere than the one that it becomes."""
    email = either.house.fresh_email()
    owner = either.user(either.signed_in("keycloak", who(f"owner-{email}", email)))
    alike = email.replace("e", letter, 1)
    either.go("custom:acme", who(f"evil-{alike}", alike))
    assert [each["provider"] for each in either.house.rows(IDENTITIES, user_id=owner["id"])] == ["keycloak"]


def test_d20_capitals_are_no_difference(either: Round) -> None:
    email = either.house.fresh_email()
    owner = either.user(either.signed_in("keycloak", who(f"owner-{email}", email)))
    assert either.user(either.signed_in("custom:acme", who(f"owner-{email}", email.title())))["id"] == owner["id"]
