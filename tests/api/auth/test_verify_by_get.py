"""`[auth.email] verify_by_get`: for those whose clients open links without a browser, as GoTrue has it."""

from __future__ import annotations

from tests.api.auth.mailed import Mail, landed
from tests.api.auth.people import PLACE, SITE, People

SETTINGS = {"email_enable_confirmations": "true", "email_verify_by_get": "true"}


def test_opening_a_link_is_enough(house: People) -> None:
    email = house.fresh_email()
    house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    path = Mail(house, email).link.removeprefix(PLACE)
    assert house.ask("HEAD", path).status_code == 200
    answer = house.ask("GET", path)
    assert answer.status_code == 302
    where, query, fragment = landed(answer)
    assert (where, query, fragment["type"]) == (SITE, {}, "signup")
    assert landed(house.ask("GET", path))[2]["error_code"] == "otp_expired"
