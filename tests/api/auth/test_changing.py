"""Changes of one's own account: address, number, password, metadata."""

from __future__ import annotations

import pytest

from tests.api.auth.mailed import Mail, code_of, landed, pressed
from tests.api.auth.people import People
from undercroft.auth.tables import FACTORS, IDENTITIES, SESSIONS, USERS

SETTINGS = {
    "enable_anonymous_sign_ins": "true",
    "email_secure_password_change": "true",
    "email_enable_confirmations": "true",
    "sms_enable_signup": "true",
    "sms_enable_confirmations": "true",
    "sms_test_otp": '{"15550001": "123456", "15550002": "654321"}',
}


def signed_in(house: People, email: str | None = None) -> dict[str, object]:
    email = email or house.fresh_email()
    house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    told: dict[str, object] = house.ask(
        "POST", "/verify", {"email": email, "token": Mail(house, email).code, "type": "signup"}
    ).json()
    return told


def test_a_new_address_is_confirmed_at_both(house: People) -> None:
    old, new = house.fresh_email(), house.fresh_email()
    token = str(signed_in(house, old)["access_token"])
    answer = house.ask("PUT", "/user", {"email": new}, token=token)
    assert (answer.json()["email"], answer.json()["new_email"]) == (old, new)
    at_old, at_new = Mail(house, old, "email_change"), Mail(house, new, "email_change")
    assert at_old.code != at_new.code or at_old.link != at_new.link
    _, _, fragment = landed(pressed(house, at_new))
    assert set(fragment) == {"message"}
    assert house.ask("GET", "/user", token=token).json()["email"] == old
    assert landed(pressed(house, at_new))[2]["error_code"] == "otp_expired"
    _, _, fragment = landed(pressed(house, at_old))
    assert fragment["type"] == "email_change"
    user = house.ask("GET", "/user", token=fragment["access_token"]).json()
    assert (user["email"], "new_email" in user) == (new, False)
    assert user["identities"][0]["identity_data"]["email"] == new


def test_codes_confirm_it_as_well(house: People) -> None:
    old, new = house.fresh_email(), house.fresh_email()
    token = str(signed_in(house, old)["access_token"])
    house.ask("PUT", "/user", {"email": new}, token=token)
    body = {"type": "email_change", "email": old, "token": Mail(house, old, "email_change").code}
    first = house.ask("POST", "/verify", body)
    assert (first.status_code, first.json()["code"]) == (200, "200")
    body = {"type": "email_change", "email": new, "token": Mail(house, new, "email_change").code}
    assert house.ask("POST", "/verify", body).json()["user"]["email"] == new


def test_what_was_sent_to_the_old_address_opens_nothing(house: People) -> None:
    """D11."""
    old, new = house.fresh_email(), house.fresh_email()
    token = str(signed_in(house, old)["access_token"])
    house.ask("POST", "/recover", {"email": old})
    recovery = Mail(house, old, "recovery")
    house.ask("PUT", "/user", {"email": new}, token=token)
    for mail in (Mail(house, old, "email_change"), Mail(house, new, "email_change")):
        pressed(house, mail)
    assert house.rows(USERS, email=new)
    assert landed(pressed(house, recovery))[2]["error_code"] == "otp_expired"


def test_an_address_of_somebody_else_is_refused(house: People) -> None:
    """D20: however it is spelled."""
    taken = house.fresh_email()
    signed_in(house, taken)
    token = str(signed_in(house)["access_token"])
    for spelled in (taken, taken.upper(), f" {taken}", taken.replace("person", "ｐerson")):
        answer = house.ask("PUT", "/user", {"email": spelled}, token=token)
        assert (answer.status_code, code_of(answer)) == (422, "email_exists"), spelled


def test_an_address_that_was_taken_meanwhile_is_refused(house: People) -> None:
    old, new = house.fresh_email(), house.fresh_email()
    token = str(signed_in(house, old)["access_token"])
    house.ask("PUT", "/user", {"email": new}, token=token)
    at_old, at_new = Mail(house, old, "email_change"), Mail(house, new, "email_change")
    signed_in(house, new)
    pressed(house, at_old)
    assert landed(pressed(house, at_new))[2]["error_code"] == "email_exists"
    assert house.ask("GET", "/user", token=token).json()["email"] == old


def test_a_change_is_asked_for_again(house: People) -> None:
    old, new = house.fresh_email(), house.fresh_email()
    token = str(signed_in(house, old)["access_token"])
    house.ask("PUT", "/user", {"email": new}, token=token)
    pressed(house, Mail(house, new, "email_change"))
    assert house.ask("POST", "/resend", {"type": "email_change", "email": old}).text == "{}"
    pressed(house, Mail(house, old, "email_change"))
    assert not house.rows(USERS, email=new)
    pressed(house, Mail(house, new, "email_change"))
    assert house.rows(USERS, email=new)


def test_metadata_is_merged_and_what_is_not_theirs_refused(house: People) -> None:
    token = str(signed_in(house)["access_token"])
    house.ask("PUT", "/user", {"data": {"a": 1, "b": 2}}, token=token)
    answer = house.ask("PUT", "/user", {"data": {"a": None, "c": 3}}, token=token)
    assert answer.json()["user_metadata"] == {"b": 2, "c": 3}
    answer = house.ask("PUT", "/user", {"app_metadata": {"role": "admin"}}, token=token)
    assert (answer.status_code, code_of(answer)) == (403, "not_admin")


