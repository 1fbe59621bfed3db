"""Signing in by other places: D14, D16 and D17 of the plan, and the second factors of D21."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import uuid4

import pytest

from tests.api.auth.people import PKCE, SITE, People
from tests.api.auth.places import Browser, Round, fragment, query, who
from undercroft.auth.store import Rows
from undercroft.auth.tables import (
    FACTORS,
    FLOWS,
    IDENTITIES,
    USERS,
)


def added(house: People, table: Any, **values: Any) -> None:
    dialect = house.house.engine.dialect
    house.run(house.house.engine.write(lambda cursor: Rows(cursor, dialect).add(table, **values)))


# --- D14: where people are sent ---

HOSTILE = [
    "https://evil.example.com", "//evil.example.com", "https://app.example.com@evil.example.com",
    "https://app.example.com.evil.example.com", "https://evil.example.com/https://app.example.com",
    "https://app.example.com\\@evil.example.com", "javascript:alert(1)//https://app.example.com",
    "data:text/html,x", "https://app.example.com:444", "http://app.example.com", "https://xapp.example.com",
    "https://evil.example.com#https://app.example.com", "\thttps://evil.example.com", "https:evil.example.com",
    "https:///evil.example.com", "https://app.example.com%2eevil.example.com", "https://app.example.com%00.evil.com",
    "https://[::1]", "https://evil.example.com?https://app.example.com", "JAVASCRIPT:alert(1)",
]  # fmt: skip


@pytest.mark.parametrize("address", HOSTILE)
def test_d14_nobody_is_sent_elsewhere(trip: Round, address: str) -> None:
    email = trip.house.fresh_email()
    good = trip.go("keycloak", who(f"d14-{email}", email), redirect_to=address)
    coded = trip.go("keycloak", who(f"d14-{email}", email), redirect_to=address, **PKCE)
    browser = Browser(trip.house)
    left = browser.go(f"/authorize?provider=keycloak&redirect_to={quote(address)}")
    state = dict(parse_qsl(urlsplit(left.headers["location"]).query))["state"]
    denied = browser.go(f"/callback?state={state}&error=access_denied&redirect_to={quote(address)}")
    lost = browser.go(f"/callback?state=x&code=y&redirect_to={quote(address)}")
    for answer in (good, coded, denied, lost):
        assert answer.headers["location"].split("#")[0].split("?")[0].rstrip("/") == SITE
    assert query(denied)["error"] == "access_denied"
    assert query(lost)["error_code"] == "bad_oauth_state"


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("access_denied", "no"),
        ("<script>", "\r\nset-cookie: x=1"),
        ("x" * 5000, "y" * 5000),
        ("a&b=c", "#access_token=x"),
    ],
)
def test_d14_what_a_place_says_is_no_markup(trip: Round, error: str, description: str) -> None:
    browser = Browser(trip.house)
    left = browser.go("/authorize?provider=keycloak")
    state = dict(parse_qsl(urlsplit(left.headers["location"]).query))["state"]
    answer = browser.go(f"/callback?{urlencode({'state': state, 'error': error, 'error_description': description})}")
    assert set(query(answer)) == {"error", "error_code", "error_description"}
    assert len(answer.headers["location"]) < 2000
    assert "access_token" not in fragment(answer)
    assert "x" not in browser.cookies


# --- D16: what is in addresses and logs ---


def test_d16_no_token_in_a_query_and_none_kept_in_the_clear(trip: Round) -> None:
    email = trip.house.fresh_email()
    implicit = trip.go("keycloak", who(f"d16-{email}", email))
    coded = trip.go("keycloak", who(f"d16-{email}", email), **PKCE)
    assert query(implicit) == {}
    assert set(query(coded)) == {"code"}
    assert fragment(coded) == {}
    for answer in (implicit, coded):
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    kept = str(trip.house.rows(FLOWS))
    assert not any(token in kept for token in trip.places.tokens)
    assert query(coded)["code"] not in kept


# --- D17: the browser that began ---


def test_d17_somebody_elses_way_ends_in_no_other_browser(trip: Round) -> None:
    attacker, victim = Browser(trip.house), Browser(trip.house)
    email = trip.house.fresh_email()
    left = attacker.go("/authorize?provider=keycloak")
    values = trip.places.visit(left.headers["location"], who(f"d17-{email}", email))
    victim.go("/authorize?provider=keycloak")
    answer = trip.house.run(trip.back(victim, values))
    assert query(answer)["error_code"] == "bad_oauth_state"
    assert fragment(answer).get("access_token") is None
    (name,) = attacker.cookies
    (value,) = victim.cookies.values()
    forged = Browser(trip.house, {name: value})
    assert query(trip.house.run(trip.back(forged, values)))["error_code"] == "bad_oauth_state"
    for text in ("", "x", "%C3%A9", attacker.cookies[name][:-1]):
        cookie = {"cookie": f"{name}={text}"}
        answer = Browser(trip.house).go(f"/callback?{urlencode(values)}", **cookie)
        assert query(answer)["error_code"] == "bad_oauth_state"
    # All that used nothing up.
    assert "access_token" in fragment(trip.house.run(trip.back(attacker, values)))


def test_d17_a_way_is_gone_once_and_in_time(trip: Round) -> None:
    email = trip.house.fresh_email()
    browser = Browser(trip.house)
    values = trip.places.visit(browser.go("/authorize?provider=keycloak").headers["location"], who(f"t-{email}", email))
    kept = dict(browser.cookies)

    async def many() -> list[Any]:
        return await asyncio.gather(*(trip.back(Browser(trip.house, dict(kept)), values) for _ in range(20)))

    landed = trip.house.run(many())
    assert sum("access_token" in fragment(answer) for answer in landed) == 1
    browser = Browser(trip.house)
    values = trip.places.visit(browser.go("/authorize?provider=keycloak").headers["location"], who(f"t-{email}", email))
    trip.house.clock.advance(601)
    assert query(trip.house.run(trip.back(browser, values)))["error_code"] == "bad_oauth_state"


def test_d17_a_code_of_one_place_is_nothing_at_another(trip: Round) -> None:
    email = trip.house.fresh_email()
    browser = Browser(trip.house)
    one = trip.places.visit(browser.go("/authorize?provider=keycloak").headers["location"], who(f"m-{email}", email))
    other = trip.places.visit(
        browser.go("/authorize?provider=custom:acme").headers["location"], who(f"m-{email}", email)
    )
    mixed = {"code": one["code"], "state": other["state"]}
    assert query(trip.house.run(trip.back(browser, mixed)))["error_code"] == "bad_oauth_callback"
    left = browser.go("/authorize?provider=keycloak").headers["location"]
    values = trip.places.visit(left, who(f"m-{email}", email))
    answer = browser.go(f"/callback/custom:acme?{urlencode(values)}")
    assert query(answer)["error_code"] == "bad_oauth_state"
    for sender, is_let_in in ((None, False), ("https://evil.example.com", False),
                              (trip.places.issuer("custom:evil"), True)):  # fmt: skip
        left = browser.go("/authorize?provider=custom:evil").headers["location"]
        values = trip.places.visit(left, who(f"iss-{email}", email))
        values |= {"iss": sender} if sender else {}
        answer = trip.house.run(trip.back(browser, values))
        assert ("access_token" in fragment(answer)) is is_let_in, sender


@pytest.mark.parametrize("verifier", ["w" * 50, "", "v" * 49])
def test_d17_no_session_without_the_verifier(trip: Round, verifier: str) -> None:
    email = trip.house.fresh_email()
    code = query(trip.go("keycloak", who(f"p-{email}", email), **PKCE))["code"]
    body = {"auth_code": code, "code_verifier": verifier}
    assert trip.house.ask("POST", "/token?grant_type=pkce", body).status_code == 400


def test_d17_a_stolen_code_of_the_place_is_nothing_without_our_verifier_and_nonce(trip: Round) -> None:
    """What somebody else's way brought is put into one's own: their code has another challenge and nonce."""
    email = trip.house.fresh_email()
    victim, attacker = Browser(trip.house), Browser(trip.house)
    stolen = trip.places.visit(victim.go("/authorize?provider=keycloak").headers["location"], who(f"s-{email}", email))
    mine = trip.places.visit(attacker.go("/authorize?provider=keycloak").headers["location"], who(f"s2-{email}", email))
    answer = trip.house.run(trip.back(attacker, {"code": stolen["code"], "state": mine["state"]}))
    assert query(answer)["error_code"] == "bad_oauth_callback"
    # Nor where the place looks at no challenge: the nonce is another one.
    first = trip.places.visit(victim.go("/authorize?provider=apple").headers["location"], who(f"s-{email}", email))
    mine = trip.places.visit(attacker.go("/authorize?provider=apple").headers["location"], who(f"s2-{email}", email))
    answer = trip.house.run(trip.back(attacker, {"code": first["code"], "state": mine["state"]}))
    assert query(answer)["error_code"] == "bad_jwt"


def test_d17_two_places_at_once_a_hundred_times(trip: Round) -> None:
    """Nothing that one way knows is seen by another."""
    house = trip.house

    async def one(number: int, place: str) -> tuple[str, str]:
        email = f"many-{number}-{place.removeprefix('custom:')}@example.com"
        answer = await trip.trip(place, who(email, email))
        told = fragment(answer)
        seen = await house.asking("GET", "/user", token=told["access_token"])
        return email, seen.json()["email"]

    async def all_of_them() -> list[tuple[str, str]]:
        return await asyncio.gather(*(one(n, place) for n in range(100) for place in ("keycloak", "custom:acme")))

    found = house.run(all_of_them())
    assert len(found) == 200
    assert all(expected == seen for expected, seen in found)


def test_d17_one_person_by_two_places_at_once_is_one_account(trip: Round) -> None:
    async def both(number: int) -> list[Any]:
        email = f"twin-{number}@example.com"
        places = ("keycloak", "custom:acme")
        return await asyncio.gather(*(trip.trip(place, who(email, email)) for place in places))

    for number in range(10):
        landed = trip.house.run(both(number))
        assert all("access_token" in fragment(answer) for answer in landed), number
        (user,) = trip.house.rows(USERS, email=f"twin-{number}@example.com")
        assert len(trip.house.rows(IDENTITIES, user_id=user["id"])) == 2


def test_d17_a_ticket_is_one_browsers_and_a_link_needs_its_session(trip: Round) -> None:
    email = trip.house.fresh_email()
    tokens = trip.signed_in("keycloak", who(f"l-{email}", email))
    path = "/user/identities/authorize?provider=custom:acme&skip_http_redirect=true"
    assert trip.house.ask("GET", path).status_code == 401
    url = trip.house.ask("GET", path, token=tokens["access_token"]).json()["url"]
    attacker, victim = Browser(trip.house), Browser(trip.house)
    left = attacker.go(url).headers["location"]
    assert victim.go(url).status_code == 404
    values = trip.places.visit(left, who(f"l2-{email}", "l2@work.com"))
    assert query(trip.house.run(trip.back(victim, values)))["error_code"] == "bad_oauth_state"
    trip.house.ask("POST", "/logout", token=tokens["access_token"])
    answer = trip.house.run(trip.back(attacker, values))
    assert query(answer)["error_code"] == "session_not_found"
    assert trip.house.rows(IDENTITIES, provider_id=f"l2-{email}") == []


# --- D21: with a second factor ---


def test_d21_identities_are_changed_with_the_second_factor_alone(trip: Round) -> None:
    email = trip.house.fresh_email()
    tokens = trip.signed_in("keycloak", who(f"f-{email}", email))
    user, now = trip.user(tokens), trip.house.clock.now()
    path = "/user/identities/authorize?provider=custom:acme&skip_http_redirect=true"
    url = trip.house.ask("GET", path, token=tokens["access_token"]).json()["url"]
    added(trip.house, FACTORS, id=str(uuid4()), user_id=user["id"], factor_type="totp", status="verified",
          created_at=now, updated_at=now)  # fmt: skip
    answer = trip.house.ask("GET", path, token=tokens["access_token"])
    assert answer.json()["error_code"] == "insufficient_aal"
    browser = Browser(trip.house)
    values = trip.places.visit(browser.go(url).headers["location"], who(f"f2-{email}", "f2@work.com"))
    assert query(trip.house.run(trip.back(browser, values)))["error_code"] == "insufficient_aal"
    token = trip.places.id_token("custom:acme", who(f"f2-{email}", "f2@work.com"))
    body = {"provider": "custom:acme", "id_token": token, "link_identity": True}
    answer = trip.house.ask("POST", "/token?grant_type=id_token", body, token=tokens["access_token"])
    assert answer.json()["error_code"] == "insufficient_aal"
    own = user["identities"][0]["identity_id"]
    answer = trip.house.ask("DELETE", f"/user/identities/{own}", token=tokens["access_token"])
    assert answer.json()["error_code"] == "insufficient_aal"
    assert len(trip.house.rows(IDENTITIES, user_id=user["id"])) == 1
