"""How each place's words for somebody are read: an address counts as verified only where the place says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from undercroft.auth.backends.providers import PROVIDERS, Client
from undercroft.auth.backends.providers.calls import is_safe
from undercroft.auth.backends.providers.openid import is_azure_issuer, mapped
from undercroft.auth.parts.states import challenge_of, cookie, flow_of
from undercroft.base.secret import Secret

TENANT = "11111111-2222-3333-4444-555555555555"
CONSUMERS = "9188040d-6c67-4c5b-b112-36a304b66dad"
MAIL = "ada@example.com"


@pytest.mark.parametrize(
    ("name", "told", "subject", "verified"),
    [
        ("x", {"user": {"data": {"id": "1", "username": "ada", "confirmed_email": MAIL}}}, "1", True),
        ("twitter", {"user": {"data": {"id": "1", "confirmed_email": MAIL}}}, "1", True),
        ("twitch", {"user": {"data": [{"id": "1", "login": "ada", "email": MAIL}]}}, "1", True),
        ("spotify", {"user": {"id": "ada", "email": MAIL, "images": [{"url": "https://i"}]}}, "ada", False),
        ("notion", {"user": {"bot": {"owner": {"user": {"id": "1", "person": {"email": MAIL}}}}}}, "1", False),
        ("zoom", {"user": {"id": "1", "email": MAIL, "verified": 1}}, "1", True),
        ("zoom", {"user": {"id": "1", "email": MAIL, "verified": 0}}, "1", False),
        ("zoom", {"user": {"id": "1", "email": MAIL}}, "1", False),
        ("bitbucket", {"user": {"uuid": "{1}"}, "emails": {"values": [
            {"email": "b@example.com", "is_primary": False, "is_confirmed": True},
            {"email": MAIL, "is_primary": True, "is_confirmed": True}]}}, "{1}", True),
        ("bitbucket", {"user": {"uuid": "{1}"}, "emails": {"values": [
            {"email": MAIL, "is_primary": True, "is_confirmed": False}]}}, "{1}", False),
        ("figma", {"user": {"id": "1", "handle": "ada", "email": MAIL}}, "1", False),
        ("workos", {"user": {"id": "prof_1", "email": MAIL, "connection_id": "conn_1"}}, "prof_1", False),
        ("facebook", {"user": {"id": "1", "email": MAIL, "picture": {"data": {"url": "https://p"}}}}, "1", False),
    ],
)  # fmt: skip
def test_what_a_place_tells(name: str, told: dict[str, Any], subject: str, verified: bool) -> None:
    person = PROVIDERS[name].reads({}, told)
    assert (person.subject, person.email, person.verified) == (subject, MAIL, verified)
    assert person.data["email_verified"] is verified


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@pytest.mark.parametrize("junk", [None, [], "x", 5, {}, {"data": 5}, {"bot": []}, {"values": {"a": 1}}], ids=str)
def test_nonsense_is_nobody(name: str, junk: Any) -> None:
    person = PROVIDERS[name].reads({}, {"user": junk, "emails": junk})
    assert (person.subject, person.email, person.verified) == ("", None, False)


def test_google_and_its_domains() -> None:
    claims = {"iss": "https://accounts.google.com", "sub": "1", "email": MAIL, "email_verified": True, "hd": "a.org"}
    person = PROVIDERS["google"].reads(claims, {})
    assert person.verified
    assert person.data["custom_claims"] == {"hd": "a.org"}


@pytest.mark.parametrize(
    ("url", "tenant", "fits"),
    [
        ("common", TENANT, True), ("common", CONSUMERS, True), ("organizations", TENANT, True),
        ("organizations", CONSUMERS, False), ("consumers", CONSUMERS, True), ("consumers", TENANT, False),
        (TENANT, TENANT, True), (TENANT, CONSUMERS, False), (TENANT.upper(), TENANT, True),
    ],
)  # fmt: skip
def test_tenants_of_microsoft(url: str, tenant: str, fits: bool) -> None:
    base = "https://login.microsoftonline.com"
    claims = {"iss": f"{base}/{tenant}/v2.0", "tid": tenant}
    assert is_azure_issuer(claims, f"{base}/{url}") is fits
    assert is_azure_issuer(claims, f"{base}/{url}/") is fits


def test_the_secret_of_apple_is_signed_or_given() -> None:
    key = ECKey.generate_key("P-256")
    parts = {"team_id": "TEAM", "key_id": "KEY", "private_key": key.as_pem(private=True).decode()}
    make = PROVIDERS["apple"].secret
    assert make is not None
    common: dict[str, Any] = {"provider": PROVIDERS["apple"], "client_id": "app", "redirect_uri": "", "audiences": ()}
    assert make(Client(secret=Secret("a.b.c"), **common), 0) == "a.b.c"
    made = jws.deserialize_compact(make(Client(secret=Secret(json.dumps(parts)), **common), 1000), key)
    assert made.headers() == {"alg": "ES256", "kid": "KEY"}
    claims = json.loads(made.payload)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("TEAM", "app", "https://appleid.apple.com")
    assert claims["exp"] - claims["iat"] == 300


def test_attributes_of_a_place_that_an_admin_added() -> None:
    reads = mapped({"email": "mail", "sub": "uid", "email_verified": "checked"}, ["groups"])
    told = {"uid": "1", "mail": MAIL, "checked": True, "groups": ["a"], "secret": "x"}
    person = reads({}, {"user": told})
    assert (person.subject, person.email, person.verified) == ("1", MAIL, True)
    assert person.data["custom_claims"] == {"groups": ["a"]}
    assert "secret" not in str(person.data)
    signed = reads({"sub": "2", "iss": "https://i"}, {"user": told})
    assert (signed.subject, signed.email) == ("2", None)


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://id.example.com", True), ("http://127.0.0.1:9", True), ("http://id.example.com", False),
        ("https://a@id.example.com", False), ("https://id.example.com#x", False), ("https://", False), ("x", False),
        ("ftp://id.example.com", False), ("https://id.example.com\\x", False), (5, False), ("https://[", False),
    ],
)  # fmt: skip
def test_where_secrets_may_go(address: object, safe: bool) -> None:
    assert is_safe(address) is safe


def test_the_parts_of_a_way() -> None:
    # RFC 7636, appendix B.
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert flow_of("a") != flow_of("b")
    assert "Secure" not in cookie("a", "b", secure=False, cross_site=True)
    assert cookie("a", "b", secure=True, cross_site=True).endswith("Secure; SameSite=None")
