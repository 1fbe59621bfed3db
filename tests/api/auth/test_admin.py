"""Accounts in the hands of the service: listed, made, changed, banned, deleted; and one's own devices."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import bcrypt
import pytest

from tests.api.auth.factoring import Person
from tests.api.auth.people import Answer, People
from undercroft.auth.store import Rows
from undercroft.auth.tables import AUDIT, FACTORS, IDENTITIES, ONE_TIME_TOKENS, RECOVERY_CODES, SESSIONS, USERS


def admin(house: People, method: str, path: str, body: Any = None) -> Answer:
    return house.ask(method, f"/admin{path}", body, token=house.service)


def signed_in(house: People, email: str, password: str = "correct horse") -> Answer:
    return house.ask("POST", "/token?grant_type=password", {"email": email, "password": password})


def refreshed(house: People, told: dict[str, Any]) -> Answer:
    return house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": told["refresh_token"]})


def made(house: People, **more: Any) -> dict[str, Any]:
    given = {"email": house.fresh_email(), "password": "correct horse", "email_confirm": True, **more}
    answer = admin(house, "POST", "/users", given)
    assert answer.status_code == 200, answer.text
    user: dict[str, Any] = answer.json()
    return user


def code_of(answer: Answer) -> Any:
    return answer.json().get("error_code")


def test_an_account_is_made_and_opens(house: People) -> None:
    own_id = str(uuid4())
    user = made(house, id=own_id, user_metadata={"full_name": "Ada"}, app_metadata={"plan": "pro"}, role="editor",
                phone="+1 555 0100 42", phone_confirm=True)  # fmt: skip
    assert user["id"] == own_id
    assert user["role"] == "editor"
    assert user["phone"] == "1555010042"
    assert user["app_metadata"] == {"plan": "pro", "provider": "email", "providers": ["email", "phone"]}
    assert user["user_metadata"] == {"full_name": "Ada"}
    assert {each["provider"] for each in user["identities"]} == {"email", "phone"}
    assert all(each["identity_data"]["email_verified"] for each in user["identities"] if each["provider"] == "email")
    told = signed_in(house, user["email"]).json()
    assert told["user"]["role"] == "editor"
    assert admin(house, "GET", f"/users/{own_id}").json()["id"] == own_id
    assert "password" not in admin(house, "GET", f"/users/{own_id}").text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "validation_failed"),
        ({"email": "nobody"}, 400, "validation_failed"),
        ({"phone": "x"}, 400, "validation_failed"),
        ({"email": "q@example.com", "id": "5"}, 400, "validation_failed"),
        ({"email": "q@example.com", "id": "00000000-0000-0000-0000-000000000000"}, 400, "validation_failed"),
        ({"email": "q@example.com", "password": "x", "password_hash": "y"}, 400, "validation_failed"),
        ({"email": "q@example.com", "password_hash": "y"}, 400, "validation_failed"),
        ({"email": "q@example.com", "password": "x" * 2000}, 400, "validation_failed"),
        ({"email": "q@example.com", "ban_duration": "soon"}, 400, "validation_failed"),
        ({"email": "q@example.com", "role": "a b"}, 400, "validation_failed"),
        ({"email": "q@example.com", "role": "service_role"}, 400, "validation_failed"),
        ({"email": 5}, 400, "validation_failed"),
        ([], 400, "validation_failed"),
    ],
)
def test_what_makes_no_account_is_refused(house: People, body: Any, status: int, code: str) -> None:
    answer = admin(house, "POST", "/users", body)
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text
    assert not house.rows(USERS, email="q@example.com")


def test_an_address_or_id_that_is_taken(house: People) -> None:
    user = made(house, phone="15550100777")
    for body, code in (
        ({"email": user["email"].upper()}, "email_exists"),
        ({"phone": "+15550100777"}, "phone_exists"),
        ({"email": house.fresh_email(), "id": user["id"]}, "user_already_exists"),
    ):
        answer = admin(house, "POST", "/users", body)
        assert (answer.status_code, code_of(answer)) == (422, code), answer.text
    other = made(house)
    answer = admin(house, "PUT", f"/users/{other['id']}", {"email": user["email"]})
    assert (answer.status_code, code_of(answer)) == (422, "email_exists")


def test_of_many_who_make_the_same_account_one_does(house: People) -> None:
    email = house.fresh_email()
    asks = [house.asking("POST", "/admin/users", {"email": email}, token=house.service) for _ in range(12)]
    answers = house.together(*asks)
    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 11
    assert len(house.rows(USERS, email=email)) == 1


def test_a_hash_is_taken_over_and_replaced(house: People) -> None:
    stored = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    user = made(house, password=None, password_hash=stored)
    assert house.rows(USERS, id=user["id"])[0]["encrypted_password"] == stored
    assert signed_in(house, user["email"], "wrong horse").status_code == 400
    assert signed_in(house, user["email"]).status_code == 200
    assert house.rows(USERS, id=user["id"])[0]["encrypted_password"].startswith("$argon2id$")
    assert signed_in(house, user["email"]).status_code == 200


def test_pages_of_accounts(house: People) -> None:
    mark = uuid4().hex[:8]
    names = []
    for number in range(5):
        house.clock.advance(1)
        names.append(made(house, email=f"{mark}.{number}@example.com")["email"])
    first = admin(house, "GET", f"/users?page=1&per_page=2&filter={mark}")
    assert [user["email"] for user in first.json()["users"]] == [names[4], names[3]]
    assert first.json()["aud"] == "authenticated"
    assert first.headers["x-total-count"] == "5"
    links = {rel: at for at, rel in (link.strip().split("; ") for link in first.headers["link"].split(","))}
    assert links['rel="next"'].partition("=")[2].startswith("2&")
    assert links['rel="last"'].partition("=")[2].startswith("3&")
    last = admin(house, "GET", f"/users?page=3&per_page=2&filter={mark}")
    assert [user["email"] for user in last.json()["users"]] == [names[0]]
    assert 'rel="next"' not in last.headers["link"]
    assert [each["provider"] for each in last.json()["users"][0]["identities"]] == ["email"]
    assert admin(house, "GET", f"/users?page=9&filter={mark}").json()["users"] == []


def test_accounts_are_found_by_how_they_begin(house: People) -> None:
    user = made(house, phone="15550109999", user_metadata={"full_name": "Grace Brewster"})
    for search in (user["email"].upper(), user["email"][:-4], "1555010999", "%2b15550109999", "grace%20b", user["id"]):
        found = admin(house, "GET", f"/users?filter={search}").json()["users"]
        assert user["id"] in [each["id"] for each in found], search
    for search in ("race", "%25", "_", "%5C", "%27%20OR%201=1"):
        found = admin(house, "GET", f"/users?filter={search}").json()["users"]
        assert user["id"] not in [each["id"] for each in found], search


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "per_page=0", "page=99999999999999999999", "page=²"])
def test_a_page_that_is_none(house: People, query: str) -> None:
    for path in ("/users", "/audit"):
        answer = admin(house, "GET", f"{path}?{query}")
        assert (answer.status_code, code_of(answer)) == (400, "validation_failed")


def test_a_new_password_ends_every_session(house: People) -> None:
    """D11."""
    user = made(house)
    held = [signed_in(house, user["email"]).json() for _ in range(2)]
    house.ask("POST", "/recover", {"email": user["email"]})
    answer = admin(house, "PUT", f"/users/{user['id']}", {"password": "battery staple"})
    assert answer.status_code == 200, answer.text
    for told in held:
        assert refreshed(house, told).status_code == 400
        assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
    assert not house.rows(ONE_TIME_TOKENS, user_id=user["id"])
    assert signed_in(house, user["email"]).status_code == 400
    assert signed_in(house, user["email"], "battery staple").status_code == 200
    assert code_of(admin(house, "PUT", f"/users/{user['id']}", {"password": "password"})) == "weak_password"


def test_a_ban_ends_every_session_and_passes(house: People) -> None:
    """D11."""
    user = made(house)
    told = signed_in(house, user["email"]).json()
    banned = admin(house, "PUT", f"/users/{user['id']}", {"ban_duration": "1h30m"}).json()
    assert banned["banned_until"]
    assert refreshed(house, told).status_code == 400
    assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
    answer = signed_in(house, user["email"])
    assert (answer.status_code, code_of(answer)) == (400, "user_banned")
    house.clock.advance(5401)
    assert signed_in(house, user["email"]).status_code == 200
    admin(house, "PUT", f"/users/{user['id']}", {"ban_duration": "876000h"})
    assert signed_in(house, user["email"]).status_code == 400
    assert "banned_until" not in admin(house, "PUT", f"/users/{user['id']}", {"ban_duration": "none"}).json()
    assert signed_in(house, user["email"]).status_code == 200


def test_what_is_changed_and_what_stays(house: People) -> None:
    user = made(house, user_metadata={"a": 1, "b": 2})
    told = signed_in(house, user["email"]).json()
    email = house.fresh_email()
    body = {"email": email, "user_metadata": {"b": None, "c": 3}, "app_metadata": {"plan": "pro"}, "role": "editor"}
    after = admin(house, "PUT", f"/users/{user['id']}", body).json()
    assert after["user_metadata"] == {"a": 1, "c": 3}
    assert after["app_metadata"]["plan"] == "pro"
    assert after["app_metadata"]["provider"] == "email"
    assert (after["email"], after["role"]) == (email, "editor")
    assert after["identities"][0]["identity_data"]["email"] == email
    again = refreshed(house, told)
    assert again.json()["user"]["role"] == "editor"
    assert signed_in(house, email).status_code == 200


def test_an_account_is_deleted(house: People) -> None:
    user = made(house)
    told = signed_in(house, user["email"]).json()
    answer = admin(house, "DELETE", f"/users/{user['id']}", {"should_soft_delete": False})
    assert (answer.status_code, answer.json()["id"]) == (200, user["id"])
    assert not house.rows(USERS, id=user["id"])
    assert not house.rows(IDENTITIES, user_id=user["id"])
    assert refreshed(house, told).status_code == 400
    assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
    assert house.ask("GET", "/rest/v1/", token=told["access_token"]).status_code == 401
    for method in ("GET", "PUT", "DELETE"):
        assert code_of(admin(house, method, f"/users/{user['id']}", {})) == "user_not_found"


def test_a_softly_deleted_account_is_nobody(house: People) -> None:
    user = made(house, phone="15550108888", user_metadata={"full_name": "Ada"})
    told = signed_in(house, user["email"]).json()
    assert admin(house, "DELETE", f"/users/{user['id']}", {"should_soft_delete": True}).status_code == 200
    row = house.rows(USERS, id=user["id"])[0]
    assert row["deleted_at"] is not None
    assert user["email"] not in str(row)
    assert "15550108888" not in str(row)
    assert (row["encrypted_password"], row["raw_user_meta_data"]) == (None, {})
    assert not house.rows(IDENTITIES, user_id=user["id"])
    assert not house.rows(SESSIONS, user_id=user["id"])
    assert refreshed(house, told).status_code == 400
    assert signed_in(house, user["email"]).status_code == 400
    assert made(house, email=user["email"], phone="15550108888")["id"] != user["id"]
    assert admin(house, "DELETE", f"/users/{user['id']}", {"should_soft_delete": True}).status_code == 200


def test_factors_are_seen_renamed_and_removed(house: People) -> None:
    """D11: a session that a factor had lifted does not outlive it."""
    user = made(house)
    plain, lifted = (signed_in(house, user["email"]).json() for _ in range(2))
    factor_id = str(uuid4())
    now = house.clock.now()

    def enroll(cursor: Any) -> None:
        rows = Rows(cursor, house.house.engine.dialect)
        rows.add(FACTORS, id=factor_id, user_id=user["id"], friendly_name="phone", factor_type="totp",
                 status="verified", created_at=now, updated_at=now, secret="sealed")  # fmt: skip
        rows.change(SESSIONS, {"id": session_id}, aal="aal2", factor_id=factor_id)

    sessions = house.ask("GET", "/sessions", token=lifted["access_token"]).json()["sessions"]
    session_id = next(each["id"] for each in sessions if each["current"])
    house.run(house.house.engine.write(enroll))
    listed = admin(house, "GET", f"/users/{user['id']}/factors").json()
    assert [(each["id"], each["friendly_name"]) for each in listed] == [(factor_id, "phone")]
    assert "sealed" not in str(listed)
    path = f"/users/{user['id']}/factors/{factor_id}"
    assert admin(house, "PUT", path, {"friendly_name": "old phone"}).json()["friendly_name"] == "old phone"
    assert admin(house, "DELETE", path).json()["id"] == factor_id
    assert code_of(admin(house, "DELETE", path)) == "mfa_factor_not_found"
    assert house.ask("GET", "/user", token=lifted["access_token"]).status_code == 403
    assert house.ask("GET", "/user", token=plain["access_token"]).status_code == 200


def test_another_accounts_factor_is_not_there(house: People) -> None:
    user, other = made(house), made(house)
    for method in ("PUT", "DELETE"):
        answer = admin(house, method, f"/users/{user['id']}/factors/{uuid4()}", {})
        assert (answer.status_code, code_of(answer)) == (404, "mfa_factor_not_found")
    assert admin(house, "GET", f"/users/{other['id']}/factors").json() == []
    assert code_of(admin(house, "GET", f"/users/{uuid4()}/factors")) == "user_not_found"


def test_the_audit_log_is_read_by_pages(house: People) -> None:
    user = made(house)
    house.clock.advance(1)
    signed_in(house, user["email"])
    house.clock.advance(1)
    admin(house, "DELETE", f"/users/{user['id']}")
    newest = admin(house, "GET", "/audit?per_page=2")
    assert [entry["payload"]["action"] for entry in newest.json()] == ["user_deleted", "login"]
    assert newest.json()[0]["payload"]["traits"]["user_id"] == user["id"]
    assert newest.json()[0]["created_at"].endswith("Z")
    assert int(newest.headers["x-total-count"]) >= 3
    logins = admin(house, "GET", "/audit?query=action:login").json()
    assert {entry["payload"]["action"] for entry in logins} == {"login"}
    mine = admin(house, "GET", f"/audit?query=author:{user['email']}").json()
    assert [entry["payload"]["action"] for entry in mine] == ["login"]
    for query in ("x", "payload:x", ":x"):
        assert code_of(admin(house, "GET", f"/audit?query={query}")) == "validation_failed"


def test_the_service_signs_somebody_out_by_their_token(house: People) -> None:
    """As `admin.signOut(jwt, scope)` of auth-js does."""
    user = made(house)
    this, other = (signed_in(house, user["email"]).json() for _ in range(2))
    headers = {"apikey": house.service}
    answer = house.ask("POST", "/logout?scope=others", token=this["access_token"], headers=headers)
    assert answer.status_code == 204
    assert refreshed(house, other).status_code == 400
    assert refreshed(house, this).status_code == 200


def test_recovery_codes_go_with_the_last_factor(house: People) -> None:
    """Row 23: else they would be good for a factor that comes later."""
    person = Person(house).secured()
    codes = person.ask("POST", "/factors/recovery-codes").json()["codes"]
    assert admin(house, "DELETE", f"/users/{person.id}/factors/{person.factor}").status_code == 200
    assert house.rows(RECOVERY_CODES, user_id=person.id) == []
    later = person.again().secured().again()
    answer = later.ask("POST", "/factors/recovery-codes/verify", {"code": codes[0]})
    assert code_of(answer) == "mfa_verification_failed"
    entries = [row["payload"] for row in house.rows(AUDIT)]
    assert any(each["action"] == "factor_deleted" and each["traits"]["user_id"] == person.id for each in entries)


# --- one's own devices ---


def test_devices_are_listed_and_signed_out(house: People) -> None:
    user = made(house)
    here, there = (signed_in(house, user["email"]).json() for _ in range(2))
    listed = house.ask("GET", "/sessions", token=here["access_token"]).json()["sessions"]
    assert sorted(each["current"] for each in listed) == [False, True]
    assert all("hmac" not in name for each in listed for name in each)
    other = next(each["id"] for each in listed if not each["current"])
    stranger = signed_in(house, made(house)["email"]).json()
    answer = house.ask("DELETE", f"/sessions/{other}", token=stranger["access_token"])
    assert (answer.status_code, code_of(answer)) == (404, "session_not_found")
    assert house.ask("GET", "/user", token=there["access_token"]).status_code == 200
    assert house.ask("DELETE", f"/sessions/{other}", token=here["access_token"]).status_code == 204
    assert house.ask("GET", "/user", token=there["access_token"]).status_code == 403
    assert house.ask("GET", "/user", token=here["access_token"]).status_code == 200
    assert house.ask("GET", "/sessions").status_code == 401


def test_a_common_password_is_weak(house: People) -> None:
    answer = house.ask("POST", "/signup", {"email": house.fresh_email(), "password": "Password1"})
    assert (answer.status_code, code_of(answer)) == (422, "weak_password")
    assert answer.json()["weak_password"]["reasons"] == ["pwned"]
