"""Places that an admin adds while the house runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.auth.places import ME, Round, fragment, who
from undercroft.auth.tables import CUSTOM_PROVIDERS


def test_an_admin_adds_a_place(trip: Round) -> None:
    house, service = trip.house, trip.house.service
    body = {
        "provider_type": "oidc", "identifier": "own", "name": "Own", "client_id": ME,
        "client_secret": "a-secret-of-the-app", "issuer": f"{trip.places.url}/custom:own", "scopes": ["email"],
        "custom_claims_allowlist": ["groups"],
    }  # fmt: skip
    made = house.ask("POST", "/admin/custom-providers", body, token=service)
    assert made.status_code == 201, made.text
    assert made.json()["identifier"] == "custom:own"
    for answer in (made, house.ask("GET", "/admin/custom-providers", token=service),
                   house.ask("GET", "/admin/custom-providers/custom:own", token=service)):  # fmt: skip
        assert "a-secret" not in answer.text
        assert "client_secret" not in answer.text
    assert "a-secret" not in str(house.rows(CUSTOM_PROVIDERS))
    assert house.ask("POST", "/admin/custom-providers", body, token=service).json()["error_code"] == "conflict"
    tokens = trip.signed_in("custom:own", who("sam", house.fresh_email(), groups=["cooks"]))
    data = trip.user(tokens)["identities"][0]["identity_data"]
    assert data["custom_claims"] == {"groups": ["cooks"]}
    changed = house.ask("PUT", "/admin/custom-providers/custom:own", {"enabled": False}, token=service)
    assert changed.json()["enabled"] is False
    assert house.ask("GET", "/authorize?provider=custom:own").status_code == 400
    assert house.ask("DELETE", "/admin/custom-providers/custom:own", token=service).status_code == 204
    assert house.ask("GET", "/admin/custom-providers/custom:own", token=service).status_code == 404


def test_an_admin_adds_a_place_without_openid(trip: Round) -> None:
    house, url = trip.house, f"{trip.places.url}/plain"
    body = {
        "provider_type": "oauth2", "identifier": "plain", "name": "Plain", "client_id": ME,
        "client_secret": "a-secret-of-the-app", "authorization_url": f"{url}/authorize", "token_url": f"{url}/token",
        "userinfo_url": f"{url}/userinfo", "attribute_mapping": {"email": "mail", "sub": "uid"},
    }  # fmt: skip
    assert house.ask("POST", "/admin/custom-providers", body, token=house.service).status_code == 201
    email = house.fresh_email()
    told = {"userinfo": {"uid": "tom", "mail": email, "email_verified": True}}
    assert trip.user(fragment(trip.go("custom:plain", {}, told)))["email"] == email


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": None}, {"issuer": "http://example.com"}, {"identifier": "google"}, {"identifier": "a b"},
        {"attribute_mapping": {"role": "x"}}, {"authorization_params": {"state": "x"}}, {"provider_type": "saml"},
        {"client_secret": ""}, {"issuer": "https://10.0.0.1"}, {"issuer": "WRONG"}, {"scopes": "email"},
    ],
)  # fmt: skip
def test_a_place_that_makes_no_sense_is_refused(trip: Round, more: dict[str, Any]) -> None:
    body = {
        "provider_type": "oidc", "identifier": "wrong", "name": "Wrong", "client_id": ME, "client_secret": "x" * 20,
        "issuer": f"{trip.places.url}/custom:wrong",
    }  # fmt: skip
    given = {name: value for name, value in (body | more).items() if value is not None}
    if given.get("issuer") == "WRONG":
        given["issuer"] = f"{trip.places.url}/custom:wrong/"
    answer = trip.house.ask("POST", "/admin/custom-providers", given, token=trip.house.service)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed"), answer.text
    assert trip.house.ask("POST", "/admin/custom-providers", body).status_code in (401, 403)


@pytest.mark.parametrize("of", ["client_id", "scopes", "attribute_mapping"])
def test_what_no_text_of_a_database_holds_is_refused(trip: Round, of: str) -> None:
    values: dict[str, Any] = {"client_id": "a\x00b", "scopes": ["a\x00b"], "attribute_mapping": {"name": "a\x00b"}}
    body = {
        "provider_type": "oauth2", "identifier": "nul", "name": "Nul", "client_id": ME, "client_secret": "s",
        "authorization_url": "https://a.example.com", "token_url": "https://a.example.com",
        "userinfo_url": "https://a.example.com", of: values[of],
    }  # fmt: skip
    answer = trip.house.ask("POST", "/admin/custom-providers", body, token=trip.house.service)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed"), answer.text
