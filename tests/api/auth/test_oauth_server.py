"""A provider for other apps: from the request of an app to its tokens, and to their end."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import httpx2
import pytest

from tests.api.auth.apps import (
    BACK,
    FORM,
    VERIFIER,
    asked,
    begun,
    claims_of,
    code_form,
    coded,
    decided,
    exchanged,
    form_of,
    let_in,
    refreshed,
    registered,
    said,
)
from tests.api.auth.people import PLACE, SITE, People
from undercroft.auth.tables import OAUTH_AUTHORIZATIONS, OAUTH_CLIENTS, SESSIONS

SETTINGS = {"oauth_server_enabled": True, "oauth_server_allow_dynamic_registration": True}


@pytest.fixture(scope="module")
def client(house: People) -> dict[str, Any]:
    return registered(house)


# --- clients ---


def test_a_secret_is_shown_once_and_kept_hashed(house: People) -> None:
    made = registered(house, client_uri="https://client.example.com")
    assert len(made["client_secret"]) == 43
    its_id = made["client_id"]
    for path in (f"/admin/oauth/clients/{its_id}", "/admin/oauth/clients"):
        told = house.ask("GET", path, token=house.service).text
        assert made["client_secret"] not in told
        assert '"client_secret"' not in told
    (row,) = house.rows(OAUTH_CLIENTS, id=its_id)
    assert made["client_secret"] not in str(row)
    again = house.ask("POST", f"/admin/oauth/clients/{its_id}/regenerate_secret", token=house.service).json()
    assert again["client_secret"] != made["client_secret"]
    answer = house.ask("POST", "/oauth/token", form_of(made, grant_type="authorization_code"), headers=FORM)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"] == 'Basic realm="oauth"'


def test_clients_are_changed_listed_and_taken_out(house: People) -> None:
    made = registered(house)
    path = f"/admin/oauth/clients/{made['client_id']}"
    changed = house.ask(
        "PUT", path, {"client_name": "Writer", "grant_types": ["authorization_code"]}, token=house.service
    )
    assert changed.json()["client_name"] == "Writer"
    assert changed.json()["grant_types"] == ["authorization_code"]
    assert house.ask("PUT", path, {}, token=house.service).status_code == 400
    listed = house.ask("GET", "/admin/oauth/clients?per_page=1", token=house.service)
    assert len(listed.json()["clients"]) == 1
    assert int(listed.headers["x-total-count"]) >= 1
    assert house.ask("DELETE", path, token=house.service).status_code == 204
    assert house.ask("GET", path, token=house.service).json()["error_code"] == "oauth_client_not_found"
    assert asked(house, made).status_code == 400


def test_only_the_service_looks_after_clients(house: People) -> None:
    token = house.signed_up()["access_token"]
    assert house.ask("GET", "/admin/oauth/clients", token=token).status_code == 403
    assert house.ask("POST", "/admin/oauth/clients", {"client_name": "x"}, token=token).status_code == 403


def test_an_app_registers_itself(house: People) -> None:
    body = {"client_name": "Agent", "redirect_uris": ["http://127.0.0.1:8123/cb"], "token_endpoint_auth_method": "none"}
    answer = house.ask("POST", "/oauth/clients/register", body)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["client_type"], told["registration_type"]) == ("public", "dynamic")
    assert "client_secret" not in told


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": [f"https://x.example/{n}" for n in range(11)]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://client.example.com/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://localhost.evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://client.example.com/cb#x"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://user@client.example.com/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://*.example.com/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["https://client.example.com/a,https://evil.example/b"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"], "client_type": "public"}, "invalid_redirect_uri"),
        ({"redirect_uris": ["com.example.app:/cb"]}, "invalid_redirect_uri"),
        ({"client_name": ""}, "invalid_client_metadata"),
        ({"client_name": "x\u202e"}, "invalid_client_metadata"),
        ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
        ({"client_type": "public", "token_endpoint_auth_method": "client_secret_basic"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
    ],
)
def test_what_makes_no_sound_client_is_refused(house: People, body: dict[str, Any], error: str) -> None:
    answer = house.ask("POST", "/oauth/clients/register", {"client_name": "x", "redirect_uris": [BACK], **body})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_code"] == "validation_failed"


# --- asking ---


def test_an_app_is_let_in(house: People, client: dict[str, Any]) -> None:
    session = house.signed_up()
    answer = asked(house, client, nonce="n-1")
    address = answer.headers["location"]
    assert address.startswith(f"{SITE}/oauth/consent?authorization_id=")
    its_id = said(answer)["authorization_id"]
    details = house.ask("GET", f"/oauth/authorizations/{its_id}", token=session["access_token"])
    assert details.json() == {
        "authorization_id": its_id,
        "redirect_uri": BACK,
        "client": {"id": client["client_id"], "name": "Reader"},
        "user": {"id": session["user"]["id"], "email": session["user"]["email"]},
        "scope": "openid profile email",
    }
    back = decided(house, its_id, session["access_token"]).json()["redirect_url"]
    assert back.startswith(f"{BACK}?")
    assert said(back) == {"code": said(back)["code"], "state": "st&te", "iss": PLACE}

    told = exchanged(house, client, said(back)["code"])
    assert told.headers["cache-control"] == "no-store"
    told = told.json()
    assert set(told) == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
    access, identity = claims_of(told["access_token"]), claims_of(told["id_token"])
    assert access["client_id"] == client["client_id"]
    assert (access["scope"], access["role"], access["iss"]) == ("openid profile email", "authenticated", PLACE)
    assert access["amr"][0]["method"] == "oauth_provider/authorization_code"
    assert (identity["aud"], identity["iss"], identity["nonce"]) == (client["client_id"], PLACE, "n-1")
    assert identity["sub"] == session["user"]["id"]
    assert identity["email"] == session["user"]["email"]
    assert identity["auth_time"] == int(house.clock.timestamp())


def test_who_agreed_is_not_asked_for_the_same_again(house: People) -> None:
    client, token = registered(house), house.signed_up()["access_token"]
    let_in(house, client, token, scope="openid email")

    def details(**more: str) -> dict[str, Any]:
        found = house.ask("GET", f"/oauth/authorizations/{begun(house, client, **more)}", token=token).json()
        assert isinstance(found, dict)
        return found

    back = details(scope="email")
    assert set(back) == {"redirect_url"}
    assert exchanged(house, client, said(back["redirect_url"])["code"]).status_code == 200
    assert "redirect_url" not in details(scope="email phone")
    assert "redirect_url" not in details(scope="email", prompt="consent")


@pytest.mark.parametrize("more", [{"prompt": "login"}, {"max_age": "60"}, {"max_age": "0"}], ids=str)
def test_an_app_may_ask_for_somebody_who_has_just_signed_in(house: People, more: dict[str, str]) -> None:
    """Row 26: also where they had let it in before; and the ID token says when and how they came."""
    client, told = registered(house), house.signed_up()
    email = told["user"]["email"]
    let_in(house, client, told["access_token"])
    house.clock.advance(61)
    its_id = begun(house, client, **more)
    house.clock.advance(0 if more == {"max_age": "0"} else 1)
    path = f"/oauth/authorizations/{its_id}"
    for answer in (house.ask("GET", path, token=told["access_token"]), decided(house, its_id, told["access_token"])):
        assert (answer.status_code, answer.json()["error_code"]) == (403, "reauthentication_needed")
    body = {"email": email, "password": "correct horse"}
    anew = house.ask("POST", "/token?grant_type=password", body).json()["access_token"]
    back = house.ask("GET", path, token=anew).json()["redirect_url"]
    identity = claims_of(exchanged(house, client, said(back)["code"]).json()["id_token"])
    assert identity["auth_time"] == int(house.clock.timestamp())
    assert (identity["acr"], identity["amr"]) == ("aal1", ["pwd"])


def test_on_loopback_people_are_asked_each_time(house: People) -> None:
    """Any program on their machine can say that it is this client (RFC 8252, 8.6)."""
    back = "http://127.0.0.1:8123/cb"
    client, token = registered(house, client_type="public", redirect_uris=[back]), house.signed_up()["access_token"]
    code = coded(house, client, token, redirect_uri=back)
    assert exchanged(house, client, code, redirect_uri=back).status_code == 200
    its_id = begun(house, client, redirect_uri=back)
    assert "redirect_url" not in house.ask("GET", f"/oauth/authorizations/{its_id}", token=token).json()


def test_somebody_denies(house: People, client: dict[str, Any]) -> None:
    token = house.signed_up()["access_token"]
    its_id = begun(house, client)
    back = decided(house, its_id, token, "deny").json()["redirect_url"]
    assert said(back)["error"] == "access_denied"
    assert (said(back)["state"], said(back)["iss"]) == ("st&te", PLACE)
    assert decided(house, its_id, token).json()["error_code"] == "oauth_authorization_not_found"


def test_what_somebody_looked_at_is_for_nobody_else(house: People, client: dict[str, Any]) -> None:
    its_id = begun(house, client)
    assert house.ask("GET", f"/oauth/authorizations/{its_id}", token=house.signed_up()["access_token"]).is_success
    other = house.signed_up()["access_token"]
    assert house.ask("GET", f"/oauth/authorizations/{its_id}", token=other).status_code == 404
    assert decided(house, its_id, other).status_code == 404
    assert house.ask("GET", f"/oauth/authorizations/{its_id}").status_code == 401


def test_ten_minutes_to_decide_and_five_to_exchange(house: People, client: dict[str, Any]) -> None:
    its_id, token = begun(house, client), house.signed_up()["access_token"]
    code = coded(house, client, token)
    house.clock.advance(301)
    assert exchanged(house, client, code).json()["error"] == "invalid_grant"
    house.clock.advance(300)
    assert decided(house, its_id, token).json()["error_code"] == "oauth_authorization_not_found"
    house.clock.advance(3600)
    begun(house, client)
    assert house.rows(OAUTH_AUTHORIZATIONS, authorization_id=its_id) == []


@pytest.mark.parametrize(
    "more",
    [
        {"client_id": "x"},
        {"client_id": "00000000-0000-4000-8000-000000000000"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": f"{BACK}/"},
        {"redirect_uri": f"{BACK}?a=b"},
        {"redirect_uri": BACK.upper()},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": BACK + "\x00"},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_the_clients(
    house: People, client: dict[str, Any], more: dict[str, str | None]
) -> None:
    """D14: an answer here, and never a redirect."""
    answer = asked(house, client, **more)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert answer.json()["error"] == "invalid_request"


def test_a_browser_reads_a_page_of_the_error(house: People) -> None:
    answer = house.ask("GET", "/oauth/authorize?client_id=<script>", headers={"accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "<script>" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"resource": "not-an-address"}, "invalid_target"),
        ({"resource": "https://mcp.example.com/#x"}, "invalid_target"),
        ({"prompt": "none"}, "login_required"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "https://x.example"}, "request_uri_not_supported"),
    ],
)
def test_other_errors_are_told_to_the_app(
    house: People, client: dict[str, Any], more: dict[str, str | None], error: str
) -> None:
    answer = asked(house, client, **more)
    assert answer.headers["location"].startswith(f"{BACK}?")
    told = said(answer)
    assert (told["error"], told["state"], told["iss"]) == (error, "st&te", PLACE)


def test_a_parameter_comes_once(house: People, client: dict[str, Any]) -> None:
    answer = house.ask("GET", f"/oauth/authorize?client_id={client['client_id']}&client_id=x&redirect_uri={BACK}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_looking_by_head_changes_nothing(house: People, client: dict[str, Any]) -> None:
    before = len(house.rows(OAUTH_AUTHORIZATIONS))
    assert house.ask("HEAD", f"/oauth/authorize?client_id={client['client_id']}").status_code == 204
    assert len(house.rows(OAUTH_AUTHORIZATIONS)) == before


# --- tokens ---


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_grant"),
        ({"redirect_uri": "https://client.example.com/other"}, "invalid_grant"),
        ({"code": "x"}, "invalid_grant"),
        ({"resource": "https://other.example"}, "invalid_grant"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"client_secret": None}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
    ],
)
def test_a_code_is_for_who_began_alone(
    house: People, client: dict[str, Any], more: dict[str, str | None], error: str
) -> None:
    code = coded(house, client, house.signed_up()["access_token"])
    sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **more}
    form = form_of(client, **sent)
    answer = house.ask("POST", "/oauth/token", form, headers=FORM)
    assert (answer.status_code, answer.json()["error"]) == (401 if error == "invalid_client" else 400, error)


def test_a_code_of_one_client_is_none_of_another(house: People, client: dict[str, Any]) -> None:
    code = coded(house, client, house.signed_up()["access_token"])
    assert exchanged(house, registered(house), code).json()["error"] == "invalid_grant"
    assert exchanged(house, client, code).json()["error"] == "invalid_grant"  # one try, right or wrong


def test_a_secret_may_come_by_basic(house: People, client: dict[str, Any]) -> None:
    basic = b64encode(f"{client['client_id']}:{client['client_secret']}".encode()).decode()
    headers = FORM | {"authorization": f"Basic {basic}"}
    code = coded(house, client, house.signed_up()["access_token"])
    form = code_form({"client_id": client["client_id"]}, code)
    assert (
        house.ask("POST", "/oauth/token", code_form(client, code), headers=headers).json()["error"] == "invalid_request"
    )
    assert house.ask("POST", "/oauth/token", form, headers=headers).status_code == 200
    for wrong in ("Basic !", "Basic eA==", f"Basic {b64encode(b'a:b').decode()}"):
        answer = house.ask("POST", "/oauth/token", form, headers=FORM | {"authorization": wrong})
        assert answer.status_code in (400, 401)


def test_a_public_client_has_no_secret(house: People) -> None:
    client = registered(house, client_type="public")
    code = coded(house, client, house.signed_up()["access_token"])
    assert exchanged(house, client, code, client_secret="x").json()["error"] == "invalid_client"
    assert exchanged(house, client, code).status_code == 200


def test_the_token_endpoint_reads_forms(house: People, client: dict[str, Any]) -> None:
    answer = house.ask("POST", "/oauth/token", {"grant_type": "authorization_code"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = house.ask("POST", "/oauth/token", "grant_type=a&grant_type=b", headers=FORM)
    assert answer.json()["error"] == "invalid_request"


def test_an_app_stays_signed_in(house: People, client: dict[str, Any]) -> None:
    first = let_in(house, client, resource="https://mcp.example.com/mcp")
    assert claims_of(first["access_token"])["aud"] == ["authenticated", "https://mcp.example.com/mcp"]
    second = refreshed(house, client, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert claims_of(second["access_token"])["client_id"] == client["client_id"]
    assert claims_of(second["access_token"])["aud"] == ["authenticated", "https://mcp.example.com/mcp"]
    less = refreshed(house, client, second["refresh_token"], scope="email").json()
    assert (less["scope"], claims_of(less["access_token"])["scope"]) == ("email", "email")
    more = refreshed(house, client, less["refresh_token"], scope="email phone")
    assert more.json()["error"] == "invalid_scope"
    assert refreshed(house, client, less["refresh_token"]).json()["scope"] == "openid profile email"


def test_a_refresh_token_is_the_clients_alone(house: People, client: dict[str, Any]) -> None:
    token = let_in(house, client)["refresh_token"]
    assert refreshed(house, registered(house), token).json()["error"] == "invalid_grant"
    plain = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": token})
    assert plain.json()["error_code"] == "refresh_token_not_found"
    own = house.signed_up()["refresh_token"]
    assert refreshed(house, client, own).json()["error"] == "invalid_grant"
    for more in ({}, {"scope": "email"}):
        assert refreshed(house, client, "x", **more).json()["error"] == "invalid_grant"
        assert refreshed(house, registered(house), token, **more).json()["error"] == "invalid_grant"
    assert refreshed(house, client, token).status_code == 200


def test_a_client_without_refreshing_gets_no_refresh_token(house: People) -> None:
    client = registered(house, grant_types=["authorization_code"])
    told = let_in(house, client)
    assert "refresh_token" not in told
    assert refreshed(house, client, "x").json()["error"] == "unauthorized_client"


def test_an_app_gives_its_session_up(house: People, client: dict[str, Any]) -> None:
    told = let_in(house, client)
    for token in (told["refresh_token"], "x"):
        answer = house.ask("POST", "/oauth/revoke", form_of(registered(house), token=token), headers=FORM)
        assert answer.status_code == 200
    assert house.ask("GET", "/oauth/userinfo", token=told["access_token"]).status_code == 200
    answer = house.ask("POST", "/oauth/revoke", form_of(client, token=told["refresh_token"]), headers=FORM)
    assert answer.status_code == 200
    assert house.ask("GET", "/oauth/userinfo", token=told["access_token"]).status_code == 403


# --- what is told ---


def test_user_info_tells_what_the_scopes_say(house: People, client: dict[str, Any]) -> None:
    session = house.signed_up()
    house.ask("PUT", "/user", {"data": {"full_name": "Ada", "picture": 5}}, token=session["access_token"])
    token = session["access_token"]
    told = let_in(house, client, token, scope="openid email")
    info = house.ask("GET", "/oauth/userinfo", token=told["access_token"]).json()
    assert info == {"sub": session["user"]["id"], "email": session["user"]["email"], "email_verified": True}
    told = let_in(house, client, token, scope="openid profile")
    info = house.ask("POST", "/oauth/userinfo", token=told["access_token"]).json()
    assert (info["name"], "email" in info, "picture" in info) == ("Ada", False, False)
    assert claims_of(told["id_token"])["name"] == "Ada"
    assert "email" not in claims_of(told["id_token"])
    assert "id_token" not in let_in(house, client, token, scope="email")
    assert house.ask("GET", "/oauth/userinfo", token=token).json()["email"] == session["user"]["email"]


@pytest.mark.parametrize("name", ["oauth-authorization-server", "openid-configuration"])
def test_a_provider_tells_where_it_stands(house: People, name: str) -> None:
    told = house.ask("GET", f"/.well-known/{name}").json()
    assert told["issuer"] == PLACE
    assert told["token_endpoint"] == f"{PLACE}/oauth/token"
    assert told["registration_endpoint"] == f"{PLACE}/oauth/clients/register"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    for path in (f"/.well-known/{name}", f"/.well-known/{name}/auth/v1"):
        assert at_root(house, path).json() == told
    assert at_root(house, f"/.well-known/{name}/other").status_code == 404


def at_root(house: People, path: str) -> Any:
    """A request to a path of the host."""

    async def get() -> Any:
        transport = httpx2.ASGITransport(app=house.house.serve)
        async with httpx2.AsyncClient(transport=transport, base_url="http://server.internal") as client:
            return await client.get(path)

    return house.run(get())


# --- what somebody let in ---


def test_somebody_sees_and_ends_what_they_let_in(house: People) -> None:
    client, session = registered(house, logo_uri="https://client.example.com/x.png"), house.signed_up()
    token = session["access_token"]
    told = let_in(house, client, token, scope="email")
    waiting = coded(house, client, token, scope="email")
    (grant,) = house.ask("GET", "/user/oauth/grants", token=token).json()
    assert grant["client"]["id"] == client["client_id"]
    assert grant["client"]["logo_uri"] == "https://client.example.com/x.png"
    assert grant["scopes"] == ["email"]
    path = f"/user/oauth/grants?client_id={client['client_id']}"
    assert house.ask("DELETE", path, token=token).status_code == 204
    assert house.ask("DELETE", path, token=token).json()["error_code"] == "oauth_consent_not_found"
    for wrong in ("/user/oauth/grants", "/user/oauth/grants?client_id=x"):
        assert house.ask("DELETE", wrong, token=token).status_code == 400
    assert house.ask("GET", "/user/oauth/grants", token=token).json() == []
    assert refreshed(house, client, told["refresh_token"]).json()["error"] == "invalid_grant"
    assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
    assert exchanged(house, client, waiting).json()["error"] == "invalid_grant"
    its_id = begun(house, client, scope="email")
    assert "redirect_url" not in house.ask("GET", f"/oauth/authorizations/{its_id}", token=token).json()


def test_with_a_client_everything_of_it_ends(house: People) -> None:
    client, session = registered(house), house.signed_up()
    told = let_in(house, client, session["access_token"])
    house.ask("DELETE", f"/admin/oauth/clients/{client['client_id']}", token=house.service)
    assert house.ask("GET", "/user", token=told["access_token"]).status_code == 403
    assert refreshed(house, client, told["refresh_token"]).json()["error"] == "invalid_client"
    assert house.ask("GET", "/user/oauth/grants", token=session["access_token"]).json() == []
    assert house.rows(SESSIONS, oauth_client_id=client["client_id"]) == []
    assert house.ask("GET", "/user", token=session["access_token"]).status_code == 200
