"""Second factors: codes of an app, security keys, codes by message, and codes on paper."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pyotp
import pytest

from tests.api.auth.authenticator import Authenticator
from tests.api.auth.factoring import Person, claims_of, error_of
from tests.api.auth.people import People
from undercroft.auth.service import challenges
from undercroft.auth.service.room import Room, Unit
from undercroft.auth.tables import AMR, CHALLENGES, FACTORS, RECOVERY_CODES, SESSIONS

SETTINGS = {
    "mfa_web_authn_enroll_enabled": True,
    "mfa_web_authn_verify_enabled": True,
    "mfa_phone_enroll_enabled": True,
    "mfa_phone_verify_enabled": True,
    "mfa_max_enrolled_factors": 3,
}


def methods(token: str) -> set[str]:
    return {each["method"] for each in claims_of(token)["amr"]}


# --- codes of an app ---


def test_enrolling_shows_what_an_app_needs(house: People) -> None:
    person = Person(house)
    told = person.enrolled("phone", issuer="Fea:st & Co")
    assert (told["type"], told["friendly_name"]) == ("totp", "phone")
    read = pyotp.parse_uri(told["totp"]["uri"])
    assert isinstance(read, pyotp.TOTP)
    assert (read.secret, read.issuer, read.name) == (
        told["totp"]["secret"],
        "Fea st & Co",
        person.told["user"]["email"],
    )
    # auth-js writes `data:image/svg+xml;utf-8,` before it: nothing in it may end such an address.
    image = told["totp"]["qr_code"]
    assert ElementTree.fromstring(image).tag.endswith("svg")
    assert not set(image) & set("#\n%")


def test_a_seed_is_sealed_in_the_database(house: People) -> None:
    person = Person(house)
    seed = person.enrolled()["totp"]["secret"]
    stored = house.rows(FACTORS, id=person.factor)[0]
    assert seed not in str(stored)
    assert re.fullmatch(r"[\w-]{40,}", stored["secret"])


def test_a_code_raises_the_session(house: People) -> None:
    person = Person(house)
    before = person.told["refresh_token"]
    person.enrolled()
    assert person.aal == "aal1"
    asked = person.challenged()
    assert (asked["type"], asked["expires_at"]) == ("totp", int(house.clock.timestamp()) + 300)
    answer = person.verify(challenge=asked["id"])
    assert answer.status_code == 200
    assert person.aal == "aal2"
    assert methods(person.token) == {"password", "totp"}
    assert person.told["refresh_token"] != before
    assert [each["status"] for each in person.told["user"]["factors"]] == ["verified"]
    assert person.refreshed().aal == "aal2"
    assert person.again().aal == "aal1"


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_of_the_step_beside_is_taken(house: People, steps: int, is_right: bool) -> None:
    person = Person(house)
    person.enrolled()
    answer = person.verify(person.code(steps))
    assert answer.status_code == (200 if is_right else 422)
    if not is_right:
        assert error_of(answer) == (422, "mfa_verification_failed")


def test_a_code_is_good_once(house: People) -> None:
    person = Person(house)
    person.enrolled()
    code = person.code()
    assert person.verify(code).status_code == 200
    other = person.again()
    assert error_of(other.verify(code)) == (422, "mfa_verification_failed")
    assert error_of(other.verify(person.code(-1))) == (422, "mfa_verification_failed")
    assert other.verify(person.code(1)).status_code == 200


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "123 456", "0" * 5000, "\x00" * 6])
def test_what_is_no_code_is_refused(house: People, code: str) -> None:
    person = Person(house)
    person.enrolled()
    body = {"challenge_id": person.challenged()["id"], "code": code}
    assert person.ask("POST", f"/factors/{person.factor}/verify", body).status_code in (400, 422)


def test_a_challenge_is_of_its_factor_its_address_and_its_time(house: People) -> None:
    person, other = Person(house), Person(house)
    person.enrolled()
    other.enrolled()
    theirs = other.challenged()["id"]
    assert error_of(person.verify(challenge=theirs)) == (422, "mfa_factor_not_found")
    assert error_of(person.verify(challenge="nonsense")) == (422, "mfa_factor_not_found")
    assert error_of(person.verify(ip="192.0.2.77")) == (422, "mfa_ip_address_mismatch")
    asked = person.challenged()["id"]
    house.clock.advance(301)
    assert error_of(person.verify(challenge=asked)) == (422, "mfa_challenge_expired")
    assert not house.rows(CHALLENGES, id=asked)
    assert person.verify(challenge=person.challenged()["id"]).status_code == 200


def test_a_wrong_code_leaves_the_challenge(house: People) -> None:
    person = Person(house)
    person.enrolled()
    asked = person.challenged()["id"]
    right = person.code()
    assert error_of(person.verify("000000" if right != "000000" else "111111", asked))[1] == "mfa_verification_failed"
    assert person.verify(right, asked).status_code == 200
    house.clock.advance(60)
    assert error_of(person.verify(challenge=asked)) == (422, "mfa_ip_address_mismatch")


def test_factors_of_others_are_not_there(house: People) -> None:
    person, other = Person(house), Person(house)
    other.enrolled()
    for method, path in (("POST", "/challenge"), ("POST", "/verify"), ("DELETE", "")):
        answer = person.ask(method, f"/factors/{other.factor}{path}", None if method == "DELETE" else {"code": "1"})
        assert error_of(answer) == (404, "mfa_factor_not_found"), path
    assert person.ask("DELETE", "/factors/nonsense").status_code == 404


def test_other_sessions_without_the_factor_end(house: People) -> None:
    person = Person(house)
    other = person.again()
    person.enrolled()
    person.verify()
    assert {each["aal"] for each in house.rows(SESSIONS, user_id=person.id)} == {"aal2"}
    body = {"refresh_token": other.told["refresh_token"]}
    assert house.ask("POST", "/token?grant_type=refresh_token", body).status_code == 400


# --- names and numbers of factors ---


def test_factors_that_were_left_are_replaced(house: People) -> None:
    person = Person(house)
    first = person.enrolled("one")["id"]
    second = person.enrolled("one")["id"]
    assert {each["id"] for each in house.rows(FACTORS, user_id=person.id)} == {second} != {first}
    assert person.verify().status_code == 200
    conflict = person.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": " one "})
    assert error_of(conflict) == (422, "mfa_factor_name_conflict")


def test_factors_are_so_many_at_most(house: People) -> None:
    person = Person(house)
    for name in ("a", "b", "c"):
        person.enrolled(name)
    full = person.ask("POST", "/factors", {"factor_type": "totp", "friendly_name": "d"})
    assert error_of(full) == (422, "too_many_enrolled_mfa_factors")
    house.clock.advance(301)
    person.enrolled("d")
    assert [each["friendly_name"] for each in house.rows(FACTORS, user_id=person.id)] == ["d"]


@pytest.mark.parametrize(
    "body",
    [
        {}, {"factor_type": "sms"}, {"factor_type": "phone"}, {"factor_type": "phone", "phone": "x"},
        {"factor_type": "totp", "friendly_name": "x" * 121}, {"factor_type": ["totp"]},
    ],
)  # fmt: skip
def test_nonsense_is_told(house: People, body: dict[str, object]) -> None:
    assert error_of(Person(house).ask("POST", "/factors", body)) == (400, "validation_failed")


# --- taking away ---


def test_without_the_factor_sessions_fall_back(house: People) -> None:
    person = Person(house).secured()
    other = person.again()
    assert other.verify().status_code == 200
    answer = person.ask("DELETE", f"/factors/{person.factor}")
    assert (answer.status_code, answer.json()) == (200, {"id": person.factor})
    assert {each["aal"] for each in house.rows(SESSIONS, user_id=person.id)} == {"aal1"}
    for each in (person, other):
        each.refreshed()
        assert each.aal == "aal1"
        assert methods(each.token) == {"password"}
    # gotrue #2615: a token that still says aal2 does nothing with it.
    assert not house.rows(FACTORS, user_id=person.id)


def test_sessions_of_another_factor_stay(house: People) -> None:
    person = Person(house).secured()
    first = person.factor
    other = person.again()
    other.verify()
    person.enrolled("second")
    assert person.verify().status_code == 200
    second = person.factor
    assert person.ask("DELETE", f"/factors/{second}").status_code == 200
    assert person.refreshed().aal == "aal1"
    assert other.refreshed().aal == "aal2"
    # The session is of one proof again, though the token of before says more.
    assert error_of(person.ask("DELETE", f"/factors/{first}")) == (403, "insufficient_aal")
    assert other.ask("DELETE", f"/factors/{first}").status_code == 200


def test_an_unverified_factor_goes_without_more(house: People) -> None:
    person = Person(house)
    person.enrolled()
    assert person.ask("DELETE", f"/factors/{person.factor}").status_code == 200


# --- security keys ---


def test_a_security_key(house: People) -> None:
    person, key = Person(house), Authenticator()
    factor = person.keyed(key)
    assert person.aal == "aal2"
    assert methods(person.token) == {"password", "mfa/webauthn"}
    other = person.again()
    asked = other.challenged(factor, {"factorId": factor, "webauthn": {"rpId": "evil.example", "rpOrigins": ["x"]}})
    options = asked["webauthn"]["credential_options"]["publicKey"]
    assert (asked["webauthn"]["type"], options["rpId"]) == ("request", "app.example.com")
    answer = other.ask("POST", f"/factors/{factor}/verify", other.proof(asked, "request", key.get(options)))
    assert answer.status_code == 200, answer.text
    assert claims_of(answer.json()["access_token"])["aal"] == "aal2"
    stored = house.rows(FACTORS, id=factor)[0]
    assert (stored["last_step"], stored["web_authn_credential"]["transports"]) == (1, ["internal", "hybrid"])


# --- codes by message ---


def test_a_code_by_message(house: People, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[tuple[str, str, str | None]] = []

    async def sent(unit: Unit, phone: str, text: str, channel: str | None) -> None:
        messages.append((phone, text, channel))

    async def may(room: Room, phone: str) -> None:
        """There is a provider."""

    monkeypatch.setattr(Unit, "text", sent)
    monkeypatch.setattr(challenges, "may_text", may)
    person = Person(house)
    answer = person.ask("POST", "/factors", {"factor_type": "phone", "phone": "+49 151 12345678"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["type"], answer.json()["phone"]) == ("phone", "4915112345678")
    person.factor = answer.json()["id"]
    asked = person.challenged(body={"channel": "sms"})
    phone, text, channel = messages.pop()
    code = text.removeprefix("Your code is ")
    assert (phone, channel, len(code)) == ("4915112345678", "sms", 6)
    assert code not in str(house.rows(CHALLENGES, id=asked["id"]))
    soon = person.ask("POST", f"/factors/{person.factor}/challenge", {})
    assert error_of(soon) == (429, "over_sms_send_rate_limit")
    wrong = "000000" if code != "000000" else "111111"
    assert error_of(person.verify(wrong, asked["id"])) == (422, "mfa_verification_failed")
    assert person.verify(code, asked["id"]).status_code == 200
    assert methods(person.token) == {"password", "mfa/phone"}
    again = person.ask("POST", "/factors", {"factor_type": "phone", "phone": "4915112345678"})
    assert error_of(again) == (422, "mfa_verified_factor_exists")


def test_without_a_way_to_send_there_is_no_challenge(house: People) -> None:
    person = Person(house)
    body = {"factor_type": "phone", "phone": "4915100000000"}
    factor = person.ask("POST", "/factors", body).json()["id"]
    assert error_of(person.ask("POST", f"/factors/{factor}/challenge", {}))[1] == "sms_send_failed"
    assert not house.rows(CHALLENGES, factor_id=factor)


# --- codes on paper ---


def test_recovery_codes(house: People) -> None:
    person = Person(house)
    first = person.ask("POST", "/factors/recovery-codes")
    assert error_of(first) == (422, "mfa_recovery_codes_sole_factor")
    person.secured()
    assert error_of(person.ask("POST", "/factors/recovery-codes/regenerate")) == (404, "mfa_factor_not_found")
    told = person.ask("POST", "/factors/recovery-codes", {"friendly_name": "Paper"}).json()
    codes = told["codes"]
    assert (len(set(codes)), told["total"], told["type"]) == (10, 10, "recovery_code")
    assert told["friendly_name"] == "Paper"
    assert error_of(person.ask("POST", "/factors/recovery-codes")) == (422, "mfa_verified_factor_exists")
    assert not set(codes) & {each["code_hash"] for each in house.rows(RECOVERY_CODES, user_id=person.id)}
    other = person.again()
    answer = other.ask("POST", "/factors/recovery-codes/verify", {"code": f"{codes[3][:4].upper()}-{codes[3][4:]} "})
    assert answer.status_code == 200, answer.text
    other.told = answer.json()
    assert other.aal == "aal2"
    assert methods(other.token) == {"password", "mfa/recovery_code"}
    left = other.ask("GET", "/factors/recovery-codes").json()
    assert left == {"id": told["id"], "type": "recovery_code", "total": 10, "remaining": 9}
    third = person.again()
    for code in (codes[3], "nonsense", "abcd-efgh-jkmn-pqrs"):
        answer = third.ask("POST", "/factors/recovery-codes/verify", {"code": code})
        assert error_of(answer) == (422, "mfa_verification_failed")
    # New ones end those before.
    fresh = other.ask("POST", "/factors/recovery-codes/regenerate").json()["codes"]
    answer = third.ask("POST", "/factors/recovery-codes/verify", {"code": codes[4]})
    assert error_of(answer) == (422, "mfa_verification_failed")
    assert third.ask("POST", "/factors/recovery-codes/verify", {"code": fresh[0]}).status_code == 200
    assert other.ask("DELETE", "/factors/recovery-codes").json() == {"id": told["id"]}
    assert error_of(other.ask("GET", "/factors/recovery-codes")) == (404, "mfa_factor_not_found")


def test_recovery_codes_go_with_the_last_factor(house: People) -> None:
    person = Person(house).secured()
    code = person.ask("POST", "/factors/recovery-codes").json()["codes"][0]
    other = person.again()
    other.told = other.ask("POST", "/factors/recovery-codes/verify", {"code": code}).json()
    assert person.ask("DELETE", f"/factors/{person.factor}").status_code == 200
    assert other.refreshed().aal == "aal1"
    assert not house.rows(RECOVERY_CODES, user_id=person.id)
    assert "recovery_code" not in str(house.rows(AMR, session_id=claims_of(other.token)["session_id"]))
