"""D9, D10, D11, D21 and D22 for second factors and passkeys: what single use, step-up and WebAuthn promise."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.api.auth.authenticator import Authenticator, b64
from tests.api.auth.factoring import Person, claims_of, error_of
from tests.api.auth.people import Answer, People
from undercroft.auth.store import Rows
from undercroft.auth.tables import AUDIT, CREDENTIALS, SESSIONS, USERS

SETTINGS = {
    "mfa_web_authn_enroll_enabled": True,
    "mfa_web_authn_verify_enabled": True,
    "mfa_phone_enroll_enabled": True,
    "mfa_phone_verify_enabled": True,
    "sms_enable_signup": True,
}
MANY = 64


def changed(house: People, user_id: str, **columns: Any) -> None:
    dialect = house.house.engine.dialect
    house.run(house.house.engine.write(lambda cursor: Rows(cursor, dialect).change(USERS, {"id": user_id}, **columns)))


def statuses(answers: list[Answer]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


# --- D21: no door beside the second factor ---

CHANGES: dict[str, Callable[[Person], tuple[str, str, Any]]] = {
    "another factor": lambda person: ("POST", "/factors", {"factor_type": "totp", "friendly_name": "x"}),
    "away with the factor": lambda person: ("DELETE", f"/factors/{person.factor}", None),
    "recovery codes": lambda person: ("POST", "/factors/recovery-codes", None),
    "away with recovery codes": lambda person: ("DELETE", "/factors/recovery-codes", None),
    "a passkey": lambda person: ("POST", "/passkeys/registration/options", {}),
    "another address": lambda person: ("PUT", "/user", {"email": "other@example.com"}),
    "another number": lambda person: ("PUT", "/user", {"phone": "4915100000001"}),
    "another password": lambda person: ("PUT", "/user", {"password": "battery staple"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_d21_with_one_proof_nothing_changes(house: People, name: str) -> None:
    person = Person(house).secured()
    weak = person.again()
    method, path, body = CHANGES[name](weak)
    answer = weak.ask(method, path, body)
    assert error_of(answer)[1] == "insufficient_aal", answer.text
    assert answer.status_code in (401, 403)


def test_d21_a_passkey_that_is_there_is_safe(house: People) -> None:
    person = Person(house)
    made = person.passkey(Authenticator())
    person.secured()
    weak = person.again()
    path = f"/passkeys/{made['id']}"
    assert error_of(weak.ask("DELETE", path)) == (403, "insufficient_aal")
    assert error_of(weak.ask("PATCH", path, {"friendly_name": "mine"})) == (403, "insufficient_aal")
    assert person.ask("PATCH", path, {"friendly_name": "mine"}).status_code == 200
    assert person.ask("DELETE", path).status_code == 204


def test_d21_a_registration_that_was_begun_before(house: People) -> None:
    """A passkey asked for before the factor was verified is not made after it."""
    person = Person(house)
    asked = person.ask("POST", "/passkeys/registration/options", {}).json()
    other = person.again()
    other.secured()
    weak = Person(house, person.again().told)
    body = {"challenge_id": asked["challenge_id"], "credential": Authenticator().create(asked["options"])}
    answer = weak.ask("POST", "/passkeys/registration/verify", body)
    assert answer.status_code in (400, 403)
    assert not house.rows(CREDENTIALS, user_id=person.id)


def test_d21_a_second_factor_that_was_begun_before_is_not_verified_with_one_proof(house: People) -> None:
    person = Person(house)
    person.enrolled("stolen")
    seed, factor = person.seed, person.factor
    owner = person.again()
    owner.enrolled("mine", issuer="x")
    # The owner's verification takes factors of the same kind that are not verified with it.
    assert owner.verify().status_code == 200
    thief = owner.again()
    thief.seed, thief.factor = seed, factor
    answer = thief.ask("POST", f"/factors/{factor}/challenge", {})
    assert answer.status_code == 404


def test_d21_a_token_of_before_lifts_nothing(house: People) -> None:
    """gotrue #2615: the session counts, not what a token said of it."""
    person = Person(house).secured()
    other = person.again()
    assert other.verify().status_code == 200
    assert person.ask("DELETE", f"/factors/{person.factor}").status_code == 200
    person.house.clock.advance(60)
    third = other.again()
    third.secured()
    assert claims_of(person.token)["aal"] == "aal2"
    answer = person.ask("DELETE", f"/factors/{third.factor}")
    assert error_of(answer)[1] in ("insufficient_aal", "session_not_found")


# --- D11: what a change leaves alive ---


