"""Single sign-on by SAML 2.0: providers that an admin adds, the way there, the way back, and whose account it is."""

from __future__ import annotations

import base64
import json
import re
import socket
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree  # type: ignore[import-untyped]
from signxml.verifier import XMLVerifier

from tests.api.auth import apps
from tests.api.auth.idp import ACS, EMAIL, SP, Idp, Trip, brought, encrypted, error_of, metadata, service, signed_in
from tests.api.auth.people import PLACE, SITE, People, people
from tests.api.auth.places import Browser, query
from tests.receiver import Got, Receiver, listening
from undercroft.auth.tables import AUDIT, FLOWS, IDENTITIES, SAML_RELAY_STATES, SESSIONS, USERS

SETTINGS: dict[str, Any] = {"saml_enabled": True, "enable_manual_linking": True}


@pytest.fixture(scope="module")
def idp(house: People) -> Idp:
    mapping = {"keys": {"full_name": {"name": "displayName"}, "groups": {"names": ["none", "groups"], "array": True},
                               "plan": {"name": "plan", "default": "free"}}}  # fmt: skip
    return Idp("acme", house).added(attribute_mapping=mapping, resource_id="acme-1")


def admin(house: People, method: str, path: str = "", body: Any = None) -> Any:
    return house.ask(method, f"/admin/sso/providers{path}", body, token=house.service)


# --- providers ---


def test_an_admin_adds_changes_lists_and_removes_a_provider(house: People) -> None:
    idp = Idp("crud", house).added(domains=["Crud.Example.com", "xn--bcher-kva.example"], name_id_format=EMAIL)
    told = admin(house, "GET", f"/{idp.id}").json()
    assert sorted(each["domain"] for each in told["domains"]) == ["crud.example.com", "xn--bcher-kva.example"]
    assert told["saml"] == {"entity_id": idp.entity_id, "metadata_xml": idp.metadata(), "name_id_format": EMAIL}
    changed = admin(house, "PUT", f"/{idp.id}", {"domains": ["crud.example.com"], "resource_id": "crud/1"})
    assert changed.json()["error_code"] == "validation_failed"
    changed = admin(house, "PUT", f"/{idp.id}", {"domains": ["crud.example.com"], "resource_id": "crud-1",
                                                "disabled": True, "metadata_xml": idp.metadata('ID="x"')})  # fmt: skip
    assert [each["domain"] for each in changed.json()["sso_domains"]] == ["crud.example.com"]
    assert changed.json()["disabled"] is True
    assert admin(house, "GET", "/resource_crud-1").json() == changed.json()
    listed = admin(house, "GET", "?resource_id_prefix=crud").json()["items"]
    assert [each["id"] for each in listed] == [idp.id]
    assert "metadata_xml" not in listed[0]["saml"]
    assert house.ask("POST", "/sso", {"domain": "crud.example.com"}).json()["error_code"] == "sso_provider_not_found"
    assert admin(house, "DELETE", f"/{idp.id}").json()["id"] == idp.id
    for named in ("resource_%00", "resource_", "x", "%C3%A4", str(uuid4())):
        assert admin(house, "GET", f"/{named}").json()["error_code"] == "sso_provider_not_found", named
    gone = admin(house, "GET", f"/{idp.id}")
    assert (gone.status_code, gone.json()["error_code"]) == (404, "sso_provider_not_found")
    said = [each["payload"]["action"] for each in house.rows(AUDIT)]
    assert {"sso_provider_created", "sso_provider_updated", "sso_provider_deleted"} <= set(said)


