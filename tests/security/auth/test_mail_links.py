"""D15, D16, D18, D20: where links lead, what addresses and logs hold, what other settings take from a promise, and who
is who."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.api.auth.mailed import Mail, code_of, landed, pressed
from tests.api.auth.people import PLACE, SITE, People, people
from undercroft.auth.tables import USERS

SETTINGS = {"email_enable_confirmations": "true"}
EVIL = "evil.example"
POISON = {
    "host": EVIL, "x-forwarded-host": EVIL, "x-forwarded-proto": "http", "x-forwarded-port": "1",
    "x-forwarded-server": EVIL, "x-host": EVIL, "x-original-url": f"https://{EVIL}/", "x-rewrite-url": f"https://{EVIL}/",
    "forwarded": f"host={EVIL};proto=http", "origin": f"https://{EVIL}", "referer": f"https://{EVIL}/",
}  # fmt: skip


@pytest.mark.parametrize(("path", "template"), [
    ("/signup", "confirmation"), ("/otp", "magic_link"), ("/magiclink", "magic_link"), ("/recover", "recovery"),
    ("/resend", "confirmation"), ("/invite", "invite"), ("/user", "email_change"), ("/reauthenticate", "reauthentication"),
    ("/admin/generate_link", None),
])  # fmt: skip
def test_links_lead_to_the_address_of_the_settings(house: People, path: str, template: str | None) -> None:
    """D15: whatever a caller says of where it asks."""
    email, token, method = house.fresh_email(), None, "POST"
    body: dict[str, object] = {"email": email, "password": "correct horse", "type": "signup"}
    if path in ("/otp", "/magiclink", "/recover", "/user", "/reauthenticate"):
        house.ask("POST", "/signup", body)
        answer = house.ask("POST", "/verify", {"email": email, "token": Mail(house, email).code, "type": "signup"})
        token = answer.json()["access_token"]
    elif path == "/resend":
        house.ask("POST", "/signup", body)
    if path in ("/invite", "/admin/generate_link"):
        token = house.service
    if path == "/user":
        method, body = "PUT", {"email": house.fresh_email()}
    answer = house.ask(method, path, body, token=token, headers=POISON)
    assert answer.status_code == 200, answer.text
    if template is None:
        assert answer.json()["action_link"].startswith(f"{PLACE}/verify?")
        assert EVIL not in answer.text
        return
    mail = Mail(house, email, template)
    assert EVIL not in mail.html + mail.text + mail.subject
    if template != "reauthentication":
        assert mail.link.startswith(f"{PLACE}/verify?")
        assert mail.said["redirect_to"] == SITE


def test_no_refresh_token_stands_in_a_query(house: People, capsys: pytest.CaptureFixture[str]) -> None:
    """D16: nor is a token of a link in the log."""
    email = house.fresh_email()
    house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    mail = Mail(house, email)
    capsys.readouterr()
    answer = pressed(house, mail)
    _, query, fragment = landed(answer)
    assert not query
    told = capsys.readouterr()
    for secret in (mail.said["token"], mail.code, fragment["refresh_token"], fragment["access_token"]):
        assert secret not in told.out + told.err


def test_only_one_of_two_spellings_has_an_account(house: People) -> None:
    """D20: on both databases, and mail goes to what is stored."""
    email = house.fresh_email()
    for spelled in (email, email.upper(), email.replace("p", "ｐ"), f" {email}\t", email.replace("s", "ſ")):
        assert house.ask("POST", "/otp", {"email": spelled}).status_code == 200, spelled
    assert len(house.rows(USERS, email=email)) == 1
    assert {mail["address"] for mail in house.mails(email)} == {email}
    assert len(house.mails(email)) == 5
    straße, strasse = "straße@example.com", "strasse@example.com"
    house.ask("POST", "/otp", {"email": straße})
    house.ask("POST", "/otp", {"email": strasse})
    assert len(house.rows(USERS, email=strasse)) == 1
    assert len(house.mails(strasse)) == 2
    house.ask("POST", "/otp", {"email": "josé@example.com"})
    house.ask("POST", "/otp", {"email": "jose\u0301@example.com"})
    house.ask("POST", "/otp", {"email": "jose@example.com"})
    assert len(house.mails("josé@example.com")) == 2
    assert len(house.mails("jose@example.com")) == 1


@pytest.mark.parametrize(
    ("double", "confirms", "secure", "signup"), list(itertools.product((True, False), repeat=4)),
    ids=lambda value: "yes" if value else "no",
)  # fmt: skip
def test_no_setting_takes_a_promise_of_another(
    tmp_path: Path, double: bool, confirms: bool, secure: bool, signup: bool
) -> None:
    """D18: each promise in every combination of the others."""
    given: dict[str, Any] = {
        "email_double_confirm_changes": double, "email_enable_confirmations": confirms,
        "email_secure_password_change": secure, "enable_signup": signup,
    }  # fmt: skip
    with people(tmp_path, None, **given) as house:
        old, new = "old@example.com", "new@example.com"
        first = house.ask("POST", "/signup", {"email": old, "password": "correct horse"})
        assert (first.status_code == 422) is not signup
        if not signup:
            ask = {"type": "signup", "email": old, "password": "correct horse"}
            told = house.ask("POST", "/admin/generate_link", ask, token=house.service).json()
            body = {"type": "signup", "token_hash": told["hashed_token"]}
            first = house.ask("POST", "/verify", body)
        assert ("access_token" in first.json()) is (not signup or not confirms)
        if signup and confirms:
            assert code_of(house.ask("POST", "/token?grant_type=password", {"email": old, "password": "correct horse"}))
            first = house.ask("POST", "/verify", {"email": old, "token": Mail(house, old).code, "type": "signup"})
        told = first.json()
        # An address is not made by a code where nobody may sign up.
        house.ask("POST", "/otp", {"email": "fresh@example.com"})
        assert bool(house.rows(USERS, email="fresh@example.com")) is signup
        # A password after a day.
        house.clock.advance(25 * 3600)
        told = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": told["refresh_token"]}).json()
        answer = house.ask("PUT", "/user", {"password": "battery staple"}, token=told["access_token"])
        assert (answer.status_code == 401) is secure
        # A new address is asked for at both wherever that is promised.
        house.ask("PUT", "/user", {"email": new}, token=told["access_token"])
        assert bool(house.rows(USERS, email=new)) is (not double and not confirms)
        if double or confirms:
            pressed(house, Mail(house, new, "email_change"))
            assert bool(house.rows(USERS, email=new)) is not double
        if double:
            pressed(house, Mail(house, old, "email_change"))
            assert house.rows(USERS, email=new)