def test_d11_without_the_factor_no_refresh_says_more(house: People) -> None:
    person = Person(house).secured()
    other = person.again()
    other.verify()
    person.ask("DELETE", f"/factors/{person.factor}")
    assert {each["aal"] for each in house.rows(SESSIONS, user_id=person.id)} == {"aal1"}
    assert other.refreshed().aal == "aal1"


# --- D22: WebAuthn ---

Tamper = Callable[[Authenticator], None]
WRONG: dict[str, Tamper] = {
    "another origin": lambda key: setattr(key, "origin", "https://evil.example"),
    "a sub-domain": lambda key: setattr(key, "origin", "https://x.app.example.com"),
    "plain http": lambda key: setattr(key, "origin", "http://app.example.com"),
    "another party": lambda key: setattr(key, "rp_id", "example.com"),
    "nobody verified": lambda key: setattr(key, "user_verified", False),
    "a page within another": lambda key: setattr(key, "cross_origin", True),
}


@pytest.mark.parametrize("name", WRONG)
def test_d22_a_passkey_is_made_only_as_asked(house: People, name: str) -> None:
    person, key = Person(house), Authenticator()
    WRONG[name](key)
    asked = person.ask("POST", "/passkeys/registration/options", {}).json()
    body = {"challenge_id": asked["challenge_id"], "credential": key.create(asked["options"])}
    answer = person.ask("POST", "/passkeys/registration/verify", body)
    assert error_of(answer) == (400, "webauthn_verification_failed")
    assert not house.rows(CREDENTIALS, user_id=person.id)


def login(house: People, key: Authenticator, **options: Any) -> Answer:
    asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
    body = {"challenge_id": asked["challenge_id"], "credential": key.get(asked["options"], **options)}
    return house.ask("POST", "/passkeys/authentication/verify", body)


@pytest.fixture(scope="module")
def keyed(house: People) -> tuple[Person, Authenticator]:
    person, key = Person(house), Authenticator()
    person.passkey(key)
    return person, key


@pytest.mark.parametrize("name", WRONG)
def test_d22_a_passkey_opens_only_as_asked(house: People, keyed: tuple[Person, Authenticator], name: str) -> None:
    key = keyed[1]
    before = dict(vars(key))
    WRONG[name](key)
    answer = login(house, key)
    vars(key).update({**before, "count": key.count})
    assert error_of(answer) == (400, "webauthn_verification_failed")
    assert login(house, key).status_code == 200


def test_d22_the_ceremony_is_the_one_that_was_begun(house: People, keyed: tuple[Person, Authenticator]) -> None:
    person, key = keyed
    assert error_of(login(house, key, kind="webauthn.create")) == (400, "webauthn_verification_failed")
    assert error_of(login(house, key, handle=b64(b"somebody else"))) == (400, "webauthn_verification_failed")
    making = person.ask("POST", "/passkeys/registration/options", {}).json()
    crossed = {"challenge_id": making["challenge_id"], "credential": key.get(making["options"])}
    answer = house.ask("POST", "/passkeys/authentication/verify", crossed)
    assert error_of(answer) == (400, "webauthn_challenge_not_found")
    asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
    fresh = Authenticator()
    made = fresh.create({**making["options"], "challenge": asked["options"]["challenge"]})
    body = {"challenge_id": asked["challenge_id"], "credential": made}
    assert error_of(person.ask("POST", "/passkeys/registration/verify", body))[1] == "webauthn_challenge_not_found"


def test_d22_a_challenge_is_of_one_session_and_one_user(house: People) -> None:
    person, other, key = Person(house), Person(house), Authenticator()
    for somebody in (other, person.again()):
        asked = person.ask("POST", "/passkeys/registration/options", {}).json()
        body = {"challenge_id": asked["challenge_id"], "credential": key.create(asked["options"])}
        answer = somebody.ask("POST", "/passkeys/registration/verify", body)
        assert error_of(answer) == (400, "webauthn_challenge_not_found")


def test_d22_a_challenge_lives_five_minutes_and_one_try(house: People) -> None:
    person, key = Person(house), Authenticator()
    person.passkey(key)
    asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
    house.clock.advance(301)
    body = {"challenge_id": asked["challenge_id"], "credential": key.get(asked["options"])}
    assert error_of(house.ask("POST", "/passkeys/authentication/verify", body))[1] == "webauthn_challenge_expired"
    asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
    wrong = key.get(asked["options"])
    wrong["response"] = {**wrong["response"], "signature": b64(b"x" * 70)}
    right = key.get(asked["options"])
    answers = [
        house.ask(
            "POST", "/passkeys/authentication/verify", {"challenge_id": asked["challenge_id"], "credential": each}
        )
        for each in (wrong, right)
    ]
    assert [error_of(each)[1] for each in answers] == ["webauthn_verification_failed", "webauthn_challenge_not_found"]