def test_what_is_no_provider_is_not_taken(house: People, idp: Idp) -> None:
    other = Idp("other", house)
    sha = "A" * 64
    wrong: list[tuple[Any, str]] = [
        ({"type": "oidc"}, "validation_failed"),
        ({"type": "saml"}, "validation_failed"),
        ({"type": "saml", "metadata_xml": other.metadata(), "metadata_url": "https://x.example"}, "validation_failed"),
        ({"type": "saml", "metadata_url": "http://other.example.com/metadata"}, "validation_failed"),
        ({"type": "saml", "metadata_url": "https://127.0.0.1:1/metadata"}, "saml_metadata_fetch_failed"),
        ({"type": "saml", "metadata_xml": idp.metadata()}, "saml_idp_already_exists"),
        ({"type": "saml", "metadata_xml": other.metadata(), "domains": ["acme.example.com"]},
         "sso_domain_already_exists"),
        ({"type": "saml", "metadata_xml": other.metadata(), "domains": ["a@b.example"]}, "validation_failed"),
        ({"type": "saml", "metadata_xml": other.metadata(), "resource_id": "acme-1"}, "validation_failed"),
        ({"type": "saml", "metadata_xml": other.metadata(), "name_id_format": "x"}, "validation_failed"),
        ({"type": "saml", "metadata_xml": other.metadata(), "attribute_mapping": {"keys": {"sub": {"name": "x"}}}},
         "validation_failed"),
        ({"type": "saml", "metadata_xml": "<x/>"}, "validation_failed"),
        ({"type": "saml", "metadata_xml": "not xml"}, "validation_failed"),
        ({"type": "saml", "metadata_xml": '<!DOCTYPE x [<!ENTITY y "z">]>' + other.metadata()}, "validation_failed"),
        ({"type": "saml", "metadata_xml": metadata("https://x", sha, service("HTTP-POST", "https://x"))},
         "validation_failed"),
        ({"type": "saml", "metadata_xml": metadata("https://x", idp.certificate,
                                                   service("HTTP-POST", "javascript:alert(1)"))}, "validation_failed"),
        ({"type": "saml", "metadata_xml": metadata("https://x", idp.certificate, service("SOAP", "https://x"))},
         "validation_failed"),
    ]  # fmt: skip
    for body, code in wrong:
        answer = admin(house, "POST", "", body)
        assert answer.json()["error_code"] == code, (body, answer.text)
    mismatch = admin(house, "PUT", f"/{idp.id}", {"metadata_xml": other.metadata()})
    assert mismatch.json()["error_code"] == "saml_entity_id_mismatch"
    token = house.signed_up()["access_token"]
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("GET", f"/{idp.id}"),
        ("PUT", f"/{idp.id}"),
        ("DELETE", f"/{idp.id}"),
    ):
        for bearer in (token, None):
            answer = house.ask(method, f"/admin/sso/providers{path}", {}, token=bearer)
            assert answer.json()["error_code"] in ("not_admin", "no_authorization"), answer.text
    assert [each["id"] for each in admin(house, "GET").json()["items"]] == [idp.id]


