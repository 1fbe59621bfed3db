"""Codes and links by mail: signing up, in, and getting back in."""

from __future__ import annotations

import pytest

from tests.api.auth.mailed import Mail, code_of, landed, pressed
from tests.api.auth.people import PKCE, SITE, VERIFIER, People
from undercroft.auth.tables import ONE_TIME_TOKENS, SESSIONS, USERS

SETTINGS = {"email_enable_confirmations": "true", "additional_redirect_urls": "myapp://back/**"}


def signed_up(house: People, **more: object) -> str:
    email = house.fresh_email()
    answer = house.ask("POST", "/signup", {"email": email, "password": "correct horse", **more})
    assert answer.status_code == 200, answer.text
    assert "access_token" not in answer.json()
    return email


def confirmed(house: People) -> str:
    email = signed_up(house)
    body = {"email": email, "token": Mail(house, email).code, "type": "signup"}
    assert house.ask("POST", "/verify", body).status_code == 200
    return email


def test_a_new_address_is_confirmed_by_its_code(house: People) -> None:
    email = signed_up(house)
    password = {"email": email, "password": "correct horse"}
    assert code_of(house.ask("POST", "/token?grant_type=password", password)) == "email_not_confirmed"
    mail = Mail(house, email)
    assert (mail.template, mail.said["type"]) == ("auth/confirmation", "signup")
    answer = house.ask("POST", "/verify", {"email": email.upper(), "token": mail.code, "type": "signup"})
    assert answer.status_code == 200, answer.text
    user = answer.json()["user"]
    assert user["email_confirmed_at"]
    assert user["identities"][0]["identity_data"]["email_verified"] is True
    assert house.ask("GET", "/user", token=answer.json()["access_token"]).status_code == 200
    assert house.ask("POST", "/token?grant_type=password", password).status_code == 200
    again = house.ask("POST", "/verify", {"email": email, "token": mail.code, "type": "signup"})
    assert (again.status_code, code_of(again)) == (403, "otp_expired")


@pytest.mark.parametrize("kind", ["signup", "email"])
def test_a_token_hash_is_good_without_the_address(house: People, kind: str) -> None:
    email = signed_up(house)
    body = {"token_hash": Mail(house, email).said["token"], "type": kind}
    assert house.ask("POST", "/verify", {**body, "email": email}).status_code == 400
    assert house.ask("POST", "/verify", body).json()["user"]["email"] == email
    assert code_of(house.ask("POST", "/verify", body)) == "otp_expired"


def test_a_link_gives_a_session_in_the_fragment(house: People) -> None:
    email = signed_up(house)
    answer = pressed(house, Mail(house, email))
    assert answer.status_code == 303
    assert answer.headers["referrer-policy"] == "no-referrer"
    where, query, fragment = landed(answer)
    assert (where, query, fragment["type"], fragment["token_type"]) == (SITE, {}, "signup", "bearer")
    assert set(fragment) == {"access_token", "expires_at", "expires_in", "refresh_token", "token_type", "type"}
    assert house.ask("GET", "/user", token=fragment["access_token"]).json()["email"] == email


def test_a_link_that_is_used_up_says_so(house: People) -> None:
    email = signed_up(house)
    mail = Mail(house, email)
    pressed(house, mail)
    where, _, fragment = landed(pressed(house, mail))
    assert where == SITE
    assert (fragment["error"], fragment["error_code"]) == ("access_denied", "otp_expired")
    assert fragment["error_description"]


def test_with_pkce_a_link_gives_a_code(house: People) -> None:
    """D16: what stands in the address is good for nobody but who asked."""
    email = confirmed(house)
    assert house.ask("POST", "/otp?redirect_to=myapp://back/here", {"email": email, **PKCE}).text == "{}"
    mail = Mail(house, email, "magic_link")
    assert mail.said["token"].startswith("pkce_")
    where, query, fragment = landed(pressed(house, mail))
    assert (where, set(query), fragment) == ("myapp://back/here", {"code"}, {})
    wrong = {"auth_code": query["code"], "code_verifier": "w" * 50}
    right = {"auth_code": query["code"], "code_verifier": VERIFIER}
    answer = house.ask("POST", "/token?grant_type=pkce", right)
    assert answer.json()["user"]["email"] == email
    assert house.ask("POST", "/token?grant_type=pkce", wrong).status_code == 404


def test_without_its_mark_a_link_of_pkce_gives_no_tokens(house: People) -> None:
    email = confirmed(house)
    house.ask("POST", "/otp", {"email": email, **PKCE})
    token = Mail(house, email, "magic_link").said["token"].removeprefix("pkce_")
    body = f"token={token}&type=magiclink"
    form = {"content-type": "application/x-www-form-urlencoded"}
    _, query, fragment = landed(house.ask("POST", "/verify", body, headers=form))
    assert (set(query), fragment) == ({"code"}, {})


def test_a_link_that_failed_tells_who_expects_a_code_in_the_query(house: People) -> None:
    email = confirmed(house)
    house.ask("POST", "/recover", {"email": email, **PKCE})
    mail = Mail(house, email, "recovery")
    house.clock.advance(3700)
    _, query, fragment = landed(pressed(house, mail))
    assert query["error_code"] == fragment["error_code"] == "otp_expired"


