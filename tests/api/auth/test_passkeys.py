"""Passkeys: made, listed, named, taken away, and signed in with."""

from __future__ import annotations

import pytest

from tests.api.auth.authenticator import Authenticator
from tests.api.auth.factoring import Person, claims_of, error_of
from tests.api.auth.people import Answer, People
from undercroft.auth.tables import CREDENTIAL_CHALLENGES, CREDENTIALS

SETTINGS = {"passkey_max_passkeys_per_user": 2, "webauthn_rp_display_name": "Feast"}


def signed_in(house: People, key: Authenticator) -> Answer:
    asked = house.ask("POST", "/passkeys/authentication/options", {"gotrue_meta_security": {}}).json()
    body = {"challenge_id": asked["challenge_id"], "credential": key.get(asked["options"])}
    return house.ask("POST", "/passkeys/authentication/verify", body)


def test_what_a_browser_is_asked_for(house: People) -> None:
    person = Person(house)
    asked = person.ask("POST", "/passkeys/registration/options", {}).json()
    options = asked["options"]
    assert asked["expires_at"] == int(house.clock.timestamp()) + 300
    assert options["rp"] == {"id": "app.example.com", "name": "Feast"}
    assert options["user"]["name"] == person.told["user"]["email"]
    choice = options["authenticatorSelection"]
    assert (choice["residentKey"], choice["userVerification"]) == ("required", "required")
    login = house.ask("POST", "/passkeys/authentication/options", {}).json()["options"]
    assert (login["rpId"], login["userVerification"]) == ("app.example.com", "required")
    assert not login.get("allowCredentials")


def test_a_passkey_is_a_way_in(house: People) -> None:
    person, key = Person(house), Authenticator()
    made = person.passkey(key)
    assert set(made) == {"id", "created_at", "backup_eligible", "backed_up", "transports"}
    answer = signed_in(house, key)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["user"]["id"] == person.id
    claims = claims_of(told["access_token"])
    assert (claims["aal"], claims["amr"][0]["method"]) == ("aal1", "passkey")
    assert signed_in(house, key).status_code == 200
    stored = house.rows(CREDENTIALS, user_id=person.id)[0]
    assert (stored["sign_count"], stored["last_used_at"]) == (2, house.clock.now())


def test_a_passkey_that_counts_nothing(house: People) -> None:
    person, key = Person(house), Authenticator(counts=False)
    person.passkey(key)
    assert [signed_in(house, key).status_code for _ in range(3)] == [200, 200, 200]


def test_passkeys_are_listed_named_and_taken_away(house: People) -> None:
    person, key = Person(house), Authenticator()
    made = person.passkey(key)
    named = person.ask("PATCH", f"/passkeys/{made['id']}", {"friendly_name": " My phone "})
    assert named.status_code == 200, named.text
    signed_in(house, key)
    listed = person.ask("GET", "/passkeys").json()
    assert listed == [{**named.json(), "last_used_at": listed[0]["last_used_at"]}]
    assert listed[0]["friendly_name"] == "My phone"
    assert house.ask("GET", f"/admin/users/{person.id}/passkeys", token=house.service).json() == listed
    for name in ("", " ", "x" * 121):
        answer = person.ask("PATCH", f"/passkeys/{made['id']}", {"friendly_name": name})
        assert error_of(answer) == (400, "validation_failed")
    other = Person(house)
    for method in ("PATCH", "DELETE"):
        answer = other.ask(method, f"/passkeys/{made['id']}", {"friendly_name": "x"} if method == "PATCH" else None)
        assert error_of(answer) == (404, "webauthn_credential_not_found")
    assert person.ask("DELETE", f"/passkeys/{made['id']}").status_code == 204
    assert person.ask("GET", "/passkeys").json() == []
    assert error_of(signed_in(house, key)) == (400, "webauthn_verification_failed")


def test_the_service_takes_passkeys_away(house: People) -> None:
    person = Person(house)
    made = person.passkey(Authenticator())
    path = f"/admin/users/{person.id}/passkeys/{made['id']}"
    assert error_of(person.ask("DELETE", path))[1] == "not_admin"
    assert house.ask("DELETE", path, token=house.service).status_code == 204
    assert house.ask("DELETE", path, token=house.service).status_code == 404
    nobody = "/admin/users/00000000-0000-4000-8000-000000000000/passkeys"
    assert house.ask("GET", nobody, token=house.service).status_code == 404


def test_passkeys_are_so_many_at_most_and_each_is_made_once(house: People) -> None:
    person, key = Person(house), Authenticator()
    person.passkey(key)
    asked = person.ask("POST", "/passkeys/registration/options", {}).json()
    assert [each["id"] for each in asked["options"]["excludeCredentials"]] == [key.get(asked["options"])["id"]]
    person.passkey(Authenticator())
    assert error_of(person.ask("POST", "/passkeys/registration/options", {})) == (422, "too_many_passkeys")
    late = {"challenge_id": asked["challenge_id"], "credential": Authenticator().create(asked["options"])}
    assert error_of(person.ask("POST", "/passkeys/registration/verify", late)) == (422, "too_many_passkeys")


@pytest.mark.parametrize(
    "body",
    [
        {}, {"challenge_id": "x", "credential": {"id": "x"}}, {"challenge_id": "x"},
        {"challenge_id": "00000000-0000-4000-8000-000000000000", "credential": {"id": "x"}},
        {"challenge_id": "00000000-0000-4000-8000-000000000000", "credential": []},
    ],
)  # fmt: skip
def test_nonsense_is_told(house: People, body: dict[str, object]) -> None:
    assert house.ask("POST", "/passkeys/authentication/verify", body).status_code == 400


def test_challenges_that_are_over_are_swept(house: People) -> None:
    asked = house.ask("POST", "/passkeys/authentication/options", {}).json()
    house.clock.advance(301)
    house.ask("POST", "/passkeys/authentication/options", {})
    assert not house.rows(CREDENTIAL_CHALLENGES, id=asked["challenge_id"])
