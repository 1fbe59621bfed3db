"""Other places on our pages: signing in by one, linking one, and the identity provider of an organisation."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from lxml import etree  # type: ignore[import-untyped]

from tests.api.auth.browser import Browser
from tests.api.auth.idp import Idp, form_of
from tests.api.auth.places import Round, way, who

SETTINGS = {"ui_enabled": True, "enable_manual_linking": True, "saml_enabled": True}
ACCESS = "__Host-undercroft-access-token"


@pytest.fixture(scope="module")
def trip(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    with way(tmp_path_factory.mktemp("places"), server, **SETTINGS) as made:
        yield made


def there_and_back(trip: Round, browser: Browser, claims: dict[str, Any], told: Any = None) -> None:
    """From the address of a place to the page that it leads to in the end."""
    values = trip.places.visit(browser.answer.headers["location"], claims, told)
    browser.open(f"/auth/v1/callback?{urlencode(values)}", headers={"sec-fetch-site": "cross-site"})
    browser.follow()


def came_in(trip: Round, subject: str, browser: Browser | None = None) -> tuple[Browser, str]:
    """Somebody in by a place."""
    browser, email = browser or Browser(trip.house), trip.house.fresh_email()
    browser.open("/auth/ui/sign-in")
    assert 'href="/auth/ui/provider?name=keycloak">Continue with Keycloak</a>' in browser.answer.text
    assert "spotify" not in browser.answer.text
    browser.open("/auth/ui/provider?name=keycloak")
    assert browser.answer.status_code == 303
    there_and_back(trip, browser, who(subject, email))
    return browser, email


def test_in_by_a_place(trip: Round) -> None:
    browser, email = came_in(trip, "ada")
    assert "<title>Your account" in browser.answer.text
    assert email in browser.answer.text
    assert not any(name.startswith("__Host-signing-in") for name in browser.cookies)
    assert browser.open("/auth/ui/provider?name=none").status_code == 400


def test_a_way_that_began_elsewhere_signs_nobody_in(trip: Round) -> None:
    mallory, victim = Browser(trip.house), Browser(trip.house)
    for each in (victim, mallory):
        each.open("/auth/ui/provider?name=keycloak")
    values = trip.places.visit(mallory.answer.headers["location"], who("mallory", trip.house.fresh_email()))
    # The place sends back; the address is brought to somebody else's browser, before and after our part of it.
    victim.open(f"/auth/v1/callback?{urlencode(values)}")
    victim.follow()
    assert ACCESS not in victim.cookies
    mallory.open("/auth/ui/provider?name=keycloak")
    values = trip.places.visit(mallory.answer.headers["location"], who("mallory", trip.house.fresh_email()))
    mallory.open(f"/auth/v1/callback?{urlencode(values)}")
    victim.open(mallory.answer.headers["location"].removeprefix(victim.here))
    assert victim.answer.status_code == 400
    assert ACCESS not in victim.cookies


def test_a_place_is_linked_and_taken_away(trip: Round) -> None:
    browser, email = came_in(trip, "grace")
    assert "https:;" in browser.answer.headers["content-security-policy"], "its forms lead elsewhere in the end"
    browser.send("account/place", name="gitlab", do="link")
    browser.follow()
    there_and_back(trip, browser, {}, {"user": {"id": 7, "email": email, "confirmed_at": "2026-01-01T00:00:00Z"}})
    assert "<title>Your account" in browser.answer.text
    assert browser.answer.text.count(">Take away</button>") == 2
    assert browser.send("account/place", do="unlink").status_code == 303
    assert "linked no more" in browser.follow().text
    # A form that somebody else made links nothing.
    browser.open("/auth/ui/account")
    token = "A" * 64
    body = f"_csrf={token}&name=gitlab&do=link"
    assert browser.ask("POST", "/auth/ui/account/place", body=body).status_code == 403


def test_in_by_an_organisation(trip: Round) -> None:
    idp = Idp("pages", trip.house).added(domains=["pages.example.com"])
    browser = Browser(trip.house)
    browser.open("/auth/ui/sso?redirect_to=/auth/ui/account?of=pages")
    assert browser.send("sso", identifier="ada@elsewhere.example.com").status_code == 404
    assert "No organisation" in browser.answer.text
    browser.send("sso", identifier="ada@pages.example.com")
    browser.follow()
    said = parse_qs(urlsplit(browser.answer.headers["location"]).query)
    request = etree.fromstring(zlib.decompress(base64.b64decode(said["SAMLRequest"][0]), -15))
    response = idp.answered("ada", request_id=request.get("ID"))
    cross = {"sec-fetch-site": "cross-site", "origin": "null"}
    browser.ask("POST", "/auth/v1/saml/acs", body=form_of(response, said["RelayState"][0]), headers=cross)
    browser.follow()
    assert str(browser.answer.url).endswith("/auth/ui/account?of=pages")
    assert "ada@pages.example.com" in browser.answer.text
    assert 'action="/auth/ui/account/email"' not in browser.answer.text, "their organisation says what their address is"
