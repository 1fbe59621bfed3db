"""D10, D19: what is sent to people is not guessed, and is not used up by programs that read mail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.auth.mailed import FORM, Mail, code_of, landed
from tests.api.auth.people import PLACE, Answer, People, people
from undercroft.auth.tables import AUDIT, ONE_TIME_TOKENS, SESSIONS, USERS

SETTINGS = {
    "email_enable_confirmations": "true",
    "sms_enable_signup": "true",
    "sms_enable_confirmations": "true",
    "sms_test_otp": '{"15550001": "123456"}',
}


def account(house: People) -> str:
    email = house.fresh_email()
    house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    house.ask("POST", "/verify", {"email": email, "token": Mail(house, email).code, "type": "signup"})
    return email


def of_signup(house: People) -> tuple[str, str, str]:
    email = house.fresh_email()
    house.ask("POST", "/signup", {"email": email, "password": "correct horse"})
    return email, email, "signup"


def of_recovery(house: People) -> tuple[str, str, str]:
    email = account(house)
    house.ask("POST", "/recover", {"email": email})
    return email, email, "recovery"


def won(answer: Answer) -> bool:
    if answer.status_code == 303:
        return "access_token" in landed(answer)[2]
    return answer.status_code == 200 and "access_token" in answer.json()


# --- programs that read mail ---


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_a_link_changes_nothing(house: People, method: str) -> None:
    """D19: it gives no session, sets no cookie, and the link is good all the same."""
    email, _, _ = of_signup(house)
    mail = Mail(house, email)
    before = [house.rows(table) for table in (ONE_TIME_TOKENS, SESSIONS, USERS, AUDIT)]
    for _ in range(3):
        answer = house.ask(method, mail.link.removeprefix(PLACE))
        assert answer.status_code == 200
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert "<script" not in answer.text
        assert "access_token" not in answer.text
    assert [house.rows(table) for table in (ONE_TIME_TOKENS, SESSIONS, USERS, AUDIT)] == before
    assert mail.code in mail.text
    body = urlencode({"token": mail.said["token"], "type": "signup"})
    assert won(house.ask("POST", "/verify", body, headers=FORM))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_page_signs_nobody_in(house: People, site: str) -> None:
    """D24: else a page could sign people in as somebody else."""
    email, _, _ = of_signup(house)
    body = urlencode({"token": Mail(house, email).said["token"], "type": "signup"})
    answer = house.ask("POST", "/verify", body, headers={**FORM, "sec-fetch-site": site})
    assert (answer.status_code, "location" in answer.headers) == (200, False)
    assert won(house.ask("POST", "/verify", body, headers={**FORM, "sec-fetch-site": "same-origin"}))


@pytest.mark.parametrize("hostile", ['"><script>alert(1)</script>', "'onfocus=x autofocus='", "\x00", "&quot;>"])
def test_the_page_shows_what_it_is_given_as_text(house: People, hostile: str) -> None:
    query = urlencode({"token": hostile, "type": hostile, "redirect_to": hostile})
    answer = house.ask("GET", f"/verify?{query}")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert "autofocus='" not in answer.text
    assert '"><' not in answer.text.replace('"><button', "").replace('"><input', "").replace('"><meta', "").replace(
        '"><title', ""
    ).replace('"><style', "").replace('"><head', "")


# --- guessing ---


def wrong(code: str, step: int) -> str:
    return f"{(int(code) + step) % 10 ** len(code):0{len(code)}d}"


def test_a_code_is_dead_after_ten_wrong_ones(house: People) -> None:
    """D10: even with no other bound, and however the address is spelled; its link is good all the same."""
    email, _, _ = of_recovery(house)
    mail = Mail(house, email)
    spelled = [email, email.upper(), f" {email} ", email.replace("person", "ｐerson")]
    for step in range(1, 11):
        body = {"email": spelled[step % 4], "token": wrong(mail.code, step), "type": "recovery"}
        assert code_of(house.ask("POST", "/verify", body, ip=f"198.51.100.{step}")) == "otp_expired"
    right = {"email": email, "token": mail.code, "type": "recovery"}
    assert code_of(house.ask("POST", "/verify", right)) == "otp_expired"
    assert house.ask("POST", "/verify", {"token_hash": mail.said["token"], "type": "recovery"}).status_code == 200


def test_many_who_guess_at_once_have_ten_tries_together(house: People) -> None:
    """D10."""
    email, _, _ = of_recovery(house)
    mail = Mail(house, email)
    house.together(
        *(
            house.asking("POST", "/verify", {"email": email, "token": wrong(mail.code, step), "type": "recovery"})
            for step in range(1, 201)
        )
    )
    (row,) = house.rows(ONE_TIME_TOKENS, relates_to=email)
    assert row["attempts"] == 10
    assert house.ask("POST", "/verify", {"email": email, "token": mail.code, "type": "recovery"}).status_code == 403


def test_codes_are_not_in_the_database(house: People) -> None:
    email, _, _ = of_recovery(house)
    mail = Mail(house, email)
    (row,) = house.rows(ONE_TIME_TOKENS, relates_to=email)
    assert mail.code not in row["token_hash"]
    assert mail.said["token"] not in str(row)


@pytest.fixture(scope="module")
def limited(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """With bounds."""
    given: dict[str, Any] = {
        **SETTINGS, "rate_limit_account_attempts": 5, "rate_limit_token_verifications": 8, "rate_limit_email_sent": 12,
        "rate_limit_token_refresh": 6, "email_max_frequency": "60s",
    }  # fmt: skip
    with people(tmp_path_factory.mktemp("limited"), server, **given) as made:
        yield made


def test_codes_that_are_tried_on_an_account_are_counted(limited: People) -> None:
    """D10: whoever tries, from wherever."""
    statuses = []
    for step in range(8):
        body = {"email": "ada@example.com", "token": f"{step:06d}", "type": "email"}
        headers = {"x-forwarded-for": f"203.0.113.{step}"}
        answer = limited.ask("POST", "/verify", body, ip=f"198.51.100.{step}", headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [403] * 5 + [429] * 3


def test_codes_that_one_network_tries_are_counted(limited: People) -> None:
    """D10: of IPv6, a /64 is one."""
    statuses = []
    for step in range(10):
        body = {"token_hash": f"{step:056d}", "type": "email"}
        answer = limited.ask("POST", "/verify", body, ip=f"2001:db8:1:2::{step + 1:x}")
        statuses.append(answer.status_code)
    assert statuses == [403] * 8 + [429] * 2
    form = urlencode({"token": "x", "type": "email"})
    _, _, fragment = landed(limited.ask("POST", "/verify", form, headers=FORM, ip="2001:db8:1:2::ff"))
    assert fragment["error_code"] == "over_request_rate_limit"


def test_refreshes_of_a_network_are_counted_in_their_own_transaction(limited: People) -> None:
    """D10: also those that fail; and one over the bound uses no token up, whether the process knows of it already."""

    def refreshed(token: str) -> Answer:
        return limited.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": token}, ip="203.0.113.77")

    def session() -> dict[str, Any]:
        person = {"email": limited.fresh_email(), "password": "correct horse"}
        limited.ask("POST", "/admin/users", {**person, "email_confirm": True}, token=limited.service)
        told: dict[str, Any] = limited.ask("POST", "/token?grant_type=password", person).json()
        return told

    ada, ben = session(), session()
    limited.ask("POST", "/logout", token=ben["access_token"])
    failed = [refreshed(token) for token in ("no token", ben["refresh_token"], "no token", ben["refresh_token"], "")]
    assert [code_of(each) for each in failed] == ["refresh_token_not_found"] * 5
    first = refreshed(ada["refresh_token"])
    over = [refreshed(first.json()["refresh_token"]) for _ in range(2)]
    assert [(each.status_code, code_of(each)) for each in over] == [(429, "over_request_rate_limit")] * 2
    assert [each["refresh_token_counter"] for each in limited.rows(SESSIONS, user_id=ada["user"]["id"])] == [1]
    limited.clock.advance(301)
    assert refreshed(first.json()["refresh_token"]).status_code == 200


def test_mails_are_counted_whoever_they_are_for(limited: People) -> None:
    """D10, D13: to one address one within a minute, and so many within an hour, account or not."""
    first = limited.ask("POST", "/recover", {"email": "nobody@example.com"})
    again = limited.ask("POST", "/recover", {"email": "Nobody@Example.com"})
    assert (first.status_code, again.status_code) == (200, 429)
    assert code_of(again) == "over_email_send_rate_limit"
    assert int(again.headers["retry-after"]) <= 60
    statuses = []
    for step in range(14):
        body = {"email": f"nobody{step}@example.com"}
        statuses.append(limited.ask("POST", "/recover", body, ip=f"198.51.100.{step}").status_code)
    assert statuses.count(200) == 11
    assert statuses[-1] == 429