@pytest.mark.parametrize("path", ["/otp", "/magiclink"])
def test_who_comes_by_a_code_for_the_first_time_has_an_account(house: People, path: str) -> None:
    email = house.fresh_email()
    assert house.ask("POST", path, {"email": email, "data": {"name": "Ada"}}).text == "{}"
    (user,) = house.rows(USERS, email=email)
    assert user["email_confirmed_at"] is None
    answer = house.ask("POST", "/verify", {"email": email, "token": Mail(house, email).code, "type": "email"})
    assert answer.json()["user"]["user_metadata"] == {"name": "Ada"}
    assert house.rows(USERS, email=email)[0]["email_confirmed_at"] is not None


def test_who_is_there_comes_in_by_a_code(house: People) -> None:
    email = confirmed(house)
    house.ask("POST", "/otp", {"email": email})
    mail = Mail(house, email)
    assert (mail.template, mail.said["type"]) == ("auth/magic_link", "magiclink")
    answer = house.ask("POST", "/verify", {"email": email, "token": mail.code, "type": "email"})
    assert answer.json()["user"]["email"] == email


def test_getting_back_in_and_a_new_password(house: People) -> None:
    """D11: it ends what others hold, and D9: what was sent before is good no more."""
    email = confirmed(house)
    old = house.ask("POST", "/token?grant_type=password", {"email": email, "password": "correct horse"}).json()
    assert house.ask("POST", "/recover", {"email": email}).text == "{}"
    first = Mail(house, email, "recovery")
    house.ask("POST", "/recover", {"email": email})
    second = Mail(house, email, "recovery")
    assert landed(pressed(house, first))[2]["error_code"] == "otp_expired"
    _, _, fragment = landed(pressed(house, second))
    assert fragment["type"] == "recovery"
    house.ask("POST", "/recover", {"email": email})
    third = Mail(house, email, "recovery")
    answer = house.ask("PUT", "/user", {"password": "battery staple"}, token=fragment["access_token"])
    assert answer.status_code == 200, answer.text
    assert landed(pressed(house, third))[2]["error_code"] == "otp_expired"
    refreshed = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": old["refresh_token"]})
    assert refreshed.status_code == 400
    assert house.ask("GET", "/user", token=old["access_token"]).status_code == 403
    assert len(house.rows(SESSIONS, user_id=old["user"]["id"])) == 1


def test_a_code_is_sent_again(house: People) -> None:
    email = signed_up(house)
    first = Mail(house, email).code
    assert house.ask("POST", "/resend", {"type": "signup", "email": email}).text == "{}"
    second = Mail(house, email).code
    assert (
        first == second
        or code_of(house.ask("POST", "/verify", {"email": email, "token": first, "type": "signup"})) == "otp_expired"
    )
    assert house.ask("POST", "/verify", {"email": email, "token": second, "type": "signup"}).status_code == 200
    count = len(house.mails(email))
    assert house.ask("POST", "/resend", {"type": "signup", "email": email}).text == "{}"
    assert len(house.mails(email)) == count


def test_codes_are_good_for_a_while(house: People) -> None:
    email = signed_up(house)
    house.clock.advance(3601)
    answer = house.ask("POST", "/verify", {"email": email, "token": Mail(house, email).code, "type": "signup"})
    assert code_of(answer) == "otp_expired"


def test_what_the_owner_did_not_set_is_gone_when_they_come(house: People) -> None:
    """D12: somebody signed up with another's address, who then comes by a link of their own."""
    email = signed_up(house)
    house.ask("POST", "/recover", {"email": email})
    answer = house.ask(
        "POST", "/verify", {"email": email, "token": Mail(house, email, "recovery").code, "type": "recovery"}
    )
    assert answer.status_code == 200
    password = {"email": email, "password": "correct horse"}
    assert code_of(house.ask("POST", "/token?grant_type=password", password)) == "invalid_credentials"
    assert not house.rows(ONE_TIME_TOKENS, user_id=answer.json()["user"]["id"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/otp", {}),
        ("/otp", {"email": "a@example.com", "phone": "+15550001"}),
        ("/otp", {"email": "nobody"}),
        ("/otp", {"email": "a@example.com", "code_challenge": "x"}),
        ("/otp", {"email": "a@example.com", "channel": "pigeon"}),
        ("/recover", {}),
        ("/recover", {"email": "a b@example.com"}),
        ("/resend", {"type": "other", "email": "a@example.com"}),
        ("/resend", {"type": "sms", "email": "a@example.com"}),
        ("/verify", {"type": "signup", "email": "a@example.com"}),
        ("/verify", {"token": "123456", "email": "a@example.com"}),
        ("/verify", {"type": "sms", "token": "123456", "email": "a@example.com"}),
        ("/verify", {"type": "signup", "token": "123456"}),
        ("/magiclink", {"phone": "+15550001"}),
    ],
)
def test_what_makes_no_sense_is_refused(house: People, path: str, body: dict[str, object]) -> None:
    answer = house.ask("POST", path, body)
    assert (answer.status_code, code_of(answer)) == (400, "validation_failed"), answer.text