def test_an_old_session_needs_a_code_for_a_new_password(house: People) -> None:
    email = house.fresh_email()
    told = signed_in(house, email)
    house.clock.advance(25 * 3600)
    refreshed = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": told["refresh_token"]})
    token = refreshed.json()["access_token"]
    new = {"password": "battery staple"}
    assert code_of(house.ask("PUT", "/user", new, token=token)) == "reauthentication_needed"
    answer = house.ask("PUT", "/user", {**new, "nonce": "000000"}, token=token)
    assert code_of(answer) == "reauthentication_not_valid"
    assert house.ask("GET", "/reauthenticate", token=token).text == "{}"
    mail = Mail(house, email, "reauthentication")
    assert mail.code in mail.subject
    answer = house.ask("PUT", "/user", {**new, "nonce": mail.code}, token=token)
    assert answer.status_code == 200, answer.text
    answer = house.ask("PUT", "/user", {"password": "other staple", "nonce": mail.code}, token=token)
    assert code_of(answer) == "reauthentication_not_valid"


def test_a_password_that_is_named_has_to_be_right(house: People) -> None:
    token = str(signed_in(house)["access_token"])
    new = {"password": "battery staple"}
    assert house.ask("PUT", "/user", {**new, "current_password": "wrong horse"}, token=token).status_code == 400
    assert house.ask("PUT", "/user", {**new, "current_password": "correct horse"}, token=token).status_code == 200


@pytest.mark.parametrize("wanted", [{"password": "battery staple"}, {"email": "n@example.com"}, {"phone": "15550009"}])
def test_with_a_second_factor_it_has_to_be_shown(house: People, wanted: dict[str, str]) -> None:
    """D21: nothing by which one comes in is changed without it, nor does a mail stand for it."""
    email = house.fresh_email()
    told = signed_in(house, email)
    user_id = told["user"]["id"]  # type: ignore[index]  # JSON
    house.run(house.house.engine.write(lambda cursor: _factor(house, cursor, user_id)))
    token = str(told["access_token"])
    assert code_of(house.ask("PUT", "/user", wanted, token=token)) == "insufficient_aal"
    assert house.ask("PUT", "/user", {"data": {"a": 1}}, token=token).status_code == 200
    house.ask("POST", "/recover", {"email": email})
    _, _, fragment = landed(pressed(house, Mail(house, email, "recovery")))
    assert code_of(house.ask("PUT", "/user", wanted, token=fragment["access_token"])) == "insufficient_aal"
    assert {session["aal"] for session in house.rows(SESSIONS, user_id=user_id)} == {"aal1"}


def _factor(house: People, cursor: object, user_id: str) -> None:
    from uuid import uuid4

    from undercroft.auth.store import Rows

    rows = Rows(cursor, house.house.engine.dialect)  # type: ignore[arg-type]
    now = house.clock.now()
    rows.add(
        FACTORS, id=str(uuid4()), user_id=user_id, factor_type="totp", status="verified", created_at=now, updated_at=now
    )


def test_an_anonymous_account_gets_an_address(house: People) -> None:
    told = house.ask("POST", "/signup", {"data": {"a": 1}}).json()
    token, email = told["access_token"], house.fresh_email()
    assert house.ask("PUT", "/user", {"password": "correct horse"}, token=token).status_code == 400
    answer = house.ask("PUT", "/user", {"email": email}, token=token)
    assert (answer.json()["new_email"], answer.json()["is_anonymous"]) == (email, True)
    body = {"type": "email_change", "email": email, "token": Mail(house, email).code}
    user = house.ask("POST", "/verify", body).json()["user"]
    assert (user["id"], user["email"], user["is_anonymous"]) == (told["user"]["id"], email, False)
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert [row["provider"] for row in house.rows(IDENTITIES, user_id=user["id"])] == ["email"]


def test_a_number_is_confirmed(house: People) -> None:
    token = str(signed_in(house)["access_token"])
    answer = house.ask("PUT", "/user", {"phone": "+1 (555) 0001"}, token=token)
    assert (answer.json()["phone"], answer.json()["new_phone"]) == ("", "15550001")
    body = {"type": "phone_change", "phone": "+15550001", "token": "123456"}
    assert house.ask("POST", "/verify", {**body, "token": "123457"}).status_code == 403
    assert house.ask("POST", "/verify", body).json()["user"]["phone"] == "15550001"


def test_signing_in_by_a_number(house: People) -> None:
    assert house.ask("POST", "/otp", {"phone": "15550002"}).text == "{}"
    body = {"type": "sms", "phone": "15550002", "token": "654321"}
    answer = house.ask("POST", "/verify", body)
    assert answer.json()["user"]["phone"] == "15550002"
    assert answer.json()["user"]["phone_confirmed_at"]
    assert code_of(house.ask("POST", "/verify", body)) == "otp_expired"
    assert code_of(house.ask("POST", "/otp", {"phone": "15550003"})) == "sms_send_failed"