def test_d22_a_count_that_falls_is_refused_and_noted(house: People) -> None:
    person, key = Person(house), Authenticator(count=10)
    person.passkey(key)
    assert login(house, key).status_code == 200
    for count in (10, 5, -1):  # signs 11, 6 and 0
        key.count = count
        assert error_of(login(house, key)) == (400, "webauthn_verification_failed")
    alarms = [each for each in house.rows(AUDIT) if each["payload"]["action"] == "sign_count_regressed"]
    assert [each["payload"]["actor_id"] for each in alarms] == [person.id] * 3
    key.count = 11
    assert login(house, key).status_code == 200


def test_d22_a_key_is_of_one_account(house: People) -> None:
    person, other, key = Person(house), Person(house), Authenticator()
    person.passkey(key)
    thief = Authenticator(id=key.id)
    asked = other.ask("POST", "/passkeys/registration/options", {}).json()
    body = {"challenge_id": asked["challenge_id"], "credential": thief.create(asked["options"])}
    assert error_of(other.ask("POST", "/passkeys/registration/verify", body))[1] == "webauthn_credential_exists"
    factor = other.ask("POST", "/factors", {"factor_type": "webauthn"}).json()["id"]
    made = other.challenged(factor)
    proof = other.proof(made, "create", thief.create(made["webauthn"]["credential_options"]["publicKey"]))
    answer = other.ask("POST", f"/factors/{factor}/verify", proof)
    assert error_of(answer)[1] == "webauthn_credential_exists"
    assert login(house, thief, handle=key.user_handle).status_code == 400


@pytest.mark.parametrize("column", ["deleted_at", "banned_until", "email_confirmed_at"])
def test_d22_who_may_not_come_in_has_no_passkey(house: People, column: str) -> None:
    person, key = Person(house), Authenticator()
    person.passkey(key)
    later = house.clock.now() + timedelta(days=1)
    changed(house, person.id, **{column: {"deleted_at": house.clock.now(), "banned_until": later}.get(column)})
    answer = login(house, key)
    expected = {"deleted_at": "webauthn_verification_failed", "banned_until": "user_banned"}
    assert error_of(answer)[1] == expected.get(column, "email_not_confirmed")
    assert not [each for each in house.rows(SESSIONS, user_id=person.id) if each["id"] in answer.text]


@pytest.mark.parametrize("name", ["another origin", "another party", "a page within another"])
def test_d22_a_security_key_is_taken_only_as_asked(house: People, name: str) -> None:
    person, key = Person(house), Authenticator()
    factor = person.keyed(key)
    WRONG[name](key)
    asked = person.challenged(factor)
    answer = key.get(asked["webauthn"]["credential_options"]["publicKey"])
    assert error_of(person.ask("POST", f"/factors/{factor}/verify", person.proof(asked, "request", answer))) == (
        400, "webauthn_verification_failed",
    )  # fmt: skip


def test_d22_answers_of_any_shape_are_refused(house: People, keyed: tuple[Person, Authenticator]) -> None:
    key = keyed[1]
    asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
    good = key.get(asked["options"])
    bodies: list[Any] = [
        {}, {"id": 5}, {"id": good["id"]}, {**good, "response": None}, {**good, "response": {}}, {**good, "rawId": "x"},
        {**good, "type": "password"}, {**good, "response": {**good["response"], "clientDataJSON": "!!!"}},
        {**good, "response": {**good["response"], "authenticatorData": ""}},
        {**good, "response": {**good["response"], "userHandle": None}},
        {**good, "response": {**good["response"], "signature": "A" * 70_000}}, {**good, "id": "x" * 5000},
        {**good, "response": {**good["response"], "clientDataJSON": b64(b"[" * 20_000)}},
    ]  # fmt: skip
    for body in bodies:
        asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
        answer = house.ask(
            "POST", "/passkeys/authentication/verify", {"challenge_id": asked["challenge_id"], "credential": body}
        )
        assert answer.status_code == 400, (body, answer.text)


def test_a_client_says_what_it_signed() -> None:
    """The authenticator of these tests signs what WebAuthn says: else they would prove nothing."""
    key = Authenticator()
    told = key.get({"challenge": "abc"})["response"]["clientDataJSON"]
    assert json.loads(base64.urlsafe_b64decode(told + "=="))["type"] == "webauthn.get"
