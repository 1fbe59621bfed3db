"""Signing in by other places: there and back, by ID token, and linked by hand."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.api.auth.people import PKCE, PLACE, SITE, VERIFIER
from tests.api.auth.places import ME, TENANT, Browser, Round, fragment, query, way, who
from undercroft.auth.tables import FLOWS, IDENTITIES, SESSIONS


def exchanged(trip: Round, code: str, verifier: str = VERIFIER) -> Any:
    return trip.house.ask("POST", "/token?grant_type=pkce", {"auth_code": code, "code_verifier": verifier})


# --- there and back ---


def test_somebody_comes_with_tokens_in_the_fragment(trip: Round) -> None:
    email = trip.house.fresh_email()
    browser = Browser(trip.house)
    answer = trip.go("keycloak", who("ada", email, picture="https://pictures.example.com/ada.png"), browser=browser)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(f"{SITE}/welcome#")
    assert answer.headers["referrer-policy"] == "no-referrer"
    told = fragment(answer)
    assert set(told) == {"access_token", "refresh_token", "expires_in", "expires_at", "token_type", "provider_token",
                         "provider_refresh_token"}  # fmt: skip
    user = trip.user(told)
    assert user["email"] == email
    assert user["email_confirmed_at"]
    assert user["app_metadata"] == {"provider": "keycloak", "providers": ["keycloak"]}
    assert user["user_metadata"]["full_name"] == "Ada"
    assert user["user_metadata"]["avatar_url"] == "https://pictures.example.com/ada.png"
    data = user["identities"][0]["identity_data"]
    assert (data["sub"], data["email_verified"], data["provider_id"]) == ("ada", True, "ada")
    assert browser.cookies == {}


def test_the_cookie_of_the_way_is_the_hosts_alone(trip: Round) -> None:
    browser = Browser(trip.house)
    browser.go("/authorize?provider=keycloak")
    (line,) = browser.set_cookies
    assert line.startswith("__Host-signing-in-")
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} <= set(line.split("; "))


def test_coming_again_is_the_same_account(trip: Round) -> None:
    email = trip.house.fresh_email()
    first = trip.user(trip.signed_in("keycloak", who("bea", email)))
    second = trip.user(trip.signed_in("keycloak", who("bea", "elsewhere@example.com", name="Beatrice")))
    assert second["id"] == first["id"]
    assert second["email"] == email
    assert second["user_metadata"]["name"] == "Beatrice"


def test_pkce_comes_back_with_a_code(trip: Round) -> None:
    answer = trip.go("keycloak", who("cleo", trip.house.fresh_email()), **PKCE)
    assert fragment(answer) == {}
    code = query(answer)["code"]
    assert code not in str(trip.house.rows(FLOWS))
    assert all("r-" not in str(row["provider_refresh_token"])[:3] for row in trip.house.rows(FLOWS))
    told = exchanged(trip, code).json()
    assert told["user"]["email"]
    assert told["provider_refresh_token"] == f"r-{told['provider_token']}"
    assert exchanged(trip, code).status_code == 404


@pytest.mark.parametrize(
    ("place", "told", "email_is"),
    [
        ("github", {"user": {"id": 5, "login": "dora", "name": "Dora", "email": "show@example.com"},
                    "emails": [{"email": "other@example.com", "primary": False, "verified": True},
                               {"email": "dora@example.com", "primary": True, "verified": True}]}, "dora@example.com"),
        ("gitlab", {"user": {"id": 6, "username": "eva", "email": "eva@example.com",
                             "confirmed_at": "2020-01-01T00:00:00Z"}}, "eva@example.com"),
        ("discord", {"@me": {"id": "7", "username": "fay", "email": "fay@example.com", "verified": True,
                             "avatar": "x"}}, "fay@example.com"),
    ],
)  # fmt: skip
def test_places_that_are_asked_with_an_access_token(
    trip: Round, place: str, told: dict[str, Any], email_is: str
) -> None:
    answer = trip.go(place, {}, told)
    user = trip.user(fragment(answer))
    assert user["email"] == email_is
    assert user["identities"][0]["provider"] == place
    assert user["identities"][0]["id"] in ("5", "6", "7")


def test_apple_sends_people_back_by_a_form(trip: Round) -> None:
    email = trip.house.fresh_email()
    browser = Browser(trip.house)
    left = browser.go("/authorize?provider=apple")
    asked = dict(parse_qsl(urlsplit(left.headers["location"]).query))
    assert asked["response_mode"] == "form_post"
    assert "SameSite=None" in browser.set_cookies[0]
    values = trip.places.visit(left.headers["location"], who("000.gala", email, "true"))
    form = {**values, "user": '{"name":{"firstName":"Gala","lastName":"Night"},"email":"victim@example.com"}'}
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = browser.go("/callback", "POST", urlencode(form), **kind)
    user = trip.user(fragment(answer))
    assert user["email"] == email
    assert user["user_metadata"]["full_name"] == "Gala Night"


def test_microsoft_of_any_tenant(trip: Round) -> None:
    email = trip.house.fresh_email()
    tokens = trip.signed_in("azure", who("hana", email, ..., tid=TENANT, xms_edov=True))
    assert trip.user(tokens)["email"] == email


def test_a_place_that_is_found_by_its_document(trip: Round) -> None:
    email = trip.house.fresh_email()
    tokens = trip.signed_in("custom:acme", {"sub": "ida"}, told={"userinfo": who("ida", email)})
    assert trip.user(tokens)["email"] == email
    asked = trip.places.got[-1]
    assert asked.target == "/custom:acme/userinfo"


def test_what_is_asked_of_a_place(trip: Round) -> None:
    browser = Browser(trip.house)
    left = browser.go("/authorize?provider=keycloak&scopes=groups+email&prompt=consent&client_id=evil&state=x&nonce=y")
    asked = dict(parse_qsl(urlsplit(left.headers["location"]).query))
    assert asked["client_id"] == ME
    assert asked["redirect_uri"] == f"{PLACE}/callback"
    assert asked["scope"] == "openid profile email groups"
    assert asked["prompt"] == "consent"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["state"]) == 43
    assert asked["nonce"] != "y"
    assert asked["state"] not in str(trip.house.rows(FLOWS))


def test_a_call_that_asks_for_the_address_is_told_one_that_still_binds(trip: Round) -> None:
    path = "/authorize?provider=keycloak&skip_http_redirect=true&scopes=groups"
    called = trip.house.ask("GET", path, headers={"accept": "*/*", "sec-fetch-mode": "cors"})
    assert "set-cookie" not in called.headers
    url = called.json()["url"]
    browser = Browser(trip.house)
    left = browser.go(url)
    assert left.status_code == 302
    assert left.headers["location"].startswith(trip.places.url)
    assert len(browser.cookies) == 1
    assert Browser(trip.house).go(path).status_code == 302


@pytest.mark.parametrize("name", ["nowhere", "spotify", "custom:none", "", "GitHub"])
def test_a_place_that_is_not_enabled(trip: Round, name: str) -> None:
    answer = trip.house.ask("GET", f"/authorize?provider={name}")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


def test_clients_are_told_which_places_there_are(trip: Round) -> None:
    told = trip.house.ask("GET", "/settings").json()["external"]
    assert (told["github"], told["google"], told["spotify"], told["email"]) == (True, False, False, True)


def test_somebody_who_is_banned_comes_in_by_no_place(trip: Round) -> None:
    email = trip.house.fresh_email()
    user = trip.user(trip.signed_in("keycloak", who("ban", email)))
    path = f"/admin/users/{user['id']}"
    assert trip.house.ask("PUT", path, {"ban_duration": "10m"}, token=trip.house.service).status_code == 200
    for place in ("keycloak", "custom:acme"):
        assert query(trip.go(place, who("ban", email)))["error_code"] == "user_banned"
    token = trip.places.id_token("keycloak", who("ban", email))
    assert by_token(trip, "keycloak", token).json()["error_code"] == "user_banned"


def test_the_token_tells_how_somebody_came(trip: Round) -> None:
    tokens = trip.signed_in("keycloak", who("amr", trip.house.fresh_email()))
    payload = tokens["access_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert [each["method"] for each in claims["amr"]] == ["oauth"]
    assert claims["aal"] == "aal1"


def test_looking_at_a_callback_uses_nothing_up(trip: Round) -> None:
    browser = Browser(trip.house)
    values = trip.places.visit(
        browser.go("/authorize?provider=keycloak").headers["location"], who("jo", trip.house.fresh_email())
    )
    assert browser.go(f"/callback?{urlencode(values)}", "HEAD").status_code == 204
    assert "access_token" in fragment(browser.go(f"/callback?{urlencode(values)}"))


def test_an_address_that_nobody_looked_at_is_confirmed_first(trip: Round) -> None:
    email = trip.house.fresh_email()
    answer = trip.go("keycloak", who("kim", email, False))
    assert query(answer)["error_code"] == "provider_email_needs_verification"
    assert "access_token" not in answer.headers["location"]
    assert len(trip.house.mails(email)) == 1
    assert not trip.house.rows(SESSIONS, user_id=trip.house.rows(IDENTITIES, provider_id="kim")[0]["user_id"])


def test_somebody_without_an_address(trip: Round) -> None:
    answer = trip.go("keycloak", who("lea"))
    assert query(answer)["error_code"] == "validation_failed"
    user = trip.user(trip.signed_in("custom:quiet", who("lea")))
    assert user["email"] == ""
    assert trip.user(trip.signed_in("custom:quiet", who("lea")))["id"] == user["id"]


def test_a_place_that_cannot_be_reached(trip: Round) -> None:
    browser = Browser(trip.house)
    values = trip.places.visit(browser.go("/authorize?provider=keycloak").headers["location"], who("mia"))
    trip.places.broken = True
    try:
        answer = trip.house.run(trip.back(browser, values))
    finally:
        trip.places.broken = False
    assert query(answer)["error"] == "server_error"


# --- by ID token ---


def by_token(trip: Round, place: str, token: str, **more: Any) -> Any:
    return trip.house.ask("POST", "/token?grant_type=id_token", {"provider": place, "id_token": token, **more})


def test_an_id_token_signs_somebody_in(trip: Round) -> None:
    email = trip.house.fresh_email()
    nonce = hashlib.sha256(b"raw nonce").hexdigest()
    token = trip.places.id_token("keycloak", who("nia", email, nonce=nonce))
    answer = by_token(trip, "keycloak", token, nonce="raw nonce")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["user"]["email"] == email
    assert trip.user(trip.signed_in("keycloak", who("nia", email)))["id"] == told["user"]["id"]
    assert by_token(trip, "keycloak", token, nonce="another").status_code == 400
    assert by_token(trip, "keycloak", token).status_code == 400


def test_an_id_token_by_another_key_and_for_another_client_of_ours(trip: Round) -> None:
    email = trip.house.fresh_email()
    token = trip.places.id_token("custom:acme", who("ola", email, aud="other-client"), key=trip.places.ec)
    assert by_token(trip, "custom:acme", token).json()["user"]["email"] == email


# --- linking by hand ---


def test_linking_another_place_to_an_account(trip: Round) -> None:
    tokens = trip.signed_in("keycloak", who("pia", trip.house.fresh_email()))
    path = f"/user/identities/authorize?provider=custom:acme&redirect_to={SITE}/settings&skip_http_redirect=true"
    url = trip.house.ask("GET", path, token=tokens["access_token"]).json()["url"]
    browser = Browser(trip.house)
    left = browser.go(url)
    answer = trip.house.run(trip.back(browser, trip.places.visit(left.headers["location"], who("pia-2", "p@work.com"))))
    assert answer.headers["location"].startswith(f"{SITE}/settings#")
    told = fragment(answer)
    user = trip.user(told)
    assert user["id"] == trip.user(tokens)["id"]
    assert sorted(each["provider"] for each in user["identities"]) == ["custom:acme", "keycloak"]
    assert user["app_metadata"]["providers"] == ["keycloak", "custom:acme"]
    assert len(trip.house.rows(SESSIONS, user_id=user["id"])) == 1
    assert trip.house.ask(
        "POST", "/token?grant_type=refresh_token", {"refresh_token": told["refresh_token"]}
    ).status_code == 200  # fmt: skip
    assert Browser(trip.house).go(url).status_code == 404
    # and off again
    gone = next(each for each in user["identities"] if each["provider"] == "custom:acme")
    path = f"/user/identities/{gone['identity_id']}"
    assert trip.house.ask("DELETE", path, token=tokens["access_token"]).status_code == 200
    assert trip.house.ask("DELETE", path, token=tokens["access_token"]).json()["error_code"] == "identity_not_found"
    left_over = trip.user(tokens)["identities"][0]["identity_id"]
    answer = trip.house.ask("DELETE", f"/user/identities/{left_over}", token=tokens["access_token"])
    assert (answer.status_code, answer.json()["error_code"]) == (422, "single_identity_not_deletable")


def test_linking_with_pkce_is_done_by_whoever_has_the_verifier(trip: Round) -> None:
    tokens = trip.signed_in("keycloak", who("quin", trip.house.fresh_email()))
    path = "/user/identities/authorize?provider=custom:acme&skip_http_redirect=true&" + "&".join(
        f"{name}={value}" for name, value in PKCE.items()
    )
    url = trip.house.ask("GET", path, token=tokens["access_token"]).json()["url"]
    browser = Browser(trip.house)
    left = browser.go(url)
    answer = trip.house.run(
        trip.back(browser, trip.places.visit(left.headers["location"], who("quin-2", "q@work.com")))
    )
    assert len(trip.user(tokens)["identities"]) == 1
    told = exchanged(trip, query(answer)["code"]).json()
    assert len(told["user"]["identities"]) == 2


def test_linking_by_id_token(trip: Round) -> None:
    tokens = trip.signed_in("keycloak", who("rosa", trip.house.fresh_email()))
    token = trip.places.id_token("custom:acme", who("rosa-2", "rosa@work.com"))
    body = {"provider": "custom:acme", "id_token": token, "link_identity": True}
    assert trip.house.ask("POST", "/token?grant_type=id_token", body).status_code == 401
    answer = trip.house.ask("POST", "/token?grant_type=id_token", body, token=tokens["access_token"])
    assert len(answer.json()["user"]["identities"]) == 2
    again = trip.house.ask("POST", "/token?grant_type=id_token", body, token=tokens["access_token"])
    assert (again.status_code, again.json()["error_code"]) == (422, "identity_already_exists")
    other = trip.signed_in("keycloak", who("rosa-3", trip.house.fresh_email()))
    again = trip.house.ask("POST", "/token?grant_type=id_token", body, token=other["access_token"])
    assert again.json()["msg"] == "Identity is already linked to another user"


def test_where_nobody_may_sign_up(server: str | None, tmp_path: Path) -> None:
    with way(tmp_path, server, enable_signup=False, enable_manual_linking=False) as closed:
        answer = closed.go("keycloak", who("vera", "vera@example.com"))
        assert query(answer)["error_code"] == "signup_disabled"
        token = closed.places.id_token("keycloak", who("vera", "vera@example.com"))
        assert by_token(closed, "keycloak", token).json()["error_code"] == "signup_disabled"
        body = {"email": "vera@example.com", "email_confirm": True}
        assert closed.house.ask("POST", "/admin/users", body, token=closed.house.service).status_code == 200
        tokens = closed.signed_in("keycloak", who("vera", "vera@example.com"))
        path = "/user/identities/authorize?provider=custom:acme&skip_http_redirect=true"
        answer = closed.house.ask("GET", path, token=tokens["access_token"])
        assert (answer.status_code, answer.json()["error_code"]) == (404, "manual_linking_disabled")


def test_somebody_who_was_invited_comes_by_a_place(trip: Round) -> None:
    house, email = trip.house, trip.house.fresh_email()
    body = {"type": "invite", "email": email}
    link = house.ask("POST", "/admin/generate_link", body, token=house.service)
    assert link.status_code == 200, link.text
    token = link.json()["hashed_token"]
    other = trip.go("keycloak", who("uma", "someone@example.com"), invite_token=token)
    assert query(other)["error_code"] == "validation_failed"
    user = trip.user(trip.signed_in("keycloak", who("uma", email), invite_token=token))
    assert user["id"] == link.json()["id"]
    assert user["email_confirmed_at"]
    assert house.ask("GET", f"/authorize?provider=keycloak&invite_token={token}").status_code == 404