def test_metadata_from_an_address_are_fetched_anew_when_they_are_stale(
    server: str | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    served: dict[str, Any] = {"status": 200, "body": ""}

    async def handler(got: Got) -> tuple[int, dict[str, str], bytes]:
        return served["status"], {}, served["body"].encode()

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    receiver = Receiver(port, handler=handler)

    async def whole(house: People, idp: Idp) -> None:
        async with listening(receiver.serve, port=port):
            body = {"type": "saml", "metadata_url": f"{receiver.url}/metadata"}
            served["body"] = idp.metadata('cacheDuration="PT1H"')
            made = await house.asking("POST", "/admin/sso/providers", body, token=house.service)
            assert made.status_code == 200, made.text
            idp.id = made.json()["id"]

            async def begin() -> int:
                asked = await house.asking("POST", "/sso", {"provider_id": idp.id, "skip_http_redirect": True})
                left = await Browser(house).going(asked.json()["url"])
                return left.status_code

            assert (await begin(), len(receiver.got)) == (302, 1)
            house.clock.advance(3700)
            served["status"] = 500
            assert (await begin(), len(receiver.got)) == (302, 2), "what is known still holds"
            assert (await begin(), len(receiver.got)) == (302, 2), "and is not looked for again at once"
            house.clock.advance(61)
            served.update(status=200, body=Idp("evil", house).metadata())
            assert (await begin(), len(receiver.got)) == (302, 3)
            told = await house.asking("GET", f"/admin/sso/providers/{idp.id}", token=house.service)
            assert idp.entity_id in told.json()["saml"]["metadata_xml"]
            house.clock.advance(61)
            served["body"] = idp.metadata('validUntil="2026-06-02T00:00:00Z"')
            assert (await begin(), len(receiver.got)) == (302, 4)
            house.clock.advance(2 * 86_400)
            served["status"] = 500
            asked = await house.asking("POST", "/sso", {"provider_id": idp.id, "skip_http_redirect": True})
            left = await Browser(house).going(asked.json()["url"])
            assert left.json()["error_code"] == "saml_metadata_fetch_failed"

    allowed: dict[str, Any] = {"UNDERCROFT_OUTGOING_ALLOW": f"127.0.0.1:{port}"}
    with people(tmp_path_factory.mktemp("stale"), server, saml_enabled=True, **allowed) as house:
        house.run(whole(house, Idp("stale", house)))


# --- who we are ---


def test_our_metadata_say_who_we_are(house: People) -> None:
    answer = house.ask("GET", "/saml/metadata?download=true")
    assert answer.headers["content-disposition"] == 'attachment; filename="metadata.xml"'
    assert answer.headers["cache-control"] == "public, max-age=600"
    root = etree.fromstring(answer.content)
    assert root.get("entityID") == SP
    service = root.find(".//{*}AssertionConsumerService")
    assert service.get("Location") == ACS
    assert "content-disposition" not in house.ask("GET", "/saml/metadata").headers
    assert house.ask("GET", "/saml/metadata").content == answer.content
    assert house.ask("GET", "/settings").json()["saml_enabled"] is True


def test_where_it_is_off_there_is_none(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    with people(tmp_path_factory.mktemp("off"), server) as house:
        for method, path, body in (("POST", "/sso", {"domain": "x.example"}), ("GET", "/saml/metadata", None),
                                   ("GET", "/admin/sso/providers", None)):  # fmt: skip
            answer = house.ask(method, path, body, token=house.service)
            assert (answer.status_code, answer.json()["error_code"]) == (404, "saml_provider_disabled")


# --- going there ---


def test_somebody_is_sent_with_a_request_that_is_signed(house: People, idp: Idp) -> None:
    asked = house.ask("POST", "/sso", {"domain": "ACME.example.com", "redirect_to": f"{SITE}/x"})
    assert asked.status_code == 303
    ticket = asked.headers["location"]
    assert ticket.startswith(f"{PLACE}/sso?ticket=")
    browser = Browser(house)
    assert house.ask("HEAD", ticket.removeprefix(PLACE)).status_code == 204
    left = browser.go(ticket)
    address, _, said = left.headers["location"].partition("?")
    assert address == idp.location
    cookie = browser.set_cookies[0]
    assert cookie.startswith("__Host-signing-in-")
    assert "Secure; SameSite=None" in cookie
    signed, _, signature = said.partition("&Signature=")
    root = etree.fromstring(house.ask("GET", "/saml/metadata").content)
    certificate = x509.load_der_x509_certificate(base64.b64decode(root.findtext(".//{*}X509Certificate")))
    raw = base64.b64decode(dict(parse_qsl(f"s={signature}"))["s"])
    certificate.public_key().verify(raw, signed.encode(), PKCS1v15(), SHA256())  # type: ignore[union-attr,call-arg,arg-type]
    state = dict(parse_qsl(signed))["RelayState"]
    assert state not in json.dumps(house.rows(SAML_RELAY_STATES), default=str)
    again = browser.go(ticket)
    assert again.json()["error_code"] == "flow_state_not_found"


def test_a_provider_may_want_a_form(house: People) -> None:
    idp = Idp("forms", house, bindings=("HTTP-POST",)).added()
    page = Trip(house, idp).begin()
    assert page.status_code == 200
    assert f"form-action https: https://{idp.name}.example.com" in page.headers["content-security-policy"]
    sent = re.search(r'name="SAMLRequest" value="([^"]+)"', page.text)
    assert sent is not None
    root = etree.fromstring(base64.b64decode(sent[1]))
    assert [etree.QName(each).localname for each in root] == ["Issuer", "Signature", "NameIDPolicy"]
    ours = etree.fromstring(house.ask("GET", "/saml/metadata").content).findtext(".//{*}X509Certificate")
    XMLVerifier().verify(root, x509_cert=ours, id_attribute="ID")


def test_who_asks_wrongly_is_told(house: People, idp: Idp) -> None:
    wrong: list[tuple[Any, str]] = [
        ({}, "validation_failed"),
        ({"provider_id": idp.id, "domain": "acme.example.com"}, "validation_failed"),
        ({"provider_id": "x"}, "sso_provider_not_found"),
        ({"provider_id": str(uuid4())}, "sso_provider_not_found"),
        ({"domain": "nobody.example"}, "sso_provider_not_found"),
        ({"domain": "acme.example.com", "code_challenge": "x"}, "validation_failed"),
    ]
    for body, code in wrong:
        assert house.ask("POST", "/sso", body).json()["error_code"] == code, body


# --- coming back ---


@pytest.mark.parametrize("signs", ["assertion", "response", "both"])
def test_somebody_comes_back_with_tokens(house: People, idp: Idp, signs: str) -> None:
    attributes = {"mail": ["Ada@Acme.example.com"], "displayName": ["Ada"], "groups": ["a", "b"], "more": ["x"]}
    answer = Trip(house, idp).back(f"ada-{signs}", signs=signs, attributes=attributes)
    assert answer.headers["location"].startswith(f"{SITE}/welcome#")
    tokens = signed_in(answer)
    claims = apps.claims_of(tokens["access_token"])
    assert (claims["amr"][0]["method"], claims["amr"][0]["provider"]) == ("sso/saml", idp.id)
    user = house.ask("GET", "/user", token=tokens["access_token"]).json()
    assert (user["email"], user["app_metadata"]["provider"]) == ("ada@acme.example.com", f"sso:{idp.id}")
    assert user["is_sso_user"] is True
    data = user["identities"][0]["identity_data"]
    assert data == user["user_metadata"] == {
        "iss": idp.entity_id, "sub": f"ada-{signs}", "email": "ada@acme.example.com", "email_verified": True,
        "phone_verified": False, "full_name": "Ada", "custom_claims": {"groups": ["a", "b"], "plan": "free"},
    }  # fmt: skip
    body = {"refresh_token": tokens["refresh_token"]}
    assert house.ask("POST", "/token?grant_type=refresh_token", body).status_code == 200


def test_somebody_comes_back_with_a_code(house: People, idp: Idp) -> None:
    trip = Trip(house, idp)
    trip.begin(code_challenge=apps.CHALLENGE, code_challenge_method="s256")
    answer = trip.back("pkce", session_until=1000)
    code = query(answer)["code"]
    assert "access_token" not in answer.headers["location"]
    body = {"auth_code": code, "code_verifier": apps.VERIFIER}
    told = house.ask("POST", "/token?grant_type=pkce", body)
    assert told.status_code == 200, told.text
    assert told.json()["expires_in"] == 1000, "no longer than the session at the provider"
    assert apps.claims_of(told.json()["access_token"])["amr"][0]["method"] == "sso/saml"
    house.clock.advance(1001)
    late = house.ask("POST", "/token?grant_type=refresh_token", {"refresh_token": told.json()["refresh_token"]})
    assert late.json()["error_code"] == "session_expired"
    assert house.ask("POST", "/token?grant_type=pkce", body).json()["error_code"] == "flow_state_not_found"


def test_who_comes_again_is_the_same_and_their_address_follows(house: People, idp: Idp) -> None:
    first = signed_in(Trip(house, idp).back("eve"))
    again = signed_in(Trip(house, idp).back("eve", attributes={"mail": ["new@acme.example.com"]}))
    one, other = (house.ask("GET", "/user", token=each["access_token"]).json() for each in (first, again))
    assert one["id"] == other["id"]
    assert other["email"] == "new@acme.example.com"
    assert len(house.rows(IDENTITIES, provider=f"sso:{idp.id}", provider_id="eve")) == 1


def test_a_provider_may_send_somebody_by_itself(house: People, idp: Idp) -> None:
    browser = Browser(house)
    answer = brought(browser, idp.answered("walk-in"), f"{SITE}/inbox")
    assert answer.headers["location"].startswith(f"{SITE}/inbox#")
    assert apps.claims_of(signed_in(answer)["access_token"])["email"] == "walk-in@acme.example.com"
    for elsewhere in ("https://evil.example", "//evil.example", "javascript:alert(1)", "whatever", ""):
        answer = brought(browser, idp.answered("walk-in"), elsewhere)
        assert answer.headers["location"].startswith(f"{SITE}#"), elsewhere


def test_an_address_joins_nobody(house: People, idp: Idp) -> None:
    mine = house.signed_up("bob@acme.example.com")
    tokens = signed_in(Trip(house, idp).back("bob"))
    user = house.ask("GET", "/user", token=tokens["access_token"]).json()
    assert user["email"] == "bob@acme.example.com"
    assert user["id"] != mine["user"]["id"]
    other = Idp("rival", house).added()
    rival = signed_in(Trip(house, other).back("bob", attributes={"mail": ["bob@acme.example.com"]}))
    assert house.ask("GET", "/user", token=rival["access_token"]).json()["id"] not in (user["id"], mine["user"]["id"])
    # None of their addresses opens a way in by mail or password to the organisation's account.
    house.ask("POST", "/recover", {"email": "bob@acme.example.com"})
    assert [each["user_id"] for each in house.rows(FLOWS, user_id=user["id"])] == []
    assert house.rows(USERS, id=user["id"])[0]["recovery_sent_at"] is None


def test_the_organisation_keeps_its_accounts(house: People, idp: Idp) -> None:
    token = signed_in(Trip(house, idp).back("kept"))["access_token"]
    for change in ({"password": "correct horse 2"}, {"email": "x@example.com"}, {"phone": "+15550001111"}):
        answer = house.ask("PUT", "/user", change, token=token)
        assert (answer.status_code, answer.json()["error_code"]) == (422, "user_sso_managed")
    linking = house.ask("GET", "/user/identities/authorize?provider=keycloak", token=token)
    assert linking.json()["error_code"] == "user_sso_managed"
    assert house.ask("PUT", "/user", {"data": {"nick": "k"}}, token=token).json()["user_metadata"]["nick"] == "k"
    user_id = house.rows(IDENTITIES, provider_id="kept")[0]["user_id"]
    house.ask("PUT", f"/admin/users/{user_id}", {"ban_duration": "1h"}, token=house.service)
    assert error_of(Trip(house, idp).back("kept"))[0] == "user_banned"
    assert house.rows(SESSIONS, user_id=user_id) == []


def test_who_is_known_by_nothing_is_not_let_in(house: People, idp: Idp) -> None:
    transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    assert error_of(Trip(house, idp).back("t", format=transient))[0] == "saml_assertion_no_user_id"
    assert error_of(Trip(house, idp).back("n", attributes={}))[0] == "saml_assertion_no_email"
    by_name = signed_in(Trip(house, idp).back("n@acme.example.com", attributes={}, format=EMAIL))
    assert apps.claims_of(by_name["access_token"])["email"] == "n@acme.example.com"
    known = {"urn:oasis:names:tc:SAML:attribute:subject-id": ["s-1"], "mail": ["s@acme.example.com"]}
    signed_in(Trip(house, idp).back("t", format=transient, attributes=known))
    assert house.rows(IDENTITIES, provider_id="s-1")


def test_what_no_form_is_and_what_nobody_sent(house: People, idp: Idp) -> None:
    assert house.ask("POST", "/saml/acs", {"SAMLResponse": "x"}).json()["error_code"] == "validation_failed"
    form = {"content-type": "application/x-www-form-urlencoded"}
    for body in (
        "",
        "SAMLResponse=!!",
        "SAMLResponse=%C3%A4",
        "SAMLResponse=%00&RelayState=%00",
        urlencode({"SAMLResponse": "AAAA"}),
    ):
        assert error_of(house.ask("POST", "/saml/acs", body, headers=form))[0] == "validation_failed"
    assert house.ask("POST", "/saml/acs", "SAMLArt=x", headers=form).status_code == 400
    sealed = idp.wrapped(encrypted(idp.signed(idp.assertion("sealed")), house))
    assert error_of(brought(Browser(house), sealed))[1].endswith("it is encrypted"), "the settings do not want it"
    stranger = Idp("stranger", house)
    assert error_of(brought(Browser(house), stranger.answered()))[0] == "saml_idp_not_found"
