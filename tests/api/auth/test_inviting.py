"""Invitations, and links that the service hands out."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.api.auth.mailed import FORM, Mail, code_of, landed, pressed
from tests.api.auth.people import PLACE, SITE, Answer, People
from undercroft.auth.tables import USERS


def generated(house: People, **ask: object) -> Answer:
    return house.ask("POST", "/admin/generate_link", ask, token=house.service)


def test_somebody_who_is_invited_comes_in(house: People) -> None:
    email = house.fresh_email()
    answer = house.ask("POST", "/invite", {"email": email, "data": {"team": "a"}}, token=house.service)
    assert answer.json()["email"] == email
    assert answer.json()["invited_at"]
    mail = Mail(house, email)
    assert (mail.template, mail.said["type"]) == ("auth/invite", "invite")
    _, _, fragment = landed(pressed(house, mail))
    assert fragment["type"] == "invite"
    token = fragment["access_token"]
    assert house.ask("GET", "/user", token=token).json()["user_metadata"] == {"team": "a"}
    assert house.ask("PUT", "/user", {"password": "correct horse"}, token=token).status_code == 200
    again = house.ask("POST", "/invite", {"email": email}, token=house.service)
    assert (again.status_code, code_of(again)) == (422, "email_exists")


@pytest.mark.parametrize("path", ["/invite", "/admin/generate_link"])
def test_only_the_service_may(house: People, path: str) -> None:
    token = house.signed_up()["access_token"]
    body = {"email": house.fresh_email(), "type": "magiclink"}
    assert house.ask("POST", path, body, token=token).status_code == 403
    assert house.ask("POST", path, body).status_code in (401, 403)
    assert not house.rows(USERS, email=body["email"])


@pytest.mark.parametrize("kind", ["signup", "invite", "magiclink", "recovery"])
def test_a_link_is_handed_out_and_followed(house: People, kind: str) -> None:
    email = house.fresh_email()
    if kind == "recovery":
        house.signed_up(email)
    told = generated(house, type=kind, email=email, password="correct horse").json()
    verified = "signup" if kind == "magiclink" else kind  # nobody is there yet
    assert (told["email"], told["verification_type"], told["redirect_to"]) == (email, verified, SITE)
    assert told["action_link"].startswith(f"{PLACE}/verify?")
    assert not house.mails(email)
    said = dict(parse_qsl(urlsplit(told["action_link"]).query))
    assert said == {"token": told["hashed_token"], "type": verified, "redirect_to": SITE}
    by_code = {"type": verified, "email": email, "token": told["email_otp"]}
    body = f"token={said['token']}&type={verified}"
    assert landed(house.ask("POST", "/verify", body, headers=FORM))[2]["type"] == verified
    assert code_of(house.ask("POST", "/verify", by_code)) == "otp_expired"


def test_links_for_a_new_address(house: People) -> None:
    old, new = house.fresh_email(), house.fresh_email()
    house.signed_up(old)
    ask = {"email": old, "new_email": new}
    at_new = generated(house, type="email_change_new", **ask).json()
    again = generated(house, type="email_change_new", **ask).json()
    body = {"type": "email_change", "token_hash": again["hashed_token"]}
    assert house.ask("POST", "/verify", body).json()["code"] == "200"
    assert house.ask("POST", "/verify", {**body, "token_hash": at_new["hashed_token"]}).status_code == 403
    # Twice the new address is not both.
    again = generated(house, type="email_change_new", **ask).json()
    assert house.ask("POST", "/verify", {**body, "token_hash": again["hashed_token"]}).json()["code"] == "200"
    at_old = generated(house, type="email_change_current", **ask).json()
    answer = house.ask("POST", "/verify", {**body, "token_hash": at_old["hashed_token"]})
    assert answer.json()["user"]["email"] == new


@pytest.mark.parametrize(
    ("ask", "status", "code"),
    [
        ({"type": "other", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "signup", "email": "a@example.com"}, 400, "validation_failed"),
        ({"type": "signup", "email": "a@example.com", "password": "x"}, 422, "weak_password"),
        ({"type": "recovery", "email": "nobody@example.com"}, 404, "user_not_found"),
        ({"type": "magiclink", "email": "nobody"}, 400, "validation_failed"),
        ({"type": "email_change_new", "email": "nobody@example.com"}, 400, "validation_failed"),
    ],
)
def test_what_makes_no_sense_is_refused(house: People, ask: dict[str, str], status: int, code: str) -> None:
    answer = generated(house, **ask)
    assert (answer.status_code, code_of(answer)) == (status, code), answer.text
