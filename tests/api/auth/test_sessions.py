"""Signing up, in and out, and staying signed in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.auth.people import Answer, People
from undercroft.auth.tables import AUDIT, REVOCATIONS, SESSIONS


def refreshed(house: People, token: str) -> Answer:
    return house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": token})


def signed_in(house: People, email: str, password: str = "correct horse") -> Answer:
    return house.ask("POST", "/token?grant_type=password", {"email": email, "password": password})


def code_of(answer: Answer) -> Any:
    return answer.json().get("error_code")


def test_signing_up_gives_a_session(house: People) -> None:
    email = house.fresh_email()
    told = house.signed_up(f" {email.upper()} ")
    assert told["token_type"] == "bearer"
    assert told["expires_in"] == 3600
    assert told["expires_at"] == int(house.clock.timestamp()) + 3600
    user = told["user"]
    assert user["email"] == email
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert [each["provider"] for each in user["identities"]] == ["email"]
    assert house.ask("GET", "/user", token=told["access_token"]).json() == user
    assert "password" not in house.ask("GET", "/user", token=told["access_token"]).text


def test_a_password_opens_and_a_wrong_one_does_not(house: People) -> None:
    email = house.fresh_email()
    house.signed_up(email)
    assert signed_in(house, email).status_code == 200
    for answer in (signed_in(house, email, "correct horsf"), signed_in(house, "nobody@example.com")):
        assert (answer.status_code, code_of(answer)) == (400, "invalid_credentials")
        assert answer.json()["msg"] == "Invalid login credentials"


def test_faults_are_told_as_the_client_reads_them(house: People) -> None:
    headers = {"x-supabase-api-version": "2024-01-01"}
    answer = house.ask("POST", "/signup", {"email": "x@example.com", "password": "zq9k!"}, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["x-supabase-api-version"] == "2024-01-01"
    assert answer.json()["code"] == "weak_password"
    assert answer.json()["weak_password"]["reasons"] == ["length"]
    older = house.ask("POST", "/signup", {"email": "x@example.com", "password": "zq9k!"}).json()
    assert (older["code"], older["error_code"]) == (422, "weak_password")


def test_refreshing_gives_a_new_token_each_time(house: People) -> None:
    first = house.signed_up()
    second = refreshed(house, first["refresh_token"]).json()
    third = refreshed(house, second["refresh_token"]).json()
    assert len({each["refresh_token"] for each in (first, second, third)}) == 3
    assert third["user"]["id"] == first["user"]["id"]


def test_tabs_that_refresh_at_once_get_the_same_child(house: People) -> None:
    token = house.signed_up()["refresh_token"]
    asks = [house.asking("POST", "/token?grant_type=refresh_token", {"refresh_token": token}) for _ in range(50)]
    answers = house.together(*asks)
    assert {answer.status_code for answer in answers} == {200}
    children = {answer.json()["refresh_token"] for answer in answers}
    assert len(children) == 1
    assert refreshed(house, children.pop()).status_code == 200


@pytest.mark.parametrize("later", [0, 11, 3600])
def test_an_ancestor_ends_the_whole_family(house: People, later: float) -> None:
    """D8: the token of two refreshes ago kills the one in force, at once and for good."""
    first = house.signed_up()
    second = refreshed(house, first["refresh_token"]).json()
    third = refreshed(house, second["refresh_token"]).json()
    house.clock.advance(later)
    answer = refreshed(house, first["refresh_token"])
    assert (answer.status_code, code_of(answer)) == (400, "refresh_token_already_used")
    answer = refreshed(house, third["refresh_token"])
    assert (answer.status_code, code_of(answer)) == (400, "refresh_token_not_found")
    assert house.ask("GET", "/user", token=third["access_token"]).status_code == 403


def test_a_child_that_was_lost_on_the_way_ends_the_family_when_it_turns_up(house: People) -> None:
    """D8: a parent may come late once more, for its child may never have arrived. Whoever shows both is two."""
    first = house.signed_up()
    lost = refreshed(house, first["refresh_token"]).json()
    house.clock.advance(60)
    again = refreshed(house, first["refresh_token"])
    assert again.status_code == 200
    assert refreshed(house, first["refresh_token"]).json()["refresh_token"] == again.json()["refresh_token"]
    assert code_of(refreshed(house, lost["refresh_token"])) == "refresh_token_already_used"
    assert refreshed(house, again.json()["refresh_token"]).status_code == 400


def test_a_token_that_we_did_not_make_is_none(house: People) -> None:
    token = house.signed_up()["refresh_token"]
    for other in ("", "x", token[:-1] + ("A" if token[-1] != "A" else "B"), token[:20], "Ω" * 10):
        answer = refreshed(house, other)
        assert (answer.status_code, code_of(answer)) == (400, "refresh_token_not_found"), other
    assert refreshed(house, token).status_code == 200


@pytest.mark.parametrize(("scope", "left"), [("global", []), ("local", ["other"]), ("others", ["this"])])
def test_logging_out(house: People, scope: str, left: list[str]) -> None:
    email = house.fresh_email()
    this = house.signed_up(email)
    other = signed_in(house, email).json()
    assert house.ask("POST", f"/logout?scope={scope}", token=this["access_token"]).status_code == 204
    held = {"this": this, "other": other}
    for name, tokens in held.items():
        expected = 200 if name in left else 400
        assert refreshed(house, tokens["refresh_token"]).status_code == expected, name
        expected = 200 if name in left else 403
        assert house.ask("GET", "/user", token=tokens["access_token"]).status_code == expected, name
    assert len(house.rows(SESSIONS, user_id=this["user"]["id"])) == len(left)
    assert len(house.rows(REVOCATIONS)) >= 2 - len(left)


def test_a_new_password_ends_other_sessions(house: People) -> None:
    """D11."""
    email = house.fresh_email()
    this = house.signed_up(email)
    other = signed_in(house, email).json()
    answer = house.ask("PUT", "/user", {"password": "battery staple"}, token=this["access_token"])
    assert answer.status_code == 200, answer.text
    assert refreshed(house, other["refresh_token"]).status_code == 400
    assert refreshed(house, this["refresh_token"]).status_code == 200
    assert signed_in(house, email).status_code == 400
    assert signed_in(house, email, "battery staple").status_code == 200
    same = house.ask("PUT", "/user", {"password": "battery staple"}, token=this["access_token"])
    assert code_of(same) == "same_password"


def test_what_happens_is_in_the_audit_log(house: People) -> None:
    told = house.signed_up()
    house.ask("POST", "/logout", token=told["access_token"])
    actions = [
        row["payload"]["action"] for row in house.rows(AUDIT) if row["payload"].get("actor_id") == told["user"]["id"]
    ]
    assert sorted(actions) == ["login", "logout", "user_signedup"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/signup", b"{", 400, "bad_json"),
        ("POST", "/signup", b"\xff", 400, "bad_json"),
        ("POST", "/signup", [], 400, "validation_failed"),
        ("POST", "/signup", {"email": 5, "password": "correct horse"}, 400, "validation_failed"),
        ("POST", "/signup", {"email": "nobody", "password": "correct horse"}, 400, "validation_failed"),
        ("POST", "/signup", {"email": "a@b.c\r\nBcc: x@y.z", "password": "correct horse"}, 400, "validation_failed"),
        ("POST", "/signup", {"email": "a@example.com"}, 400, "validation_failed"),
        ("POST", "/signup", {"email": "a@example.com", "password": "x" * 2000}, 400, "validation_failed"),
        ("POST", "/signup", {}, 422, "anonymous_provider_disabled"),
        ("POST", "/token", {}, 400, "invalid_credentials"),
        ("POST", "/token?grant_type=password", {}, 400, "validation_failed"),
        ("POST", "/token?grant_type=pkce", {"auth_code": "x", "code_verifier": "y"}, 404, "flow_state_not_found"),
        ("GET", "/signup", None, 405, "validation_failed"),
        ("GET", "/%ff", None, 404, "not_found"),
        ("GET", "/user", None, 401, "no_authorization"),
    ],
)
def test_what_makes_no_sense_is_refused(
    house: People, method: str, path: str, body: Any, status: int, code: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = house.ask(method, path, body, headers=headers)
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text


def test_a_form_of_another_page_is_no_json(house: People) -> None:
    """D24."""
    body = '{"email":"form@example.com","password":"correct horse"}'
    answer = house.ask("POST", "/signup", body, headers={"content-type": "text/plain"})
    assert (answer.status_code, code_of(answer)) == (415, "bad_json")


@pytest.mark.parametrize("token", ["x", "a.b.c", ""])
def test_a_token_that_is_none_opens_nothing(house: People, token: str) -> None:
    answer = house.ask("GET", "/user", token=token)
    assert (answer.status_code, code_of(answer)) in {(403, "bad_jwt"), (401, "no_authorization")}


def test_a_session_ends_in_time(house: People) -> None:
    told = house.signed_up()
    house.clock.advance(3700)
    answer = house.ask("GET", "/user", token=told["access_token"])
    assert (answer.status_code, code_of(answer)) == (403, "bad_jwt")
    assert refreshed(house, told["refresh_token"]).status_code == 200
